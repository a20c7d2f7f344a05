"""Which sessions of a world are ours to care for."""

from collections.abc import Iterator, Mapping

from palingenesis.assistants.opencode.missing import Remembered
from palingenesis.core.lifecycle import ACTIVE, PLANNED
from palingenesis.core.values import AgentId, SessionId, Status, Way
from palingenesis.core.world import Agent, Session, World
from palingenesis.runtime.config import Config


def to_look_for(world: World) -> Mapping[AgentId, frozenset[SessionId]]:
    """Sessions that we look for after a start, by their agent: whoever waits may have gone on.

    Only their own agent is asked: what another one does not know is not gone.
    """
    found: dict[AgentId, frozenset[SessionId]] = {}
    for session in world.sessions.values():
        if session.supervised and (session.paused_from or session.status) in ACTIVE:
            found[session.agent] = found.get(session.agent, frozenset()) | {session.id}
    return found


def remembered(world: World, *, still: bool = False) -> tuple[Remembered, ...]:
    """The programs of the person's own that live, as far as we know.

    None while nothing can be taken in (`still`): whoever watches one has told its end by then,
    which nobody knows yet, and a second telling would be a second stop.
    """
    if still:
        return ()
    return tuple(
        Remembered(
            pid=agent.pid,
            started_at=agent.started_at,
            way=agent.way,
            ends_itself=agent.ends_itself,
            is_up=agent.up,
        )
        for agent in world.agents.values()
        if agent.way.is_hers and agent.is_live and agent.pid is not None
    )


def at_work(world: World, agent: AgentId) -> frozenset[SessionId]:
    """The sessions of an agent that work as far as the kernel knows."""
    status = {Status.WORKING, Status.VERIFYING}
    return frozenset(one.id for one in _supervised(world, agent) if one.status in status)


def under_way(world: World, agent: AgentId) -> frozenset[SessionId]:
    """Sessions of an agent in which something may be under way: they do not wait for us."""
    status = ACTIVE - PLANNED
    sessions = _supervised(world, agent)
    return frozenset(one.id for one in sessions if (one.paused_from or one.status) in status)


def _supervised(world: World, agent: AgentId) -> Iterator[Session]:
    sessions = world.sessions.values()
    return (one for one in sessions if one.agent == agent and one.supervised)


def open_in(world: World, session: Session) -> Agent | None:
    """The program of the person's own that has the session open, as far as that can be told.

    Whoever only observes one sees no more than that it works there.
    """
    for name in (session.agent, *session.at_work):
        agent = world.agents.get(name)
        if agent is None or not agent.way.is_hers or not agent.is_live:
            continue
        if agent.way is Way.INTEGRATED or name in session.at_work:
            return agent
    return None


def globs(config: Config) -> tuple[str, ...]:
    """Where documents of sessions are, whoever wrote them."""
    folder = config.monitoring.session_dir
    return (f"{folder.rstrip('/')}/*.md",) if folder else ()


def owned(world: World) -> frozenset[SessionId]:
    """Sessions of which somebody tells who sees more: a server, or a program that lets us in."""
    served = {
        agent.id
        for agent in world.agents.values()
        if agent.way is not Way.OBSERVED and (agent.up or not agent.way.is_hers)
    }
    return frozenset(
        session.id
        for session in world.sessions.values()
        if session.supervised and session.agent in served
    )
