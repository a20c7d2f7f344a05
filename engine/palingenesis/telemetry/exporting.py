"""Sending what the journal tells to a collector, in the background and behind it.

Theory of operation. The journal is the queue: a cursor says up to which entry a collector has it.
A round reads the next entries (in a thread, on a connection of its own), makes their messages and
hands them over; only then the cursor moves, and is kept in a file beside the journal. So a
collector that is slow, dead or absent costs nothing but its own lateness: nothing is held in
memory but one round, the loop is never waited for, and the next run goes on where this one was.
Ids are worked out from what they are about, so what is sent twice is the same thing twice.

A cursor that has fallen too far behind is moved up; what it skips is counted and told.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from palingenesis.core.errors import JournalError
from palingenesis.runtime.ports import Clock, Recorded
from palingenesis.runtime.views import decoded
from palingenesis.telemetry.episodes import Episodes
from palingenesis.telemetry.lines import Line, line_of, session_of
from palingenesis.telemetry.metric import Family
from palingenesis.telemetry.sending import LaterError, NeverError, Sender
from palingenesis.telemetry.trace import Span

log = logging.getLogger("palingenesis.telemetry")

ROUND: Final = 200
"""Entries that are handed over at once."""
BEHIND_MAX: Final = 20_000
"""A cursor that is further behind is moved up."""
METRICS_S: Final = 60.0
FAREWELL_S: Final = 1.0
"""So long may the end of the daemon wait for a collector that has been there until now."""
_GATHER_S: Final = 1.0
_PATIENCE_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

Read = Callable[[int, int], Sequence[Recorded]]
"""Entries with a number above the first argument, at most as many as the second says."""


class Messages(Protocol):
    """Makes messages in the collector's form (`telemetry.otlp`)."""

    def traces(self, spans: Sequence[Span]) -> bytes:
        """For spans."""
        ...

    def logs(self, lines: Sequence[Line], seen: datetime) -> bytes:
        """For log records."""
        ...

    def metrics(
        self,
        families: Sequence[Family],
        *,
        since: datetime,
        at: datetime,
        whose: Mapping[str, str],
    ) -> bytes:
        """For metrics."""
        ...

    def refused(self, signal: str, answer: bytes) -> int:
        """How many items were not taken, by an answer that says that all is well."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All metrics at one moment."""

    families: Sequence[Family]
    since: datetime
    whose: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class _Round:
    """Messages of one round, by signal, with the number of items in each."""

    through: int
    messages: list[tuple[str, bytes, int]]
    """Those that were not taken yet, in order."""


class Exporting:
    """Hands the journal over, from a cursor on.

    Args:
        read: reads entries; called in a thread.
        newest: the number of the newest entry.
        measure: takes the metrics; called between two turns.
        messages: makes what is sent.
        sender: the way to the collector.
        clock: the present.
        kept: the file of the cursor.
        begin: where to begin without one: after this entry.
    """

    def __init__(
        self,
        *,
        read: Read,
        newest: Callable[[], int],
        measure: Callable[[], Measured],
        messages: Messages,
        sender: Sender,
        clock: Clock,
        kept: Path,
        begin: int,
    ) -> None:
        self._read = read
        self._newest = newest
        self._measure = measure
        self._messages = messages
        self._sender = sender
        self._clock = clock
        self._kept = kept
        self._episodes = Episodes()
        self._wake = asyncio.Event()
        self._told: dict[str, str] = {}
        self._is_there = False
        self._making: asyncio.Future[_Round] | None = None
        self._begin = begin
        self.counts: Counter[tuple[str, str]] = Counter()
        """What became of items: `(signal, sent | refused | skipped)`."""
        self.cursor = 0

    def notice(self) -> None:
        """There is a new entry."""
        self._wake.set()

    async def watch(self) -> None:
        """Send for ever; when cancelled, try for a moment to send the rest."""
        try:
            await asyncio.to_thread(self._take_up)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._repeat_metrics())
        finally:
            await self._farewell()

    async def _follow(self) -> None:
        while True:
            while self.cursor < self._newest():
                await self._round()
            self._wake.clear()
            await self._wake.wait()
            await self._clock.sleep(_GATHER_S)  # a turn seldom comes alone

    async def _repeat_metrics(self) -> None:
        while True:
            await self._send_metrics()
            await self._clock.sleep(METRICS_S)

    async def _send_metrics(self) -> None:
        """Metrics are sent as they are now or not at all: the next ones say the same and more."""
        measured, at = self._measure(), self._clock.now()
        message = self._messages.metrics(
            measured.families, since=measured.since, at=at, whose=measured.whose
        )
        count = sum(len(family.samples) for family in measured.families)
        with suppress(LaterError):
            await self._hand_over("metrics", message, count)

    async def _round(self) -> None:
        """The next entries, until the collector has them or will never take them."""
        try:
            made = await self._made()
        except JournalError as error:
            self._making = None
            self._tell("", f"telemetry cannot read the journal: {error}")
            await self._clock.sleep(_PATIENCE_S[-1])
            return
        except Exception:  # one entry must not be the end of all
            log.exception("telemetry leaves out what follows entry %d", self.cursor)
            self._done(min(self.cursor + ROUND, self._newest()))
            return
        while made.messages:
            await self._until_taken(*made.messages[0])
            made.messages.pop(0)
        self._done(made.through)

    async def _made(self) -> _Round:
        """The round that is being made; also for the farewell, when its maker was cancelled."""
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._next))
        return await asyncio.shield(self._making)

    def _done(self, through: int) -> None:
        self._making = None
        self.cursor = through
        with suppress(OSError):
            self._keep()

    async def _until_taken(self, signal: str, message: bytes, count: int) -> None:
        tries = 0
        while True:
            try:
                await self._hand_over(signal, message, count)
            except LaterError as later:
                patience_s = _PATIENCE_S[min(tries, len(_PATIENCE_S) - 1)]
                asked_s = later.after.total_seconds() if later.after is not None else 0.0
                await self._clock.sleep(max(patience_s, asked_s))
                tries += 1
            else:
                return

    async def _hand_over(self, signal: str, message: bytes, count: int) -> None:
        """Hand one message over, or drop it for good.

        Raises:
            LaterError: not now.
        """
        try:
            answer = await self._sender.send(signal, message)
            refused = min(self._messages.refused(signal, answer), count)
        except LaterError as error:
            self._is_there = False
            self._tell("", f"telemetry waits for its collector: {error}")
            raise
        except (NeverError, ValueError) as error:
            self._tell(signal, f"the collector takes no {signal}: {error}")
            self.counts[signal, "refused"] += count
            return
        self.counts[signal, "sent"] += count - refused
        if refused:
            self.counts[signal, "refused"] += refused
        self._is_there = True
        if self._told.pop("", ""):
            log.info("the collector takes telemetry again")
        if self._told.pop(signal, ""):
            log.info("the collector takes %s again", signal)

    def _tell(self, about: str, text: str) -> None:
        """Say it once, not every minute of a night."""
        if text != self._told.get(about):
            log.warning("%s", text)
        self._told[about] = text

    # ── in a thread ───────────────────────────────────────────────────────────────────────────

    def _take_up(self) -> None:
        """Find the cursor, and read again what was open there."""
        self.cursor, since = self._kept_cursor()
        after = since - 1
        with suppress(JournalError):
            while after < self.cursor:
                found = self._read(after, ROUND)
                for one in found:
                    if one.seq <= self.cursor:
                        list(self._episodes.take(decoded(one)))
                after = found[-1].seq if found else self.cursor

    def _kept_cursor(self) -> tuple[int, int]:
        """The cursor, and from where on to read again; where there is none: begin with now."""
        try:
            kept = json.loads(self._kept.read_text())
            cursor, since = int(kept["seq"]), int(kept["since"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return self._begin, self._begin + 1
        if not 0 < since <= cursor + 1 or cursor > self._newest():
            return self._begin, self._begin + 1  # of another journal
        return cursor, since

    def _keep(self) -> None:
        since = self._episodes.since
        document = {"seq": self.cursor, "since": self.cursor + 1 if since is None else since}
        fresh = self._kept.with_name(self._kept.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(document))
        fresh.replace(self._kept)

    def _next(self) -> _Round:
        """Read the next entries and make their messages.

        Raises:
            JournalError: the journal cannot be read.
        """
        newest = self._newest()
        if newest - self.cursor > BEHIND_MAX:
            skipped = newest - BEHIND_MAX // 2 - self.cursor
            self.counts["logs", "skipped"] += skipped
            log.warning("telemetry is too far behind: %d entries are not sent", skipped)
            self.cursor += skipped
        entries = [decoded(one) for one in self._read(self.cursor, ROUND)]
        spans, lines = list[Span](), list[Line]()
        for entry in entries:
            session = session_of(entry)
            before = self._episodes.place_of(session)
            spans += self._episodes.take(entry)
            lines.append(line_of(entry, self._episodes.place_of(session) or before))
        messages = list[tuple[str, bytes, int]]()
        if spans:
            messages.append(("traces", self._messages.traces(spans), len(spans)))
        if lines:
            text = self._messages.logs(lines, self._clock.now())
            messages.append(("logs", text, len(lines)))
        through = entries[-1].seq if entries else newest
        return _Round(through=through, messages=messages)

    # ── the end ───────────────────────────────────────────────────────────────────────────────

    async def _farewell(self) -> None:
        """Send what is left, if somebody takes it; the next run sends the rest otherwise."""
        with suppress(TimeoutError, LaterError, JournalError):
            async with asyncio.timeout(FAREWELL_S):
                while self._is_there and self.cursor < self._newest():
                    made = await self._made()
                    while made.messages:
                        await self._hand_over(*made.messages[0])
                        made.messages.pop(0)
                    self._done(made.through)
                if self._is_there:
                    await self._send_metrics()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._sender.aclose()
