"""A night on a virtual clock: the real kernel, a modelled assistant, no waiting.

The rehearsal hands events to `core.step` exactly as the daemon's loop does, plays the assistant's
part by a small model (`Answers`), and remembers every turn. Nothing of the kernel is copied here.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import Turn, next_deadline, step
from palingenesis.core.values import (
    AgentId,
    DownCause,
    FactValue,
    Result,
    SessionId,
    Status,
    StopReason,
    Way,
)
from palingenesis.core.world import World

AGENT: Final = AgentId("opencode")
BESIDE: Final = AgentId("managed")
"""Our own server beside a program of the person's own: where its sessions go on after its end."""
SESSION: Final = SessionId("ses_rehearsal")
VERSION: Final = "1.18.33"
"""The version of the modelled assistant: one that was tested."""
WANT_WORDS: Final = frozenset(
    {StopReason.COMPLETED, StopReason.OUTPUT_LIMIT, StopReason.USER_ABORT, StopReason.CRASH}
)
"""Stops after which a silent re-run would say nothing new."""
_LONGEST_NIGHT: Final = timedelta(days=40)
_MOST_TURNS: Final = 20_000
_SIGN_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How the modelled assistant answers our effects.

    `fails` and `no_effect` name kinds of effects (`resume`, `restart`, `new-session`, …) that are
    refused, or accepted without anything coming of them.
    """

    fails: frozenset[str] = frozenset()
    no_effect: frozenset[str] = frozenset()
    takes: timedelta = timedelta(milliseconds=200)
    restart_takes: timedelta = timedelta(seconds=3)
    alive_after: timedelta = timedelta(seconds=1)
    progress_after: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One turn of a rehearsal."""

    at: datetime
    event: Event
    turn: Turn


@dataclass
class Rehearsal:
    """One supervised session, one agent, one policy, one virtual night."""

    policy: Policy
    start: datetime
    seed: str = "rehearsal"
    way: Way = Way.MANAGED
    answers: Answers = field(default_factory=Answers)
    world: World = field(default_factory=World)
    past: list[Happening] = field(default_factory=list)
    session: SessionId = SESSION
    """The session that events are about; a new session takes the place of its predecessor."""
    silent: bool = False
    """The working session gives no sign of life, until something is done about it."""

    _future: list[tuple[datetime, int, Event]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _renewed: int = 0

    def __post_init__(self) -> None:
        self.now = self.start
        before = self.start - timedelta(minutes=1)
        self._take(events.DaemonStarted(at=before, version="rehearsal", seed=self.seed))
        self._take(_Up(AGENT, self.way)(before))
        if self.way.is_hers:
            self._take(_Up(BESIDE, Way.MANAGED)(before))
        self._take(events.SessionSeen(at=before, session=SESSION, agent=AGENT, title="rehearsal"))
        self._take(events.SessionWorking(at=before, session=SESSION, agent=AGENT))
        self._take(events.SessionProgressed(at=before, session=SESSION, what="a turn"))
        self.past.clear()

    def observe(self, facts: Mapping[str, FactValue | None]) -> None:
        """Set external facts of the session."""
        self._take(events.FactsObserved(at=self.now, session=self.session, facts=facts))

    def happen(self, event: Event) -> Turn:
        """Let something happen now."""
        turn = self._take(event)
        self.advance(timedelta(0))
        return turn

    def advance(self, span: timedelta) -> None:
        """Let time pass, with everything that falls due."""
        until = self.now + min(span, _LONGEST_NIGHT)
        for _ in range(_MOST_TURNS):
            due = next_deadline(self.world, self.policy)
            arriving = self._future[0][0] if self._future else None
            sign = self._next_sign()
            upcoming = [instant for instant in (due, arriving, sign) if instant is not None]
            if not upcoming or min(upcoming) > until:
                break
            if sign is not None and sign == min(upcoming):
                self.now = max(self.now, sign)
                self._take(events.SessionAlive(at=self.now, session=self.session, what="tool"))
            elif arriving is not None and (due is None or arriving <= due):
                self.now = max(self.now, arriving)
                _, _, event = heapq.heappop(self._future)
                self._take(event)
            elif due is not None:
                self.now = max(self.now, due)
                self._take(events.Ticked(at=self.now))
        self.now = max(self.now, until)

    def _next_sign(self) -> datetime | None:
        """When the working session gives its next sign of life."""
        session = self.world.sessions.get(self.session)
        if self.silent or session is None or session.status is not Status.WORKING:
            return None
        return max(session.since, session.alive_at or session.since) + _SIGN_EVERY

    # ── one turn ──────────────────────────────────────────────────────────────────────────────

    def _take(self, event: Event) -> Turn:
        turn = step(self.world, event, self.policy)
        self.world = turn.world
        self.past.append(Happening(at=event.at, event=event, turn=turn))
        for effect in turn.effects:
            for delay, answer in self._answer(effect):
                at = self.now + delay
                heapq.heappush(self._future, (at, next(self._order), answer(at)))
        return turn

    def _answer(self, effect: Effect) -> Sequence[tuple[timedelta, "_Later"]]:
        name = name_of(effect)
        took = self.answers.takes
        if name in self.answers.fails:
            return [(took, _Ended(effect, Result.FAILED, "the scenario says so"))]
        match effect:
            case effects.Notify() | effects.Log():
                return [(timedelta(0), _Ended(effect, Result.OK))]
            case effects.Restart():
                took = self.answers.restart_takes
                way = self.world.agents[effect.agent].way
                return [(took, _Up(effect.agent, way)), (took, _Ended(effect, Result.OK))]
            case effects.Stop():
                return [(took, _Down(effect.agent)), (took, _Ended(effect, Result.OK))]
            case effects.NewSession():
                self._renewed += 1
                self.session = SessionId(f"{SESSION}_{self._renewed + 1}")
                ended = _Ended(effect, Result.OK, data={"session": self.session})
                return [(took, ended), *self._life(name, self.session)]
            case effects.Resume() | effects.Retry():
                return [(took, _Ended(effect, Result.OK)), *self._life(name, effect.session)]
            case effects.Snapshot():
                data = {"path": "session-backup.md"}
                return [(took, _Ended(effect, Result.OK, data=data))]
            case _:
                return [(took, _Ended(effect, Result.OK))]

    def _life(self, name: str, session: SessionId) -> list[tuple[timedelta, "_Later"]]:
        self.silent = False
        if name in self.answers.no_effect:
            return []
        return [
            (self.answers.alive_after, _Alive(session)),
            (self.answers.progress_after, _Progress(session)),
        ]


@dataclass(frozen=True, slots=True)
class _Ended:
    effect: Effect
    result: Result
    detail: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, at: datetime) -> Event:
        return events.EffectEnded(
            at=at, effect=self.effect.id, result=self.result, detail=self.detail, data=self.data
        )


@dataclass(frozen=True, slots=True)
class _Up:
    agent: AgentId
    way: Way

    def __call__(self, at: datetime) -> Event:
        return events.AgentUp(
            at=at,
            agent=self.agent,
            assistant="opencode",
            way=self.way,
            version=VERSION,
            supported=True,
            started_at=at,
        )


@dataclass(frozen=True, slots=True)
class _Down:
    agent: AgentId

    def __call__(self, at: datetime) -> Event:
        return events.AgentDown(at=at, agent=self.agent, cause=DownCause.STOPPED)


@dataclass(frozen=True, slots=True)
class _Alive:
    session: SessionId

    def __call__(self, at: datetime) -> Event:
        return events.SessionAlive(at=at, session=self.session, what="text")


@dataclass(frozen=True, slots=True)
class _Progress:
    session: SessionId

    def __call__(self, at: datetime) -> Event:
        return events.SessionProgressed(at=at, session=self.session, what="a turn")


_Later = _Ended | _Up | _Down | _Alive | _Progress
