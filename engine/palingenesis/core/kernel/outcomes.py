"""How effects ended, and what their sessions do next."""

from dataclasses import replace

from palingenesis.core import effects, events, plans
from palingenesis.core.kernel.deciding import act_failed, cancel
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.walking import advance, again, verified
from palingenesis.core.values import Result, SessionId, Status
from palingenesis.core.world import Plan, Session


def effect_ended(draft: Draft, event: events.EffectEnded) -> None:
    """Close the effect; every session that waited for it goes on."""
    effect = draft.open.pop(event.effect, None)
    if effect is None:
        return
    if isinstance(effect, effects.Restart) and event.result is Result.OK:
        _answers_again(draft, effect)
    for session in list(draft.sessions.values()):
        plan = session.plan
        if plan is None or plan.effect != event.effect:
            continue
        if session.status is Status.PAUSED:
            _under_pause(draft, session, event)
        elif session.status is Status.ACTING:
            _ended(draft, session, plan, effect, event)


def _answers_again(draft: Draft, effect: effects.Restart) -> None:
    """A restart that went well is proof that the agent answers, though its sensor has yet to say.

    Without it the plan's next step would find the agent down and order one more restart.
    """
    agent = draft.agents.get(effect.agent)
    if agent is not None and not agent.up:
        draft.agents[agent.id] = replace(agent, up=True, since=draft.at, started_at=draft.at)


def _ended(
    draft: Draft,
    session: Session,
    plan: Plan,
    effect: effects.Effect,
    event: events.EffectEnded,
) -> None:
    match event.result:
        case Result.OK:
            _ok(draft, session, plan, effect, event)
        case Result.SUPERSEDED:
            session = cancel(draft, session, event.detail or "the session has moved on")
            draft.move(session, "superseded", event.detail)
        case Result.FAILED | Result.UNKNOWN:
            act_failed(draft, session, event.result.value, event.detail)


def _ok(
    draft: Draft,
    session: Session,
    plan: Plan,
    effect: effects.Effect,
    event: events.EffectEnded,
) -> None:
    step = plan.steps[plan.index]
    if isinstance(effect, effects.NewSession):
        _continued(draft, session, plan, event)
    elif isinstance(effect, effects.Snapshot):
        kept = replace(plan, snapshot=event.data.get("path", "") or "-")
        session = draft.put(replace(session, plan=kept))
        (advance if isinstance(step, plans.Snapshot) else again)(draft, session)
    elif isinstance(effect, effects.Restart):
        (advance if isinstance(step, plans.Restart) else again)(draft, session)
    else:
        advance(draft, session)


def _continued(draft: Draft, session: Session, plan: Plan, event: events.EffectEnded) -> None:
    """The work goes on in another session: counters and trouble move there with it."""
    new = SessionId(event.data.get("session", ""))
    if not new:
        act_failed(draft, session, "unknown", "the new session has no id")
        return
    known = draft.sessions.get(new)
    heir = replace(
        session,
        id=new,
        parent=None,
        title=(known.title if known else "") or session.title,
        status=Status.VERIFYING,
        since=draft.at,
        outlook=f"continues {session.id}",
        supervised=True,
        stop=None,
        stopped_at=None,
        alive_at=known.alive_at if known else None,
        facts={**session.facts, **(known.facts if known else {})},
        verify_until=draft.at + draft.policy.verify_within,
        predecessor=session.id,
        successor=None,
        plan=replace(plan, index=len(plan.steps), effect=None),
    )
    if known is None or "session.context_used" not in known.facts:
        facts = {k: v for k, v in heir.facts.items() if k != "session.context_used"}
        heir = replace(heir, facts=facts)
    draft.put(heir)
    old = replace(session, plan=None, verify_until=None, successor=new)
    draft.move(draft.put(old), "finish", f"continued as {new}")
    if heir.alive_at is not None and plan.acted_at is not None and heir.alive_at >= plan.acted_at:
        verified(draft, heir)


def _under_pause(draft: Draft, session: Session, event: events.EffectEnded) -> None:
    """What was under way when the operator paused has ended; nothing follows until release."""
    went_on = event.result in {Result.OK, Result.SUPERSEDED}
    status = Status.WORKING if went_on else Status.DECIDING
    draft.put(replace(session, plan=None, paused_from=status))
