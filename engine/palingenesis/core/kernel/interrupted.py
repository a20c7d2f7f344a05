"""What an interrupt of ours came to: whose doing it was that the session rests, and where it rests.

Theory of operation. An abort has no author: an assistant tells that a turn was aborted, and not by
whom. While an interrupt of ours is under way the abort that is told is taken for ours. Its outcome
knows better: where there was nothing to abort any more, somebody else was first. If that was told
as an abort meanwhile, it was the person's, and it is her stop; unless she has given a command
since, which goes on.
"""

from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.deciding import begin_episode, cancel, decide_stop
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import is_hers
from palingenesis.core.kernel.marks import ended_by_us, is_ours
from palingenesis.core.values import Severity, Status, Stop, StopReason
from palingenesis.core.world import Plan, Session

_BY_ITSELF: Final = "by_itself"
_CUT_OFF: Final = "cut_off"
"""What an outcome says of how a session rests; with neither, an abort has ended its turn."""
AT_ONCE: Final = timedelta(seconds=2)
"""An abort of ours came to something within this time, also one that a former run may have sent.

Our look and our abort take less than half a second. What ended later is taken for the person's
stop: to lose a wait, and say so, is better than to act after it. So is all that ended upon a
command of hers: she is at the keyboard, may well have aborted it herself, and can command again.
"""
_TOLD_WITHIN: Final = timedelta(minutes=2)
_AT_REST: Final = frozenset({"stopped", "action_failed", "operator"})
"""Events about a session that rests, or of which nothing is believed."""


def take_for_ours(draft: Draft, session: Session, stop: Stop) -> None:
    """The abort we asked for is told: remember where the session stands, and decide nothing.

    Unless nothing is left of what was to follow it: then a rule, or a person, has to look.
    """
    before = session.stop or stop
    merged = replace(
        ended_by_us(before), key=stop.key, retrying=False, words=before.words or stop.words
    )
    plan = replace(session.plan, stop=stop.key) if session.plan is not None else None
    session = draft.put(
        replace(session, stop=merged, stopped_at=draft.at, aborting=False, plan=plan)
    )
    if session.plan is None and session.status is Status.WORKING:
        failure = ("superseded", "nothing followed our interrupt")
        session = draft.note(replace(session, failure=failure), "action_failed")
        decide_stop(draft, draft.move(session, "decide", failure[1]), "action_failed")


def told_under_her_command(draft: Draft, session: Session, stop: Stop) -> bool:
    """Whether her command to end the session is being carried out.

    Then the stop that is told is noted, and no rule decides about it: it may be older than that.
    """
    plan = session.plan
    if not session.latched or plan is None or not is_hers(plan):
        return False
    session = replace(session, stop=stop, stopped_at=draft.at, block=None)
    draft.note(session, "stopped", stop.reason.value)
    return True


def interrupted(
    draft: Draft, session: Session, plan: Plan, event: events.EffectEnded
) -> Session | None:
    """The session as its plan goes on with it; None: the plan is over."""
    since = event.data.get("idle_since")
    died = _CUT_OFF in event.data
    again = bool(event.data.get("again")) and not died
    after = _rested(session, since or "")
    unsure = again and is_hers(plan) and after >= timedelta(0)
    ours = again and not unsure and timedelta(0) <= after <= AT_ONCE
    # Where it stands is told with both: the next step answers that.
    if since is None or ours:
        return _standing_at(session, event.data.get("stop", ""))
    outranked = is_hers(plan) and timedelta.min < after < timedelta(0)
    if is_ours(session.stop) and not outranked:
        if not session.aborting:
            _hers(draft, session, unsure="again" in event.data)
            return None
        if session.stop is not None and session.stop.key == event.data.get("stop"):
            return replace(session, aborting=False)  # an earlier abort of ours stands
    session = replace(session, aborting=False)
    is_retrying = session.stop is not None and session.stop.retrying
    if plan.event in _AT_REST and not (is_retrying or unsure):
        return session
    if session.status is not Status.PAUSED and _is_overdue(session, since):
        _untold(draft, session, event)
        return None
    if "again" in event.data and not died:
        _tell(draft, session)
    # It was believed at work, and had come to rest: why, is told now.
    _goes_on(draft, session, "it had come to rest by itself", "it had come to rest by itself")
    return None


def overtaken(draft: Draft, session: Session, detail: str) -> None:
    """The turn to be ended was not ours to end. An abort that was told meanwhile is hers."""
    if not session.aborting and is_ours(session.stop):
        _hers(draft, session, unsure=True)
        return
    # What is aborted from now on, is not aborted by us.
    session = replace(session, aborting=False)
    _goes_on(draft, session, detail or "the session has moved on", detail)


def goes_on_from(session: Session) -> Status:
    """Where a paused session is once its plan is void: at a stop that was told meanwhile."""
    return Status.DECIDING if session.paused_from is Status.DECIDING else Status.WORKING


def _goes_on(draft: Draft, session: Session, why: str, outlook: str) -> None:
    session = cancel(draft, session, why)
    if session.status is Status.PAUSED:
        draft.put(replace(session, paused_from=goes_on_from(session)))
    else:
        draft.move(session, "superseded", outlook)


def stood_still(draft: Draft, session: Session, stop: Stop) -> None:
    """Her prompt was told late: the session rests where she had stopped it, after that prompt."""
    session = draft.put(replace(session, reopened=False))
    believed = session.status in {Status.WORKING, Status.PAUSED}
    if believed and stop.reason is StopReason.USER_ABORT:
        _hers(draft, session, unsure=False)


def _rested(session: Session, since: str) -> timedelta:
    """How long after our order it came to rest; below zero: before it, or nobody can tell."""
    try:
        return datetime.fromisoformat(since) - session.since
    except ValueError:
        return timedelta.min


def _is_overdue(session: Session, since: str) -> bool:
    """Whether it rests for so long that its stop would have been told."""
    try:
        return session.since - datetime.fromisoformat(since) > _TOLD_WITHIN
    except ValueError:
        return True


def _standing_at(session: Session, key: str) -> Session:
    """Where our interrupt has left the session: what follows answers that, and nothing older.

    The sensor tells of it too, and may come later than the next step.
    """
    before = session.stop
    if before is None:
        if not key:
            return session
        before = Stop(key=key, reason=StopReason.USER_ABORT, words=True)
    key = key or before.key
    plan = replace(session.plan, stop=key) if session.plan is not None else None
    stop = replace(ended_by_us(before), key=key, retrying=False)
    return replace(session, stop=stop, plan=plan)


def _untold(draft: Draft, session: Session, event: events.EffectEnded) -> None:
    """It rests for long and nobody told why. What an abort ended before our order, she ended."""
    key = event.data.get("stop", "")
    if key and not event.data.keys() & {_BY_ITSELF, _CUT_OFF}:
        stop = Stop(key=key, reason=StopReason.USER_ABORT, words=True)
        session = replace(session, stop=stop, aborting=False)
        _hers(draft, draft.put(session), unsure="again" in event.data)
        return
    before = session.stop.key if session.stop is not None else ""
    session = cancel(draft, session, "it rests, and nobody told why")
    stop = Stop(
        key=key or before,
        reason=StopReason.UNKNOWN,
        message="It rests, and nobody told why.",
        words=True,
    )
    session = draft.note(
        replace(session, stop=stop, stopped_at=draft.at), "stopped", StopReason.UNKNOWN.value
    )
    decide_stop(draft, begin_episode(draft, session, StopReason.UNKNOWN))


def _tell(draft: Draft, session: Session) -> None:
    """What may be her stop is one; but then she is told, for nobody else would notice."""
    title = session.title or session.id
    message = "It was ended while we did not run; if it was an abort, it is left alone."
    draft.tell(session, Severity.WARNING, title, message, "it may be the person's stop")


def _hers(draft: Draft, session: Session, *, unsure: bool) -> None:
    """The abort that was told was the person's: it is her stop. `unsure`: or one of ours."""
    told = session.stop
    assert told is not None, "an abort was told"
    session = cancel(draft, session, "the person ended it before we did")
    stop = Stop(key=told.key, reason=StopReason.USER_ABORT, words=told.words)
    session = draft.note(
        replace(session, stop=stop, latched=True), "stopped", StopReason.USER_ABORT.value
    )
    if unsure:
        _tell(draft, session)
    if session.status is Status.PAUSED:
        draft.put(replace(session, paused_from=Status.DECIDING))
    else:
        decide_stop(draft, begin_episode(draft, session, StopReason.USER_ABORT))
