"""The short form of the simulated nights (see tests/torture/nights.py)."""

import pytest

from tests.torture.mutants import hunt
from tests.torture.night.bugs import BUGS
from tests.torture.night.designs import WRONG
from tests.torture.nights import Tally, play_all, repeats


def test_a_night_survives_a_crash_at_every_boundary():
    tally = play_all(Tally(), count=20, every=7)

    assert tally.shown == []
    assert tally.runs > 200


@pytest.mark.parametrize("design", WRONG, ids=lambda design: design.name)
def test_a_wrong_design_is_caught(design):
    tally = play_all(Tally(), count=30, design=design, every=3, first_violation=True)

    assert tally.broken


def test_the_same_seed_is_the_same_night_under_any_hash_seed():
    assert repeats(20)


def test_a_planted_bug_is_caught():
    for bug in (BUGS[1], BUGS[17]):
        assert hunt(bug, seconds=30.0).caught, bug.why
