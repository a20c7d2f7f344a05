"""A machine in virtual time: true time, the three clocks made of it, and the daemon on it.

True time is what a stopwatch outside shows. The wall clock is true time plus whatever it was set
by; the time since boot counts from the newest boot, with suspends; monotonic time (the event loop)
stands still while the machine sleeps, and begins anew with each process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from json import dumps, loads
from typing import Any, Final

from palingenesis.core import events
from palingenesis.core.effects import Effect, NewSession, Notify, Resume, Retry
from palingenesis.core.events import Event, PolicyAdopted
from palingenesis.core.kernel.stepping import NOTICED
from palingenesis.core.record import effect_from_plain, event_from_plain, to_plain
from palingenesis.core.step import next_deadline
from palingenesis.core.values import AgentId, Result, SessionId, Way
from palingenesis.core.world import Session
from palingenesis.runtime.loop import TICK, Loop
from palingenesis.runtime.ports import Entry, Reading, Recorded, one_clock
from palingenesis.runtime.recovery import recover
from tests.torture.night.virtual import VirtualLoop

AGENT: Final = AgentId("opencode")
SES: Final = SessionId("ses_1")
_LEAP_S: Final = TICK.total_seconds()


@dataclass
class Disk:
    """What outlives a daemon: the journal, as text, and the newest snapshot."""

    rows: list[str] = field(default_factory=list)
    policies: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    kept: tuple[int, str] | None = None
    skipped: set[int] = field(default_factory=set)

    def append(self, entry: Entry) -> int:
        event = entry.event
        if isinstance(event, PolicyAdopted):
            self.policies[event.digest] = (event.name, event.resolved)
        effects = [to_plain(effect) for effect in entry.effects]
        self.rows.append(dumps([to_plain(event), list(entry.decisions), effects]))
        return len(self.rows)

    # ── what recovery and a replay read ───────────────────────────────────────────────────────

    def first_seq(self) -> int:
        return 1 if self.rows else 0

    def latest_snapshot(self) -> tuple[int, Any] | None:
        return (self.kept[0], loads(self.kept[1])) if self.kept is not None else None

    def snapshots(self) -> dict[int, Any]:
        return {self.kept[0]: loads(self.kept[1])} if self.kept is not None else {}

    def entries(self, after: int = 0) -> Iterable[Recorded]:
        for seq, row in enumerate(self.rows[after:], start=after + 1):
            event, decisions, effects = loads(row)
            yield Recorded(
                seq=seq,
                event=event_from_plain(event),
                decisions=tuple(decisions),
                effects=tuple(effect_from_plain(effect) for effect in effects),
            )

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        return self.policies.get(digest)


@dataclass
class Machine:
    """The machine, and the one session that its daemon looks after."""

    begins: datetime
    policy: PolicyAdopted
    disk: Disk = field(default_factory=Disk)
    now: float = 0.0
    """True time, in seconds."""
    offset: float = 0.0
    """By how much the wall clock is ahead of true time since `begins`."""
    spans: list[tuple[float, float, bool]] = field(default_factory=list)
    """From when on the wall clock was how far ahead, and whether a daemon was there to see it."""
    boots: int = 1
    booted: float = -1_000.0
    """True time of the newest boot."""
    acted: list[tuple[float, Effect]] = field(default_factory=list)
    """What the daemon did, in true time."""
    complaints: list[str] = field(default_factory=list)
    is_blind: bool = False
    """The wrong design: its daemon knows one clock only, the one on the wall."""
    achieves: bool = True
    """Whether a prompt is followed by progress, or by nothing more than a sign of life."""
    _vloop: VirtualLoop | None = None
    _loop: Loop | None = None
    _base: float = 0.0
    """True time at the process' monotonic 0, later by every suspend since."""

    # ── the clocks ────────────────────────────────────────────────────────────────────────────

    def wall(self) -> datetime:
        return self.begins + timedelta(seconds=self.now + self.offset)

    def reading(self) -> Reading:
        assert self._vloop is not None
        return Reading(
            at=self.wall(), elapsed_s=self.now - self.booted, awake_s=self.now - self._base
        )

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(max(0.0, seconds))

    # The name that `ports.Clock` wants; `now` is true time here.
    @property
    def clock(self) -> "WallClock":
        return WallClock(self)

    @property
    def unseen_s(self) -> float:
        """By how much the clock was set since the daemon last looked."""
        known = self.loop.world.booted_at
        return (self.reading().booted_at - known).total_seconds() if known is not None else 0.0

    def _note(self) -> None:
        self.spans.append((self.now, self.offset, self._vloop is not None))

    # ── what happens to it ────────────────────────────────────────────────────────────────────

    def is_set(self, by_s: float) -> None:
        """The wall clock is set."""
        self.offset += by_s
        self._note()

    def sleeps(self, span_s: float) -> None:
        """It is suspended for a while."""
        self.spans.append((self.now, self.offset, False))
        self.now += span_s
        self._note()
        self._base += span_s

    def stops(self) -> None:
        """The daemon dies, as SIGKILL ends it."""
        if self._vloop is not None:
            self.complaints += self._vloop.complaints
            self._vloop.bury()
        self._vloop = self._loop = None
        self._note()

    def boots_again(self) -> None:
        """It is off until now; whoever ran on it is gone."""
        self.stops()
        self.boots += 1
        self.booted = self.now - 20.0

    def starts(self) -> None:
        """The daemon is started: recovered from the disk, and told what a start tells."""
        recovered = recover(self.disk)
        assert recovered.differing == 0, "a recovery decided otherwise"
        vloop = self._vloop = VirtualLoop()
        self._base = self.now
        loop = self._loop = Loop(
            world=recovered.world,
            policy=recovered.policy,
            journal=self.disk,
            clock=self.clock,
            clocks=one_clock if self.is_blind else self.reading,
        )
        loop.seq = recovered.seq
        self._note()
        vloop.create_task(self._live(loop))
        vloop.run_ready()

    async def _live(self, loop: Loop) -> None:
        reading = self.reading()
        await loop.take(
            events.DaemonStarted(
                at=reading.at,
                version="torture",
                seed=f"{self.boots:04}{len(self.disk.rows):06}5eed",
                boot_id=f"boot-{self.boots}",
                booted_at=None if self.is_blind else reading.booted_at,
            )
        )
        if not loop.world.policy:
            await loop.take(self.policy)
        await loop.take(
            events.AgentUp(
                at=self.wall(),
                agent=AGENT,
                assistant="opencode",
                way=Way.MANAGED,
                version="1.18.33",
                supported=True,
                started_at=self.wall(),
            )
        )
        await loop.run(self)

    def keeps_a_snapshot(self) -> None:
        """As the daemon does now and then."""
        self.disk.kept = (self.loop.seq, dumps(to_plain(self.loop.world)))

    # ── the agent ─────────────────────────────────────────────────────────────────────────────

    @property
    def loop(self) -> Loop:
        assert self._loop is not None, "the daemon does not run"
        return self._loop

    @property
    def session(self) -> Session:
        return self.loop.world.sessions[SES]

    def tell(self, event: Event) -> None:
        """A sensor tells it."""
        self.loop.emit(event)
        assert self._vloop is not None
        self._vloop.run_ready()

    def start(self, effect: Effect) -> None:
        """Carry an effect out: at once, and well."""
        self.acted.append((self.now, effect))
        at = self.wall()
        data = {"session": "ses_2"} if isinstance(effect, NewSession) else {}
        self.loop.emit(events.EffectEnded(at=at, effect=effect.id, result=Result.OK, data=data))
        if isinstance(effect, Resume | Retry):
            self.loop.emit(events.SessionWorking(at=at, session=SES, agent=AGENT))
            self.loop.emit(events.SessionAlive(at=at, session=SES, what="text"))
            if self.achieves:
                self.loop.emit(events.SessionProgressed(at=at, session=SES, what="turn"))

    def prompts(self) -> list[float]:
        """When it was prompted."""
        return [at for at, effect in self.acted if isinstance(effect, Resume | Retry)]

    def notices(self) -> list[Notify]:
        return [effect for _, effect in self.acted if isinstance(effect, Notify)]

    # ── true time passes ──────────────────────────────────────────────────────────────────────

    def run(self, until: float) -> None:
        """Let true time pass, with whatever the daemon does in it."""
        while self._vloop is not None:
            vloop = self._vloop
            vloop.run_ready()
            timer = vloop.next_timer()
            if timer is None or self._base + timer > until:
                break
            self.now = max(self.now, self._base + timer)
            self._leap(until)
            vloop.advance(max(self.now - self._base, timer))
        self.now = max(self.now, until)
        if self._vloop is not None:
            self._vloop.advance(self.now - self._base)

    def _leap(self, until: float) -> None:
        """Pass over ticks that are known to change nothing: those before the next deadline."""
        if abs(self.unseen_s) >= NOTICED.total_seconds():
            return  # the next tick is the one that shows what became of the clocks
        due = next_deadline(self.loop.world, self.loop.policy)
        target = until
        if due is not None:
            wall_s = (due - self.begins).total_seconds()
            target = min(until, wall_s - self.offset)
        target -= 2 * _LEAP_S + 1.0
        self.now = max(self.now, target)


@dataclass(frozen=True, slots=True)
class WallClock:
    """What the loop knows of the machine's time; a `Clock`."""

    machine: Machine

    def now(self) -> datetime:
        return self.machine.wall()

    async def sleep(self, seconds: float) -> None:
        await self.machine.sleep(seconds)
