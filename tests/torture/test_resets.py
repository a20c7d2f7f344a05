"""The short form of the nights of resets (see tests/torture/resets.py)."""

from tests.torture.resets import Tally, drawn, play, play_all


def test_sessions_in_one_reset_are_asked_one_by_one_and_all_go_on():
    tally = play_all(Tally(), count=24)

    assert tally.shown == []
    assert tally.nights == 24
    assert tally.early > 0, "a reset that comes late is seen"


def test_a_night_is_its_seed():
    assert play(drawn(7)) == play(drawn(7))
