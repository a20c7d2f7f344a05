"""What a person asks for. The person outranks every rule, and every command leaves its line."""

from typing import assert_never

from palingenesis.core import commands, events, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.asking import close, settled
from palingenesis.core.kernel.deciding import act_failed, cancel, decide_stop, was_decided
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import OPERATOR, is_hers, passed
from palingenesis.core.kernel.touching import forget_touched
from palingenesis.core.kernel.walking import walk
from palingenesis.core.lifecycle import ACTIVE, PLANNED, may
from palingenesis.core.values import SessionId, Status
from palingenesis.core.world import Plan, Session

SKIP_WORDS = (
    "Leave the current step as it is, note it as skipped in the work's document, "
    "and go on with the next step."
)


def command_given(draft: Draft, event: events.CommandGiven) -> None:
    """Carry a person's command out."""
    command = event.command
    name = type(command).__name__.lower()
    match command:
        case commands.Hold():
            _each(draft, event, command.session, name)
            if command.session is None:
                draft.world = replace(draft.world, paused=True, paused_by=event.by)
            for session in _meant(draft, command.session):
                _hold(draft, session, event.by)
        case commands.Release():
            _each(draft, event, command.session, name)
            if command.session is None:
                draft.world = replace(draft.world, paused=False, paused_by="")
            named = command.session is not None
            for session in _meant(draft, command.session):
                if named or session.status is Status.PAUSED:
                    forget_touched(draft, session.id)
                    release(
                        draft, replace(session, unproductive=0, person_at=draft.at), named=named
                    )
        case commands.Answer():
            _answer(draft, event, command)
        case commands.Greeted():
            pass  # it is counted, and nothing else
        case commands.ActAgain():
            _each(draft, event, None, name)  # nothing is held: only the line is left
        case commands.Order():
            _each(draft, event, None, command.what)
        case _:
            meant = draft.sessions.get(command.session)
            if meant is not None:
                _each(draft, event, command.session, name)
                forget_touched(draft, command.session)
                _one(draft, replace(meant, person_at=event.at), command)


def _one(
    draft: Draft,
    session: Session,
    command: commands.Abort | commands.Skip | commands.Renew | commands.Enrol | commands.Detach,
) -> None:
    match command:
        case commands.Abort():
            session = cancel(draft, session, "the operator ended it")
            session = draft.put(replace(session, latched=True))
            _interrupt(draft, session)
        case commands.Skip():
            session = replace(session, latched=False)  # she sends it on: as good as a prompt
            _order_once(draft, session, (plans.Interrupt(), plans.Resume(message=SKIP_WORDS)))
        case commands.Renew():
            if _heir(draft, session) is not None:
                return  # asked twice: its work goes on in a new session already
            session = replace(session, latched=False)
            _order_once(draft, session, (plans.Interrupt(), plans.Snapshot(), plans.NewSession()))
        case commands.Enrol():
            if may(session.status, "enrol"):
                session = replace(session, supervised=True, latched=False, unproductive=0)
                draft.move(draft.put(session), "enrol", "enrolled by the operator")
        case commands.Detach():
            session = cancel(draft, session, "the operator detached it")
            if may(session.status, "detach"):
                session = replace(session, supervised=False, holds=(), paused_from=None)
                draft.move(draft.put(session), "detach", "detached by the operator")
        case _:
            assert_never(command)


def _answer(draft: Draft, event: events.CommandGiven, command: commands.Answer) -> None:
    """Her yes or no. A question that nobody asks any more is left as it was settled."""
    asking = next(
        (
            session
            for session in draft.sessions.values()
            if session.plan is not None and session.plan.question == command.question
        ),
        None,
    )
    plan = asking.plan if asking is not None else None
    if asking is None or plan is None or not command.question:
        return
    how = f"{'yes' if command.yes else 'no'} to {plan.question} by {event.by}"
    draft.decide("answered", event="operator", rule=plan.rule, why=how, session=asking)
    session = replace(asking, person_at=event.at)
    if session.status is not Status.PAUSED:
        session = draft.to_deciding(session)
        walk(draft, settled(draft, session, plan, yes=command.yes, how=how))
        return
    close(draft, plan.question, how)
    if command.yes:
        draft.put(replace(session, plan=passed(plan), paused_from=Status.DECIDING))
    else:
        draft.put(replace(session, plan=None, paused_from=Status.ATTENTION, outlook=how))


def _each(draft: Draft, event: events.CommandGiven, session: SessionId | None, name: str) -> None:
    draft.decide(
        "commanded",
        event="operator",
        rule=OPERATOR,
        why=f"{name} by {event.by}",
        session=draft.sessions.get(session) if session else None,
    )


def _meant(draft: Draft, session: SessionId | None) -> list[Session]:
    if session is not None:
        found = draft.sessions.get(session)
        heir = draft.sessions.get(found.successor) if found and found.successor else None
        return [one for one in (found, heir) if one is not None]
    return [s for s in draft.sessions.values() if s.supervised or s.status is Status.PAUSED]


def _hold(draft: Draft, session: Session, by: str) -> None:
    if not may(session.status, "pause"):
        return
    session = replace(session, paused_from=session.status, paused_by=by, person_at=draft.at)
    draft.move(draft.put(session), "pause", "paused")


def release(draft: Draft, session: Session, *, named: bool) -> None:
    """Act again. A pending wait goes on as it was; a stop meanwhile is decided now.

    Only a person who names a session (`named`) asks to decide its attention anew.
    """
    session = replace(session, paused_by="")
    if session.status is Status.ATTENTION:
        told = was_decided(session)
        session = replace(session, latched=False, reopen_at=None, rails=())
        session = draft.move(draft.put(session), "reopen")
        _decide_or_watch(draft, session, again=told)
        return
    if session.status is not Status.PAUSED:
        draft.put(session)
        return
    before = session.paused_from or Status.WORKING
    session = draft.put(replace(session, paused_from=None))
    match before:
        case Status.DISCOVERING | Status.BLOCKED | Status.STOOD_DOWN | Status.COMPLETED:
            draft.move(session, f"unpause_to_{before}", "")
        case Status.ATTENTION if named:
            session = draft.put(replace(session, latched=False, reopen_at=None, rails=()))
            _decide_or_watch(draft, draft.move(session, "unpause"), again=True)
        case Status.ATTENTION:
            draft.move(session, "unpause_to_attention", session.outlook)
        case _ if _is_outdated(session, before):
            _decide_anew(draft, session)
        case Status.ACTING | Status.DECIDING if _is_under_way(draft, session):
            draft.move(draft.move(session, "unpause"), "act", "its outcome is still to come")
        case Status.ACTING if session.plan is not None and session.failure is not None:
            kind, error = session.failure
            act_failed(draft, draft.move(draft.move(session, "unpause"), "act"), kind, error)
        case Status.VERIFYING if session.plan is not None:
            walk(draft, draft.move(session, "unpause"))
        case Status.WORKING | Status.STALLED | Status.VERIFYING | Status.ACTING:
            session = cancel(draft, session, "it went on while it was paused")
            draft.move(session, "unpause_to_working", "")
        case _:
            session = draft.move(session, "unpause")
            if session.plan is not None:
                walk(draft, session)
            else:
                _decide_or_watch(draft, session, again=before is Status.HOLDING)


def _is_under_way(draft: Draft, session: Session) -> bool:
    """Whether what was ordered before the pause has no outcome yet: it is not ordered again."""
    return session.plan is not None and session.plan.effect in draft.open


def _is_outdated(session: Session, before: Status) -> bool:
    """Whether it stopped once more in the pause, so that its plan answers an earlier stop."""
    plan, stop = session.plan, session.stop
    if plan is None or stop is None or is_hers(plan):
        return False
    pending = before in {*PLANNED, Status.ACTING, Status.VERIFYING}
    return pending and plan.stop != stop.key


def _decide_anew(draft: Draft, session: Session) -> None:
    """Decide about the stop that came in the pause, as if it had come now.

    A wait or question that was pending then is pending again first: it may cover this stop too.
    """
    plan = session.plan
    assert plan is not None, "only a plan is outdated"
    session = draft.move(session, "unpause")
    step = plan.steps[plan.index] if plan.index < len(plan.steps) else None
    if isinstance(step, plans.Wait) and plan.deadline is not None and plan.effect is None:
        session = draft.move(session, "wait", plan.because)
    elif isinstance(step, plans.Ask) and plan.question:
        session = draft.move(session, "ask", plan.because)
    else:
        session = cancel(draft, session, "it stopped once more in the pause")
    decide_stop(draft, session)


def _decide_or_watch(draft: Draft, session: Session, *, again: bool) -> None:
    if session.stop is None:
        draft.move(session, "went_on", "")
    else:
        decide_stop(draft, session, again=again)


def end_turn(draft: Draft, session: Session, why: str) -> None:
    """Carry the person's stop over to a session that began too late to be stopped by her."""
    draft.decide("commanded", event=OPERATOR, rule=OPERATOR, why=why, session=session)
    if draft.acts:
        _order(draft, session, (plans.Interrupt(), plans.StandDown()))
    else:
        draft.put(replace(session, supervised=False))


def _interrupt(draft: Draft, session: Session) -> None:
    """End the running turn, then leave the session alone."""
    plan_of = (plans.Interrupt(), plans.StandDown())
    held = session.status is Status.PAUSED and session.paused_from in ACTIVE
    if session.status in ACTIVE or held:
        _order(draft, session, plan_of)
    elif may(session.status, "stand_down"):
        session = draft.put(replace(session, paused_from=None))
        draft.move(session, "stand_down", "ended by the operator")


def _heir(draft: Draft, session: Session) -> Session | None:
    """The session in which its work goes on, if it is still there."""
    return draft.sessions.get(session.successor) if session.successor else None


def _order_once(draft: Draft, session: Session, steps: tuple[plans.Step, ...]) -> None:
    """Carry the operator's plan out, unless it is being carried out: asked twice is asked once."""
    plan = session.plan
    same = plan is not None and is_hers(plan) and plan.steps == steps
    if not (same and session.status is Status.ACTING):
        _order(draft, session, steps)


def _order(draft: Draft, session: Session, steps: tuple[plans.Step, ...]) -> None:
    """Carry the operator's own plan out at once, whatever status the session is in."""
    if session.plan is not None:
        session = cancel(draft, session, "the operator asked for something else")
    if session.status is Status.PAUSED:
        session = draft.move(draft.put(replace(session, paused_from=None)), "unpause")
    else:
        session = draft.move(draft.put(session), "commanded")
    decision = next(one for one in reversed(draft.decisions) if one.kind == "commanded")
    plan = Plan(
        decision=decision.id,
        rule=OPERATOR,
        event="operator",
        steps=steps,
        index=0,
        started_at=draft.at,
        seed=decision.seed,
        tries=0,
        stop=session.stop.key if session.stop else "",
        facts={},
    )
    session = replace(session, plan=plan, supervised=True, unproductive=0)
    walk(draft, draft.put(session))
