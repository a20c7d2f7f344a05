"""Whether a journal is sound: its structure, its definitions, its indexes, its chain of entries."""

import sqlite3
from collections.abc import Iterator
from json import loads

from palingenesis.core.record import RECORD_VERSION
from palingenesis.journal.gaps import REMOVED, Gap, read_gaps
from palingenesis.journal.layout import is_as_made
from palingenesis.journal.rows import (
    BEGINNING,
    COLUMNS,
    WITH_POLICY,
    PolicyText,
    Row,
    checksum_of,
    checksum_of_bytes,
    policy_of,
    seal_of,
)


def examine(connection: sqlite3.Connection, row: Row) -> tuple[bool, PolicyText | None]:
    """Whether a row, and the policy text that it may refer to, are intact; and that text."""
    if not row.is_intact():
        return False, None
    if row.kind not in WITH_POLICY:
        return True, None
    content = policy_of(loads(row.event))
    # Not by way of its index, which may be damaged when the text is not.
    query = "SELECT content, digest, name, resolved FROM policies NOT INDEXED WHERE content = ?"
    found = connection.execute(query, (content,)).fetchone()
    policy = PolicyText(*found) if found is not None else None
    return policy is not None and policy.is_intact(), policy


def latest_snapshot_seq(connection: sqlite3.Connection) -> int | None:
    """Number of the newest snapshot that is intact and of this record version."""
    return next(intact_snapshot_seqs(connection), None)


def intact_snapshot_seqs(connection: sqlite3.Connection) -> Iterator[int]:
    """Numbers of the intact ones, newest first. A world is large: one at a time, and no copy."""
    found = connection.execute(
        "SELECT seq, checksum FROM snapshots WHERE version = ? ORDER BY seq DESC",
        (RECORD_VERSION,),
    )
    query = "SELECT CAST(world AS BLOB) FROM snapshots WHERE seq = ?"
    for seq, checksum in found.fetchall():
        (world,) = connection.execute(query, (seq,)).fetchone()
        if checksum_of_bytes(f"{seq}:".encode(), world) == checksum:
            yield int(seq)
        del world


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
    gaps = read_gaps(connection)
    if not all(gap.is_intact for gap in gaps):
        yield "the record of missing entries is damaged"
    yield from _broken_links(connection, after, {gap.first: gap for gap in gaps if gap.is_intact})


def _broken_links(
    connection: sqlite3.Connection, after: int, gaps: dict[int, Gap]
) -> Iterator[str]:
    before = _row_before(connection, after)
    edge, checksum = (before.seq, before.checksum) if before is not None else (0, BEGINNING)
    query = f"SELECT {COLUMNS} FROM entries WHERE seq > ? ORDER BY seq"  # noqa: S608
    for values in connection.execute(query, (after,)):
        row = Row(*values)
        while row.seq > edge + 1 and (gap := gaps.get(edge + 1)) is not None:
            if gap.why == REMOVED and checksum and gap.previous != checksum:
                yield f"the removed entries from {gap.first} on do not follow entry {edge}"
            edge, checksum = gap.last, gap.anchor
        if row.seq != edge + 1:
            yield _told_missing(edge + 1, row.seq - 1)
        elif checksum and row.previous != checksum:
            yield f"entry {row.seq} does not follow entry {row.seq - 1}"
        if not examine(connection, row)[0]:
            yield f"entry {row.seq} is damaged"
        edge, checksum = row.seq, row.checksum


def _told_missing(first: int, last: int) -> str:
    if first == last:
        return f"entry {first} is missing"
    return f"entries {first} to {last} are missing"


def _row_before(connection: sqlite3.Connection, after: int) -> Row | None:
    query = f"SELECT {COLUMNS} FROM entries WHERE seq <= ? ORDER BY seq DESC LIMIT 1"  # noqa: S608
    found = connection.execute(query, (after,)).fetchone()
    return Row(*found) if found is not None else None
