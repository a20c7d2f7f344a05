"""Programs of hers that ended while nobody watched them: told once, and what they left behind.

Theory of operation. Whoever watches a program sees its process through a pidfd, and tells its end.
But a program may end while we do not run, before its plugin has come again, or between one who
watched it and the next. Whoever decides knows the processes that are to live. One that is not
there any more is told here, after how its last turns ended as the database has it: those of whom
nobody has told since our start at once, any other when a second look has not found it either.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from palingenesis.assistants.opencode.book import Book
from palingenesis.assistants.opencode.ending import how_it_ended
from palingenesis.assistants.opencode.observed import agent_of
from palingenesis.assistants.opencode.pacing import QUIET_FACTOR, Pace
from palingenesis.assistants.opencode.settling import Settling
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.assistants.opencode.watched import Watched
from palingenesis.core import events
from palingenesis.core.errors import AssistantError
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import AgentId, SessionId, Way
from palingenesis.processes.identity import who_has
from palingenesis.processes.seeing import when_started
from palingenesis.runtime.ports import Clock, Emit, Work

_SAME_START: Final = timedelta(seconds=2)
"""The wall clock may have been set a little since a program was met."""
_MESSAGES: Final = 400
"""So many of a session's messages are read for the documents that it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A program of hers that lives, as far as we know."""

    pid: int
    started_at: datetime
    way: Way = Way.INTEGRATED
    ends_itself: bool = False
    """`opencode run`: it ends with its turn, and that is nobody's word."""
    is_up: bool = False
    """Somebody watches it now."""

    def is_started(self, at: datetime) -> bool:
        """Whether a process that was started then can be this program."""
        return abs(at - self.started_at) <= _SAME_START


class MissingPrograms:
    """Tells the ends that nobody saw; a `Sensor`.

    Args:
        clock: what time it is.
        work: reads the documents of a session's work.
        data: the database that they kept their sessions in.
        known: the programs that live, as far as whoever decides knows.
        under_way: sessions of one of them in which something may have been under way.
        pace: how often we look; it may change meanwhile.
        zones: time-zone data, see `core.stops.times`.
    """

    name = "missing programs"

    def __init__(
        self,
        clock: Clock,
        work: Work,
        *,
        data: Path,
        known: Callable[[], Collection[Remembered]],
        under_way: Callable[[AgentId], Collection[SessionId]],
        pace: Pace,
        zones: Zones | None = None,
    ) -> None:
        self._clock = clock
        self._work = work
        self._storage = Storage(data)
        self._known = known
        self._under_way = under_way
        self._pace = pace
        self._zones = zones
        self._missed = frozenset(map(_name_of, known()))
        """Those that somebody else had time to tell, or nobody else can."""
        self._told: frozenset[tuple[int, datetime]] = frozenset()
        """Those whose end was told, as long as it was not taken in: that may take a while."""

    async def watch(self, emit: Emit) -> None:
        """See `ports.Sensor`."""
        while True:
            known = self._known()
            named = {_name_of(one): one for one in known}
            self._told &= named.keys()
            untold = named.keys() - self._told
            missing = {name: named[name] for name in untold if _is_gone(named[name])}
            for name in self._missed & missing.keys():
                await self._tell(missing[name], emit)
                self._told |= {name}
            self._missed = frozenset(missing)
            await self._clock.sleep(self._pace.interval_s * (1 if known else QUIET_FACTOR))

    async def _tell(self, one: Remembered, emit: Emit) -> None:
        agent = agent_of(one.pid)
        ending = await how_it_ended(
            self._storage,
            tuple(self._under_way(agent)),
            self._clock.now(),
            ends_itself=one.ends_itself,
            began=one.started_at,
            zones=self._zones,
        )
        book = Book(agent, self._clock.now)
        settling = Settling(agent, book, self._work, self._clock, quiet=(), zones=self._zones)
        settling.tell(emit)
        for session, stop in ending.stops.items():
            settling.tell_last(await asyncio.to_thread(self._watched, book, session), stop)
        emit(
            events.AgentDown(
                at=self._clock.now(), agent=agent, cause=ending.cause, detail=ending.detail
            )
        )

    def _watched(self, book: Book, session: SessionId) -> Watched:
        """The session, with the documents that it wrote."""
        with contextlib.suppress(AssistantError):  # cannot be asked: its work is not known
            row = self._storage.session(session)
            watched = book.expect(session, row.info if row is not None else None)
            written = read_transcript(self._storage.messages(session, _MESSAGES)).written
            watched.written = dict.fromkeys(written)
            return watched
        return book.expect(session, None)


def _name_of(one: Remembered) -> tuple[int, datetime]:
    return one.pid, one.started_at


def _is_gone(one: Remembered) -> bool:
    """Whether its process has ended. Another one may have its number by now.

    Who watches it knows that better than a clock, which may just have been set.
    """
    try:
        identity = who_has(one.pid)
    except OSError:
        return False  # that cannot be told now
    began = when_started(identity) if identity is not None else None
    return began is None or not (one.is_up or one.is_started(began))
