"""Which sessions of a world are ours to care for."""

from palingenesis.core.lifecycle import ACTIVE
from palingenesis.core.values import SessionId, Way
from palingenesis.core.world import World
from palingenesis.runtime.config import Config


def to_look_for(world: World) -> frozenset[SessionId]:
    """Sessions that we look for after a start: whoever waits may have gone on meanwhile."""
    return frozenset(
        session.id
        for session in world.sessions.values()
        if session.supervised and (session.paused_from or session.status) in ACTIVE
    )


def globs(config: Config) -> tuple[str, ...]:
    """Where documents of sessions are, whoever wrote them."""
    folder = config.monitoring.session_dir
    return (f"{folder.rstrip('/')}/*.md",) if folder else ()


def owned(world: World) -> frozenset[SessionId]:
    """Sessions that our own or an attached server works on."""
    served = {agent.id for agent in world.agents.values() if agent.way is not Way.OBSERVED}
    return frozenset(
        session.id
        for session in world.sessions.values()
        if session.supervised and session.agent in served
    )
