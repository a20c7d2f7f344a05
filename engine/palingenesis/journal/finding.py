"""Finding the entries of a damaged journal: along the way that SQLite knows, and beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import Final

from palingenesis.journal.faults import is_damage
from palingenesis.journal.gaps import read_gaps
from palingenesis.journal.leaves import Leaves
from palingenesis.journal.reading import BATCH
from palingenesis.journal.rows import COLUMNS, PolicyText, Row, checksum_of, seal_of

_PATIENT_PROBES: Final = 1_000
"""Unreadable numbers that are tried one by one before they are skipped in growing strides."""


class Found:
    """What there is in a readable copy, sound or not.

    With the size of its pages, entries are also looked for beside the way to them.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, page_size: int | None) -> None:
        self._connection = connection
        self._leaves = Leaves(path, page_size) if page_size is not None else None
        self._named = self._highest_named()
        self._bound = self._named + path.stat().st_size // 32 + 1_000
        self._came_to_the_end = False
        self._policies: dict[str, PolicyText] | None = None
        self._last_seen = 0

    def rows(self) -> Iterator[tuple[Row, bool]]:
        """Every entry, by number, and whether it lost its way; one may come more than once.

        Raises:
            OSError, sqlite3.Error: it cannot be read, for another reason than damage.
        """
        along = ((row, False) for row in self._along_the_way())
        if self._leaves is None:
            yield from along
            return
        self._leaves.look()
        beside = ((row, True) for row in self._leaves.rows())
        yield from merge(along, beside, key=lambda pair: pair[0].seq)

    def policy(self, content: str) -> PolicyText | None:
        """The text of a policy that lost its way; None: it is not there."""
        if self._policies is None:
            found = self._leaves.policies() if self._leaves is not None else ()
            self._policies = {policy.content: policy for policy in found}
        return self._policies.get(content)

    def last(self, kept: int) -> int:
        """The number of the last entry that was written, when `kept` is the last that was kept.

        Where the end is lost, and nothing names its number, one entry more than was kept.
        """
        is_lost = not self._came_to_the_end or self._last_seen > kept
        return max(self._named, kept + 1 if is_lost else kept)

    def _along_the_way(self) -> Iterator[Row]:
        """Every row that SQLite can read, stepping over what it cannot."""
        query = f"SELECT {COLUMNS} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        edge, size, failed = 0, BATCH, 0
        while edge < self._bound:
            try:
                rows = [Row(*values) for values in self._connection.execute(query, (edge, size))]
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if not is_damage(error):
                    raise
                if size > 1:
                    size = 1
                    continue
                failed += 1
                edge += 1 if failed < _PATIENT_PROBES else failed - _PATIENT_PROBES + 2
                continue
            yield from rows
            self._last_seen = rows[-1].seq if rows else self._last_seen
            if len(rows) < size:
                self._came_to_the_end = True
                return
            if rows[-1].seq <= edge:
                return  # the way leads in a circle
            edge, failed, size = rows[-1].seq, 0, min(BATCH, size * 2)
            self._bound = max(self._bound, edge + 1)

    def _highest_named(self) -> int:
        """The highest number of an entry that anything sealed names."""
        named = [0]
        with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            named += (gap.last for gap in read_gaps(self._connection) if gap.is_intact)
        for query in (
            "SELECT seq, checksum, effect, seq, session FROM intents",
            "SELECT seq, checksum, effect, seq FROM outcomes",
        ):
            with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
                for seq, seal, *content in self._connection.execute(query):
                    named += [seq] if seal_of(*content) == seal else []
        with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            for seq, seal, world in self._connection.execute(
                "SELECT seq, checksum, world FROM snapshots"
            ):
                named += [seq] if checksum_of(f"{seq}:{world}") == seal else []
        return max(named)
