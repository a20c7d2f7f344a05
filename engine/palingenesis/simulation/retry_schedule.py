"""When a rule tries again: its waits on the kernel's own ladder, and when its limit is reached.

It is told for a session that stops again the moment it has been tried, for the same reason, where
no server names a time, no calendar's window is open and what is waited for is there: then a wait's
`else` holds. Jitter is left out; it only ever adds.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.plans import (
    Ask,
    Compact,
    EndStep,
    NewSession,
    Restart,
    Resume,
    Retry,
    Wait,
)
from palingenesis.core.policy.model import Rule

_ZERO: Final = timedelta(0)
_DAWN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_Try = Resume | Retry | NewSession | Compact | Restart
"""Steps after which the session may work again."""
_LADDER_MOST: Final = 200
"""The kernel's ladder has reached its longest rung by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The tries of one rule.

    `tries` says how long after the first stop each try is made, up to the last one before it gives
    up, or up to where the waits stay the same. `every` is that same wait; None where it gives up
    before. `gives_up` is how long after the first stop the limit is reached; None: it never is.
    """

    tries: tuple[timedelta, ...]
    every: timedelta | None
    gives_up: timedelta | None
    opened: Wait | None
    """The first wait whose end cannot be told beforehand: a server's time, a calendar, a condition.

    `tries` are those where that does not hold.
    """
    asks: bool
    """A person has to say yes first."""
    jitter: timedelta


def schedule_of(rule: Rule) -> Schedule | None:
    """The schedule of a rule; None where it tries nothing, or ends after it."""
    ends = any(isinstance(step, EndStep) for step in rule.steps)
    if rule.observes or ends or not any(isinstance(step, _Try) for step in rule.steps):
        return None
    decided, tries = [_ZERO], list[timedelta]()
    gives_up = None
    most = rule.limit.most if rule.limit is not None else 0
    for number in range(most + _LADDER_MOST):
        if _is_limited(rule, decided):
            gives_up = decided[-1]
            break
        tries.append(decided[-1] + _wait_before(rule, number))
        decided.append(tries[-1])
    waits = [step for step in rule.steps if isinstance(step, Wait)]
    steady = tries if gives_up is not None else _until_steady(tries)
    return Schedule(
        tries=tuple(steady),
        every=None if gives_up is not None else tries[-1] - tries[-2],
        gives_up=gives_up,
        opened=next((one for one in waits if one.until or one.condition is not None), None),
        asks=any(isinstance(step, Ask) for step in rule.steps),
        jitter=sum((wait.jitter for wait in waits), _ZERO),
    )


def _is_limited(rule: Rule, decided: list[timedelta]) -> bool:
    """Whether the decision that is the last of `decided` finds the limit reached."""
    if rule.limit is None or len(decided) <= rule.limit.most:
        return False
    return decided[-1 - rule.limit.most] > decided[-1] - rule.limit.per


def _wait_before(rule: Rule, tries: int) -> timedelta:
    """How long all waits of the plan take together, before try number `tries` from 0."""
    spans = (_span(step, tries) for step in rule.steps if isinstance(step, Wait))
    return sum(spans, _ZERO)


def _span(wait: Wait, tries: int) -> timedelta:
    calm = replace(wait, jitter=_ZERO)
    return deadline_of(calm, None, _DAWN, tries=tries, seed="").deadline - _DAWN


def _until_steady(tries: list[timedelta]) -> list[timedelta]:
    """The tries up to the first one after which the waits stay the same."""
    gaps = [later - one for one, later in zip([_ZERO, *tries], tries, strict=False)]
    for index, gap in enumerate(gaps):
        if all(other == gap for other in gaps[index:]):
            return tries[: index + 1]
    return tries
