"""A new policy takes effect: waits in progress keep their meaning, and change only with reason."""

from typing import Final

from palingenesis.core import events, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.asking import close
from palingenesis.core.kernel.awaiting import begin
from palingenesis.core.kernel.deciding import cancel, decide_stop, rule_on
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.notices import reconsider
from palingenesis.core.kernel.snapshot import count
from palingenesis.core.kernel.walking import walk
from palingenesis.core.policy.calendars import within_key
from palingenesis.core.policy.decide import Ruling
from palingenesis.core.policy.model import Mode
from palingenesis.core.policy.terms import count_key
from palingenesis.core.values import FactValue, Status
from palingenesis.core.world import Plan, Session


def policy_adopted(draft: Draft, event: events.PolicyAdopted) -> None:
    """Remember which policy is in force and look at every pending wait again."""
    remember(draft, event)
    look_at_plans(draft)


def remember(draft: Draft, event: events.PolicyAdopted) -> None:
    """Remember which policy is in force, and do nothing about it."""
    draft.world = replace(
        draft.world,
        policy=event.digest,
        policy_name=event.name,
        policy_file=event.file,
        policy_problems=(),
    )


def look_at_plans(draft: Draft) -> None:
    """See what the policy in force makes of everything that is pending."""
    reconsider(draft)
    for session in list(draft.sessions.values()):
        plan = session.plan
        if plan is not None and plan.event == "operator":
            continue
        if draft.policy.mode is not Mode.ENFORCE:
            _no_more(draft, session, plan)
        elif plan is not None and _is_pending(session, plan):
            _revise(draft, session, plan)
        else:
            _hold_on(draft, session)


_PENDING: Final = frozenset({Status.WAITING, Status.ASKING, Status.DECIDING})
"""Statuses in which nothing that was ordered is under way."""


def _is_pending(session: Session, plan: Plan) -> bool:
    """Whether its plan can still be another one; in a pause it is revised and goes on after it.

    One that has taken all its steps cannot, whatever happened to its session since.
    """
    paused = session.status is Status.PAUSED
    status = session.paused_from if paused else session.status
    return status in _PENDING and plan.index < len(plan.steps)


def _no_more(draft: Draft, session: Session, plan: Plan | None) -> None:
    """In shadow, and off, nothing is pending: what was is decided anew, and so written down."""
    why = f"the policy is in mode {draft.policy.mode} now"
    if session.status is Status.HOLDING and draft.policy.mode is Mode.OFF:
        decide_stop(draft, session)
    elif session.status in {Status.WAITING, Status.ASKING} and plan is not None:
        decide_stop(draft, cancel(draft, session, why), plan.event, again=True)
    elif session.status is Status.PAUSED and plan is not None and _is_pending(session, plan):
        # HOLDING: decided anew on release, and the rules that only observe have seen it.
        draft.put(replace(cancel(draft, session, why), paused_from=Status.HOLDING))


def _revise(draft: Draft, session: Session, plan: Plan) -> None:
    """Rule again on the facts that were decided about; the clock of a wait never starts anew."""
    if any((cap.what, cap.then) == (plan.capped, plan.steps) for cap in draft.policy.caps):
        return  # these are the steps of a limit that stands as it stood
    mine = (plan.rule, plan.started_at)  # this very decision does not use its limit up
    others = tuple(decided for decided in session.decided if decided != mine)
    before_it = replace(session, decided=others)
    then = _facts_then(draft, session, plan)
    ruling, _ = rule_on(draft, before_it, plan.event, then)
    ended = _ended_by_us(session, plan)
    if ended and any(isinstance(step, plans.Delegate) for step in ruling.steps):
        ruling, _ = rule_on(draft, before_it, plan.event, {**then, **ended})
    if ruling.rule == plan.rule and ruling.steps == plan.steps:
        _other_calendar(draft, session, plan)
        return
    same_place = _is_same_place(plan, ruling)
    waits = isinstance(plan.steps[plan.index], plans.Wait)
    waited_from = plan.wait_from if waits and not same_place else plan.waited_from
    decision = draft.decide(
        "revised",
        event=plan.event,
        rule=ruling.rule,
        why="the policy changed while this was pending",
        session=session,
        facts=plan.facts,
        plan=ruling.steps,
        tries=plan.tries,
    )
    revised = replace(
        plan,
        decision=decision.id,
        rule=ruling.rule,
        steps=ruling.steps,
        index=plan.index if same_place else 0,
        wait_from=(plan.wait_from if same_place else waited_from) or plan.started_at,
        waited_from=waited_from,
        deadline=None,
        because="",
        question="",
        awaits="",
        look_at=None,
        line="",
    )
    _resume(draft, session, plan, revised)


def _is_same_place(plan: Plan, ruling: Ruling) -> bool:
    """Whether the new steps go on where the old ones stand: the same way there, or the same rule.

    Otherwise the new steps begin with the first; what was waited already counts for their wait.
    """
    index = plan.index
    if ruling.steps[: index + 1] == plan.steps[: index + 1]:
        return True
    if ruling.rule != plan.rule or len(ruling.steps) <= index:
        return False
    return type(ruling.steps[index]) is type(plan.steps[index])


def _facts_then(draft: Draft, session: Session, plan: Plan) -> dict[str, FactValue]:
    """The facts that were decided about, and what the new policy counts or looks up besides."""
    then, policy = plan.started_at, draft.policy_of(session)
    before = replace(session, happened=tuple(it for it in session.happened if it[1] <= then))
    counted = {
        count_key(what, window): count(before, what, then - window)
        for what, window in policy.windows
    }
    open_then = {
        within_key(name): calendar.covers(then) for name, calendar in policy.calendars.items()
    }
    return {**counted, **plan.facts, **open_then}


def _ended_by_us(session: Session, plan: Plan) -> dict[str, FactValue]:
    """A retry of the assistant's own that we have ended since can be left to it no more."""
    if session.stop is None or session.stop.retrying or not plan.facts.get("stop.retrying"):
        return {}
    return {"stop.retrying": False, "agent.retrying": False}


def _resume(draft: Draft, session: Session, plan: Plan, revised: Plan) -> None:
    """Put the revised plan where the old one was: an equal wait or question stays as it is."""
    step = revised.steps[revised.index] if revised.index < len(revised.steps) else None
    session = draft.put(replace(session, plan=revised))
    if isinstance(step, plans.Wait | plans.Ask) and step == plan.steps[plan.index]:
        kept = replace(
            revised,
            deadline=plan.deadline,
            because=plan.because,
            source=plan.source,
            boot=plan.boot,
            question=plan.question,
            awaits=plan.awaits,
            look_at=plan.look_at,
        )
        _other_calendar(draft, draft.put(replace(session, plan=kept)), kept)
    elif session.status is Status.PAUSED:
        if plan.question:
            close(draft, plan.question, "not asked any more: the policy changed")
    elif isinstance(step, plans.Wait) and session.status is Status.WAITING:
        timed = begin(draft, session, revised, step, revised.wait_from or draft.at)
        draft.put(replace(session, plan=timed, outlook=timed.because))
    else:
        if plan.question:
            close(draft, plan.question, "not asked any more: the policy changed")
        walk(draft, session)


def _other_calendar(draft: Draft, session: Session, plan: Plan) -> None:
    """The same wait for the end of a calendar's window ends otherwise if the calendar changed."""
    step = plan.steps[plan.index]
    if plan.deadline is None or not isinstance(step, plans.Wait):
        return
    if step.until == "calendar_end":
        timed = begin(draft, session, plan, step, plan.wait_from or plan.started_at)
        draft.put(replace(session, plan=timed))


def _hold_on(draft: Draft, session: Session) -> None:
    """A rule that has to stay true (`for:`) goes on with its clock, if it still is the one."""
    for hold in session.holds:
        session = draft.sessions[session.id]
        others = tuple(other for other in session.holds if other != hold)
        ruling, _ = rule_on(draft, session, hold.event)
        if ruling.rule == hold.rule and ruling.delay is not None:
            began = hold.began
            deadline = hold.deadline if began is None else began + ruling.delay
            still = replace(hold, deadline=deadline)
            draft.put(replace(session, holds=(*others, still)))
            continue
        why = "the policy changed while it had to stay true"
        draft.decide("cancelled", event=hold.event, rule=hold.rule, why=why, session=session)
        session = draft.put(replace(session, holds=others))
        if session.status is Status.HOLDING:
            decide_stop(draft, session, hold.event, again=True)
