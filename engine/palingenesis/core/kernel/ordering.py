"""Turning a step into an effect: what the rails say, what is counted, which agent does it."""

from datetime import datetime
from typing import Final, TypedDict, assert_never

from palingenesis.core import effects, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.caps import HOOKS, counted_as, divert, full, room_for, use
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import is_hers, onward, postpone, refuse
from palingenesis.core.kernel.marks import alive_at, is_her_stop
from palingenesis.core.kernel.snapshot import TELL_OF_A_STOP
from palingenesis.core.kernel.telling import say
from palingenesis.core.safety import (
    BREAKER,
    HER_STOP,
    HOOKS_PER_HOUR_IN_ALL,
    NOBODY_GOES_ON,
    RECHECK,
    RESTARTS_MAX,
    RESTARTS_WITHIN,
    Allowed,
    Later,
    NeedsAgent,
    Refused,
    Told,
    Verdict,
    may_restart,
    may_stop,
    no_answer,
    trips,
)
from palingenesis.core.values import AgentId, SessionId, Severity, StopReason, Way
from palingenesis.core.world import Agent, Plan, Session


def act(draft: Draft, session: Session, plan: Plan, step: plans.Step, verdict: Verdict) -> Session:
    """Take a step that touches the session, as far as the rails let it."""
    match verdict:
        case Allowed():
            reached = None if is_hers(plan) else full(draft, counted_as(step))
            if reached is not None:
                return divert(draft, session, plan, reached)
            return _order(draft, session, plan, step)
        case Later():
            return postpone(draft, session, plan, verdict)
        case NeedsAgent():
            return _need_agent(draft, session, plan)
        case Refused():
            return refuse(draft, session, plan, verdict)
        case _:
            assert_never(verdict)


class _On(TypedDict):
    """What every effect on a session names."""

    decision: int
    session: SessionId
    agent: AgentId


class _OnStopped(_On):
    """What one names that answers a stop."""

    stop: str
    alive_at: datetime | None


class _OnRunning(_On):
    """What one names that ends a turn, so that none is ended which she has begun since."""

    ordered: datetime


def _order(draft: Draft, session: Session, plan: Plan, step: plans.Step) -> Session:
    """Turn the step into an effect; a prompt is counted before it is sent."""
    step_of = f"{plan.index}.{plan.vain}" if plan.vain else f"{plan.index}"
    key = draft.effect_id(plan.decision, step_of)
    on: _On = {"decision": plan.decision, "session": session.id, "agent": session.agent}
    stop = session.stop
    anchor = stop.key if stop else ""
    on_stopped: _OnStopped = {**on, "stop": anchor, "alive_at": alive_at(stop)}
    on_running: _OnRunning = {**on, "ordered": plan.started_at}
    its_retry = anchor if stop is not None and stop.retrying else ""
    effect: effects.SessionEffect
    match step:
        case plans.NewSession() if not plan.snapshot:
            effect = effects.Snapshot(**on, id=f"{key}s", why="before a new session")
        case plans.Resume() | plans.Retry() | plans.NewSession() | plans.Compact() if its_retry:
            # Its own retry is ended by an order of its own, so that the abort is known for ours.
            grace_s = plans.Interrupt().grace.total_seconds()
            effect = effects.Interrupt(
                **on_running, id=f"{key}i", grace_s=grace_s, stop=its_retry, why="before a prompt"
            )
        case plans.NewSession():
            effect = effects.NewSession(
                **on_stopped,
                id=key,
                source=step.source,
                if_missing=step.if_missing,
                snapshot=plan.snapshot,
                model=step.model or session.model,
            )
        case plans.Resume():
            words = stop is None or stop.words or is_hers(plan)
            effect = effects.Resume(
                **on_stopped,
                id=key,
                words=words,
                text=say(draft, session, plan, step.message or DEFAULT_WORDS),
                model=step.model or session.model,
            )
        case plans.Retry():
            effect = effects.Retry(**on_stopped, id=key, model=step.model or session.model)
        case plans.Compact():
            effect = effects.Compact(**on_stopped, id=key)
        case plans.Interrupt():
            named = its_retry if plan.event in TELL_OF_A_STOP else ""  # else it ends whatever runs
            grace_s, why = step.grace.total_seconds(), f"rule {plan.rule}"
            effect = effects.Interrupt(**on_running, id=key, grace_s=grace_s, stop=named, why=why)
        case _:
            effect = effects.Snapshot(**on, id=key, why=f"rule {plan.rule}")
    return _ordered(draft, session, plan, effect)


_RESTART: Final = plans.Restart()
DEFAULT_WORDS: Final = "Continue from where you stopped. Do not repeat finished work."


def _ordered(draft: Draft, session: Session, plan: Plan, effect: effects.SessionEffect) -> Session:
    draft.order(effect)
    step = plan.steps[plan.index]
    if not is_hers(plan) and type(effect).__name__ == type(step).__name__:
        use(draft, counted_as(step))  # not the snapshot before a new session
    acting = replace(plan, effect=effect.id, deadline=None, because="")
    if isinstance(effect, effects.Resume | effects.Retry | effects.NewSession):
        acting = replace(acting, acted=True, acted_at=draft.at)
        session = _tried(session)
    if not isinstance(effect, effects.Interrupt | effects.Snapshot):
        session = _counted(draft, session, effect)
    if isinstance(effect, effects.Interrupt):
        session = replace(session, aborting=True)
    session = draft.put(replace(session, plan=acting, rails=()))
    return draft.move(session, "act", type(effect).__name__)


def _tried(session: Session) -> Session:
    """A prompt is an attempt until something comes of it."""
    episode = session.episode
    return replace(
        session,
        unproductive=session.unproductive + 1,
        unjudged=True,
        episode=replace(episode, attempts=episode.attempts + 1) if episode else None,
    )


def _counted(draft: Draft, session: Session, effect: effects.SessionEffect) -> Session:
    """Whatever has a model at work counts as a prompt, in the windows of the rails."""
    world = draft.world
    draft.world = replace(world, prompted=(*world.prompted, draft.ordered_at)[-100:])
    if isinstance(effect, effects.NewSession):
        draft.world = replace(draft.world, begun=(*world.begun, draft.ordered_at)[-50:])
    return replace(session, prompts=(*session.prompts, draft.ordered_at)[-50:])


# ── the agent ─────────────────────────────────────────────────────────────────────────────────


def restart(draft: Draft, session: Session, plan: Plan) -> Session:
    """One restart serves all sessions: a server younger than the stop is restart enough."""
    if session.latched and not is_hers(plan):
        return refuse(draft, session, plan, HER_STOP)
    agent = _owner(draft, session)
    if agent is not None and agent.up and agent.id != session.agent:
        return onward(draft, session, plan)  # what ended was hers, and is not started again
    stopped_at = session.stopped_at
    if agent is not None and agent.up and stopped_at and agent.started_at > stopped_at:
        return onward(draft, session, plan)
    if agent is not None and agent.up and _died_with_another(session):
        return onward(draft, session, plan)
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
        return refuse(draft, session, plan, Refused(rail="its agent is not known"))
    session = draft.put(replace(session, agent=agent.id))
    under_way = _is_being_restarted(draft, agent.id)
    if under_way is not None:
        waiting = replace(plan, effect=under_way, deadline=None, because="")
        return draft.move(draft.put(replace(session, plan=waiting)), "act", "Restart")
    if agent.is_gone:
        return refuse(draft, session, plan, NOBODY_GOES_ON)
    if agent.way is not Way.MANAGED and not isinstance(plan.steps[plan.index], plans.Restart):
        later = Later(until=draft.at + RECHECK, rail=no_answer(agent.id))
        return postpone(draft, session, plan, later)
    verdict = may_restart(draft.now(), agent, draft.at, by_person=is_hers(plan))
    match verdict:
        case Later():
            return postpone(draft, session, plan, verdict)
        case Refused():
            return refuse(draft, session, plan, verdict)
        case _:
            reached = None if is_hers(plan) else full(draft, counted_as(_RESTART))
            if reached is not None:
                return divert(draft, session, plan, reached)
            if not is_hers(plan):
                use(draft, counted_as(_RESTART))
            effect = order_restart(draft, agent, plan.decision, f"{plan.index}r{draft.at:%H%M%S%f}")
            acting = replace(plan, effect=effect.id, deadline=None, because="")
            return draft.move(draft.put(replace(session, plan=acting)), "act", "Restart")


def _is_being_restarted(draft: Draft, agent: AgentId) -> str | None:
    """The id of the restart of that server which is under way, if there is one."""
    restarts = (effect for effect in draft.open.values() if isinstance(effect, effects.Restart))
    return next((effect.id for effect in restarts if effect.agent == agent), None)


def order_restart(draft: Draft, agent: Agent, decision: int, step: str) -> effects.Restart:
    """Order a restart of the agent's server and count it."""
    effect = effects.Restart(id=draft.effect_id(decision, step), decision=decision, agent=agent.id)
    restarts = (*agent.restarts, draft.ordered_at)[-50:]
    tripped = agent.tripped or trips(restarts)
    draft.agents[agent.id] = replace(agent, restarts=restarts, tripped=tripped, revive_at=None)
    draft.world = replace(draft.world, restarted=(*draft.world.restarted, draft.ordered_at)[-50:])
    draft.order(effect)
    if tripped and not agent.tripped:
        draft.tell(
            None,
            Severity.WARNING,
            agent.id,
            f"{agent.id} had to be started again {RESTARTS_MAX} times within "
            f"{RESTARTS_WITHIN.seconds // 60} minutes: from now on once every "
            f"{BREAKER.seconds // 60} minutes, until there is progress.",
            "an open breaker is told about",
        )
    return effect


def stop_agent(draft: Draft, session: Session, plan: Plan, step: plans.Stop) -> Session:
    """End the agent's server for good; it is marked before, so that nothing starts it again."""
    if session.latched and not is_hers(plan):
        return refuse(draft, session, plan, HER_STOP)
    agent = draft.agents.get(session.agent)
    if agent is not None and agent.is_gone:
        return onward(draft, session, plan)
    verdict = may_stop(agent)
    if agent is None or isinstance(verdict, Refused):
        assert isinstance(verdict, Refused), "an unknown agent is never stopped"
        return refuse(draft, session, plan, verdict)
    runs = agent.up or _is_being_restarted(draft, agent.id) is not None
    reached = full(draft, counted_as(step)) if runs else None
    if reached is not None:
        return divert(draft, session, plan, reached)
    draft.agents[agent.id] = replace(agent, stopped=True)
    session = draft.put(replace(session, agent=agent.id))
    if not runs:
        return onward(draft, session, plan)
    effect = effects.Stop(
        id=draft.effect_id(plan.decision, str(plan.index)),
        decision=plan.decision,
        agent=agent.id,
        grace_s=step.grace.total_seconds(),
    )
    use(draft, counted_as(step))
    return _under_way(draft, session, plan, effect)


def run_hook(draft: Draft, session: Session, plan: Plan, step: plans.Run) -> Session:
    """Order a hook; the plan goes on when it has ended well.

    In a session that the person has ended none runs but what her stop itself brings about.
    """
    of_her_stop = plan.event == "stopped" and is_her_stop(session.stop)
    if session.latched and not (of_her_stop or is_hers(plan)):
        return refuse(draft, session, plan, HER_STOP)
    if (until := room_for(draft, HOOKS, HOOKS_PER_HOUR_IN_ALL)) is not None:
        rail = f"{HOOKS_PER_HOUR_IN_ALL} hooks an hour in all"
        return postpone(draft, session, plan, Later(until=until, rail=rail, told=Told.ALL))
    use(draft, (HOOKS,))
    key = draft.effect_id(plan.decision, str(plan.index))
    return _under_way(draft, session, plan, hook_of(session, plan, step, key))


def hook_of(session: Session, plan: Plan, step: plans.Run, key: str) -> effects.Run:
    """The order to run a hook for a session."""
    return effects.Run(
        id=key,
        decision=plan.decision,
        session=session.id,
        hook=step.hook,
        directory=session.directory,
        rule=plan.rule,
    )


def _under_way(
    draft: Draft, session: Session, plan: Plan, effect: effects.Run | effects.Stop
) -> Session:
    draft.order(effect)
    acting = replace(plan, effect=effect.id, deadline=None, because="")
    session = draft.put(replace(session, plan=acting, rails=()))
    return draft.move(session, "act", type(effect).__name__)


def inherited(draft: Draft, session: Session) -> Session:
    """A session whose own program has ended goes over to the managed server, where it lives on."""
    owner = _owner(draft, session)
    if owner is None or owner.id == session.agent:
        return session
    return draft.put(replace(session, agent=owner.id))


def _owner(draft: Draft, session: Session) -> Agent | None:
    """The agent that acts for the session: after its own program has ended, the managed one."""
    agent = draft.agents.get(session.agent)
    if agent is not None and agent.is_gone:
        managed = (
            other
            for other in draft.agents.values()
            if other.way is Way.MANAGED and other.assistant == agent.assistant
        )
        return next(managed, agent)
    return agent
