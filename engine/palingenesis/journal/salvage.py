"""A journal is rebuilt when it is damaged, or when a former version wrote it.

Theory of operation. The old file and its log are copied, never changed. A new journal is built
from whatever rows of the copy are intact, under their old numbers; indexes are made anew; what is
missing is noted in `gaps`. The new file is completed under the name `….rebuilt` before the old one
is removed, so a crash at any point leaves either the old journal or the whole new one.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from json import loads
from pathlib import Path

from palingenesis.core.copies import replace
from palingenesis.core.errors import JournalError
from palingenesis.journal.checking import examine
from palingenesis.journal.faults import is_damage
from palingenesis.journal.gaps import DAMAGE, REMOVED, Gap, insert_gap, lost_between, read_gaps
from palingenesis.journal.layout import (
    FORMAT_VERSION,
    connect_reader,
    create,
    put_in_place,
    sync,
)
from palingenesis.journal.log_file import is_damaged_within, read_log, sealed_anew
from palingenesis.journal.reading import BATCH
from palingenesis.journal.rows import COLUMNS, PolicyText, Row, checksum_of
from palingenesis.journal.writing import insert_indexes, insert_policy, insert_row

SET_ASIDE_MAX = 5
"""How many damaged files are kept, the newest; a bad disk must not fill itself with them."""
_PATIENT_PROBES = 10_000
"""Unreadable numbers that are tried one by one before they are skipped in growing strides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What was wrong, what was lost, and where the damaged file is kept."""

    set_aside: Path
    problems: tuple[str, ...]
    kept: int
    """How many entries were kept."""
    lost: tuple[tuple[int, int], ...]
    """First and last number of each stretch that is missing; a lost end cannot be counted."""

    def told(self) -> str:
        """One line for people."""
        what = self.problems[0] if self.problems else "it could not be read"
        lost = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in self.lost)
        return (
            f"the journal was damaged ({what}); {self.kept} entries were kept,"
            f" {f'entries {lost} are lost' if lost else 'none is known to be lost'};"
            f" the damaged file is kept as {self.set_aside}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A former version's journal was brought forward; what it was is kept."""

    kept_as: Path
    from_format: int
    entries: int

    def told(self) -> str:
        """One line for people."""
        return (
            f"the journal was brought from format {self.from_format} to {FORMAT_VERSION}"
            f" with its {self.entries} entries; as it was, it is kept as {self.kept_as}"
        )


def salvage(path: Path, problems: tuple[str, ...]) -> Damage:
    """Replace the damaged journal at `path` by what can be read of it.

    Raises:
        JournalError: nothing can be read of it; it is left as it was.
        OSError, sqlite3.Error: the new file could not be made; the old one is left as it was.
    """
    numbers = sorted(_numbers_set_aside(path))
    aside = _aside(path, numbers[-1] + 1 if numbers else 1)
    _copy(path, aside)
    kept, lost = _rebuild(path, _readable(path, aside), aside)
    _drop_readable(path)
    for number in numbers[: -SET_ASIDE_MAX + 1]:
        for old in (_aside(path, number), *_with_companions(_aside(path, number))):
            old.unlink(missing_ok=True)
    return Damage(set_aside=aside, problems=problems, kept=kept, lost=lost)


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.damaged-{number}")


def _numbers_set_aside(path: Path) -> Iterator[int]:
    for file in path.parent.glob(f"{path.stem}.damaged-*"):
        number = file.name.rpartition("-")[2]
        if number.isascii() and number.isdigit():
            yield int(number)


def migrate(path: Path, version: int) -> tuple[Migration, Damage | None]:
    """Bring the journal of a former version forward; a copy of it is made first, and kept.

    What of it turns out to be damaged is told as well.

    Raises:
        JournalError: nothing can be read of it; it is left as it was.
        OSError, sqlite3.Error: the new file could not be made; the old one is left as it was.
    """
    aside = path.with_name(f"{path.name}.before-{FORMAT_VERSION}")
    for former in _with_companions(aside):
        former.unlink(missing_ok=True)
    _copy(path, aside)
    _fold(aside)
    with closing(_open_damaged(aside, path)) as old:
        known = [replace(gap, why=REMOVED) for gap in read_gaps(old)]
    kept, lost = _rebuild(path, aside, aside)
    new = tuple(one for stretch in lost for one in lost_between(known, *stretch))
    damage = None
    if new:
        problems = ("not everything in it could be read",)
        damage = Damage(set_aside=aside, problems=problems, kept=kept, lost=new)
    return Migration(kept_as=aside, from_format=version, entries=kept), damage


def _fold(copy: Path) -> None:
    """Take the log of a copy into it, so that the copy is one file."""
    with (
        suppress(sqlite3.DatabaseError, UnicodeDecodeError),
        closing(sqlite3.connect(copy, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    sync(copy)


def _readable(path: Path, aside: Path) -> Path:
    """The copy; where its log is damaged in the middle, another one that is read to its end."""
    log = read_log(_with_companions(aside)[0])
    if log is None or not is_damaged_within(log):
        return aside
    readable = _sealed_anew(path)
    contents = (readable, aside.read_bytes()), (_with_companions(readable)[0], sealed_anew(log))
    for file, content in contents:
        file.touch(mode=0o600)
        file.write_bytes(content)
    return readable


def _sealed_anew(path: Path) -> Path:
    return path.with_name(path.name + ".readable")


def _rebuild(path: Path, readable: Path, aside: Path) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Replace the journal by what can be read of its copy; what was kept, and what is lost."""
    building = path.with_name(path.name + ".building")
    building.unlink(missing_ok=True)
    try:
        create(building)
        kept, lost = _rescue(readable, building, path)
    except (OSError, sqlite3.Error, UnicodeDecodeError, JournalError):
        for leftover in (building, *_with_companions(building), aside, *_with_companions(aside)):
            leftover.unlink(missing_ok=True)
        raise
    log, index = _with_companions(aside)
    index.unlink(missing_ok=True)
    if log.exists() and not log.stat().st_size:
        log.unlink()
    put_in_place(building, _rebuilt(path))
    finish(path)
    return kept, lost


def _drop_readable(path: Path) -> None:
    for file in (_sealed_anew(path), *_with_companions(_sealed_anew(path))):
        file.unlink(missing_ok=True)


def finish(path: Path) -> None:
    """Put a rebuilt journal in the old one's place, if there is one; repeatable after a crash."""
    _drop_readable(path)
    rebuilt = _rebuilt(path)
    if not rebuilt.exists():
        return
    # The old log must go before the new file has its name: SQLite would apply it to any file.
    for old in (path, *_with_companions(path)):
        old.unlink(missing_ok=True)
    sync(path.parent)
    put_in_place(rebuilt, path)


def _rebuilt(path: Path) -> Path:
    return path.with_name(path.name + ".rebuilt")


def _with_companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def _copy(path: Path, aside: Path) -> None:
    for source, target in (
        (path, aside),
        (_with_companions(path)[0], _with_companions(aside)[0]),
    ):
        if source.exists():
            target.touch(mode=0o600)
            shutil.copyfile(source, target)
            sync(target)
    sync(path.parent)


def _rescue(source: Path, target: Path, path: Path) -> tuple[int, tuple[tuple[int, int], ...]]:
    with (
        closing(_open_damaged(source, path)) as old,
        closing(sqlite3.connect(target, isolation_level=None)) as new,
    ):
        bound = source.stat().st_size // 32 + 1_000
        # One transaction with the old kind of log, so that the new file needs none beside it.
        new.execute("PRAGMA journal_mode = DELETE").fetchone()
        new.execute("BEGIN IMMEDIATE")
        removed = _removed(old)
        kept, lost, expected = 0, list[tuple[int, int]](), 1
        for row in _rows(old, bound):
            is_sound, policy = _examined(old, row)
            if not is_sound or row.seq < expected:
                continue
            if policy is not None:
                insert_policy(new, policy)
            insert_row(new, row)
            insert_indexes(new, row.seq, loads(row.event), loads(row.decisions), loads(row.effects))
            if row.seq > expected:
                lost += lost_between(removed, expected, row.seq - 1)
            kept, expected = kept + 1, row.seq + 1
        snapshots = _keep_snapshots(old, new)
        for gap in (*removed, *(Gap(first=a, last=b, why=DAMAGE) for a, b in lost)):
            insert_gap(new, gap)
        new.execute("COMMIT")
        new.execute("PRAGMA journal_mode = WAL").fetchone()
    if not kept and not snapshots:
        raise _beyond_repair(path, "nothing in it can be read")
    return kept, tuple(lost)


def _open_damaged(source: Path, path: Path) -> sqlite3.Connection:
    try:
        return connect_reader(source)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _beyond_repair(path, str(error).splitlines()[0]) from error


def _beyond_repair(path: Path, why: str) -> JournalError:
    return JournalError(
        f"the journal {path} is damaged beyond repair ({why}); it was left as it is",
        "move it away (or restore it from a backup); a new journal is begun then",
    )


def _rows(old: sqlite3.Connection, bound: int) -> Iterator[Row]:
    """Every row that can be read, stepping over what cannot."""
    query = f"SELECT {COLUMNS} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
    edge, size, failed = 0, BATCH, 0
    while edge < bound:
        try:
            rows = [Row(*values) for values in old.execute(query, (edge, size))]
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
        if len(rows) < size:
            return
        edge, failed, size = rows[-1].seq, 0, min(BATCH, size * 2)


def _examined(old: sqlite3.Connection, row: Row) -> tuple[bool, PolicyText | None]:
    """As `examine`; a policy that cannot be read is as bad as a damaged one."""
    try:
        return examine(old, row)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if is_damage(error):
            return False, None
        raise


def _removed(old: sqlite3.Connection) -> list[Gap]:
    """The stretches that were removed on purpose, as far as that can be read."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        return [gap for gap in read_gaps(old) if gap.why == REMOVED and gap.is_intact]
    return []


def _keep_snapshots(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    kept = 0
    rows: list[tuple[int, int, str, str]] = []
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        rows += old.execute("SELECT seq, version, world, checksum FROM snapshots")
    for row in rows:
        if checksum_of(f"{row[0]}:{row[2]}") == row[3]:
            new.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", row)
            kept += 1
    return kept
