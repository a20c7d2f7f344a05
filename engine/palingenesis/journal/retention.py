"""What the journal keeps, and how the rest of it goes.

Theory of operation. What recovery reads starts at a snapshot, so the entries up to the oldest of
the kept snapshots are the past: they may go, oldest first, once the journal outgrows its bounds or
they outlive their days. Some of the past stays: an effect without an outcome, the policy that was
in force, and for every session that lives what it is and its newest decisions with what came of
them. A `Sweep` says what may go; it is worked out on a connection of its own, beside the writer.
The writer then removes it in steps, each one short transaction: first the gap is noted, with the
checksums on both of its sides, then the entries go, then their places in the indexes. A crash
between two steps leaves a sound journal that is only larger than it should be.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import loads
from pathlib import Path
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.record import to_plain
from palingenesis.journal.checking import intact_snapshot_seqs
from palingenesis.journal.faults import told
from palingenesis.journal.gaps import REMOVED, Gap, note_removed, read_gaps
from palingenesis.journal.layout import connect_reader
from palingenesis.journal.rows import COLUMNS, WITH_POLICY, Row, as_key, policy_of, sessions_of

MIB: Final = 1024 * 1024
BESIDE_BYTES: Final = 6 * MIB
"""What of the bound is left to the log (`journal.db-wal`) and the ballast beside the file."""
DECISIONS_KEPT: Final = 20
"""How many decisions of a session that lives stay, the newest."""
SPARED_MAX: Final = 2_000
"""How many old entries are spared at most; what is open is always spared."""

_STEP_ROWS: Final = 100
_STEP_BYTES: Final = MIB // 2
_VACUUM_PAGES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The bounds: how much room everything together may take, and for how long entries stay."""

    bytes_max: int = 64 * MIB
    keep: timedelta = timedelta(days=90)

    @property
    def file_bytes_max(self) -> int:
        """How large the database itself may grow."""
        return self.bytes_max - BESIDE_BYTES

    @property
    def file_bytes_wanted(self) -> int:
        """Where removing begins: early enough that the file never grows beyond its bound."""
        return self.file_bytes_max - self.file_bytes_max // 8

    @property
    def file_bytes_left(self) -> int:
        """Where removing ends: low enough that it does not begin again at once."""
        return self.file_bytes_wanted - self.file_bytes_wanted // 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What may go: entries after `after` up to `through`, but for the spared ones.

    They go as long as they are older than `until`, or more than `down_to` bytes are in use.
    """

    after: int = 0
    through: int
    spared: frozenset[int]
    until: str
    down_to: int
    is_full: bool = False
    """The file was larger than wanted when this was worked out."""
    unused: tuple[str, ...] = ()
    """Policies, by content, that no entry refers to any more."""
    seen: int = 0
    """Number of the newest entry when this was worked out."""


def used_bytes(connection: sqlite3.Connection) -> int:
    """How much of the file is in use; the rest of it is free for what comes."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {it}").fetchone()[0])
        for it in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


# ── working it out, beside the writer ─────────────────────────────────────────────────────────


def plan_sweep(
    path: Path, retention: Retention, *, alive: Collection[str], at: datetime
) -> Sweep | None:
    """What may go by now, for sessions that are `alive`; None: nothing, or nothing yet.

    For a thread of its own: it may take a while, and never holds the writer up.

    Raises:
        JournalError: the file cannot be read.
    """
    # Not by way of Path.open: closing the file would drop the locks of our own writer (fcntl(2)).
    with told(path, "read"), closing(connect_reader(path)) as connection:
        connection.execute("BEGIN")
        seen = int(connection.execute("SELECT max(seq) FROM entries").fetchone()[0] or 0)
        oldest_snapshot = min(intact_snapshot_seqs(connection), default=0)
        is_full = used_bytes(connection) > retention.file_bytes_wanted
        sweep = Sweep(
            through=min(oldest_snapshot, seen - 1),
            spared=frozenset(),
            until=to_plain(at - retention.keep, datetime),
            down_to=retention.file_bytes_left if is_full else retention.file_bytes_wanted,
            is_full=is_full,
            seen=seen,
        )
        sweep = replace(sweep, spared=_spared(connection, sweep.through, alive))
        sweep = replace(sweep, unused=_unused(connection))
        return sweep if sweep.unused or _is_due(connection, sweep) else None


def _is_due(connection: sqlite3.Connection, sweep: Sweep) -> bool:
    rows = connection.execute(
        "SELECT seq, at FROM entries WHERE seq <= ? ORDER BY seq", (sweep.through,)
    )
    oldest = next((row for row in rows if row[0] not in sweep.spared), None)
    return oldest is not None and (sweep.is_full or oldest[1] < sweep.until)


def _spared(connection: sqlite3.Connection, through: int, alive: Collection[str]) -> frozenset[int]:
    opened = connection.execute(
        "SELECT seq FROM intents WHERE effect NOT IN (SELECT effect FROM outcomes)"
    )
    spared = {int(seq) for (seq,) in opened} | set(_policies_in_force(connection))
    lived = set[int]()
    for session in sorted(alive):
        lived |= set(_kept_of(connection, as_key(session), through))
    room = max(0, SPARED_MAX - len(spared))
    return frozenset(spared | set(sorted(lived)[-room:] if room else ()))


def _policies_in_force(connection: sqlite3.Connection) -> Iterator[int]:
    """Entries that brought a policy, but those replaced before everything that is still there."""
    frontier = max((gap.last for gap in read_gaps(connection) if gap.why == REMOVED), default=0)
    for kind in WITH_POLICY:
        query = "SELECT seq FROM entries WHERE kind = ? ORDER BY seq"
        seqs = [int(seq) for (seq,) in connection.execute(query, (kind,))]
        replaced = sum(1 for seq in seqs if seq <= frontier) - 1
        yield from seqs[max(replaced, 0) :]


def _kept_of(connection: sqlite3.Connection, session: str, through: int) -> Iterator[int]:
    of = "FROM about JOIN entries USING (seq) WHERE session = ? AND seq <= ?"
    values = (session, through)
    decided = [
        int(seq)
        for (seq,) in connection.execute(
            f"SELECT seq {of} AND decisions != '[]' ORDER BY seq DESC LIMIT {DECISIONS_KEPT}",
            values,
        )
    ]
    yield from decided
    query = f"SELECT max(seq) {of} AND kind = 'SessionSeen'"
    yield from (seq for (seq,) in connection.execute(query, values) if seq is not None)
    if not decided:
        return
    # The effects of a decision may be ordered later than it, and end later still.
    since = min(decided)
    ordered = connection.execute(
        "SELECT intents.seq, outcomes.seq FROM intents LEFT JOIN outcomes USING (effect)"
        " WHERE intents.session = ? AND intents.seq >= ?",
        (session, since),
    )
    for intent, outcome in ordered:
        yield intent
        if outcome is not None:
            yield outcome


def _unused(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Policies that no entry brought, and by which nothing that is still there was decided."""
    marks = ", ".join("?" * len(WITH_POLICY))
    brought = connection.execute(f"SELECT event FROM entries WHERE kind IN ({marks})", WITH_POLICY)  # noqa: S608
    contents = {policy_of(loads(event)) for (event,) in brought}
    digests = set[str]()
    frontier = max((gap.last for gap in read_gaps(connection) if gap.why == REMOVED), default=0)
    query = "SELECT decisions FROM entries WHERE seq <= ? AND decisions != '[]'"
    for (decisions,) in connection.execute(query, (frontier,)):
        digests |= {as_key(str(one.get("policy", ""))) for one in loads(decisions)}
    kept = connection.execute("SELECT content, digest FROM policies")
    return tuple(
        content for content, digest in kept if content not in contents and digest not in digests
    )


# ── removing it, step by step ─────────────────────────────────────────────────────────────────


def remove_some(connection: sqlite3.Connection, sweep: Sweep, at: datetime) -> Sweep | None:
    """One step, in the caller's transaction; what is left of the sweep, None when it is over."""
    if sweep.unused:
        _drop_policies(connection, sweep)
        return replace(sweep, unused=())
    excess = used_bytes(connection) - sweep.down_to
    query = (
        f"SELECT {COLUMNS} FROM entries WHERE seq > ? AND seq <= ?"  # noqa: S608
        f" ORDER BY seq LIMIT {_STEP_ROWS}"
    )
    rows = [Row(*it) for it in connection.execute(query, (sweep.after, sweep.through))]
    gone, run, is_over = 0, list[Row](), len(rows) < _STEP_ROWS
    for row in rows:
        if row.at >= sweep.until and gone >= excess:
            is_over = True
            break
        if row.seq in sweep.spared or (run and row.seq != run[-1].seq + 1):
            _remove_run(connection, run, at)
            run = []
        if row.seq not in sweep.spared:
            run.append(row)
            gone += len(row.event) + len(row.decisions) + len(row.effects)
        sweep = replace(sweep, after=row.seq)
        if gone > _STEP_BYTES:
            is_over = False
            break
    _remove_run(connection, run, at)
    return None if is_over else sweep


def give_back(connection: sqlite3.Connection, retention: Retention) -> bool:
    """Make a file beyond its bound smaller by a few free pages; whether there was anything to do.

    A statement of its own, in no transaction.
    """
    pages, free, size = (
        int(connection.execute(f"PRAGMA {it}").fetchone()[0])
        for it in ("page_count", "freelist_count", "page_size")
    )
    if not free or pages * size <= retention.file_bytes_max:
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
    return True


def _remove_run(connection: sqlite3.Connection, run: Collection[Row], at: datetime) -> None:
    if not run:
        return
    rows = list(run)
    gap = Gap(
        first=rows[0].seq,
        last=rows[-1].seq,
        why=REMOVED,
        at=to_plain(at, datetime),
        previous=rows[0].previous,
        anchor=rows[-1].checksum,
    )
    note_removed(connection, gap)
    for row in rows:
        for session in _forget(connection, row):
            connection.execute(
                "DELETE FROM about WHERE session = ? AND seq = ?", (session, row.seq)
            )
    connection.execute("DELETE FROM entries WHERE seq BETWEEN ? AND ?", (gap.first, gap.last))


def _forget(connection: sqlite3.Connection, row: Row) -> Iterable[str]:
    """Take an entry out of the index of effects; which sessions it was about.

    An intent leaves with its outcome, never before: it would be open again.
    """
    try:
        event, decisions, effects = loads(row.event), loads(row.decisions), loads(row.effects)
        sessions = sessions_of(event, decisions, effects)
        key = as_key(event["effect"]) if row.kind == "EffectEnded" else None
    except (ValueError, AttributeError, KeyError, TypeError):
        return ()  # damaged; its places in the indexes lead nowhere, which harms nobody
    if key is not None:
        found = connection.execute("SELECT session FROM intents WHERE effect = ?", (key,))
        sessions |= {session for (session,) in found if session is not None}
        connection.execute("DELETE FROM intents WHERE effect = ?", (key,))
        connection.execute("DELETE FROM outcomes WHERE effect = ?", (key,))
    return sessions


def _drop_policies(connection: sqlite3.Connection, sweep: Sweep) -> None:
    """Drop the unused ones, unless an entry has brought them again in the meantime."""
    marks = ", ".join("?" * len(WITH_POLICY))
    query = f"SELECT event FROM entries WHERE seq > ? AND kind IN ({marks})"  # noqa: S608
    brought = connection.execute(query, (sweep.seen, *WITH_POLICY))
    again = {policy_of(loads(event)) for (event,) in brought}
    for content in set(sweep.unused) - again:
        connection.execute("DELETE FROM policies WHERE content = ?", (content,))
