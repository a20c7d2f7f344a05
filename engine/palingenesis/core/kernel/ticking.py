"""Time passing: what is due, and when something will be due next."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.kernel.agents import is_out_of_sight, may_bring_back, revive_due
from palingenesis.core.kernel.asking import no_answer
from palingenesis.core.kernel.awaiting import come_true, next_look, truth_of
from palingenesis.core.kernel.deciding import (
    act_failed,
    decide_aside,
    decide_stop,
    hold_due,
    was_decided,
    watch_due,
)
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.notices import deliver_due
from palingenesis.core.kernel.owning import goes_on_elsewhere, rests
from palingenesis.core.kernel.quota_line import in_line
from palingenesis.core.kernel.walking import advance, again, walk
from palingenesis.core.plans import Delegate, Wait
from palingenesis.core.policy.model import Policy
from palingenesis.core.safety import SIGNS_EVERY
from palingenesis.core.values import Status
from palingenesis.core.world import Session, World

_HELD: Final = frozenset({Status.HOLDING, Status.BLOCKED, Status.WORKING})
"""Statuses in which a rule's `for:` may run out."""
_UNTIMED: Final = frozenset({Status.STOOD_DOWN, Status.COMPLETED, Status.DETACHED})
"""Statuses in which nothing falls due."""
_UNWATCHED: Final = timedelta(minutes=2)
"""Later than this, a stall is not seen late: the machine slept, its clock was set, or we were down.

Time is looked at every few seconds (runtime.loop).
"""


def ticked(draft: Draft) -> None:
    """Whatever is due by now happens, once, session after session."""
    deliver_due(draft)
    revive_due(draft)
    for id_ in sorted(draft.sessions):
        session = draft.sessions[id_]
        if _is_untimed(session):
            continue
        if session.model_until is not None and session.model_until <= draft.at:
            session = draft.put(replace(session, model=None, model_until=None))
        _tick(draft, session)


def look_again(draft: Draft, *, time_only: bool) -> None:
    """Whoever waits for a condition goes on if it is true by now.

    `time_only`: nothing happened but that time passed, so only what time moves is looked at.
    """
    for session in list(draft.sessions.values()):
        plan = session.plan
        if session.status is not Status.WAITING or plan is None or not plan.awaits:
            continue
        if time_only and not _due(plan.look_at, draft.at):
            continue
        step = plan.steps[plan.index]
        assert isinstance(step, Wait), "only a wait waits for a condition"
        if truth_of(draft, session, plan, plan.awaits) is not True:
            if _due(plan.look_at, draft.at):
                draft.put(
                    replace(session, plan=replace(plan, look_at=next_look(draft, session, plan)))
                )
            continue
        true = come_true(draft, session, plan, step)
        seen = draft.put(replace(session, plan=true, outlook=true.because))
        if _due(true.deadline, draft.at):
            advance(draft, seen)


def _tick(draft: Draft, session: Session) -> None:
    for watch in session.watches:
        if watch.deadline <= draft.at:
            session = watch_due(draft, draft.sessions[session.id], watch)
    for hold in session.holds:
        if hold.deadline <= draft.at and session.status in _HELD:
            session = hold_due(draft, draft.sessions[session.id], hold)
    match session.status:
        case Status.WAITING if _due(_waits_until(session), draft.at) and not in_line(session):
            plan = session.plan
            assert plan is not None
            timed = isinstance(plan.steps[plan.index], Wait | Delegate)
            (advance if timed else again)(draft, session)
        case Status.ASKING if _due(_waits_until(session), draft.at):
            walk(draft, no_answer(draft, draft.to_deciding(session)))
        case Status.VERIFYING if _due(session.verify_until, draft.at):
            within = draft.policy.verify_within
            if is_out_of_sight(draft, session):
                draft.put(replace(session, verify_until=draft.at + within))
                return
            session = rests(draft, session, session.agent)
            if goes_on_elsewhere(draft, session):
                return
            error = f"no sign of life within {within}"
            act_failed(draft, session, "no_effect", error)
        case Status.ATTENTION if _due(session.reopen_at, draft.at):
            told = was_decided(session)
            session = draft.move(session, "reopen", "half open: one more try")
            session = draft.put(replace(session, reopen_at=None, half_open=True))
            decide_stop(draft, session, again=told)
        case Status.WORKING if _due(_stall_at(session, draft.policy), draft.at):
            _stalled(draft, session)
        case _:
            pass


def _stalled(draft: Draft, session: Session) -> None:
    """Working, and no sign of life for a while. The policy says whether that is a stall.

    When time has jumped, nobody could have seen a sign: it gets the same while once more.
    """
    due = _stall_at(session, draft.policy)
    if (due is not None and draft.at - due > _UNWATCHED) or is_out_of_sight(draft, session):
        draft.put(replace(session, stall_told_at=draft.at))
        return
    session = draft.note(replace(session, stall_told_at=draft.at), "stalled")
    session = draft.move(session, "stalled", "no sign of life")
    session = decide_aside(draft, session, "stalled")
    if session.status is Status.STALLED:
        draft.move(session, "went_on", "no sign of life for a while")


def deadlines(world: World, policy: Policy) -> Iterator[datetime]:
    """Every instant at which time alone will change something."""
    yield from (held.until for held in world.held)
    if may_bring_back(world, policy):
        yield from (a.revive_at for a in world.agents.values() if a.revive_at is not None)
    for session in world.sessions.values():
        if _is_untimed(session):
            continue
        if session.model_until is not None:
            yield session.model_until
        for watch in session.watches:
            yield watch.deadline
        yield from _of_status(session, policy)


def _is_untimed(session: Session) -> bool:
    """Whether nothing falls due in it; so it is with nearly all that is remembered for long."""
    if session.watches or session.model_until is not None:
        return False
    if session.status is Status.ATTENTION:
        return session.reopen_at is None
    return session.status in _UNTIMED


def _of_status(session: Session, policy: Policy) -> Iterator[datetime]:
    due = (
        _waits_until(session),
        _looks_at(session),
        session.verify_until if session.status is Status.VERIFYING else None,
        session.reopen_at if session.status is Status.ATTENTION else None,
        _stall_at(session, policy) if session.status is Status.WORKING else None,
    )
    yield from (instant for instant in due if instant is not None)
    if session.status in _HELD:
        yield from (hold.deadline for hold in session.holds)


def _waits_until(session: Session) -> datetime | None:
    if session.status not in {Status.WAITING, Status.ASKING} or session.plan is None:
        return None
    return session.plan.deadline


def _looks_at(session: Session) -> datetime | None:
    if session.status is not Status.WAITING or session.plan is None:
        return None
    return session.plan.look_at


def _stall_at(session: Session, policy: Policy) -> datetime | None:
    if not session.supervised or session.parent is not None:
        return None
    alive_at = session.alive_at and session.alive_at + SIGNS_EVERY
    signs = (session.since, alive_at, session.stall_told_at)
    last = max(instant for instant in signs if instant is not None)
    return last + max(policy.stall_after, timedelta(seconds=1))


def _due(deadline: datetime | None, at: datetime) -> bool:
    return deadline is not None and deadline <= at
