"""Reading the journal: entries, snapshots, policies, and effects without an outcome."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from json import loads
from pathlib import Path
from typing import Any, Self

from palingenesis.core.effects import Effect
from palingenesis.core.errors import JournalError
from palingenesis.core.record import to_plain
from palingenesis.journal.checking import (
    examine,
    find_problems,
    intact_snapshots,
    latest_snapshot_seq,
)
from palingenesis.journal.faults import told
from palingenesis.journal.gaps import DAMAGE, REMOVED, read_gaps
from palingenesis.journal.rows import COLUMNS, PolicyText, Row, as_key, read
from palingenesis.runtime.ports import Recorded

BATCH = 500
"""Rows that are read at once; between batches nothing is held, so a slow reader harms nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries are wanted."""

    after: int = 0
    since: datetime | None = None
    session: str | None = None
    kinds: Collection[str] | None = None
    decided: bool = False

    def where(self) -> tuple[str, list[int | str]]:
        """The condition and its values, for SQL."""
        terms, values = ["1"], list[int | str]()
        if self.since is not None:
            terms.append("at >= ?")
            values.append(to_plain(self.since, datetime))
        if self.session is not None:
            terms.append("seq IN (SELECT seq FROM about WHERE session = ?)")
            values.append(as_key(self.session))
        if self.kinds is not None:
            terms.append(f"kind IN ({', '.join('?' * len(self.kinds))})")
            values.extend(self.kinds)
        if self.decided:
            terms.append("decisions != '[]'")
        return " AND ".join(terms), values


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What the journal does not hold any more because it keeps within its bounds."""

    entries: int
    through: int
    """Number of the newest entry that was removed; some before it may have been kept."""
    at: datetime
    """When entries were removed last."""
    until: datetime
    """What happened before is there in part at most."""


class JournalReader(ABC):
    """What can be asked of a journal, whoever has it open.

    `skipped` collects the numbers of entries whose content is damaged: they are left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: set[int] = set()

    @abstractmethod
    def _ready(self) -> sqlite3.Connection:
        """An open connection; raises JournalError when there is none to be had."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def entries(
        self,
        after: int = 0,
        *,
        since: datetime | None = None,
        session: str | None = None,
        kinds: Collection[str] | None = None,
        decided: bool = False,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Recorded]:
        """The entries with a number above `after`, oldest first unless told otherwise.

        Args:
            after: number of the last entry that is not wanted.
            since: leave out what happened before this instant.
            session: only entries whose event, decisions or effects concern this session.
            kinds: only events of these classes, by name (`SessionStopped`).
            decided: only entries in which something was decided.
            limit: at most that many.
            newest_first: from the end.

        Raises:
            JournalError: the file cannot be read, or an entry does not fit this version.
        """
        selection = Selection(
            after=after, since=since, session=session, kinds=kinds, decided=decided
        )
        size = BATCH if limit is None else max(1, min(BATCH, limit))
        rows = self._intact_rows(selection, size, newest_first=newest_first)
        for row, policy in islice(rows, limit):
            yield read(row, policy)

    def last_seq(self) -> int:
        """Number of the newest entry; 0 when there is none."""
        with told(self.path, "read"):
            row = self._ready().execute("SELECT max(seq) FROM entries").fetchone()
        return int(row[0] or 0)

    def first_seq(self) -> int:
        """Number of the oldest entry after which none was removed on purpose; 0: there is none.

        Some that are older may have been kept: they are a part of the past, not a beginning.
        """
        with told(self.path, "read"):
            gaps = [gap.last for gap in read_gaps(self._ready()) if gap.why == REMOVED]
            query = "SELECT min(seq) FROM entries WHERE seq > ?"
            row = self._ready().execute(query, (max(gaps, default=0),)).fetchone()
        return int(row[0] or 0)

    def lost_after(self, seq: int) -> bool:
        """Whether damage took entries with a number above `seq`."""
        with told(self.path, "read"):
            gaps = read_gaps(self._ready())
        return any(gap.why == DAMAGE and gap.last > seq for gap in gaps)

    def snapshots(self) -> Mapping[int, Any]:
        """Every undamaged snapshot of this record version, by the number of its entry."""
        with told(self.path, "read"):
            found = intact_snapshots(self._ready())
            return {seq: loads(world) for seq, world in found}

    def latest_snapshot(self) -> tuple[int, Any] | None:
        """The newest undamaged snapshot of this record version: its entry's number, the world."""
        with told(self.path, "read"):
            seq = latest_snapshot_seq(self._ready())
            if seq is None:
                return None
            query = "SELECT world FROM snapshots WHERE seq = ?"
            return seq, loads(self._ready().execute(query, (seq,)).fetchone()[0])

    def open_effects(self) -> list[tuple[Effect, datetime]]:
        """Intents without an outcome, oldest first, each with the instant it was ordered."""
        with told(self.path, "read"):
            found = self._ready().execute(
                "SELECT seq, effect FROM intents"
                " WHERE effect NOT IN (SELECT effect FROM outcomes) ORDER BY seq"
            )
            wanted = [(int(seq), effect) for seq, effect in found]
        effects = []
        entries: dict[int, Recorded] = {}
        for seq, key in wanted:
            if seq not in entries:
                entries.update((it.seq, it) for it in self.entries(seq - 1, limit=1))
            if seq in entries:
                entry = entries[seq]
                effects += [(it, entry.event.at) for it in entry.effects if as_key(it.id) == key]
        return effects

    def ordered(self, effect: str) -> Effect | None:
        """The effect that was ordered under this id; None: none was, or it is not there any more.

        Raises:
            JournalError: the file cannot be read.
        """
        key = as_key(effect)
        with told(self.path, "read"):
            query = "SELECT seq FROM intents WHERE effect = ?"
            row = self._ready().execute(query, (key,)).fetchone()
        entries = self.entries(int(row[0]) - 1, limit=1) if row is not None else ()
        return next((it for one in entries for it in one.effects if as_key(it.id) == key), None)

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        """Name and resolved form of the policy that was adopted under `digest`, newest first."""
        with told(self.path, "read"):
            found = self._ready().execute(
                "SELECT content, digest, name, resolved FROM policies WHERE digest = ?"
                " ORDER BY id DESC",
                (as_key(digest),),
            )
            texts = [PolicyText(*row) for row in found]
        for text in texts:
            if text.is_intact():
                return text.name, loads(text.resolved)
        return None

    def removed(self) -> Removed | None:
        """What was removed on purpose; None: nothing ever was."""
        with told(self.path, "read"):
            gaps = [gap for gap in read_gaps(self._ready()) if gap.why == REMOVED and gap.is_intact]
            if not gaps:
                return None
            through = max(gap.last for gap in gaps)
            query = "SELECT at FROM entries WHERE seq > ? ORDER BY seq LIMIT 1"
            first = self._ready().execute(query, (through,)).fetchone()
        at = datetime.fromisoformat(max(gap.at for gap in gaps))
        return Removed(
            entries=sum(gap.last - gap.first + 1 for gap in gaps),
            through=through,
            at=at,
            until=datetime.fromisoformat(first[0]) if first is not None else at,
        )

    def bytes_on_disk(self) -> int:
        """How much room the file and its log take."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        with told(self.path, "read"):
            return sum(file.stat().st_size for file in files if file.exists())

    def problems(self, after: int = 0) -> tuple[str, ...]:
        """Everything that is wrong with the file and its entries above `after`; empty: sound.

        Raises:
            JournalError: the file cannot be read at all.
        """
        with told(self.path, "check"):
            return tuple(find_problems(self._ready(), after))

    def _intact_rows(
        self, selection: Selection, size: int, *, newest_first: bool
    ) -> Iterator[tuple[Row, PolicyText | None]]:
        condition, values = selection.where()
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT {COLUMNS} FROM entries WHERE seq > ? AND seq < ? AND {condition}"  # noqa: S608
            f" ORDER BY seq {order} LIMIT {size}"
        )
        low, high = selection.after, 2**63 - 1
        while True:
            with told(self.path, "read"):
                connection = self._ready()
                rows = [Row(*row) for row in connection.execute(query, (low, high, *values))]
                batch = [(row, *examine(connection, row)) for row in rows]
            for row, is_sound, policy in batch:
                if is_sound:
                    yield row, policy
                else:
                    self.skipped.add(row.seq)
            if len(rows) < size:
                return
            if newest_first:
                high = rows[-1].seq
            else:
                low = rows[-1].seq


def unreadable(path: Path) -> JournalError:
    """There is no journal to read."""
    return JournalError(
        f"there is no journal at {path}",
        "start the daemon once, or name the right state directory",
    )
