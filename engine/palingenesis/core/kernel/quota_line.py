"""The line before a limit that is shared: who goes first, who waits for whom, and until when.

Nobody waits here without a deadline: for an instant that the ledger knows, for a canary that has
a last moment, or for a turn that has its slot. What a person asks for is never in line, and a
session that is alone with its limit never waits in one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from palingenesis.core import plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import is_hers
from palingenesis.core.kernel.quota import asked_until, canary_of, expected_at, gap_after, remember
from palingenesis.core.kernel.quota_keys import (
    concerns,
    key_of,
    name_of,
    place_of,
    place_of_stop,
    window_of,
)
from palingenesis.core.ledger import Quota
from palingenesis.core.safety import PROVIDER_REFUSED, WAIT_MAX, Allowed, Later, Verdict
from palingenesis.core.values import Status
from palingenesis.core.world import Plan, Session

_AFTER_RESET: Final = timedelta(minutes=15)
"""For so long after an answer those that were refused go one by one, also if no line is left."""
_PENDING: Final = frozenset({Status.WAITING, Status.ACTING, Status.VERIFYING})
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

Prompting = plans.Resume | plans.Retry | plans.NewSession | plans.Compact


def in_turn(
    draft: Draft, session: Session, plan: Plan, step: Prompting, verdict: Verdict
) -> Verdict:
    """What the rails say, unless it is not this session's turn yet."""
    if not isinstance(verdict, Allowed) or is_hers(plan) or not draft.world.quota:
        return verdict
    later = held_back(draft, session, plan, step)
    if later is not None:
        return later
    for key, quota in _limits(draft, session, step):
        gap = gap_after(draft, key, quota)
        remember(draft, key, replace(quota, next_at=draft.at + gap, turns=quota.turns + 1))
    return verdict


def held_back(draft: Draft, session: Session, plan: Plan, step: plans.Step) -> Later | None:
    """Until when the session has to wait for its turn; None: it is its turn."""
    told = (
        _before(draft, session, plan, key, quota) for key, quota in _limits(draft, session, step)
    )
    return max((one for one in told if one is not None), key=lambda one: one.until, default=None)


def in_line(session: Session) -> bool:
    """Whether the session waits for its turn."""
    return session.status is Status.WAITING and session.plan is not None and bool(session.plan.line)


def rank(session: Session) -> tuple[bool, datetime, str]:
    """Who goes before whom: a person's own words that wait for an answer, then the oldest stop."""
    spoke, answered = session.person_at, session.progressed_at
    hers = spoke is not None and (answered is None or spoke > answered)
    return (not hers, session.stopped_at or _LONG_AGO, session.id)


def is_refused_by(session: Session, key: str) -> bool:
    """Whether the session stopped because of this limit."""
    stop = session.stop
    if stop is None or stop.reason not in PROVIDER_REFUSED:
        return False
    return key_of(place_of_stop(session, stop), window_of(stop)) == key


def _limits(draft: Draft, session: Session, step: plans.Step) -> Iterator[tuple[str, Quota]]:
    """The limits that this prompt will meet, if their line has anything to say."""
    place = place_of(session, getattr(step, "model", None))
    for key, quota in draft.world.quota.items():
        if concerns(quota, place) and (quota.closed or _is_paced(draft, session, key, quota)):
            yield key, quota


def _is_paced(draft: Draft, session: Session, key: str, quota: Quota) -> bool:
    if not is_refused_by(session, key):
        return False
    fresh = quota.answered_at is not None and draft.at < quota.answered_at + _AFTER_RESET
    return fresh or any(in_line(one) and _line_of(one) == key for one in draft.sessions.values())


def _line_of(session: Session) -> str:
    return session.plan.line if session.plan is not None else ""


def _before(draft: Draft, session: Session, plan: Plan, key: str, quota: Quota) -> Later | None:
    """What the session waits for at one limit."""
    canary = canary_of(draft, quota, draft.at, but=session.id) if quota.closed else None
    others = [one for one in draft.sessions.values() if _shares(one, session, quota)]
    is_last = in_line(session) and not quota.closed
    if canary is None and not others and not is_last:
        return None
    name = name_of(quota)
    if quota.closed:
        floor = _floor(session, plan, key, quota)
        if floor is not None and draft.at < floor:
            return Later(until=floor, rail=f"{name}, which is used up", line=key)
        until = asked_until(draft, quota, canary) if canary is not None else None
        if canary is not None and until is not None:
            return Later(until=until, rail=f"the canary {canary.id} of {name}", line=key)
    slot = quota.next_at
    if slot is not None and draft.at < slot:
        return Later(until=slot, rail=f"its turn at {name}", line=key)
    better = any(_is_ready(draft, one, key) and rank(one) < rank(session) for one in others)
    if better:
        until = draft.at + gap_after(draft, key, quota)
        return Later(until=until, rail=f"its turn at {name}", line=key)
    return None


def _shares(other: Session, session: Session, quota: Quota) -> bool:
    """Whether another session has something before it at the same limit."""
    if other.id == session.id or other.status not in _PENDING or other.plan is None:
        return False
    return concerns(quota, place_of(other))


def _is_ready(draft: Draft, other: Session, key: str) -> bool:
    """Whether another session could be asked there now, if it were its turn."""
    plan = other.plan
    if other.status is not Status.WAITING or plan is None or plan.deadline is None:
        return False
    if plan.line != key:
        return plan.deadline <= draft.at
    place = place_of(other)
    shut = [(it, one) for it, one in draft.world.quota.items() if one.closed]
    floors = [_floor(other, plan, it, one) for it, one in shut if concerns(one, place)]
    return all(floor is None or floor <= draft.at for floor in floors)


def _floor(session: Session, plan: Plan, key: str, quota: Quota) -> datetime | None:
    """Before when nobody is asked there.

    Who was refused there waits as its policy says, which honours the displayed reset; others have
    that to wait for, too. A refused probe re-arms the wait for all.
    """
    reset = expected_at(quota) if not is_refused_by(session, key) else None
    if reset is not None:
        reset = min(reset, plan.started_at + WAIT_MAX)
    floors = [one for one in (reset, quota.again_at) if one is not None]
    return max(floors, default=None)
