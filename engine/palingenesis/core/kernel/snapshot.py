"""The facts of one session at one instant, as a condition may ask about them."""

from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.spending import budgets
from palingenesis.core.policy.calendars import within_key
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue, Stop
from palingenesis.core.world import Agent, Session, World

_RESETS: Final = frozenset({"header", "body", "text"})
"""Sources of an instant that are about a limit, not about the next try (`retry-after`)."""
_HOUR: Final = timedelta(hours=1)
TELL_OF_A_STOP: Final = frozenset({"stopped", "action_failed"})
"""With any other event the last stop is the past: the session has worked since."""


def facts_of(
    world: World, session: Session, event: str, at: datetime, policy: Policy
) -> dict[str, FactValue]:
    """Everything known about `session` when `event` happened; a missing key is unknown.

    The policy says what is counted, which calendars there are, and where a day begins.
    """
    zone, policy = policy.zone, policy.for_directory(session.directory)
    facts: dict[str, FactValue | None] = {
        **world.host,
        **session.facts,
        "event": event,
        "session.title": session.title,
        "session.directory": session.directory,
        "session.idle": at - (session.alive_at or session.since),
        "progress.age": at - (session.progressed_at or session.alive_at or session.since),
        "session.age": at - session.seen_at if session.seen_at else None,
        "progress.repeats": session.repeats,
        "operator.paused": world.paused or session.paused_from is not None,
        "operator.paused_by": session.paused_by or world.paused_by or None,
        "operator.seen": at - session.person_at if session.person_at else None,
    }
    facts.setdefault("work.state", "absent")
    facts.setdefault("session.children", 0)
    _add_stop(facts, session, event, at)
    _add_block(facts, session, at)
    _add_episode(facts, session, at)
    agent = world.agents.get(session.agent)
    if agent is not None:
        _add_agent(facts, agent, session, at)
    if session.failure is not None and event == "action_failed":
        facts["action.kind"], facts["action.error"] = session.failure
    facts |= budgets(world, session, zone, at)
    for name, calendar in policy.calendars.items():
        facts[within_key(name)] = calendar.covers(at)
    for what, window in policy.windows:
        facts[f"count({what}, {show_duration(window)})"] = count(session, what, at - window)
    return {name: value for name, value in facts.items() if value is not None}


def count(session: Session, what: str, since: datetime) -> int:
    """How often an event or a stop reason happened to the session after `since`."""
    return sum(1 for name, at in session.happened if name == what and at > since)


def decided(session: Session, rule: str, since: datetime) -> int:
    """How often a rule decided about the session after `since`."""
    return sum(1 for name, at in session.decided if name == rule and at > since)


def _add_stop(
    facts: dict[str, FactValue | None], session: Session, event: str, at: datetime
) -> None:
    stop = session.stop
    if stop is None or event not in TELL_OF_A_STOP:
        return
    facts |= {
        "stop.reason": stop.reason.value,
        "stop.confidence": stop.confidence,
        "stop.retry_after": max(stop.retry_at - at, timedelta(0)) if stop.retry_at else None,
        "stop.resets_in": _resets_in(stop, at),
        "stop.http_status": stop.http_status,
        "stop.exit_code": stop.exit_code,
        "stop.signal": stop.signal,
        "stop.message": stop.message,
        "stop.provider": stop.provider,
        "stop.model": stop.model,
        "stop.retrying": stop.retrying,
        "stop.attempt": stop.attempt,
    }


def _resets_in(stop: Stop, at: datetime) -> timedelta | None:
    """How long until the limit's window begins anew; None where only a pause was asked for."""
    if stop.retry_at is None or stop.evidence.get("reset_source") not in _RESETS:
        return None
    return max(stop.retry_at - at, timedelta(0))


def _add_block(facts: dict[str, FactValue | None], session: Session, at: datetime) -> None:
    block = session.block
    if block is None:
        return
    facts |= {
        "block.kind": block.kind.value,
        "block.age": max(at - block.since, timedelta(0)),
        "block.tool": block.tool,
        "block.text": block.text,
    }


def _add_episode(facts: dict[str, FactValue | None], session: Session, at: datetime) -> None:
    episode = session.episode
    facts["episode.attempts"] = episode.attempts if episode else 0
    if episode is not None:
        facts["episode.age"] = at - episode.started_at
        facts["episode.first_reason"] = episode.first_reason.value


def _add_agent(
    facts: dict[str, FactValue | None], agent: Agent, session: Session, at: datetime
) -> None:
    facts |= {
        "agent.kind": agent.assistant,
        "agent.name": agent.id,
        "agent.way": agent.way.value,
        "agent.up": agent.up,
        "agent.restarts": sum(1 for instant in agent.restarts if instant > at - _HOUR),
        "agent.retrying": bool(session.stop and session.stop.retrying),
        "agent.version": agent.version,
        "agent.supported": agent.supported,
    }
