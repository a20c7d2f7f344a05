"""A **gap** is a stretch of numbers whose entries are not there any more, and the reason.

Two reasons there are: damage took them, or they were removed on purpose, because the journal keeps
within its bounds. A gap of the second kind is an **anchor** of the chain of checksums: it holds the
checksum of the entry before it and of its own last one, so that what follows is still verified.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.journal.rows import seal_of

DAMAGE: Final = "damage"
REMOVED: Final = "removed"

_COLUMNS = "first, last, why, at, previous, anchor, seal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """From `first` to `last` there is nothing; `at` is when that was noted, where it is known."""

    first: int
    last: int
    why: str
    at: str = ""
    previous: str = ""
    """The checksum of the entry before it."""
    anchor: str = ""
    """The checksum of its last entry; empty where damage took it."""
    is_intact: bool = True

    def content(self) -> tuple[int | str, ...]:
        """What is sealed, in the order of the columns."""
        return (self.first, self.last, self.why, self.at, self.previous, self.anchor)


def read_gaps(connection: sqlite3.Connection) -> list[Gap]:
    """All gaps, in order. The first format knew of damage only."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
        query = "SELECT first, last FROM gaps ORDER BY first"
        return [Gap(first=a, last=b, why=DAMAGE) for a, b in connection.execute(query)]
    found = connection.execute(f"SELECT {_COLUMNS} FROM gaps ORDER BY first")  # noqa: S608
    return [_gap_of(row) for row in found]


def _gap_of(row: tuple[int, int, str, str, str, str, str]) -> Gap:
    first, last, why, at, previous, anchor, seal = row
    gap = Gap(first=first, last=last, why=why, at=at, previous=previous, anchor=anchor)
    return replace(gap, is_intact=seal_of(*gap.content()) == seal)


def insert_gap(connection: sqlite3.Connection, gap: Gap) -> None:
    """Note a gap."""
    connection.execute(
        f"INSERT OR REPLACE INTO gaps ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (*gap.content(), seal_of(*gap.content())),
    )


def note_removed(connection: sqlite3.Connection, gap: Gap) -> None:
    """Note a stretch that is about to be removed; with its neighbours it becomes one gap."""
    around = "WHERE first < ? ORDER BY first DESC", "WHERE first > ? ORDER BY first"
    for where in around:
        found = connection.execute(f"SELECT {_COLUMNS} FROM gaps {where} LIMIT 1", (gap.first,))  # noqa: S608
        for other in map(_gap_of, found.fetchall()):
            if other.why != REMOVED or not other.is_intact:
                continue
            if other.last == gap.first - 1:
                gap = replace(gap, first=other.first, previous=other.previous)
            elif other.first == gap.last + 1:
                gap = replace(gap, last=other.last, anchor=other.anchor)
            else:
                continue
            connection.execute("DELETE FROM gaps WHERE first = ?", (other.first,))
    insert_gap(connection, gap)


def lost_between(gaps: Iterable[Gap], first: int, last: int) -> list[tuple[int, int]]:
    """What of a missing stretch was not removed on purpose."""
    lost, edge = list[tuple[int, int]](), first
    for gap in gaps:
        if gap.why == REMOVED and gap.is_intact and gap.last >= edge and gap.first <= last:
            if gap.first > edge:
                lost.append((edge, gap.first - 1))
            edge = gap.last + 1
    if edge <= last:
        lost.append((edge, last))
    return lost
