"""Sessions that share a limit: one canary after a reset, then one by one."""

from datetime import timedelta
from itertools import pairwise

from palingenesis.core.values import Status
from tests.core.fleet import GPT, RESET, Fleet
from tests.core.life import START
from tests.core.policies import NIGHT

REOPENS = START + RESET


def fleet(count: int = 10) -> Fleet:
    """All are refused, and the reset is displayed; it is now."""
    ships = Fleet(NIGHT, count)
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)
    return ships


def test_at_the_reset_one_session_goes_first_and_the_others_wait_for_it():
    ships = fleet()

    assert ships.asked == [(REOPENS, 0)]
    for number in range(1, 10):
        waits = ships.of(number)
        assert waits.status is Status.WAITING
        assert waits.outlook == "waits for the canary ses_000: anthropic/claude-sonnet-4-5 (quota)"
        assert waits.rails == (waits.outlook,)
        assert waits.plan is not None
        assert waits.plan.deadline == REOPENS + timedelta(minutes=10)


def test_when_the_canary_is_answered_the_others_go_one_by_one():
    ships = fleet()

    ships.after(2)
    ships.answer(0)
    for _ in range(100):
        ships.after(1)

    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(ships.asked)]
    assert [number for _, number in ships.asked] == list(range(10))
    assert all(timedelta(seconds=5) <= gap <= timedelta(seconds=12) for gap in gaps)


def test_that_a_step_began_is_no_answer():
    ships = fleet()

    ships.answer(0, "step")
    ships.after(60)
    assert ships.of(0).status is Status.WORKING
    assert ships.asked_since(START) == [0]

    ships.answer(0, "text")
    ships.after(15)
    assert ships.asked_since(START) == [0, 1]


def test_sessions_of_other_models_do_not_wait_for_each_other():
    ships = Fleet(NIGHT, 4)
    for number in range(4):
        ships.refuse(number, resets=REOPENS, at=GPT if number % 2 else None)

    ships.until(REOPENS)

    assert ships.asked_since(START) == [0, 1]
    assert {one.agent for one in ships.world.quota.values()} == {None, "opencode-0"}


def test_a_session_that_is_alone_is_asked_as_its_policy_says():
    ships = Fleet(NIGHT, 1)
    ships.refuse(0, resets=REOPENS)

    ships.until(REOPENS)
    ships.refuse(0, resets=REOPENS + timedelta(seconds=1))
    ships.after(1)

    assert [at for at, _ in ships.asked] == [REOPENS, REOPENS + timedelta(seconds=1)]
