"""The short form of `python -m tests.torture.reloads`."""

import sys

import pytest

from tests.torture.reloads import CHECKS_PER_S_MAX, interleave, storm
from tests.torture.saving import STYLES
from tests.torture.waits_kept import adopt_often


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can tell who writes")
def test_no_half_of_a_save_in_any_style_is_adopted_and_the_last_one_always_is():
    tally = interleave(count=200, lanes=40, seed=3)

    assert tally.intermediate == []
    assert tally.late == []
    assert set(tally.saves) == {style.__name__ for style in STYLES}
    assert tally.adopted >= 40


def test_a_storm_of_signals_costs_five_checks_a_second_at_most_and_says_nothing():
    per_s, said = storm()

    assert 0 < per_s <= CHECKS_PER_S_MAX
    assert said == ""


def test_no_wait_is_lost_or_moved_without_a_reason_however_often_the_policy_changes():
    waits = adopt_often(1000)

    assert waits["lost"] == 0
    assert waits["waits"] == 1000
    assert waits["moved"] > 100
