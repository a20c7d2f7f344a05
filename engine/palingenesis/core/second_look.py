"""A second look at a turn, right before it is written down and carried out.

Theory of operation. The rails (core.safety) are asked while a plan is walked; a mistake in the
walking could go past them. So whatever a turn is about to do is held against the world before and
after it once more, by code that shares nothing with the kernel but the numbers. It knows less than
the rails, and forgives nothing: what it objects to is a mistake of ours, and the loop then stops
acting (`core.kernel.holding`).
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.effects import (
    Compact,
    Effect,
    Log,
    NewSession,
    Notify,
    Restart,
    Resume,
    Retry,
    Run,
    SessionEffect,
    Snapshot,
    Stop,
)
from palingenesis.core.safety import (
    BREAKER,
    NEW_SESSIONS_PER_HOUR_IN_ALL,
    PROBE,
    PROMPTS_PER_HOUR,
    PROMPTS_PER_HOUR_IN_ALL,
    RESTARTS_MAX,
    RESTARTS_PER_HOUR_IN_ALL,
    RESTARTS_WITHIN,
    UNPRODUCTIVE_MAX,
    WAIT_MAX,
)
from palingenesis.core.values import NOBODY_ANSWERED, NOT_NOW, AgentId, Status, Way
from palingenesis.core.world import Session, World

_HOUR: Final = timedelta(hours=1)
_SLACK: Final = timedelta(seconds=1)
_PROMPTS: Final = Resume | Retry | NewSession | Compact
"""Effects that have a model at work."""


def objection(
    before: World,
    after: World,
    effects: Collection[Effect],
    decisions: Collection[int],
    at: datetime,
    *,
    enforced: bool,
) -> str:
    """What a turn would do that must never happen; "" if there is nothing.

    Args:
        before: the world that the event met.
        after: the world as the turn leaves it.
        effects: what the turn orders.
        decisions: the numbers of the decisions that it made.
        at: when the event happened.
        enforced: whether the policy may act at all; in shadow, and off, only the person may.
    """
    met: set[str] = set()
    for effect in effects:
        if effect.id in before.open or effect.id in met:
            return f"effect {effect.id} was ordered before"
        met.add(effect.id)
        why = _undecided(before, after, effect, decisions) or _forbidden(
            before, after, effect, at, enforced=enforced
        )
        if why:
            return f"{type(effect).__name__} {effect.id}: {why}"
    return _too_long(before, after, at)


def _undecided(before: World, after: World, effect: Effect, decisions: Collection[int]) -> str:
    """An effect comes from a decision of this turn, a plan that goes on, or a held notice."""
    if f"-{effect.decision}." not in effect.id:
        return f"its id does not name decision {effect.decision}"
    if effect.decision in decisions:
        return ""
    plans = (
        session.plan.decision
        for world in (before, after)
        for session in world.sessions.values()
        if session.plan is not None
    )
    held = (one.notice.decision for one in before.held)
    if effect.decision in {*plans, *held}:
        return ""
    return f"nobody decided it: there is no decision {effect.decision}"


def _forbidden(before: World, after: World, effect: Effect, at: datetime, *, enforced: bool) -> str:
    if isinstance(effect, Notify | Log):
        return ""
    hers = any(
        session.plan is not None
        and session.plan.effect == effect.id
        and session.plan.event == "operator"
        for session in after.sessions.values()
    )
    if not enforced and not hers:
        return "the policy in force does not act"
    if after.paused and not hers:
        return "the operator has paused everything"
    match effect:
        case Restart():
            return _no_restart(before, after, effect.agent, at, hers=hers)
        case Stop():
            return _not_ours(after, effect.agent)
        case Run():
            return ""
        case _:
            return _no_touch(after, effect, at, hers=hers)


def _no_restart(before: World, after: World, agent: AgentId, at: datetime, *, hers: bool) -> str:
    if why := _not_ours(after, agent):
        return why
    under_way = sum(isinstance(e, Restart) and e.agent == agent for e in after.open.values())
    if under_way > 1:
        return "a restart of that server is under way"
    if _within(after.restarted, at) > RESTARTS_PER_HOUR_IN_ALL:
        return f"more than {RESTARTS_PER_HOUR_IN_ALL} restarts within an hour in all"
    if agent in after.unseen:
        return "its sensor is broken"
    known = before.agents.get(agent)
    if known is None:
        return ""
    if known.stopped and not hers:
        return "a rule stopped that server"
    bursts = zip(known.restarts, known.restarts[RESTARTS_MAX - 1 :], strict=False)
    open_ = known.tripped or any(last - first <= RESTARTS_WITHIN for first, last in bursts)
    if open_ and known.restarts and at < known.restarts[-1] + BREAKER:
        return "its breaker is open"
    return ""


def _not_ours(after: World, agent: AgentId) -> str:
    known = after.agents.get(agent)
    if known is None or known.way is not Way.MANAGED or not known.supported:
        return "the server is not ours to end"
    return ""


def _no_touch(after: World, effect: SessionEffect, at: datetime, *, hers: bool) -> str:
    session, agent = after.sessions.get(effect.session), after.agents.get(effect.agent)
    if session is None or agent is None:
        return "there is no such session, or no such agent"
    if session.agent != agent.id:
        return "the session is another agent's"
    if agent.way is Way.OBSERVED or not agent.supported:
        return "the agent is only watched"
    if not agent.up:
        return "the agent does not run"
    if agent.id in after.unseen:
        return "its sensor is broken"
    if session.latched and not hers:
        return "the person stopped this session"
    if session.status is Status.PAUSED:
        return "the operator holds the session"
    aside = isinstance(effect, Snapshot) and effect.aside
    if not aside and (session.plan is None or session.plan.effect != effect.id):
        return "no plan of the session waits for it"
    if isinstance(effect, _PROMPTS) and session.block is not None:
        return f"a {session.block.kind} waits for the person"
    if isinstance(effect, _PROMPTS) and not hers:
        return _too_often(after, session, effect, at)
    return ""


def _too_often(
    after: World, session: Session, effect: Resume | Retry | NewSession | Compact, at: datetime
) -> str:
    """The prompt in question is counted already: it is the newest."""
    if _within(session.prompts, at) > PROMPTS_PER_HOUR:
        return f"more than {PROMPTS_PER_HOUR} prompts within an hour"
    if _within(after.prompted, at) > PROMPTS_PER_HOUR_IN_ALL:
        return f"more than {PROMPTS_PER_HOUR_IN_ALL} prompts within an hour in all"
    if isinstance(effect, NewSession) and _within(after.begun, at) > NEW_SESSIONS_PER_HOUR_IN_ALL:
        return f"more than {NEW_SESSIONS_PER_HOUR_IN_ALL} new sessions within an hour in all"
    vain = session.unproductive - (0 if isinstance(effect, Compact) else 1)
    if vain < UNPRODUCTIVE_MAX:
        return ""
    stalled = session.plan is not None and session.plan.event == "stalled"
    reason = session.stop.reason if session.stop is not None and not stalled else None
    if reason in NOT_NOW:
        return ""
    earlier = session.prompts[:-1]
    if reason in NOBODY_ANSWERED and earlier and at >= earlier[-1] + PROBE:
        return ""
    return f"{vain} prompts in a row achieved nothing"


def _within(instants: Iterable[datetime], at: datetime) -> int:
    return sum(instant > at - _HOUR for instant in instants)


def _too_long(before: World, after: World, at: datetime) -> str:
    """No wait that this turn began, or moved, is longer than any wait may be."""
    for id_, session in after.sessions.items():
        plan = session.plan
        if plan is None or plan.deadline is None or session.status is not Status.WAITING:
            continue
        earlier = before.sessions.get(id_)
        if earlier is session:
            continue
        begun = max(at, plan.wait_from or at)
        if plan.deadline > begun + WAIT_MAX + _SLACK:
            return f"{id_} would wait until {plan.deadline:%Y-%m-%dT%H:%M:%SZ}"
    return ""
