"""When a rule tries again is the kernel's own ladder, and its limit is reached where it says."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.kernel.waits import rung
from palingenesis.core.plans import Backoff
from palingenesis.core.policy.model import Rule
from palingenesis.simulation.retry_schedule import Schedule, schedule_of
from tests.policy.texts import policy, rules

ZERO = timedelta(0)


def the_rule(keys: str) -> Rule:
    return policy(rules(f"  - id: one\n{keys}")).rules[0]


def scheduled(keys: str) -> Schedule:
    found = schedule_of(the_rule(keys))
    assert found is not None
    return found


def seconds(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=number) for number in numbers)


def test_a_ladder_is_written_out_until_its_waits_stay_the_same() -> None:
    found = scheduled("    do: [{wait: {backoff: {first: 15s, max: 10m}}}, resume]\n")

    assert found.tries == seconds(15, 45, 105, 225, 465, 945, 1545)
    assert found.every == timedelta(minutes=10)
    assert found.gives_up is None


def test_a_limit_ends_the_tries() -> None:
    found = scheduled(
        "    do: [{wait: {backoff: {first: 2s, factor: 3, max: 2m}, jitter: 1s}}, restart]\n"
        "    limit: {max: 5, per: 30m}\n"
    )

    assert found.tries == seconds(2, 8, 26, 80, 200)
    assert found.every is None
    assert found.gives_up == timedelta(seconds=200)
    assert found.jitter == timedelta(seconds=1)


def test_a_limit_that_the_waits_alone_never_reach_never_gives_up() -> None:
    found = scheduled("    do: [{wait: {for: 10m}}, resume]\n    limit: {max: 6, per: 1h}\n")

    assert found.gives_up is None
    assert found.every == timedelta(minutes=10)


def test_without_a_wait_it_tries_at_once() -> None:
    found = scheduled("    do: [resume]\n    limit: {max: 3, per: 1h}\n")

    assert found.tries == (ZERO, ZERO, ZERO)
    assert found.gives_up == ZERO


def test_where_the_server_may_name_the_time_the_else_is_written_out() -> None:
    found = scheduled("    do: [{wait: {until: retry_after, else: 5m}}, resume]\n")

    assert found.opened is not None
    assert found.opened.until == "retry_after"
    assert (found.tries, found.every) == (seconds(300), timedelta(minutes=5))


@pytest.mark.parametrize("steps", ["[finish]", "[snapshot, attention]", "[{log: {message: x}}]"])
def test_a_plan_that_tries_nothing_has_no_schedule(steps: str) -> None:
    assert schedule_of(the_rule(f"    do: {steps}\n")) is None


@given(
    first=st.integers(1, 600),
    factor=st.sampled_from([1, 1.5, 2, 3, 10]),
    longest=st.integers(1, 7200),
    most=st.integers(1, 30),
    per=st.integers(1, 36_000),
)
def test_the_schedule_is_the_kernels_ladder_up_to_the_first_full_window(
    first: int, factor: float, longest: int, most: int, per: int
) -> None:
    found = scheduled(
        f"    do: [{{wait: {{backoff: {{first: {first}s, factor: {factor}, max: {longest}s}}}}}}, "
        f"resume]\n    limit: {{max: {most}, per: {per}s}}\n"
    )
    ladder = Backoff(
        first=timedelta(seconds=first), factor=factor, longest=timedelta(seconds=longest)
    )
    gaps = [later - one for one, later in pairwise((ZERO, *found.tries))]

    assert gaps == [rung(ladder, number) for number in range(len(gaps))]
    assert found.gives_up == first_full_window(ladder, most, timedelta(seconds=per))


def first_full_window(ladder: Backoff, most: int, per: timedelta) -> timedelta | None:
    """Decide again and again, count what lies within the window: the plain way."""
    decided, at = list[timedelta](), ZERO
    for number in range(400):
        if sum(1 for one in decided if one > at - per) >= most:
            return at
        decided.append(at)
        at += rung(ladder, number)
    return None
