"""A long life for a soak: what happens next to ten sessions, told from the world alone.

`next_event` asks only the world, the instant and dice, so that a soak goes on after a start where
it stood. Sessions come, work, stop for every reason, ask, end and are followed by others; people
speak, agents die and come back, the policy is saved again.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from palingenesis.core import commands, events
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    SessionId,
    Status,
    Stop,
    StopReason,
    Way,
)
from palingenesis.core.world import Session, World

AGENT = AgentId("opencode")
SLOTS = 10
_REASONS = [reason for reason in StopReason if reason is not StopReason.USER_EXIT]
_OVER = frozenset({Status.COMPLETED, Status.STOOD_DOWN, Status.ATTENTION, Status.DETACHED})


def beginning(at: datetime, policy: Policy) -> Iterator[Event]:
    """What a daemon says when it starts."""
    yield events.DaemonStarted(at=at, version="soak", seed=f"{at:%Y%m%d%H%M%S}")
    yield adopted(at, policy)
    yield agent_up(at)


def adopted(at: datetime, policy: Policy) -> Event:
    resolved = dict(policy.resolved)
    return events.PolicyAdopted(at=at, name="soak", digest=policy.digest, resolved=resolved)


def agent_up(at: datetime, agent: AgentId = AGENT, way: Way = Way.MANAGED) -> Event:
    return events.AgentUp(
        at=at,
        agent=agent,
        assistant="opencode",
        way=way,
        version="1.18.33",
        supported=True,
        started_at=at,
    )


def next_event(world: World, policy: Policy, at: datetime, dice: Random) -> Event:
    """What happens next."""
    lot = dice.random()
    if lot < 0.0005:
        return adopted(at, policy)
    if lot < 0.002:
        return _agents(world, at, dice)
    if lot < 0.03:
        value = round(dice.random(), 1)
        return events.FactsObserved(at=at, facts={"host.disk_free": value})
    if lot < 0.25:
        return events.Ticked(at=at)
    slot = dice.randrange(SLOTS)
    session = _newest(world, slot)
    if session is None or (session.status in _OVER and dice.random() < 0.05):
        number = dice.randrange(10**9)
        title = f"task {number} of a long life"
        return events.SessionSeen(
            at=at, session=SessionId(f"ses_{slot}_{number}"), agent=AGENT, title=title
        )
    return _of_session(session, at, dice)


def _newest(world: World, slot: int) -> Session | None:
    mine = [s for s in world.sessions.values() if s.id.startswith(f"ses_{slot}_")]
    return max(mine, key=lambda one: (one.seen_at or one.since, one.id), default=None)


def _agents(world: World, at: datetime, dice: Random) -> Event:
    """Ours dies and comes back; programs of the person's own come and go."""
    ours = world.agents.get(AGENT)
    if ours is None or not ours.up:
        return agent_up(at)
    if dice.random() < 0.3:
        return events.AgentDown(at=at, agent=AGENT, cause=DownCause.EXITED, signal="SIGKILL")
    theirs = [one for one in world.agents.values() if one.way is Way.OBSERVED and one.up]
    if theirs and dice.random() < 0.5:
        return events.AgentDown(at=at, agent=theirs[0].id, cause=DownCause.ENDED, exit_code=0)
    return agent_up(at, AgentId(f"opencode:{dice.randrange(10**6)}"), Way.OBSERVED)


def _of_session(session: Session, at: datetime, dice: Random) -> Event:
    deeds: list[tuple[int, Callable[[], Event]]] = [
        (30, lambda: events.SessionAlive(at=at, session=session.id, what="text")),
        (20, lambda: events.SessionProgressed(at=at, session=session.id, what="turn")),
        (15, lambda: events.SessionWorking(at=at, session=session.id, agent=AGENT)),
        (12, lambda: _stopped(session, at, dice)),
        (10, lambda: _facts(session, at, dice)),
        (3, lambda: _blocked(session, at)),
        (3, lambda: events.SessionUnblocked(at=at, session=session.id, block="per_1")),
        (2, lambda: events.PersonPrompted(at=at, session=session.id, message=f"m{at}")),
        (1, lambda: _commanded(session, at, dice)),
    ]
    weights = [weight for weight, _ in deeds]
    return dice.choices([deed for _, deed in deeds], weights)[0]()


def _stopped(session: Session, at: datetime, dice: Random) -> Event:
    reason = dice.choice(_REASONS)
    wait = timedelta(seconds=dice.choice([30, 600, 18_000]))
    stop = Stop(
        key=f"msg_{at.timestamp()}",
        reason=reason,
        message=f"the provider says {reason}: " + "x" * dice.randrange(200),
        provider=dice.choice(["anthropic", "openai"]),
        retry_at=at + wait if reason in {StopReason.RATE_LIMIT, StopReason.QUOTA} else None,
    )
    return events.SessionStopped(at=at, session=session.id, agent=AGENT, stop=stop)


def _facts(session: Session, at: datetime, dice: Random) -> Event:
    facts = {
        "session.cost": round(dice.random() * 10, 2),
        "work.steps_completed": dice.randrange(9),
    }
    return events.FactsObserved(at=at, session=session.id, facts=facts)


def _blocked(session: Session, at: datetime) -> Event:
    block = Block(
        id="per_1", kind=BlockKind.PERMISSION, text="rm -rf build?", tool="bash", since=at
    )
    return events.SessionBlocked(at=at, session=session.id, agent=AGENT, block=block)


def _commanded(session: Session, at: datetime, dice: Random) -> Event:
    asked = dice.choice(
        [
            commands.Hold(session=session.id),
            commands.Release(session=session.id),
            commands.Release(),
            commands.Abort(session=session.id),
            commands.Detach(session=session.id),
        ]
    )
    return events.CommandGiven(at=at, command=asked, by="anna")
