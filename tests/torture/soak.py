"""A long life through the real loop, kernel and journal: does anything grow?

    python -m tests.torture.soak --count 1000000 --resume /var/tmp/soak.json

Events of months (see soaking.py) are taken by the real loop, written to a real journal with its
keeper beside it, and their effects are carried out by the real dispatch, whose actuator and channel
agree with everything. Time is virtual. Memory, descriptors, threads and the room on the disk are
measured every 10,000 events. The run violates its promise when memory grows by more than 5 MB after
the first 100,000 events of a process, when descriptors or threads grow, when the journal outgrows
its cap, or when it is not sound in the end or tells another world than the loop had.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from palingenesis import shipped
from palingenesis.app.keeping import Keeping
from palingenesis.assistants.opencode.offers import MANAGED
from palingenesis.core.effects import Effect
from palingenesis.core.events import FactsObserved
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, Result
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.config import JournalConfig
from palingenesis.runtime.dispatch import Dispatch
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Entry, Notice, Outcome
from palingenesis.runtime.recovery import recover
from tests.policy.texts import compiled
from tests.torture.soaking import beginning, next_event
from tests.torture.telling import commit

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MIB = 1024 * 1024
GROWTH_MAX = 5 * 1000 * 1000
"""Bytes that memory may grow by after the warm-up."""
FILLING = 32 * 1024


@dataclass(frozen=True)
class Measure:
    """How much of everything there was after so many events."""

    events: int
    rss: int
    descriptors: int
    threads: int
    disk: int
    sessions: int
    waiting: int


_MOST = ("disk", "sessions", "waiting")


@dataclass
class State:
    """How far a soak has come; kept in the file of --resume."""

    folder: str
    seed: int
    events: int = 0
    at: str = BEGAN.isoformat()
    seconds: float = 0.0
    measures: list[Measure] = field(default_factory=list)


@dataclass
class LeapingClock:
    """Sleeping takes no real time."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=min(seconds, 1.0))
        await asyncio.sleep(0)


class Agreeable:
    """An actuator that does whatever it is told, and a channel that takes every notice."""

    name = "soak"
    offers = MANAGED

    async def perform(self, effect: Effect) -> Outcome:
        data = {"path": "/backup.md", "session": f"{effect.id}-new"}
        return Outcome(result=Result.OK, data=data)

    async def reconcile(self, effect: Effect) -> Outcome | None:
        return None

    async def send(self, notice: Notice) -> Outcome:
        return Outcome(result=Result.OK)


def the_policy() -> Policy:
    made = compiled(shipped.policy().read_text("utf-8")).policy
    assert made is not None
    return made


class Soak:
    """One process of it."""

    def __init__(
        self,
        state: State,
        config: JournalConfig,
        *,
        every: timedelta,
        kept: Path | None = None,
        filled: int = 0,
    ) -> None:
        self.state = state
        self._kept = kept
        self._path = Path(state.folder) / "journal.db"
        self._every = every
        self._policy = the_policy()
        self._journal = SqliteJournal.open(self._path)
        assert self._journal.damage == []
        self._clock = LeapingClock(datetime.fromisoformat(state.at))
        if not state.events:
            self._fill(filled)
        recovered = recover(self._journal)
        self.loop = Loop(
            world=recovered.world,
            policy=recovered.policy if recovered.world.policy else self._policy,
            journal=self._journal,
            clock=self._clock,
        )
        self.loop.seq = recovered.seq
        self._keeping = Keeping(self._journal, config, self._clock)
        self.loop.attend(self._keeping.noticed)
        self._agreeable = Agreeable()

    def _fill(self, size: int) -> None:
        """Begin with a journal of this size, so that its cap is near."""
        notes = ["x" * FILLING] * (size // FILLING)
        for note in [*notes, ""]:  # the last one stays in the facts of every decision
            event = FactsObserved(at=self._clock.at, facts={"host.note": note})
            self._journal.append(Entry(event=event, decisions=(), effects=()))

    async def take(self, count: int, measure_every: int) -> list[Measure]:
        """Take so many events, and say how much of everything there was on the way."""
        began, measures = time.monotonic(), [self._measure()]
        async with asyncio.TaskGroup() as tasks:
            dispatch = Dispatch(
                tasks=tasks,
                emit=self.loop.emit,
                actuator_of=self._actuator_of,
                channels=[self._agreeable],
                clock=self._clock,
            )
            keeper = tasks.create_task(self._keeping.watch())
            runner = tasks.create_task(self.loop.run(dispatch))
            for event in beginning(self._clock.at, self._policy):
                await self.loop.submit(event)
            for _ in range(count):
                await self._take_next()
                if self.state.events % measure_every == 0:
                    measures.append(self._measure())
                    self._keep(measures[-1], began)
            while not self._keeping.is_idle:
                await asyncio.sleep(0.001)
            for task in (runner, keeper):
                task.cancel()
        self._keep(self._measure(), began)
        return measures

    def _keep(self, measure: Measure, began: float) -> None:
        """Write down how far it is, so that it can go on from here."""
        self.state.at = self._clock.at.isoformat()
        self.state.measures.append(measure)
        if self._kept is not None:
            seconds = self.state.seconds + time.monotonic() - began
            self._kept.write_text(json.dumps({**asdict(self.state), "seconds": seconds}), "utf-8")

    async def _take_next(self) -> None:
        number = self.state.events
        dice = Random(f"{self.state.seed}:{number}")
        self._clock.at += self._every * dice.random() * 2
        event = next_event(self.loop.world, self._policy, self._clock.at, dice)
        await self.loop.submit(event)
        while not self._keeping.is_idle:  # a real life is no faster than its keeper
            await asyncio.sleep(0.001)
        self.state.events += 1

    def _actuator_of(self, _agent: AgentId) -> Agreeable:
        return self._agreeable

    def _measure(self) -> Measure:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        files = [file for file in self._path.parent.iterdir() if file.is_file()]
        return Measure(
            events=self.state.events,
            rss=pages * os.sysconf("SC_PAGE_SIZE"),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threads=threading.active_count(),
            disk=sum(file.stat().st_size for file in files),
            sessions=len(self.loop.world.sessions),
            waiting=self.loop.waiting,
        )

    def end(self) -> Iterator[str]:
        """Close the journal, and say what is wrong with it."""
        world = self.loop.world
        self._journal.close()
        with SqliteJournal.open(self._path) as journal:
            if journal.damage:
                yield f"the journal was damaged: {journal.damage[0].told()}"
            for problem in journal.problems():
                yield f"the journal is not sound: {problem}"
            if recover(journal).world != world:
                yield "a start would make another world of the journal"
            if journal.removed() is None:
                yield "nothing was ever removed: the run was too short to say anything of the cap"


def judged(measures: list[Measure], warm: int, cap: int) -> Iterator[str]:
    """What of the promises was broken in one process."""
    first = measures[0].events
    steady = [one for one in measures if one.events - first >= warm]
    if len(steady) < 2:
        yield f"only {measures[-1].events - first} events: nothing can be said of growth"
        return
    base = steady[0]
    growth = max(one.rss for one in steady) - base.rss
    if growth > GROWTH_MAX:
        yield f"memory grew by {growth / 1e6:.1f} MB after {warm} events"
    for name in ("descriptors", "threads"):
        values = {getattr(one, name) for one in steady}
        if len(values) > 1:
            yield f"{name} were not constant: {sorted(values)}"
    if (largest := max(one.disk for one in measures)) > cap:
        yield f"the journal took {largest / MIB:.1f} MiB, its cap is {cap / MIB:.0f} MiB"


def told(state: State, measures: list[Measure], warm: int, cap: int) -> list[str]:
    """The result, one line a figure."""
    first = measures[0].events
    steady = [one for one in measures if one.events - first >= warm] or measures[-1:]
    growth = max(one.rss for one in steady) - steady[0].rss
    today = datetime.now(UTC).date()
    span = datetime.fromisoformat(state.at) - BEGAN
    after = steady[-1].events - steady[0].events
    descriptors = sorted({one.descriptors for one in steady})
    threads = sorted({one.threads for one in steady})
    most = {name: max(getattr(one, name) for one in measures) for name in _MOST}
    return [
        f"soak: {state.events} events, {span.days} days, {len(measures)} measures in this process",
        f"  {today}, seed {state.seed}, commit {commit()}, {state.seconds / 60:.1f} min in all",
        f"memory: {steady[0].rss / 1e6:.1f} MB after {steady[0].events - first} events",
        f"  and at most {growth / 1e6:.1f} MB more in the {after} events after these",
        f"descriptors: {descriptors}, threads: {threads}",
        f"disk: at most {most['disk'] / MIB:.1f} MiB of {cap / MIB:.0f} MiB",
        f"sessions remembered: at most {most['sessions']}; waiting: at most {most['waiting']}",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Soak, and say how it went; returns the exit code."""
    asked = _parser().parse_args(arguments)
    config = JournalConfig(max_size=asked.cap * MIB, keep=timedelta(days=asked.keep))
    kept = asked.resume
    folder = asked.folder or tempfile.mkdtemp(prefix="soak-")
    state = State(folder=folder, seed=asked.seed)
    if kept is not None and kept.exists():
        plain = json.loads(kept.read_text("utf-8"))
        measures = [Measure(**one) for one in plain.pop("measures")]
        state = State(**plain, measures=measures)
    Path(state.folder).mkdir(parents=True, exist_ok=True)
    every, filled = timedelta(seconds=asked.every), asked.filled * MIB
    soak = Soak(state, config, every=every, kept=kept, filled=filled)
    began = time.monotonic()
    measures = asyncio.run(soak.take(max(0, asked.count - state.events), asked.measure))
    state.seconds += time.monotonic() - began
    problems = [*judged(measures, asked.warm, asked.cap * MIB), *soak.end()]
    for line in told(state, measures, asked.warm, asked.cap * MIB):
        print(line)
    for problem in problems:
        print(f"VIOLATED: {problem}")
    if problems:
        print(f"again: python -m tests.torture.soak --count {asked.count} --seed {state.seed}")
    return int(bool(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--count", type=int, default=20_000, help="events in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--warm", type=int, default=100_000, help="events before growth counts")
    parser.add_argument("--measure", type=int, default=10_000, help="events between measures")
    parser.add_argument("--every", type=float, default=40.0, help="seconds between two events")
    parser.add_argument("--cap", type=int, default=64, help="MiB that the journal may take")
    parser.add_argument("--keep", type=int, default=90, help="days that entries stay")
    parser.add_argument("--filled", type=int, default=0, help="MiB that the journal begins with")
    parser.add_argument("--folder", help="where the journal is; default: a new temporary folder")
    parser.add_argument("--resume", type=Path, help="keep the state here, and go on from it")
    return parser


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    sys.exit(main())
