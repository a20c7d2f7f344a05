"""Nights by the dice, written down: what came in, what was decided and ordered, and where it led.

Each line ends with a digest of the whole world, so that no change of what is remembered is too
small to be seen. What is at its default is left out of the digest: a new field changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from hashlib import sha256
from random import Random
from typing import Any, Final

from palingenesis.core import commands, effects, events
from palingenesis.core.events import Event
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    Result,
    SessionId,
    Stop,
    StopReason,
    Way,
)
from palingenesis.core.world import World
from palingenesis.simulation.rehearsal import name_of
from tests.core.life import START, Life
from tests.core.many_policies import POLICIES
from tests.core.policies import shadow

AGENTS: Final = {
    AgentId("ours"): Way.MANAGED,
    AgentId("hers"): Way.ATTACHED,
    AgentId("seen"): Way.OBSERVED,
    AgentId("let_in"): Way.INTEGRATED,
}
SESSIONS: Final = tuple(SessionId(f"ses_{number}") for number in range(5))
NOT_OURS: Final = {"tally", "savings"}
"""Of the world: figures for people, which have tests of their own."""


class Dice:
    """Everything that is drawn comes from `random()`, the one method that never changes."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def below(self, count: int) -> int:
        return int(self._random.random() * count)

    def one(self, of: Any) -> Any:
        return of[self.below(len(of))]

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent


class Teller:
    """Draws the next event of a night."""

    def __init__(self, dice: Dice, life: Life) -> None:
        self.dice = dice
        self.life = life
        self._makers: list[Callable[[], Event]] = [
            *[self._stop] * 7,
            *[self._time] * 5,
            *[self._life_sign] * 4,
            self._person,
            self._person,
            self._block,
            self._unblock,
            self._agent,
            self._down,
            self._facts,
            self._facts,
            self._command,
            self._command,
            self._clock,
            self._sensor,
            self._seen,
            self._ours,
            self._policy,
        ]

    def next(self) -> Event:
        """Mostly outcomes of what is open: a night goes on."""
        if self.life.world.open and self.dice.chance(45):
            return self._end()
        self.life.now += timedelta(seconds=self.dice.one((0, 1, 2, 7, 20)))
        mended = self._mended() if self.dice.chance(40) else None
        if mended is not None:
            return mended
        event: Event = self.dice.one(self._makers)()
        return event

    def _mended(self) -> Event | None:
        """What ends a trouble in which nothing more would happen; None: there is none."""
        world, at = self.life.world, self.life.now
        if world.safe_hold is not None:
            return events.CommandGiven(at=at, command=commands.ActAgain(), by="anna")
        if world.paused:
            return events.CommandGiven(at=at, command=commands.Release(), by="anna")
        if world.unseen:
            return events.SensorMended(at=at, sensor=next(iter(world.unseen)))
        for agent in AGENTS:
            if agent in world.agents and not world.agents[agent].up:
                return agent_up(self.life, agent)
        session = world.sessions.get(SESSIONS[0])
        if session is not None and session.latched:
            return events.PersonPrompted(at=at, session=session.id, message="msg")
        return None

    def _who(self) -> tuple[SessionId, AgentId]:
        """Mostly the first session, so that something comes of it."""
        session = SESSIONS[0] if self.dice.chance(50) else self.dice.one(SESSIONS)
        known = self.life.world.sessions.get(session)
        if known is not None and self.dice.chance(95):
            return session, known.agent
        return session, self.dice.one(tuple(AGENTS))

    def _end(self) -> Event:
        dice, at = self.dice, self.life.now
        effect = dice.one(tuple(self.life.world.open.values()))
        result = Result.OK if dice.chance(70) else dice.one(tuple(Result))
        data: dict[str, str] = {}
        if isinstance(effect, effects.NewSession) and dice.chance(90):
            data["session"] = f"heir_{effect.id}"
        if isinstance(effect, effects.Snapshot):
            data["path"] = f"/b/{effect.id}"
        if isinstance(effect, effects.Interrupt):
            since = at - timedelta(seconds=dice.one((0, 1, 4, 700)))
            some = {"idle_since": since.isoformat(), "by_itself": "1", "again": "1", "stop": "k1"}
            data |= {key: value for key, value in some.items() if dice.chance(30)}
        if result is Result.FAILED and dice.chance(30):
            data["not_before"] = (at + timedelta(seconds=dice.one((-5, 60, 4000)))).isoformat()
        detail = dice.one(("", "it broke", "auth"))
        return events.EffectEnded(at=at, effect=effect.id, result=result, detail=detail, data=data)

    def _stop(self) -> Event:
        dice, at = self.dice, self.life.now
        session, agent = self._who()
        provider, model = dice.one(
            (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5.2"), (None, None), ("x", None))
        )
        again = dice.one((None, None, -5, 30, 90, 1000, 20_000, 800_000))
        stop = Stop(
            key=dice.one(("k1", "k2", f"k{at.isoformat()}", f"k{at.isoformat()}")),
            reason=dice.one(tuple(StopReason)),
            message=dice.one(("", "the provider says no")),
            provider=provider,
            model=model,
            retry_at=None if again is None else at + timedelta(seconds=again),
            retrying=dice.chance(20),
            words=dice.chance(40),
            evidence=dice.one(
                (
                    {},
                    {"scope": "five_hours", "reset_source": "header"},
                    {"account": "anna", "scope": "minute"},
                    {"reset_source": "body", "reset_unchecked": True},
                )
            ),
        )
        return events.SessionStopped(at=at, session=session, agent=agent, stop=stop)

    def _time(self) -> Event:
        spans = (1, 5, 31, 61, 130, 310, 601, 1900, 3700, 9000, 40_000)
        self.life.now += timedelta(seconds=self.dice.one(spans))
        return events.Ticked(at=self.life.now)

    def _life_sign(self) -> Event:
        at, (session, agent) = self.life.now, self._who()
        match self.dice.below(4):
            case 0:
                return events.SessionWorking(at=at, session=session, agent=agent)
            case 1 | 2:
                return events.SessionAlive(at=at, session=session, what="text")
        return events.SessionProgressed(at=at, session=session, what="a turn")

    def _person(self) -> Event:
        session, _ = self._who()
        return events.PersonPrompted(at=self.life.now, session=session, message="msg")

    def _block(self) -> Event:
        at, (session, agent) = self.life.now, self._who()
        kind = self.dice.one(tuple(BlockKind))
        block = Block(id=self.dice.one(("b1", "b2")), kind=kind, text="rm?", tool="bash", since=at)
        return events.SessionBlocked(at=at, session=session, agent=agent, block=block)

    def _unblock(self) -> Event:
        session, _ = self._who()
        block = self.dice.one(("b1", "b2"))
        return events.SessionUnblocked(at=self.life.now, session=session, block=block)

    def _agent(self) -> Event:
        agent = self.dice.one(tuple(AGENTS))
        lets_in = self.dice.chance(60)
        return agent_up(self.life, agent, supported=self.dice.chance(92), lets_in=lets_in)

    def _down(self) -> Event:
        return events.AgentDown(
            at=self.life.now,
            agent=self.dice.one((*AGENTS, AgentId("never"))),
            cause=self.dice.one(tuple(DownCause)),
            exit_code=self.dice.one((None, 0, 1)),
            signal=self.dice.one((None, None, "SIGKILL")),
            detail=self.dice.one(("", "gone")),
            assistant="opencode",
            way=self.dice.one((None, Way.ATTACHED)),
        )

    def _facts(self) -> Event:
        session = self.dice.one((None, *SESSIONS[:2]))
        if session is None:
            facts: dict[str, Any] = {"host.network": self.dice.chance(50)}
        else:
            facts = self.dice.one(
                (
                    {"work.state": "valid", "session.cost": 1.5},
                    {"session.cost": float(self.dice.below(9)), "context.used": 0.7},
                    {"session.model": "anthropic/claude-sonnet-4-5"},
                    {"work.state": None},
                )
            )
        return events.FactsObserved(at=self.life.now, session=session, facts=facts)

    def _command(self) -> Event:
        session, _ = self._who()
        questions = (*self.life.world.questions, "q1", self._question())
        command = self.dice.one(
            (
                commands.Hold(),
                commands.Release(),
                commands.Release(),
                commands.Hold(session=session),
                commands.Release(session=session),
                commands.Release(session=session),
                commands.Abort(session=session),
                commands.Skip(session=session),
                commands.Renew(session=session),
                commands.Enrol(session=session),
                commands.Detach(session=session),
                commands.ActAgain(),
                commands.Answer(question=self.dice.one(questions), yes=self.dice.chance(60)),
            )
        )
        return events.CommandGiven(at=self.life.now, command=command, by="anna")

    def _question(self) -> str:
        plans = [s.plan for s in self.life.world.sessions.values() if s.plan is not None]
        return next((plan.question for plan in plans if plan.question), "q0")

    def _clock(self) -> Event:
        if self.dice.chance(50):
            return events.MachineSlept(at=self.life.now, span=timedelta(minutes=20))
        by = timedelta(seconds=self.dice.one((-3600, -20, 20, 7200)))
        self.life.now += by
        return events.ClockStepped(at=self.life.now, by=by)

    def _sensor(self) -> Event:
        at, sensor = self.life.now, self.dice.one(("ours", "hers", "host"))
        if self.dice.chance(60):
            return events.SensorMended(at=at, sensor=sensor)
        return events.SensorBroke(at=at, sensor=sensor, detail="KeyError")

    def _seen(self) -> Event:
        at, (session, agent) = self.life.now, self._who()
        if self.dice.chance(15):
            return events.SessionGone(at=at, session=session)
        parent = SESSIONS[0] if session == SESSIONS[4] else None
        return events.SessionSeen(
            at=at, session=session, agent=agent, title=f"title {session}", parent=parent
        )

    def _ours(self) -> Event:
        at, dice = self.life.now, self.dice
        match dice.below(8):
            case 0:
                return events.InvariantBroken(at=at, what="w", where="x", version="1")
            case 1:
                return events.WritingFailed(at=at, why="full", told=dice.chance(50))
            case 2:
                since = at - timedelta(minutes=7)
                return events.WritingResumed(at=at, since=since, why="full", told=dice.chance(50))
            case 3:
                return events.JournalMended(at=at, what="two are lost", kept_as=("a", "b"))
            case 4:
                return events.DaemonStopped(at=at, why="asked")
        boot = dice.one(("boot1", "boot2", ""))
        version, booted = dice.one(("1", "1", "2")), at - timedelta(hours=9)
        seed = f"5eed{at:%H%M%S}"
        return events.DaemonStarted(
            at=at, version=version, seed=seed, boot_id=boot, booted_at=booted
        )

    def _policy(self) -> Event:
        at = self.life.now
        if self.dice.chance(20):
            return events.PolicyRefused(at=at, name="bad", digest="d", problems=("no",))
        chosen = self.dice.one(tuple(POLICIES.values()))
        if self.dice.chance(15):
            chosen = shadow(chosen)
        self.life.policy = chosen
        return events.PolicyAdopted(at=at, name=chosen.name, digest=chosen.digest, resolved={})


def agent_up(life: Life, agent: AgentId, *, supported: bool = True, lets_in: bool = True) -> Event:
    """It answers. A program that has a link loses it at times, and is the same program."""
    has_link = AGENTS[agent] is Way.INTEGRATED
    return events.AgentUp(
        at=life.now,
        agent=agent,
        assistant="opencode",
        way=Way.OBSERVED if has_link and not lets_in else AGENTS[agent],
        version="1.18.33",
        supported=supported,
        started_at=START if has_link else life.now,
    )


def night(seed: str, name: str, *, length: int) -> Iterator[str]:
    """The lines of one night."""
    life = Life(POLICIES[name])
    for agent in AGENTS:
        life.take(agent_up(life, agent))
    for number, session in enumerate(SESSIONS):
        agent = AgentId("ours" if number < 3 else "hers")
        life.take(events.SessionSeen(at=life.now, session=session, agent=agent, title="t"))
        life.take(events.SessionWorking(at=life.now, session=session, agent=agent))
    teller = Teller(Dice(seed), life)
    for _ in range(length):
        event = teller.next()
        turn = life.take(event)
        told = [f"{it.kind} {it.rule}: {it.why}" for it in turn.decisions]
        ordered = [name_of(it) for it in turn.effects]
        said = digest((turn.world, turn.decisions, turn.effects))
        words = "; ".join([*told, *(f"-> {it}" for it in ordered)])
        yield f"{life.now:%d %H:%M:%S} {type(event).__name__} {said} {words}".rstrip()


def digest(value: object) -> str:
    return sha256("".join(_told(value)).encode()).hexdigest()[:8]


def _told(value: object) -> Iterator[str]:
    """A value as text, without what is at its default."""
    if is_dataclass(value) and not isinstance(value, type):
        yield f"{type(value).__name__}("
        for one in fields(value):
            held = getattr(value, one.name)
            if (isinstance(value, World) and one.name in NOT_OURS) or _is_default(one, held):
                continue
            yield f"{one.name}="
            yield from _told(held)
        yield ")"
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield f"{key}:"
            yield from _told(held)
    elif isinstance(value, Enum):
        yield str(value.value)
    elif isinstance(value, tuple | list):
        yield "["
        for held in value:
            yield from _told(held)
            yield ","
        yield "]"
    elif isinstance(value, frozenset | set):
        yield from sorted(map(str, value))
    else:
        yield repr(value)


def _is_default(one: Any, held: object) -> bool:
    if one.default_factory is not MISSING:
        return bool(held == one.default_factory())
    return one.default is not MISSING and bool(held == one.default)
