"""Which rails are touched now, for `status`: what holds us back, since when, and until when."""

from datetime import datetime
from typing import Final

from palingenesis.core.safety import BREAKER_OPEN, breaker_until, cannot_see, caps_reached
from palingenesis.core.world import Agent, World
from palingenesis.runtime import door
from palingenesis.runtime.views import instant

NOT_YET: Final = "not reached yet since the daemon started"


def rails(world: World, at: datetime) -> list[door.RailStatus]:
    """What holds everything back that would be done now."""
    return [_rail(later.rail, later.until) for later in caps_reached(world, at)]


def agents(world: World, at: datetime) -> list[door.AgentStatus]:
    """The agents that concern somebody.

    A program of the person's own that has ended does not; one that is out of reach for a moment is
    no trouble that anybody has to be told of.
    """
    shown = (one for one in world.agents.values() if one.up or not one.way.is_hers)
    return [_agent(world, agent, at) for agent in shown]


def is_up(world: World, agent: Agent) -> bool:
    """Whether it answers as far as this run knows: the world remembers what an earlier one saw."""
    return agent.up and is_heard(world, agent)


def is_heard(world: World, agent: Agent) -> bool:
    """Whether this run has seen it up, or found it down. Programs of hers are told as they are."""
    began = world.started_at
    return agent.way.is_hers or began is None or agent.since >= began


def _agent(world: World, agent: Agent, at: datetime) -> door.AgentStatus:
    heard = is_heard(world, agent)
    was_up = agent.up and not heard
    began = world.started_at or agent.since
    return {
        "id": agent.id,
        "assistant": agent.assistant,
        "way": agent.way.value,
        "version": agent.version,
        "supported": agent.supported,
        "up": is_up(world, agent),
        "heard": heard,
        "since": instant(began if was_up else agent.since),
        "pid": None if was_up else agent.pid,
        "detail": NOT_YET if was_up else agent.detail,
        "rails": _of_agent(world, agent, at),
    }


def _of_agent(world: World, agent: Agent, at: datetime) -> list[door.RailStatus]:
    touched = []
    if agent.stopped:
        touched.append(_rail("a rule stopped this server; no rule starts it again"))
    if (until := breaker_until(agent)) is not None:
        half_open = (
            f"{BREAKER_OPEN.partition(':')[0]}: one restart at a time until there is progress"
        )
        touched.append(_rail(BREAKER_OPEN, until) if at < until else _rail(half_open))
    if agent.id in world.unseen:
        touched.append(_rail(f"{cannot_see(agent.id)} ({world.unseen[agent.id]})"))
    return touched


def _rail(rail: str, until: datetime | None = None) -> door.RailStatus:
    return {"rail": rail, "until": instant(until) if until is not None else None}


def safe_hold(world: World) -> door.SafeHoldStatus | None:
    """Why nothing is done, if it is our own fault."""
    held = world.safe_hold
    if held is None:
        return None
    return {
        "since": instant(held.since),
        "what": held.what,
        "where": held.where,
        "version": held.version,
    }
