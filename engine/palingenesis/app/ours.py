"""Which sessions of a world are ours to care for."""

from palingenesis.core.lifecycle import ACTIVE
from palingenesis.core.values import SessionId, Way
from palingenesis.core.world import World


def to_look_for(world: World) -> frozenset[SessionId]:
    """Sessions that we look for after a start: whoever waits may have gone on meanwhile."""
    return frozenset(
        session.id
        for session in world.sessions.values()
        if session.supervised and (session.paused_from or session.status) in ACTIVE
    )


def owned(world: World) -> frozenset[SessionId]:
    """Sessions that our own or an attached server works on."""
    served = {agent.id for agent in world.agents.values() if agent.way is not Way.OBSERVED}
    return frozenset(
        session.id
        for session in world.sessions.values()
        if session.supervised and session.agent in served
    )
