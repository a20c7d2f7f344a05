"""The clock was set: a change of coordinates for everything that the world remembers.

Theory of operation. Every instant in the world was read from the wall clock of this machine. When
that is set by hours, by the network, a person or a virtual machine, no time has passed, and none
has run backwards. So all that is remembered moves by as much, and whatever counts elapsed time goes
on counting it: waits, the windows of rails and limits, ages, what has to stay true a while. What
stays is what was read from a calendar or a date, because that is about the wall clock itself: the
end of quiet hours, a date that a server named by a clock of its own that nothing could be held
against.

A clock that is set soon after the machine was booted was wrong since then: it is set right. Waits
from before the boot were right all the time, and stay, too; unless they would have begun later than
now: then the clock was wrong before as well.

How much the clock was set is seen by holding it against the time since boot, which counts a
suspend and is never set. The world keeps when that was zero (`booted_at`).
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.ledger import Quota
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.values import DownCause, Source, Status, Stop
from palingenesis.core.world import Held, Hold, Plan, Session

T = TypeVar("T")

NOTICED: Final = timedelta(milliseconds=500)
"""A smaller difference is not worth a line: no wait may end more than a second early."""
SETTLED: Final = timedelta(minutes=15)
"""A machine that has been up for so long had a clock that was right."""


def daemon_started(draft: Draft, event: events.DaemonStarted) -> None:
    """We begin to watch; when the clock was set while we did not, that is made up for first."""
    before, now = draft.world.booted_at, event.booted_at
    if before is not None and now is not None and draft.world.boot_id == event.boot_id:
        clock_stepped(draft, now - before)
    draft.world = replace(
        draft.world,
        seed=event.seed,
        started_at=event.at,
        boot_id=event.boot_id,
        booted_at=event.booted_at,
        unseen={},  # every sensor is begun anew
    )
    for agent in list(draft.agents.values()):
        if agent.way.is_hers and agent.up:  # until we meet it again
            draft.agents[agent.id] = replace(
                agent, up=False, since=event.at, down=DownCause.UNREACHABLE
            )
    for session in list(draft.sessions.values()):
        # Who works on it is told anew, or is not watched any more.
        nobody_saw(draft, draft.put(replace(session, at_work=())) if session.at_work else session)


def clock_stepped(draft: Draft, by: timedelta) -> None:
    """The wall clock was set forward (or, below zero, back) by that much."""
    if abs(by) < NOTICED:
        return
    booted_at = draft.world.booted_at
    is_settled = booted_at is None or draft.at - by - booted_at >= SETTLED
    draft.world = moved(draft.world, by)
    for agent in list(draft.agents.values()):
        draft.agents[agent.id] = moved(agent, by)
    for session in list(draft.sessions.values()):
        _step(draft, session, by, is_settled=is_settled)


def machine_slept(draft: Draft, span: timedelta) -> None:
    """The machine was suspended: nobody could give a sign of life, or see one, meanwhile."""
    for session in list(draft.sessions.values()):
        holds = tuple(
            replace(hold, deadline=hold.deadline + span) if hold.event == "stalled" else hold
            for hold in session.holds
        )
        _begin_anew(draft, session, holds)


def nobody_saw(draft: Draft, session: Session) -> None:
    """Nobody could see a sign of life of the session: the time for one begins anew."""
    _begin_anew(draft, session, tuple(_anew(hold, draft.at) for hold in session.holds))


def _anew(hold: Hold, at: datetime) -> Hold:
    """What has to stay true a while has to do so before our eyes, if it is that nothing is seen."""
    if hold.event != "stalled" or hold.began is None:
        return hold
    return replace(hold, deadline=max(hold.deadline, at + (hold.deadline - hold.began)))


def _begin_anew(draft: Draft, session: Session, holds: tuple[Hold, ...]) -> None:
    """The time for a sign of life begins anew."""
    if session.status is Status.VERIFYING and session.verify_until is not None:
        until = max(session.verify_until, draft.at + draft.policy.verify_within)
        draft.put(replace(session, verify_until=until))
    elif session.status is Status.WORKING:
        draft.put(replace(session, stall_told_at=draft.at, holds=holds))


def moved(value: T, by: timedelta) -> T:
    """The value with every instant in it, however deep, moved; but for what is a date."""
    found: Any = value
    if isinstance(found, datetime):
        found = _later(found, by)
    elif isinstance(found, tuple):
        found = tuple(moved(one, by) for one in found)
    elif isinstance(found, Mapping):
        found = {key: moved(one, by) for key, one in found.items()}
    elif isinstance(found, Plan):
        found = _plan(found, by)
    elif isinstance(found, Stop):
        found = found if found.evidence.get("reset_unchecked") else _record(found, by)
    elif isinstance(found, Quota) and found.dated:
        found = replace(_record(found, by), shown=found.shown)
    elif isinstance(found, Held):
        pass  # it waits for the end of a calendar's window
    elif is_dataclass(found) and not isinstance(found, type):
        found = _record(found, by)
    return cast("T", found)


def _record(record: Any, by: timedelta) -> Any:
    changed = {}
    for place in fields(record):
        before = getattr(record, place.name)
        if (after := moved(before, by)) != before:
            changed[place.name] = after
    return replace(record, **changed) if changed else record


def _plan(plan: Plan, by: timedelta) -> Plan:
    after = cast("Plan", _record(plan, by))
    if plan.deadline is None or plan.source not in {Source.DATE, Source.CALENDAR}:
        return after
    date, longest = plan.dated or plan.deadline, (after.wait_from or after.started_at) + WAIT_MAX
    if date <= longest:
        return replace(after, deadline=date, dated=None)
    return replace(after, deadline=longest, dated=date)


def _step(draft: Draft, session: Session, by: timedelta, *, is_settled: bool) -> None:
    """Move one session; a pending wait says what has become of it."""
    plan, after = session.plan, moved(session, by)
    if plan is not None and after.plan is not None and not is_settled and _was_right(draft, plan):
        stays = replace(after.plan, deadline=_unmoved(draft, plan, by))
        after = replace(after, stop=session.stop, plan=stays)
    draft.put(after)
    ends = after.plan.deadline if after.plan is not None else None
    if plan is None or plan.deadline is None or ends is None:
        return
    way = "forward" if by > timedelta(0) else "back"
    what = "it counts elapsed time" if ends == plan.deadline + by else "it goes by the date"
    span = show_duration(timedelta(seconds=round(abs(by).total_seconds())))
    draft.decide(
        "moved",
        event=plan.event,
        rule=plan.rule,
        why=f"the clock was set {way} by {span}; {what}, and ends at {ends:%Y-%m-%dT%H:%M:%SZ}",
        session=after,
    )


def _was_right(draft: Draft, plan: Plan) -> bool:
    """Whether its wait was worked out before the boot, by a clock that was right then.

    It was not if the wait would not even have begun by now: then it is no newer mistake that is
    mended. What a rail asked to wait for goes with the rail's window, and that moves.
    """
    if plan.boot in {"", draft.world.boot_id} or plan.source is Source.RAIL:
        return False
    return (plan.wait_from or plan.started_at) <= draft.at


def _unmoved(draft: Draft, plan: Plan, by: timedelta) -> datetime | None:
    """When it ends as before. By no clock that may have been right does it take too long."""
    if plan.deadline is None:
        return None
    begun = plan.wait_from + min(by, timedelta(0)) if plan.wait_from is not None else draft.at
    return min(plan.deadline, begun + WAIT_MAX)


def _later(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at
