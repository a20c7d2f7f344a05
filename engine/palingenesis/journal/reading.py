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
from palingenesis.core.record import RECORD_VERSION, to_plain
from palingenesis.journal.faults import told
from palingenesis.journal.layout import is_as_made
from palingenesis.journal.rows import (
    BEGINNING,
    COLUMNS,
    WITH_POLICY,
    PolicyText,
    Row,
    as_key,
    checksum_of,
    policy_of,
    read,
    seal_of,
)
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
        """Number of the oldest entry; 0 when there is none."""
        with told(self.path, "read"):
            row = self._ready().execute("SELECT min(seq) FROM entries").fetchone()
        return int(row[0] or 0)

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


def examine(connection: sqlite3.Connection, row: Row) -> tuple[bool, PolicyText | None]:
    """Whether a row, and the policy text that it may refer to, are intact; and that text."""
    if not row.is_intact():
        return False, None
    if row.kind not in WITH_POLICY:
        return True, None
    content = policy_of(loads(row.event))
    query = "SELECT content, digest, name, resolved FROM policies WHERE content = ?"
    found = connection.execute(query, (content,)).fetchone()
    policy = PolicyText(*found) if found is not None else None
    return policy is not None and policy.is_intact(), policy


def latest_snapshot_seq(connection: sqlite3.Connection) -> int | None:
    """Number of the newest snapshot that is intact and of this record version."""
    return next((seq for seq, _ in intact_snapshots(connection)), None)


def intact_snapshots(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """Number and text of the snapshots that are intact and of this record version, newest first."""
    found = connection.execute(
        "SELECT seq, world, checksum FROM snapshots WHERE version = ? ORDER BY seq DESC",
        (RECORD_VERSION,),
    )
    for seq, world, checksum in found:
        if checksum_of(f"{seq}:{world}") == checksum:
            yield int(seq), world


def find_problems(connection: sqlite3.Connection, after: int) -> Iterator[str]:
    """Damage: of the file's structure, of entries above `after`, of what is missing between."""
    for (line,) in connection.execute("PRAGMA quick_check(5)"):
        if line != "ok":
            yield f"the file's structure is broken: {line.strip().splitlines()[-1]}"
    if not is_as_made(connection):
        yield "the tables are not defined as they were made"
    # A changed id in an index would make an intent, or its outcome, disappear in silence.
    for query in (
        "SELECT effect, seq, session, checksum FROM intents",
        "SELECT effect, seq, checksum FROM outcomes",
    ):
        if any(seal_of(*content) != checksum for *content, checksum in connection.execute(query)):
            yield "the index of effects is damaged"
    gaps = dict(connection.execute("SELECT first, last FROM gaps"))
    before = _row_before(connection, after)
    query = f"SELECT {COLUMNS} FROM entries WHERE seq > ? ORDER BY seq"  # noqa: S608
    for values in connection.execute(query, (after,)):
        row = Row(*values)
        expected = before.seq + 1 if before is not None else 1
        if row.seq != expected:
            if gaps.get(expected) != row.seq - 1:
                yield f"entries {expected} to {row.seq - 1} are missing"
        elif row.previous != (before.checksum if before is not None else BEGINNING):
            yield f"entry {row.seq} does not follow entry {row.seq - 1}"
        if not examine(connection, row)[0]:
            yield f"entry {row.seq} is damaged"
        before = row


def _row_before(connection: sqlite3.Connection, after: int) -> Row | None:
    query = f"SELECT {COLUMNS} FROM entries WHERE seq <= ? ORDER BY seq DESC LIMIT 1"  # noqa: S608
    found = connection.execute(query, (after,)).fetchone()
    return Row(*found) if found is not None else None


def unreadable(path: Path) -> JournalError:
    """There is no journal to read."""
    return JournalError(
        f"there is no journal at {path}",
        "start the daemon once, or name the right state directory",
    )
