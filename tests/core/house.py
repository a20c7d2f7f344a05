"""A machine with several agents that share their sessions: ours, and programs of the person's."""

from datetime import datetime

from palingenesis.core import events
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, DownCause, SessionId, Stop, StopReason, Way
from tests.core.life import AGENT, SES, START, Act, Life

OURS = AGENT
HERS, OTHER, SEEN = AgentId("opencode-100"), AgentId("opencode-200"), AgentId("opencode-300")
WAYS = {OURS: Way.MANAGED, HERS: Way.INTEGRATED, OTHER: Way.INTEGRATED, SEEN: Way.OBSERVED}


def up(agent: AgentId, way: Way | None = None, started_at: datetime = START) -> Act:
    """The agent answers; the same process as long as it was started at the same time."""

    def act(life: Life) -> events.Event:
        return events.AgentUp(
            at=life.now,
            agent=agent,
            assistant="opencode",
            way=way or WAYS[agent],
            version="1.18.33",
            supported=True,
            started_at=started_at,
        )

    return act


def down(agent: AgentId, cause: DownCause) -> Act:
    return lambda life: events.AgentDown(at=life.now, agent=agent, cause=cause)


def works(agent: AgentId, session: SessionId = SES) -> Act:
    return lambda life: events.SessionWorking(at=life.now, session=session, agent=agent)


def stops(
    agent: AgentId,
    reason: str = "overloaded",
    *,
    key: str = "",
    session: SessionId = SES,
    retrying: bool = False,
) -> Act:
    def act(life: Life) -> events.Event:
        name = key or f"{agent}@{life.now.isoformat()}"
        stop = Stop(key=name, reason=StopReason(reason), retrying=retrying)
        return events.SessionStopped(at=life.now, session=session, agent=agent, stop=stop)

    return act


def lists(agent: AgentId, session: SessionId = SES) -> Act:
    return lambda life: events.SessionSeen(at=life.now, session=session, agent=agent)


def at_home(policy: Policy, owner: AgentId = HERS, way: Way | None = None) -> Life:
    """A life in which the session works in one of the agents, and all of them are up."""
    life = Life(policy)
    for agent in WAYS:
        life >> up(agent, way if agent == owner else None)
    life.world = life.world.__class__(seed=life.world.seed, agents=life.world.agents)
    life >> lists(owner) >> works(owner)
    life.orders.clear()
    life.decisions.clear()
    return life
