"""Which rails are touched now, for `status`: what holds us back, since when, and until when."""

from datetime import datetime

from palingenesis.core.safety import BREAKER_OPEN, breaker_until, cannot_see, caps_reached
from palingenesis.core.world import Agent, World
from palingenesis.runtime import door
from palingenesis.runtime.views import instant


def rails(world: World, at: datetime) -> list[door.RailStatus]:
    """What holds everything back that would be done now."""
    return [_rail(later.rail, later.until) for later in caps_reached(world, at)]


def agents(world: World, at: datetime) -> list[door.AgentStatus]:
    """The agents that concern somebody.

    A program of the person's own that has ended does not; one that is out of reach for a moment is
    no trouble that anybody has to be told of.
    """
    return [
        {
            "id": agent.id,
            "assistant": agent.assistant,
            "way": agent.way.value,
            "version": agent.version,
            "supported": agent.supported,
            "up": agent.up,
            "since": instant(agent.since),
            "pid": agent.pid,
            "detail": agent.detail,
            "rails": _of_agent(world, agent, at),
        }
        for agent in world.agents.values()
        if agent.up or not agent.way.is_hers
    ]


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
