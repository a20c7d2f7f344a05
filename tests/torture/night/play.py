"""One run of a night, from its start or from the instant of a crash, to its end."""

import asyncio
import heapq
import pickle
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from palingenesis.core import commands
from palingenesis.core.events import CommandGiven
from palingenesis.core.step import next_deadline
from palingenesis.core.values import SessionId
from palingenesis.core.world import World
from palingenesis.runtime.loop import TICK
from palingenesis.runtime.ports import Recorded
from tests.torture.night.doors import Doors, Memory, Pages, UnreachableError
from tests.torture.night.house import House, Mark
from tests.torture.night.machine import RIGHT, Design, Machine
from tests.torture.night.policies import prepared
from tests.torture.night.requests import answer
from tests.torture.night.virtual import EndlessError, Killed, VirtualLoop

_TICK_S: Final = TICK.total_seconds()
_ASK_AGAIN_S: Final = 20.0
_TURNS_MOST: Final = 100_000
_STARTS_MOST: Final = 40


@dataclass(frozen=True, slots=True)
class Kept:
    """A night at one instant, as a crash leaves it: the house, the disk, and nothing else."""

    house: bytes
    ledger: int
    pages: Pages
    name: str
    """The boundary."""

    def is_like(self, other: "Kept") -> bool:
        """Whether a crash there leaves the same behind: the same house, at the same instant."""
        same_disk = len(self.pages.rows) == len(other.pages.rows)
        return same_disk and self.pages.full == other.pages.full and self.house == other.house


@dataclass(eq=False)
class Play:
    """One run. `crashes` are the numbers of the boundaries at which the daemon dies."""

    seed: str
    house: House
    pages: Pages
    until: float
    design: Design = RIGHT
    crashes: Collection[int] = ()
    count: int = 0
    keep: Callable[["Play", int, str], None] | None = None
    decoded: dict[Any, Recorded] = field(default_factory=dict)
    downs: list[tuple[float, float]] = field(default_factory=list)
    """When no daemon ran."""
    complaints: list[str] = field(default_factory=list)
    differing: int = 0
    runs: int = 0
    """Starts of the daemon."""
    world: World = field(default_factory=World)
    """What the daemon remembered in the end."""
    names: list[str] = field(default_factory=list)
    _machine: Machine | None = None
    _loop: VirtualLoop | None = None
    _doors: Doors | None = None
    _main: "asyncio.Task[None] | None" = None
    _base: float = 0.0
    """True time at the daemon's monotonic 0; what it slept through counts not."""
    _seen_at: float = 0.0
    _asked: set[tuple[int, int]] = field(default_factory=set)

    # ── keeping and taking up ─────────────────────────────────────────────────────────────────

    def kept(self, name: str) -> Kept:
        """The night as a crash would leave it now."""
        house = self.house
        ledger, house.ledger = house.ledger, []
        try:
            return Kept(pickle.dumps(house, 5), len(ledger), self.pages.copy(), name)
        finally:
            house.ledger = ledger

    @classmethod
    def from_crash(cls, kept: Kept, before: list[Mark], *, down_s: float, **options: Any) -> "Play":
        """The night after a crash there."""
        house: House = pickle.loads(kept.house)
        house.ledger = before[: kept.ledger]
        play = cls(house=house, pages=kept.pages.copy(), **options)
        play._died(down_s)
        return play

    def trace(self) -> str:
        """A checksum of everything that happened."""
        digest = sha256(repr(self.house.ledger).encode())
        for row in self.pages.rows[-1:]:
            digest.update(row.checksum.encode())
        digest.update(repr((self.count, self.house.now, self.names)).encode())
        return digest.hexdigest()

    # ── time ──────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Play to the end."""
        for _ in range(_TURNS_MOST):
            self._pump()
            heap, loop = self.house.heap, self._loop
            at_house = heap[0][0] if heap else self.until
            timer = loop.next_timer() if loop is not None else None
            at_loop = self._base + timer if timer is not None else self.until
            if min(at_house, at_loop) >= self.until:
                self._close()
                return
            if at_loop < at_house and self._leap(at_house):
                continue
            self.house.now = max(self.house.now, min(at_house, at_loop))
            if loop is not None:
                loop.advance(self.house.now - self._base + 1e-9)
            if at_house <= at_loop:
                self._happen()
        self.complaints.append("the night does not end")
        self._end()

    def _close(self) -> None:
        is_up = self._machine is not None and self._machine.is_watching()
        if not is_up and self.runs < _STARTS_MOST:
            self.until = self.house.now + 4 * 3600.0  # a night ends with a daemon that runs
            self.run()
            return
        self.house.now = self.until
        self._end()

    def _pump(self) -> None:
        if self._loop is None:
            return
        try:
            self._loop.run_ready()
        except Killed:
            self._died(self._down_s())
            return
        except EndlessError:
            self.complaints.append("the daemon is busy without an end")
            self._died(3600.0)
            return
        if self._main is not None and self._main.done():
            self.complaints.append(f"the daemon ended: {_reason(self._main)}")
            self._died(5.0)

    def _leap(self, at_house: float) -> bool:
        """Nothing but ticks would happen for a while: as if the machine slept until shortly before.

        A law of the kernel allows it: a tick before the next deadline changes nothing.
        """
        machine, loop = self._machine, self._loop
        if loop is None or machine is None or not machine.is_watching():
            return False
        timer = loop.next_timer()
        if self.house.now < self._seen_at:
            return False  # the clock was set, and the daemon has yet to notice
        if timer is None or timer - loop.now < _TICK_S * 0.6 or not loop.is_only_timer():
            return False
        due = next_deadline(machine.loop.world, machine.loop.policy)
        target = min(at_house, self.until)
        if due is not None:
            wall = (due - self.house.begins).total_seconds()
            target = min(target, wall - self.house.wall_offset)
        target -= _TICK_S + 1.0
        if target <= self.house.now + 5.0:
            return False
        self._base += target - self.house.now
        self.house.now = target
        return True

    # ── what happens ──────────────────────────────────────────────────────────────────────────

    def _happen(self) -> None:
        _, _, _, name, args = heapq.heappop(self.house.heap)
        ours = getattr(self, f"_on_{name}", None)
        (ours if ours is not None else getattr(self.house, f"on_{name}"))(*args)

    def _on_wake(self) -> None:
        """The daemon is started."""
        if self._machine is not None:
            return
        if self.downs and self.downs[-1][1] < 0:
            self.downs[-1] = (self.downs[-1][0], self.house.now)
        self.runs += 1
        self._loop = loop = VirtualLoop()
        self._base = self.house.now
        self._doors = doors = Doors(
            self.house,
            self.pages,
            loop,
            boundary=self._boundary,
            seed=self.seed,
            generation=self.runs,
        )
        memory = Memory(self.pages, self.decoded)
        self._machine = Machine(doors, memory, prepared(self.house.policy), self.design)
        self._main = loop.create_task(self._machine.run())

    def _boundary(self, name: str) -> None:
        number = self.count
        self.count += 1
        if self.keep is not None:
            self.keep(self, number, name)
        if number in self.crashes:
            self.names.append(f"{number} {name}")
            raise Killed

    def _down_s(self) -> float:
        """How long nobody starts the daemon again."""
        number = int.from_bytes(sha256(f"{self.seed}:{self.count}".encode()).digest()[:4], "big")
        return (0.2, 1.0, 2.5, 5.0, 5.0, 30.0, 90.0, 600.0, 4000.0)[number % 9]

    def _died(self, down_s: float) -> None:
        self._shut()
        self.house.mark("daemon-died", "")
        self.downs.append((self.house.now, -1.0))
        self.house.later(down_s, "wake", local=False)

    def _shut(self) -> None:
        if self._doors is not None and self._loop is not None:
            self._doors.shut = True
            self.complaints += self._loop.complaints
            if self._machine is not None and self._machine.is_watching():
                self.differing += self._machine.differing
                self.world = self._machine.loop.world
            self._loop.bury()
        self._machine = self._loop = self._doors = self._main = None

    def _end(self) -> None:
        if self.downs and self.downs[-1][1] < 0:
            self.downs[-1] = (self.downs[-1][0], self.house.now)
        self._shut()

    def _on_signal(self, kind: str, session: str, data: str) -> None:
        machine = self._machine
        if machine is not None and machine.sensor is not None and self.house.server.up:
            machine.sensor.take(kind, session, data)

    def _on_gone(self, pid: int, _how: str) -> None:
        machine = self._machine
        if machine is not None and machine.sensor is not None:
            machine.sensor.gone()

    def _on_poll(self) -> None:
        machine = self._machine
        if machine is not None and machine.sensor is not None:
            machine.sensor.poll()

    def _on_request(
        self, generation: int, number: int, fate: str, what: str, args: tuple[Any, ...]
    ) -> None:
        house, doors = self.house, self._doors
        found: Any = UnreachableError(what)
        if house.server.up and house.now >= house.server.ready_at:
            found = answer(house, what, *args)
            if fate == "unanswered":
                house.unanswered += 1
                return
        if doors is not None and doors.generation == generation:
            doors.answered(number, found)

    def _on_suspend(self, span_s: float) -> None:
        self.house.suspend(span_s)
        self.until += span_s
        self._base += span_s

    def _on_step(self, by_s: float) -> None:
        self.house.mark("step", "", more=f"{by_s:g}")
        self.house.wall_offset += by_s
        self._seen_at = self.house.now + 2 * _TICK_S

    def _on_disk(self, full: bool) -> None:
        self.house.mark("disk", "", more="full" if full else "free")
        self.pages.full = full

    def _on_reload(self, name: str) -> None:
        self.house.mark("reload", "", more=name)
        self.house.policy = name
        if self._machine is not None and self._machine.is_watching():
            self._machine.adopt(prepared(name))

    def _on_command(self, number: int) -> None:
        """She asks, and asks again until it is acknowledged.

        The door refuses what is asked of a session that is not known yet.
        """
        wanted = self.house.commands.get(number)
        if wanted is None:
            return
        self.house.later(_ASK_AGAIN_S, "command", number, local=False)
        machine, loop = self._machine, self._loop
        if machine is None or loop is None or not machine.is_watching():
            return
        if wanted[1] and SessionId(wanted[1]) not in machine.loop.world.sessions:
            return
        if (self.runs, number) not in self._asked:
            self._asked.add((self.runs, number))
            loop.create_task(self._ask(machine, number, *wanted))

    async def _ask(self, machine: Machine, number: int, name: str, session: str) -> None:
        house = self.house
        command = _COMMANDS[name](session=SessionId(session) if session else None)
        at = house.instant(house.wall)
        await machine.loop.submit(CommandGiven(at=at, command=command, by="anna"))
        house.commands.pop(number, None)
        house.mark(f"command-{name}", session)


def _reason(task: "asyncio.Task[None]") -> str:
    error: BaseException | None = task.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is None:
        return "of itself"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename.rpartition('/')[2]}:{place.lineno})"


_COMMANDS: Final[dict[str, Any]] = {
    "hold": commands.Hold,
    "release": commands.Release,
    "abort": commands.Abort,
    "skip": commands.Skip,
    "renew": commands.Renew,
    "enrol": commands.Enrol,
    "detach": commands.Detach,
}
