"""Keeping the journal within its bounds, between turns and in small steps.

What may go is worked out in a thread, on a connection of its own; the steps that remove it are
taken by the loop's own thread, each a short transaction, with a pause after it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from palingenesis.app.alarm import ChannelAlarm
from palingenesis.core.commands import Hold
from palingenesis.core.errors import JournalError
from palingenesis.core.events import CommandGiven, Event, JournalMended
from palingenesis.core.values import Status
from palingenesis.core.world import World
from palingenesis.journal import Ballast, Retention, SqliteJournal, plan_sweep
from palingenesis.runtime.config import JournalConfig
from palingenesis.runtime.ports import Channel, Clock, Emergency, Entry

log = logging.getLogger("palingenesis.journal")

_SNAPSHOT_EVERY: Final = 500
_SNAPSHOT_BYTES: Final = 2 * 1024 * 1024
_LOOK_EVERY: Final = 100
"""Turns between two looks at the size."""
_AGE_EVERY: Final = timedelta(days=1)
"""How often entries are looked at for their age."""
_PAUSE_S: Final = 0.05


_NOT_WHOLE: Final = (
    "the beginning of the journal is lost, and with it what was going on and what you had stopped: "
    "nothing is done until you have looked and say `palingenesis resume`"
)
_UNKNOWN: Final = (
    "among what is lost there may be what you stopped last: nothing is done until you have looked "
    "and say `palingenesis resume`"
)
_HOLDER: Final = "palingenesis: its memory is not whole"


class Keeping:
    """Snapshots for a short recovery, and what is past removed."""

    def __init__(self, journal: SqliteJournal, config: JournalConfig, clock: Clock) -> None:
        self._journal = journal
        self._retention = Retention(bytes_max=config.max_size, keep=config.keep)
        self._clock = clock
        self._ballast = Ballast(journal.path)
        self._alarm = ChannelAlarm(clock)
        self._wake = asyncio.Event()
        self._is_sweeping = False
        self._looked_at: datetime | None = None
        self._world: World | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-sweep")
        """One thread for all sweeps: those of asyncio become more, each with memory of its own."""

    @property
    def bytes_max(self) -> int:
        """How much the journal may take on the disk."""
        return self._retention.bytes_max

    def follow(self, config: JournalConfig) -> None:
        """Keep within these bounds from now on; what is past them goes at the next look."""
        self._retention = Retention(bytes_max=config.max_size, keep=config.keep)
        self._wake.set()

    def mended(self, world: World, *, began: int) -> Iterator[Event]:
        """What there is to say, once, about damage that was found when the journal was opened.

        `began` is the snapshot that the world was made from. When something is lost that came after
        it, or the beginning of the journal without one, a person has to look before anything is
        done.
        """
        at = self._clock.now()
        names = tuple(name for name in self._journal.set_aside() if name not in world.mended)
        hold = CommandGiven(at=at, command=Hold(), by=_HOLDER)
        is_lost = self._journal.lost_after(began)
        if names:
            told = "; ".join(damage.told() for damage in self._journal.damage)
            what = told or f"the journal was damaged; the damaged file is kept ({', '.join(names)})"
            if is_lost and not world.paused:
                yield hold  # first: if we die before the next is written, both are said again
            what = f"{what}; {_UNKNOWN}" if is_lost else what
            yield JournalMended(at=at, what=what, kept_as=names)
        whole = self._journal.first_seq() <= 1  # counted from where nothing was removed
        if not began and not whole and not world.paused and not (names and is_lost):
            yield JournalMended(at=at, what=_NOT_WHOLE, kept_as=())
            yield hold

    def noticed(self, seq: int, entry: Entry, world: World) -> None:
        """A turn was written: time for a snapshot, or to look at the size?"""
        self._world = world
        if seq % _SNAPSHOT_EVERY == 0 or self._journal.bytes_since_snapshot > _SNAPSHOT_BYTES:
            self.remember(seq, world)
        at = entry.event.at
        if self._looked_at is None or not self._looked_at <= at < self._looked_at + _AGE_EVERY:
            self._looked_at = at
            self._wake.set()
        elif seq % _LOOK_EVERY == 0 and self._is_large():
            self._wake.set()

    def remember(self, seq: int, world: World) -> None:
        """Keep a snapshot of the world; failing that is no harm."""
        with contextlib.suppress(JournalError):
            self._journal.remember(world, seq)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do for now."""
        return not self._is_sweeping and not self._wake.is_set()

    @property
    def emergency(self) -> Emergency:
        """What helps when the journal cannot be written."""
        return Emergency(reserve=self._ballast, alarm=self._alarm)

    async def watch(self, channels: Sequence[Channel] = ()) -> None:
        """Remove what may go, whenever there is something; sound the alarm when it has to be."""
        self._ballast.restore()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._alarm.watch(channels))
                tasks.create_task(self._remove())
        finally:
            self._worker.shutdown(wait=False, cancel_futures=True)

    async def _remove(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._is_sweeping = True
            try:
                await self._sweep()
            except JournalError as error:
                log.info("nothing of the past is removed for now: %s", error)
            except Exception:  # a journal that grows is no reason to end the night
                log.exception("nothing of the past is removed for now")
            finally:
                self._is_sweeping = False

    def _is_large(self) -> bool:
        try:
            return self._journal.used_bytes() > self._retention.file_bytes_wanted
        except JournalError:
            return False

    async def _sweep(self) -> None:
        work_out = partial(
            plan_sweep,
            self._journal.path,
            self._retention,
            alive=_alive(self._world),
            at=self._clock.now(),
        )
        sweep = await asyncio.get_running_loop().run_in_executor(self._worker, work_out)
        while sweep is not None:
            sweep = self._journal.remove_some(sweep, self._clock.now())
            await self._clock.sleep(_PAUSE_S)
        while self._journal.give_back(self._retention):
            await self._clock.sleep(_PAUSE_S)


def _alive(world: World | None) -> frozenset[str]:
    """Sessions about which somebody may still ask why."""
    sessions = world.sessions.values() if world is not None else ()
    return frozenset(
        str(session.id)
        for session in sessions
        if session.supervised
        and session.successor is None
        and session.status is not Status.DETACHED
    )
