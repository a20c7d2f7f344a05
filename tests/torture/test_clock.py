"""The short form of the waits on a machine with trouble (see tests/torture/clock.py)."""

from tests.torture.clock import Tally, play
from tests.torture.clocks.cases import KINDS, case_of, judge
from tests.torture.clocks.year import live_a_year


def test_no_wait_ends_early_late_twice_or_never():
    tally = play(Tally(), 220)

    assert tally.shown == []
    assert set(tally.kinds) == set(KINDS)
    assert min(tally.steps, tally.sleeps, tally.boots) > 10


def test_a_daemon_that_looks_at_the_wall_clock_only_is_caught():
    told = [judge(case_of(seed), is_blind=True) for seed in range(66)]

    problems = [problem for one in told for problem in one.problems]
    assert [one for one in problems if one.endswith("s early")]
    assert [one for one in problems if one.endswith("s late") or one.startswith("lost")]


def test_two_months_are_as_exact_at_their_end_as_at_their_beginning():
    lived = live_a_year(1, days=60)

    assert lived.problems == []
    assert len(lived.late_s) == 60
    assert max(lived.late_s[-10:]) <= 30.0


def test_the_same_seed_is_the_same_case():
    first, second = judge(case_of(23)), judge(case_of(23))

    assert first == second
