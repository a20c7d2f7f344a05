"""Carrying out a plan: from one step to the next, until something has to be waited for."""

from datetime import timedelta
from typing import Final, assert_never

from palingenesis.core import plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.asking import ask
from palingenesis.core.kernel.awaiting import begin
from palingenesis.core.kernel.caps import counted_as, divert, full
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import end_plan, is_hers, onward, passed
from palingenesis.core.kernel.notices import observe
from palingenesis.core.kernel.ordering import act, inherited, restart, run_hook, stop_agent
from palingenesis.core.kernel.quota_line import in_turn
from palingenesis.core.kernel.telling import say
from palingenesis.core.policy.model import Mode
from palingenesis.core.safety import REOPEN_MIN, WAIT_MAX, may_begin, may_prompt, may_touch
from palingenesis.core.values import Severity, Source, Status
from palingenesis.core.world import Plan, Session

_DELEGATE_GRACE: Final = timedelta(seconds=60)


def walk(draft: Draft, session: Session) -> Session:
    """Go on with the session's plan until an effect, a wait or its end."""
    if session.plan is None:
        return session
    hers = is_hers(session.plan)
    session = draft.to_deciding(session)
    if draft.policy.mode is not Mode.ENFORCE and not hers and _is_unfinished(session):
        outlook = f"the policy is in mode {draft.policy.mode} now: nothing more is done"
        return end_plan(draft, session, "stand_down", outlook)
    if draft.world.paused and not hers:
        # Also one that began to work after the pause: its plan goes on from here on release.
        held = draft.put(replace(session, paused_from=Status.DECIDING))
        return draft.move(held, "pause", "paused")
    while (plan := session.plan) is not None and session.status is Status.DECIDING:
        if plan.index >= len(plan.steps):
            return _ended(draft, session, plan)
        session = _take(draft, session, plan, plan.steps[plan.index])
    return session


def _is_unfinished(session: Session) -> bool:
    return session.plan is not None and session.plan.index < len(session.plan.steps)


def advance(draft: Draft, session: Session) -> Session:
    """The current step is done: go on with the next."""
    plan = session.plan
    assert plan is not None, "only a session with a plan can advance"
    return walk(draft, draft.put(replace(session, plan=passed(plan))))


def again(draft: Draft, session: Session) -> Session:
    """What the current step waited for has come: take it once more."""
    plan = session.plan
    assert plan is not None, "only a session with a plan can try again"
    cleared = replace(plan, effect=None, deadline=None, because="", line="")
    return walk(draft, draft.put(replace(session, plan=cleared, rails=())))


def _take(draft: Draft, session: Session, plan: Plan, step: plans.Step) -> Session:
    match step:
        case plans.Wait():
            return _wait(draft, session, plan, step)
        case plans.Delegate():
            return _delegate(draft, session, plan, step)
        case plans.Restart():
            return restart(draft, session, plan)
        case plans.SwitchModel():
            return _switch_model(draft, session, plan, step)
        case plans.Notify() if (diverted := _diverted(draft, session, plan, step)) is not None:
            return diverted
        case plans.Notify() | plans.Log():
            observe(draft, session, plan, step)
            return onward(draft, session, plan)
        case plans.Ask():
            return ask(draft, session, plan, step)
        case plans.Run():
            return run_hook(draft, session, plan, step)
        case plans.Stop():
            return stop_agent(draft, session, plan, step)
        case plans.StandDown() | plans.Finish() | plans.Attention():
            return _last_word(draft, session, plan, step)
        case plans.Snapshot() | plans.Interrupt():
            session = inherited(draft, session)
            verdict = may_touch(draft.now(), session, draft.at, by_person=is_hers(plan))
            return act(draft, session, plan, step, verdict)
        case plans.Resume() | plans.Retry() | plans.NewSession() | plans.Compact():
            by_person = is_hers(plan)
            session = inherited(draft, session)
            asked = may_begin if isinstance(step, plans.NewSession) else may_prompt
            verdict = asked(draft.now(), session, draft.at, by_person=by_person)
            verdict = in_turn(draft, session, plan, step, verdict)
            return act(draft, session, plan, step, verdict)
        case _:
            assert_never(step)


def _last_word(draft: Draft, session: Session, plan: Plan, step: plans.EndStep) -> Session:
    match step:
        case plans.StandDown():
            return end_plan(draft, session, "stand_down", "left alone until the person goes on")
        case plans.Finish():
            return end_plan(draft, session, "finish", "finished")
        case plans.Attention():
            reason = say(draft, session, plan, step.reason) or "a person has to look"
            session = end_plan(draft, session, "need_attention", reason)
            after = max(step.reopen_after, REOPEN_MIN) if step.reopen_after else None
            reopen = draft.at + after if after is not None else None
            return draft.put(replace(session, reopen_at=reopen, reopen_after=after))
        case _:
            assert_never(step)


def _diverted(draft: Draft, session: Session, plan: Plan, step: plans.Notify) -> Session | None:
    """A notice too many, where the policy says what is done then."""
    if step.severity is Severity.CRITICAL or plan.capped:
        return None
    reached = full(draft, counted_as(step))
    if reached is None or not reached.cap.then:
        return None
    return divert(draft, session, plan, reached)


# ── time ──────────────────────────────────────────────────────────────────────────────────────


def _wait(draft: Draft, session: Session, plan: Plan, step: plans.Wait) -> Session:
    # A wait that was interrupted by a pause goes on; a journal of an older version names no begin.
    begun = plan.wait_from or plan.waited_from
    begun = begun or (draft.at if plan.deadline is None else plan.started_at)
    plan = replace(plan, waited_from=None)
    waiting = begin(draft, session, plan, step, begun)
    if waiting.deadline is None or waiting.deadline <= draft.at:
        return onward(draft, session, plan)
    return draft.move(draft.put(replace(session, plan=waiting)), "wait", waiting.because)


def _delegate(draft: Draft, session: Session, plan: Plan, step: plans.Delegate) -> Session:
    stop = session.stop
    if stop is None or not stop.retrying or stop.retry_at is None:
        return onward(draft, session, plan)
    if step.until is not None and stop.retry_at - draft.at > step.until:
        return onward(draft, session, plan)
    begun = plan.wait_from or draft.at
    deadline = min(stop.retry_at + _DELEGATE_GRACE, begun + WAIT_MAX)
    if deadline <= draft.at:
        return onward(draft, session, plan)
    because = "the assistant, which tries again by itself"
    waiting = replace(
        plan,
        wait_from=begun,
        deadline=deadline,
        because=because,
        source=Source.ASSISTANT,
        boot=draft.world.boot_id,
    )
    return draft.move(draft.put(replace(session, plan=waiting)), "wait", because)


def _switch_model(draft: Draft, session: Session, plan: Plan, step: plans.SwitchModel) -> Session:
    """Choose the model after the one in use; at the chain's end stay with the last."""
    current = session.model or str(session.facts.get("session.model", ""))
    after = step.chain.index(current) + 1 if current in step.chain else 0
    model = step.chain[min(after, len(step.chain) - 1)]
    until = draft.at + step.return_after if step.return_after else None
    return onward(draft, replace(session, model=model, model_until=until), plan)


# ── ending ────────────────────────────────────────────────────────────────────────────────────


def _ended(draft: Draft, session: Session, plan: Plan) -> Session:
    """All steps are taken: prove that it works, or say that the plan led nowhere."""
    if plan.acted_at is not None:
        proven = session.alive_at is not None and session.alive_at >= plan.acted_at
        session = draft.move(draft.move(session, "act"), "acted", "waiting for a sign of life")
        until = draft.at + draft.policy.verify_within
        session = draft.put(replace(session, verify_until=until))
        return verified(draft, session) if proven else session
    if plan.event in {"stopped", "action_failed"} and not _is_delegated(session, plan):
        outlook = f"rule {plan.rule} ended without going on"
        return end_plan(draft, session, "need_attention", outlook)
    session = draft.put(replace(session, plan=None))
    block = session.block
    if block is not None:  # it waits for a person as before: that is no stall
        return draft.move(session, "blocked", f"{block.kind}: {block.text}"[:200])
    return draft.move(session, "went_on", "")


def _is_delegated(session: Session, plan: Plan) -> bool:
    """Whether it is left to the assistant, which tries by itself."""
    retrying = session.stop is not None and session.stop.retrying
    return retrying and any(isinstance(step, plans.Delegate) for step in plan.steps)


def verified(draft: Draft, session: Session) -> Session:
    """A sign of life came after we acted: the session works again."""
    plan = session.plan
    assert plan is not None, "only a session that was acted upon can be verified"
    session = draft.move(session, "verified", "")
    draft.decide(
        "verified",
        event="progress",
        rule=plan.rule,
        why="works again",
        session=session,
        facts={"stop.reason": session.stop.reason.value} if session.stop else {},
    )
    return draft.put(replace(session, plan=None, verify_until=None, aborting=False))
