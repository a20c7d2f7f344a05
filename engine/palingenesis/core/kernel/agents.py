"""What happens to an agent, and so to all its sessions."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.deciding import begin_episode, cancel, decide_stop
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import end_plan
from palingenesis.core.kernel.marks import last_alive
from palingenesis.core.kernel.ordering import order_restart
from palingenesis.core.kernel.owning import goes_on_elsewhere, rests
from palingenesis.core.kernel.stepping import nobody_saw
from palingenesis.core.kernel.walking import again
from palingenesis.core.lifecycle import PLANNED
from palingenesis.core.plans import Delegate
from palingenesis.core.policy.model import Mode, Policy
from palingenesis.core.safety import ONLY_OBSERVED, RECHECK, Allowed, Later, may_restart
from palingenesis.core.values import DownCause, Severity, Status, Stop, StopReason, Way
from palingenesis.core.world import Agent, Session, World

_AT_WORK = frozenset({Status.WORKING, Status.BLOCKED, Status.STALLED, Status.VERIFYING})

_SAME_START: Final = timedelta(seconds=2)
"""Whoever tells when a process was started may be so far apart: it is the same process."""


def agent_up(draft: Draft, event: events.AgentUp) -> None:
    """An agent answers. One whose version was not tested is told about once."""
    known = draft.agents.get(event.agent)
    agent = Agent(
        id=event.agent,
        assistant=event.assistant,
        way=event.way,
        version=event.version,
        supported=event.supported,
        up=True,
        since=event.at,
        started_at=event.started_at,
        pid=event.pid,
        detail=event.detail,
        ends_itself=event.ends_itself,
        restarts=known.restarts if known else (),
        tripped=bool(known and known.tripped),
        stopped=known is not None and is_to_be_ended(draft, known),
        let_in_until=_let_in_until(known, event),
    )
    draft.agents[agent.id] = agent
    new = known is None or known.version != agent.version or known.supported
    if not agent.supported and new:
        draft.tell(
            None,
            Severity.WARNING,
            f"{agent.assistant} {agent.version}",
            f"{agent.assistant} {agent.version} was not tested with palingenesis: "
            "its sessions are observed and told about, never acted on.",
            "a version that was not tested is never acted on",
        )
    if known is not None and abs(known.started_at - agent.started_at) > _SAME_START:
        for session in list(draft.sessions.values()):
            rests(draft, session, agent.id)
    elif known is not None and known.way.is_hers and not known.up:
        for session in _of(draft, agent):
            nobody_saw(draft, session)
    for session in _of(draft, agent):
        if _waits_for_answer(session):
            again(draft, session)
        elif agent.way is not Way.OBSERVED and agent.supported and _was_only_watched(session):
            _decide_anew(draft, session, agent)


def _let_in_until(known: Agent | None, event: events.AgentUp) -> datetime | None:
    """When a program that is only observed from now on let us in last."""
    if known is None or event.way is not Way.OBSERVED or known.is_gone:
        return None
    if known.way is not Way.INTEGRATED:
        return known.let_in_until
    return event.at if known.up else known.since


def _of(draft: Draft, agent: Agent) -> list[Session]:
    return [session for session in draft.sessions.values() if session.agent == agent.id]


def _waits_for_answer(session: Session) -> bool:
    plan = session.plan
    if session.status is not Status.WAITING or plan is None or not session.rails:
        return False
    return plan.because == session.rails[0] and "not answer" in plan.because


def is_out_of_sight(draft: Draft, session: Session) -> bool:
    """Whether its program is out of reach, so that nobody could see a sign of life."""
    agent = draft.agents.get(session.agent)
    return agent is not None and agent.is_live and not agent.up


def _was_only_watched(session: Session) -> bool:
    """Whether its stop was left as it is only because its program did not let us in."""
    stop, status = session.stop, session.paused_from or session.status
    if stop is None or session.latched or status not in {Status.STOOD_DOWN, Status.ATTENTION}:
        return False
    return session.only_watched == stop.key or session.rails == (ONLY_OBSERVED.rail,)


def _decide_anew(draft: Draft, session: Session, agent: Agent) -> None:
    """Something can be done about a stop that could only be told: the policy is asked again."""
    session = replace(session, only_watched="", reopen_at=None, rails=())
    if session.status is Status.PAUSED:
        draft.put(replace(session, paused_from=Status.DECIDING))
        return
    session = draft.move(draft.put(session), "let_in", f"{agent.id} lets us in")
    decide_stop(draft, session, again=True)


def agent_down(draft: Draft, event: events.AgentDown) -> None:
    """An agent is gone: whoever was at work there has stopped.

    An end that is told again is one end: then only who is believed at work there is looked at.
    """
    agent = draft.agents.get(event.agent)
    if agent is None:
        _never_came_up(draft, event)
        return
    is_news = agent.goes_with(event.cause)
    gone = agent
    if is_news:
        gone = replace(agent, up=False, since=event.at, down=event.cause, detail=event.detail)
    draft.agents[agent.id] = gone if gone.is_live else replace(gone, pid=None)
    if gone.is_live:
        return  # it works on, where we do not see it; when it lets us in again, it is looked at
    for session in list(draft.sessions.values()):
        rests(draft, session, agent.id)
    if gone.is_gone:
        _retries_no_more(draft, gone)
    if event.cause is DownCause.STOPPED and not _is_restarted(draft, agent):
        if agent.stopped:
            _left_behind(draft, agent)
        return
    if event.cause is DownCause.REFUSED:
        draft.tell(
            None,
            Severity.CRITICAL,
            agent.id,
            f"{agent.id} refuses our password: {event.detail or 'nothing is done there'}",
            "an agent that refuses us is told about",
        )
        return
    stopped = [session for session in _of(draft, agent) if _was_at_work(session)]
    if is_news and agent.way is Way.INTEGRATED and event.cause is not DownCause.DONE:
        stopped += [one for one in _of(draft, agent) if one not in stopped and _was_pending(one)]
    _stop_each(draft, stopped, event, agent)
    if not is_news:
        return
    if event.cause is DownCause.ENDED and agent.way is Way.INTEGRATED:
        _leave_for_good(draft, agent)
    if agent.way is not Way.MANAGED or event.cause is DownCause.ENDED:
        return
    if not stopped and event.cause is not DownCause.STOPPED:
        _bring_back(draft, draft.agents[agent.id])


def _never_came_up(draft: Draft, event: events.AgentDown) -> None:
    """An agent that was to be there is not: list it, and say so once.

    Nobody counts on a program of the person's own; one may be gone before it has answered.
    """
    if event.way is None or event.way.is_hers:
        return
    draft.agents[event.agent] = Agent(
        id=event.agent,
        assistant=event.assistant,
        way=event.way,
        version="",
        supported=True,
        up=False,
        since=event.at,
        started_at=event.at,
        down=event.cause,
        detail=event.detail,
    )
    draft.tell(
        None,
        Severity.CRITICAL,
        event.agent,
        f"{event.agent} cannot be watched: {event.detail}",
        "an agent that does not come up is told about",
    )


def _left_behind(draft: Draft, agent: Agent) -> None:
    """A rule ended this server on purpose; whoever else was at work there needs a person."""
    for session in list(draft.sessions.values()):
        if session.agent == agent.id and _was_at_work(session):
            outlook = f"a rule stopped {agent.id} while it was at work there"
            if session.status is Status.PAUSED:
                draft.put(replace(session, plan=None, paused_from=Status.ATTENTION))
            else:
                cancelled = cancel(draft, session, outlook)
                end_plan(draft, cancelled, "need_attention", outlook)


def _is_restarted(draft: Draft, agent: Agent) -> bool:
    """Whether we end it only to start it again: for whoever works there that is a crash."""
    restarts = (effect for effect in draft.open.values() if isinstance(effect, effects.Restart))
    return any(effect.agent == agent.id for effect in restarts)


def is_to_be_ended(draft: Draft, agent: Agent) -> bool:
    """Whether an order to end its server for good is under way: coming up does not undo that."""
    stops = (effect for effect in draft.open.values() if isinstance(effect, effects.Stop))
    return any(effect.agent == agent.id for effect in stops)


def _was_pending(session: Session) -> bool:
    """Whether something was to follow in a program of hers, as her screen has said.

    Its end is news for the policy, whoever has ended it. One that came to its end by itself
    (`opencode run` has one prompt to run) leaves what is pending as it is.
    """
    return session.supervised and (session.paused_from or session.status) in PLANNED


def _retries_no_more(draft: Draft, agent: Agent) -> None:
    """What it tried again by itself is over with it: nobody has to end that before a prompt."""
    for session in _of(draft, agent):
        if session.stop is not None and session.stop.retrying:
            draft.put(replace(session, stop=replace(session.stop, retrying=False)))


def _leave_for_good(draft: Draft, agent: Agent) -> None:
    """Her exit: nothing is looked at again by a timer in the program that she has left."""
    for session in _of(draft, agent):
        if session.supervised and session.reopen_at is not None:
            draft.put(replace(session, latched=True, reopen_at=None))


def died_meanwhile(draft: Draft, session: Session) -> bool:
    """Whether an effect came to nothing because the agent died; then that is what is decided."""
    agent = draft.agents.get(session.agent)
    ordered_at = session.since
    if agent is None or agent.down is DownCause.REFUSED:
        return False
    if agent.way.is_hers and not agent.is_gone:
        return False
    if agent.up and agent.started_at <= ordered_at:
        return False
    # One that runs again is younger than the stop: it is not restarted once more.
    stopped_at = ordered_at if agent.up else agent.since
    reason = StopReason.USER_EXIT if agent.down is DownCause.ENDED else StopReason.CRASH
    stop = Stop(
        key=down_key(draft.at),
        reason=reason,
        confidence=0.8,
        message=f"{agent.id}: {agent.detail or 'it was gone before our action came to anything'}",
        words=True,
        evidence={"cause": (agent.down or DownCause.EXITED).value},
    )
    session = replace(
        session,
        stop=stop,
        stopped_at=stopped_at,
        block=None,
        aborting=False,
        latched=session.latched or reason is StopReason.USER_EXIT,
    )
    session = draft.note(session, "stopped", reason.value)
    decide_stop(draft, begin_episode(draft, session, reason))
    return True


def _was_at_work(session: Session) -> bool:
    if not session.supervised:
        return False
    if session.status in _AT_WORK or session.status is Status.PAUSED:
        return session.status is not Status.PAUSED or session.paused_from in _AT_WORK
    plan = session.plan
    if session.status is not Status.WAITING or plan is None:
        return False
    return isinstance(plan.steps[plan.index], Delegate)


def _stop_each(
    draft: Draft, stopped: Iterable[Session], event: events.AgentDown, agent: Agent
) -> None:
    """`agent`: as it was before its end was told."""
    for session in stopped:
        if not goes_on_elsewhere(draft, draft.sessions[session.id]):
            known = last_alive(draft, draft.sessions[session.id], agent, event)
            _stop(draft, draft.sessions[session.id], event, agent, known)


def _stop(
    draft: Draft,
    session: Session,
    event: events.AgentDown,
    agent: Agent,
    known: Mapping[str, str | int | float | bool],
) -> None:
    """Derive the stop of one session from the end of its agent, and from what is `known` of that.

    A clean end of the person's own program is her exit; any other end is a crash. Its key names
    the instant, since there is no message to anchor it to.
    """
    ended = event.cause is DownCause.ENDED
    reason = StopReason.USER_EXIT if ended else StopReason.CRASH
    how = event.detail or _how(event)
    stop = Stop(
        key=down_key(event.at),
        reason=reason,
        confidence=1.0 if event.exit_code is not None or event.signal else 0.8,
        message=f"{agent.id}: {how}",
        exit_code=event.exit_code,
        signal=event.signal,
        words=True,
        evidence={"cause": event.cause.value, **known},
    )
    session = draft.note(
        replace(
            session,
            stop=stop,
            stopped_at=event.at,
            repeats=session.repeats + 1,
            block=None,
            aborting=False,
            latched=session.latched or ended,
        ),
        "stopped",
        reason.value,
    )
    if session.status is Status.PAUSED:
        draft.put(replace(session, paused_from=Status.DECIDING))
        return
    decide_stop(draft, begin_episode(draft, session, reason))


def down_key(at: datetime) -> str:
    """Key of a stop that comes from the end of an agent: no message anchors it."""
    return f"down:{at:%Y%m%dT%H%M%S.%fZ}"


def _how(event: events.AgentDown) -> str:
    if event.signal:
        return f"ended by {event.signal}"
    if event.exit_code is not None:
        return f"exited with code {event.exit_code}"
    return f"{event.cause}; how it ended is not known"


def _bring_back(draft: Draft, agent: Agent) -> None:
    """A managed server that died while nobody worked there is started again, as the rails let us.

    Where nothing is done now, that is due when something is done again.
    """
    if _is_restarted(draft, agent):
        return
    if not may_bring_back(draft.world, draft.policy):
        draft.agents[agent.id] = replace(agent, revive_at=draft.at)
        return
    verdict = may_restart(draft.now(), agent, draft.at)
    if isinstance(verdict, Later):
        draft.agents[agent.id] = replace(agent, revive_at=verdict.until)
    elif isinstance(verdict, Allowed):
        why = f"{agent.id} died while nobody worked there"
        decision = draft.decide("told", event="", rule="kernel", why=why)
        order_restart(draft, agent, decision.id, "0")


def may_bring_back(world: World, policy: Policy) -> bool:
    """Whether a server may be started again that no rule asked for.

    Not in shadow, in a pause, and in safe hold: nothing is done there.
    """
    return policy.mode is Mode.ENFORCE and not world.paused and world.safe_hold is None


def revive_due(draft: Draft) -> None:
    """Whatever died while nobody worked there, and had to wait for it, is started again now."""
    if not may_bring_back(draft.world, draft.policy):
        return
    for agent in list(draft.agents.values()):
        if agent.revive_at is not None and agent.revive_at <= draft.at:
            draft.agents[agent.id] = replace(agent, revive_at=None)
            if not agent.up:
                _bring_back(draft, draft.agents[agent.id])


def not_brought_back(draft: Draft, effect: effects.Restart) -> None:
    """A restart that nobody waits for came to nothing: it is tried again, as the rails let us."""
    agent = draft.agents.get(effect.agent)
    if agent is not None and not agent.up and not agent.stopped:
        draft.agents[agent.id] = replace(agent, revive_at=draft.at + RECHECK)
