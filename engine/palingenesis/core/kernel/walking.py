"""Carrying out a plan: from one step to the next, until something has to be waited for."""

from dataclasses import replace
from datetime import timedelta
from typing import Final, TypedDict, assert_never

from palingenesis.core import effects, plans
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.telling import observe, say
from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.safety import (
    RECHECK,
    Allowed,
    Later,
    NeedsAgent,
    Refused,
    Verdict,
    may_prompt,
    may_restart,
    may_touch,
    trips,
)
from palingenesis.core.values import AgentId, SessionId, Severity, Status, StopReason, Way
from palingenesis.core.world import Agent, Plan, Session

_DELEGATE_GRACE: Final = timedelta(seconds=60)
OPERATOR: Final = "operator"
"""The rule name, and the event, of what a person asked for."""


def walk(draft: Draft, session: Session) -> Session:
    """Go on with the session's plan until an effect, a wait or its end."""
    session = draft.to_deciding(session)
    if draft.world.paused and session.plan is not None and not _is_hers(session.plan):
        # Also one that began to work after the pause: its plan goes on from here on release.
        held = draft.put(replace(session, paused_from=Status.DECIDING))
        return draft.move(held, "pause", "paused")
    while (plan := session.plan) is not None and session.status is Status.DECIDING:
        if plan.index >= len(plan.steps):
            return _ended(draft, session, plan)
        session = _take(draft, session, plan, plan.steps[plan.index])
    return session


def advance(draft: Draft, session: Session) -> Session:
    """The current step is done: go on with the next."""
    plan = session.plan
    assert plan is not None, "only a session with a plan can advance"
    done = replace(plan, index=plan.index + 1, effect=None, deadline=None, because="")
    return walk(draft, draft.put(replace(session, plan=done)))


def again(draft: Draft, session: Session) -> Session:
    """What the current step waited for has come: take it once more."""
    plan = session.plan
    assert plan is not None, "only a session with a plan can try again"
    cleared = replace(plan, effect=None, deadline=None, because="")
    return walk(draft, draft.put(replace(session, plan=cleared, rails=())))


def _take(draft: Draft, session: Session, plan: Plan, step: plans.Step) -> Session:
    match step:
        case plans.Wait():
            return _wait(draft, session, plan, step)
        case plans.Delegate():
            return _delegate(draft, session, plan, step)
        case plans.Restart():
            return _restart(draft, session, plan)
        case plans.SwitchModel():
            return _switch_model(draft, session, plan, step)
        case plans.Notify() | plans.Log():
            observe(draft, session, plan, step)
            return _next(draft, session, plan)
        case plans.StandDown():
            return _end(draft, session, "stand_down", "left alone until the person goes on")
        case plans.Finish():
            return _end(draft, session, "finish", "finished")
        case plans.Attention():
            reason = say(draft, session, plan, step.reason) or "a person has to look"
            session = _end(draft, session, "need_attention", reason)
            reopen = draft.at + step.reopen_after if step.reopen_after else None
            return draft.put(replace(session, reopen_at=reopen, reopen_after=step.reopen_after))
        case plans.Snapshot() | plans.Interrupt():
            session = _inherited(draft, session)
            verdict = may_touch(draft.now(), session, by_person=_is_hers(plan))
            return _act(draft, session, plan, step, verdict)
        case plans.Resume() | plans.Retry() | plans.NewSession() | plans.Compact():
            by_person = _is_hers(plan)
            session = _inherited(draft, session)
            verdict = may_prompt(draft.now(), session, draft.at, by_person=by_person)
            return _act(draft, session, plan, step, verdict)
        case _:
            assert_never(step)


def _is_hers(plan: Plan) -> bool:
    """Whether the operator asked for it. The event tells: a rule may have any name."""
    return plan.event == OPERATOR


def _next(draft: Draft, session: Session, plan: Plan) -> Session:
    return draft.put(replace(session, plan=replace(plan, index=plan.index + 1)))


# ── time ──────────────────────────────────────────────────────────────────────────────────────


def _wait(draft: Draft, session: Session, plan: Plan, step: plans.Wait) -> Session:
    until = deadline_of(step, session.stop, plan.started_at, tries=plan.tries, seed=plan.seed)
    if until.deadline <= draft.at:
        return _next(draft, session, plan)
    waiting = replace(plan, deadline=until.deadline, because=until.because)
    return draft.move(draft.put(replace(session, plan=waiting)), "wait", until.because)


def _delegate(draft: Draft, session: Session, plan: Plan, step: plans.Delegate) -> Session:
    stop = session.stop
    if stop is None or not stop.retrying or stop.retry_at is None:
        return _next(draft, session, plan)
    if step.until is not None and stop.retry_at - draft.at > step.until:
        return _next(draft, session, plan)
    because = "the assistant tries again by itself"
    waiting = replace(plan, deadline=stop.retry_at + _DELEGATE_GRACE, because=because)
    return draft.move(draft.put(replace(session, plan=waiting)), "wait", because)


def _later(draft: Draft, session: Session, plan: Plan, verdict: Later) -> Session:
    waiting = replace(plan, deadline=verdict.until, because=verdict.rail)
    session = draft.put(replace(session, plan=waiting, rails=(verdict.rail,)))
    draft.decide(
        "refused",
        event=plan.event,
        rule=plan.rule,
        why=f"not before {verdict.until:%Y-%m-%dT%H:%M:%SZ}: {verdict.rail}",
        session=session,
    )
    return draft.move(session, "wait", verdict.rail)


# ── acting ────────────────────────────────────────────────────────────────────────────────────


def _act(draft: Draft, session: Session, plan: Plan, step: plans.Step, verdict: Verdict) -> Session:
    match verdict:
        case Allowed():
            return _order(draft, session, plan, step)
        case Later():
            return _later(draft, session, plan, verdict)
        case NeedsAgent():
            return _need_agent(draft, session, plan)
        case Refused():
            return _refused(draft, session, plan, verdict)
        case _:
            assert_never(verdict)


class _On(TypedDict):
    """What every effect on a session names."""

    decision: int
    session: SessionId
    agent: AgentId


def _order(draft: Draft, session: Session, plan: Plan, step: plans.Step) -> Session:
    """Turn the step into an effect; a prompt is counted before it is sent."""
    key = draft.effect_id(plan.decision, str(plan.index))
    on: _On = {"decision": plan.decision, "session": session.id, "agent": session.agent}
    stop = session.stop
    anchor = stop.key if stop else ""
    effect: effects.SessionEffect
    match step:
        case plans.NewSession() if not plan.snapshot:
            effect = effects.Snapshot(**on, id=f"{key}s", why="before a new session")
        case plans.NewSession():
            effect = effects.NewSession(
                **on,
                id=key,
                stop=anchor,
                source=step.source,
                if_missing=step.if_missing,
                snapshot=plan.snapshot,
                model=step.model or session.model,
            )
        case plans.Resume():
            words = stop is None or stop.words or _is_hers(plan)
            effect = effects.Resume(
                **on,
                id=key,
                stop=anchor,
                words=words,
                text=say(draft, session, plan, step.message or DEFAULT_WORDS),
                model=step.model or session.model,
            )
        case plans.Retry():
            effect = effects.Retry(**on, id=key, stop=anchor, model=step.model or session.model)
        case plans.Compact():
            effect = effects.Compact(**on, id=key, stop=anchor)
        case plans.Interrupt():
            effect = effects.Interrupt(
                **on, id=key, grace_s=step.grace.total_seconds(), why=f"rule {plan.rule}"
            )
        case _:
            effect = effects.Snapshot(**on, id=key, why=f"rule {plan.rule}")
    return _ordered(draft, session, plan, effect)


DEFAULT_WORDS: Final = "Continue from where you stopped. Do not repeat finished work."


def _ordered(draft: Draft, session: Session, plan: Plan, effect: effects.SessionEffect) -> Session:
    draft.order(effect)
    acting = replace(plan, effect=effect.id, deadline=None, because="")
    if isinstance(effect, effects.Resume | effects.Retry | effects.NewSession):
        acting = replace(acting, acted=True, acted_at=draft.at)
        session = _counted(draft, session)
    if isinstance(effect, effects.Interrupt):
        session = replace(session, aborting=True)
    session = draft.put(replace(session, plan=acting, rails=()))
    return draft.move(session, "act", type(effect).__name__)


def _counted(draft: Draft, session: Session) -> Session:
    episode = session.episode
    return replace(
        session,
        prompts=(*session.prompts, draft.at)[-50:],
        unproductive=session.unproductive + 1,
        episode=replace(episode, attempts=episode.attempts + 1) if episode else None,
    )


def _switch_model(draft: Draft, session: Session, plan: Plan, step: plans.SwitchModel) -> Session:
    """Choose the model after the one in use; at the chain's end stay with the last."""
    current = session.model or str(session.facts.get("session.model", ""))
    after = step.chain.index(current) + 1 if current in step.chain else 0
    model = step.chain[min(after, len(step.chain) - 1)]
    until = draft.at + step.return_after if step.return_after else None
    return _next(draft, replace(session, model=model, model_until=until), plan)


# ── the agent ─────────────────────────────────────────────────────────────────────────────────


def _restart(draft: Draft, session: Session, plan: Plan) -> Session:
    """One restart serves all sessions: a server younger than the stop is restart enough."""
    agent = _owner(draft, session)
    stopped_at = session.stopped_at
    if agent is not None and agent.up and stopped_at and agent.started_at > stopped_at:
        return _next(draft, session, plan)
    if agent is not None and agent.up and _died_with_another(session):
        return _next(draft, session, plan)
    return _need_agent(draft, session, plan)


def _died_with_another(session: Session) -> bool:
    """Whether an agent that answers told us of the crash: then it is not the one that crashed."""
    stop = session.stop
    if stop is None or stop.reason is not StopReason.CRASH:
        return False
    return not stop.key.startswith("down:")


def _need_agent(draft: Draft, session: Session, plan: Plan) -> Session:
    agent = _owner(draft, session)
    if agent is None:
        return _refused(draft, session, plan, Refused(rail="its agent is not known"))
    session = draft.put(replace(session, agent=agent.id))
    under_way = next(
        (
            effect.id
            for effect in draft.open.values()
            if isinstance(effect, effects.Restart) and effect.agent == agent.id
        ),
        None,
    )
    if under_way is not None:
        waiting = replace(plan, effect=under_way, deadline=None, because="")
        return draft.move(draft.put(replace(session, plan=waiting)), "act", "Restart")
    if agent.way is not Way.MANAGED and not isinstance(plan.steps[plan.index], plans.Restart):
        later = Later(until=draft.at + RECHECK, rail=f"{agent.id} does not answer")
        return _later(draft, session, plan, later)
    verdict = may_restart(agent, draft.at)
    match verdict:
        case Later():
            return _later(draft, session, plan, verdict)
        case Refused():
            return _refused(draft, session, plan, verdict)
        case _:
            effect = order_restart(draft, agent, plan.decision, f"{plan.index}r{draft.at:%H%M%S%f}")
            acting = replace(plan, effect=effect.id, deadline=None, because="")
            return draft.move(draft.put(replace(session, plan=acting)), "act", "Restart")


def order_restart(draft: Draft, agent: Agent, decision: int, step: str) -> effects.Restart:
    """Order a restart of the agent's server and count it."""
    effect = effects.Restart(id=draft.effect_id(decision, step), decision=decision, agent=agent.id)
    restarts = (*agent.restarts, draft.at)[-50:]
    tripped = agent.tripped or trips(restarts)
    draft.agents[agent.id] = replace(agent, restarts=restarts, tripped=tripped)
    draft.order(effect)
    return effect


def _inherited(draft: Draft, session: Session) -> Session:
    """A session whose own program has ended goes over to the managed server, where it lives on."""
    owner = _owner(draft, session)
    if owner is None or owner.id == session.agent:
        return session
    return draft.put(replace(session, agent=owner.id))


def _owner(draft: Draft, session: Session) -> Agent | None:
    """The agent that acts for the session: after its own program has ended, the managed one."""
    agent = draft.agents.get(session.agent)
    if agent is not None and agent.way is Way.OBSERVED and not agent.up:
        managed = (
            other
            for other in draft.agents.values()
            if other.way is Way.MANAGED and other.assistant == agent.assistant
        )
        return next(managed, agent)
    return agent


# ── ending ────────────────────────────────────────────────────────────────────────────────────


def _refused(draft: Draft, session: Session, plan: Plan, verdict: Refused) -> Session:
    """A rail says no: the plan ends here, and a person is told unless it was her own stop."""
    session = draft.put(replace(session, rails=(verdict.rail,)))
    draft.decide("refused", event=plan.event, rule=plan.rule, why=verdict.rail, session=session)
    if verdict.quiet:
        return _end(draft, session, "stand_down", verdict.rail)
    if plan.rule != "kernel":
        draft.tell(
            session,
            Severity.WARNING,
            session.title or session.id,
            f"Rule {plan.rule} was stopped by a rail: {verdict.rail}.",
            verdict.rail,
        )
    return _end(draft, session, "need_attention", verdict.rail)


def _end(draft: Draft, session: Session, trigger: str, outlook: str) -> Session:
    ended = replace(session, plan=None, verify_until=None, reopen_at=None, half_open=False)
    return draft.move(draft.put(ended), trigger, outlook)


def _ended(draft: Draft, session: Session, plan: Plan) -> Session:
    """All steps are taken: prove that it works, or say that the plan led nowhere."""
    if plan.acted and plan.acted_at is not None:
        proven = session.alive_at is not None and session.alive_at >= plan.acted_at
        session = draft.move(draft.move(session, "act"), "acted", "waiting for a sign of life")
        until = draft.at + draft.policy.verify_within
        session = draft.put(replace(session, verify_until=until))
        return verified(draft, session) if proven else session
    if plan.event in {"stopped", "action_failed"} and not _was_delegated(plan):
        outlook = f"rule {plan.rule} ended without going on"
        return _end(draft, session, "need_attention", outlook)
    draft.put(replace(session, plan=None))
    return draft.move(draft.sessions[session.id], "went_on", "")


def _was_delegated(plan: Plan) -> bool:
    return any(isinstance(step, plans.Delegate) for step in plan.steps)


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
