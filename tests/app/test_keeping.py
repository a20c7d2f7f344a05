"""The daemon keeps its journal within its bounds while it works."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from palingenesis.app.keeping import Keeping
from palingenesis.core import events
from palingenesis.core.events import Event
from palingenesis.core.values import Stop, StopReason
from palingenesis.journal import SqliteJournal
from palingenesis.journal.retention import BESIDE_BYTES, MIB
from palingenesis.runtime.config import JournalConfig
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.recovery import recover
from tests.core.life import AGENT, SES, Life
from tests.core.policies import NIGHT
from tests.runtime.loopback import JumpingClock

CONFIG = JournalConfig(max_size=16 * MIB, keep=timedelta(days=2))


def lived(
    path: Path, happened: list[Event], *, clock: JumpingClock | None = None
) -> tuple[SqliteJournal, Loop]:
    """Take the events through the real loop and journal, with the keeper beside them."""
    journal, clock = SqliteJournal.open(path), clock or JumpingClock()
    journal._ready().execute("PRAGMA synchronous = OFF")  # no power is cut here
    loop = Loop(world=Life(NIGHT).world, policy=NIGHT, journal=journal, clock=clock)
    keeping = Keeping(journal, CONFIG, clock)
    loop.attend(keeping.noticed)

    async def run() -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(keeping.watch())
            for event in happened:
                clock.at = event.at
                await loop.take(event)
                while not keeping.is_idle:  # a real night is no faster than its keeper
                    await asyncio.sleep(0.001)
            task.cancel()

    asyncio.run(run())
    return journal, loop


def stops(count: int, *, every: timedelta, size: int = 500) -> list[Event]:
    at = Life(NIGHT).now
    return [
        events.SessionStopped(
            at=at + every * number,
            session=SES,
            agent=AGENT,
            stop=Stop(key=f"m{number}", reason=StopReason.AUTH, message="x" * size),
        )
        for number in range(1, count + 1)
    ]


def test_a_journal_that_grows_stays_within_its_bound(tmp_path):
    journal, loop = lived(
        tmp_path / "journal.db", stops(2_000, every=timedelta(seconds=1), size=8_000)
    )

    with journal:
        removed = journal.removed()
        assert removed is not None
        assert removed.through > 200
        assert journal.path.stat().st_size <= CONFIG.max_size - BESIDE_BYTES
        assert journal.bytes_on_disk() <= CONFIG.max_size
        assert journal.problems() == ()
        assert recover(journal).world.sessions == loop.world.sessions


def test_what_is_older_than_its_days_goes_although_there_is_room(tmp_path):
    journal, _ = lived(tmp_path / "journal.db", stops(600, every=timedelta(hours=1)))

    with journal:
        removed = journal.removed()
        assert removed is not None
        assert removed.through > 300
        assert journal.problems() == ()


def test_a_mistake_in_sweeping_is_not_the_end_of_the_daemon(tmp_path, caplog):
    before_all_time = JumpingClock(at=datetime(1, 1, 2, tzinfo=UTC))
    happened = [replace(one, at=before_all_time.at) for one in stops(3, every=timedelta(0))]

    journal, loop = lived(tmp_path / "journal.db", happened, clock=before_all_time)

    with journal:
        assert loop.seq == 3
        assert "nothing of the past is removed for now" in caplog.text


def test_a_large_turn_brings_the_next_snapshot_forward(tmp_path):
    large = [
        events.FactsObserved(at=event.at, facts={"host.note": "x" * 30_000})
        for event in stops(100, every=timedelta(seconds=1))
    ]

    journal, _ = lived(tmp_path / "journal.db", large)

    with journal:
        assert journal.snapshots()


def test_all_sweeps_are_worked_out_by_one_thread(tmp_path):
    """A second worker would come with memory of its own, for good."""
    seen = set[str]()

    class Watched(JumpingClock):
        async def sleep(self, seconds: float) -> None:
            seen.update(one.name for one in threading.enumerate())
            await super().sleep(seconds)

    lived(
        tmp_path / "journal.db",
        stops(600, every=timedelta(hours=12)),
        clock=Watched(),
    )

    assert len(seen) == 2
    assert any(name.startswith("journal-sweep") for name in seen)
