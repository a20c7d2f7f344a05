"""A journal is rebuilt when it is damaged, or when a former version wrote it.

Theory of operation. The old file and its log are copied, never changed. A new journal is built
from whatever rows of the copy are intact, under their old numbers; indexes are made anew; what is
missing is noted in `gaps`, a lost end as well: one number at least, so that it is known later too.
Where nothing can be read, that is all there is in the new journal. The new file is completed under
the name `….rebuilt` before the old one is removed, so a crash at any point leaves either the old
journal or the whole new one.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from json import loads
from pathlib import Path

from palingenesis.core.copies import replace
from palingenesis.core.errors import JournalError
from palingenesis.journal.checking import examine
from palingenesis.journal.faults import is_damage
from palingenesis.journal.finding import Found
from palingenesis.journal.gaps import DAMAGE, REMOVED, Gap, insert_gap, lost_between, read_gaps
from palingenesis.journal.layout import (
    FORMAT_VERSION,
    connect_reader,
    create,
    put_in_place,
    sync,
    with_companions,
)
from palingenesis.journal.readable import make_readable
from palingenesis.journal.rows import WITH_POLICY, PolicyText, Row, checksum_of, policy_of
from palingenesis.journal.writing import insert_indexes, insert_policy, insert_row

SET_ASIDE_MAX = 5
"""How many damaged files are kept, the newest; a bad disk must not fill itself with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What was wrong, what was lost, and where the damaged file is kept."""

    set_aside: Path
    problems: tuple[str, ...]
    kept: int
    """How many entries were kept."""
    lost: tuple[tuple[int, int], ...]
    """First and last number of each stretch that is missing."""
    end_is_lost: bool = False
    """The last stretch is the end of what was written: it may have been longer."""

    def told(self) -> str:
        """One line for people."""
        what = self.problems[0] if self.problems else "it could not be read"
        return (
            f"the journal was damaged ({what}); {self.kept} entries were kept,"
            f" {self._told_of_the_lost()}; the damaged file is kept as {self.set_aside}"
        )

    def _told_of_the_lost(self) -> str:
        lost = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in self.lost)
        if not lost:
            return "none is known to be lost"
        what = f"{'entry' if lost.isdigit() else 'entries'} {lost}"
        if self.end_is_lost:
            return f"{what} and whatever followed are lost"
        return f"{what} {'is' if lost.isdigit() else 'are'} lost"


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
        OSError, sqlite3.Error: the new file could not be made; the old one is left as it was.
    """
    numbers = sorted(_numbers_set_aside(path))
    aside = _aside(path, numbers[-1] + 1 if numbers else 1)
    with _undone(aside, _readable(path)):
        _copy(path, aside)
        size = make_readable(aside, _readable(path))
    rescued = _rebuild(path, _readable(path), aside, page_size=size)
    for number in numbers[: -SET_ASIDE_MAX + 1]:
        _drop(_aside(path, number))
    return Damage(
        set_aside=aside,
        problems=problems,
        kept=rescued.kept,
        lost=tuple(rescued.lost),
        end_is_lost=rescued.end_is_lost,
    )


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
    for former in with_companions(aside):
        former.unlink(missing_ok=True)
    with _undone(aside):
        _copy(path, aside)
        _fold(aside)
        with closing(_open_former(aside, path)) as old:
            known = [replace(gap, why=REMOVED) for gap in _gaps(old)]
    rescued = _rebuild(path, aside, aside)
    new = tuple(one for stretch in rescued.lost for one in lost_between(known, *stretch))
    damage = None
    if new:
        problems = ("not everything in it could be read",)
        damage = Damage(set_aside=aside, problems=problems, kept=rescued.kept, lost=new)
    return Migration(kept_as=aside, from_format=version, entries=rescued.kept), damage


def _open_former(aside: Path, path: Path) -> sqlite3.Connection:
    try:
        return connect_reader(aside)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalError(
            f"the journal {path} is damaged beyond repair ({str(error).splitlines()[0]});"
            " it was left as it is",
            "move it away (or restore it from a backup); a new journal is begun then",
        ) from error


def _fold(copy: Path) -> None:
    """Take the log of a copy into it, so that the copy is one file."""
    with (
        suppress(sqlite3.DatabaseError, UnicodeDecodeError),
        closing(sqlite3.connect(copy, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    sync(copy)


def _rebuild(
    path: Path, readable: Path, aside: Path, *, page_size: int | None = None
) -> "_Rescued":
    """Replace the journal by what can be read of its copy; what was kept, and what is lost."""
    building = path.with_name(path.name + ".building")
    building.unlink(missing_ok=True)
    with _undone(building, aside):
        create(building)
        rescued = _rescue(readable, building, page_size)
    log, index = with_companions(aside)
    index.unlink(missing_ok=True)
    if log.exists() and not log.stat().st_size:
        log.unlink()
    put_in_place(building, _rebuilt(path))
    finish(path)
    return rescued


@contextmanager
def _undone(*copies: Path) -> Iterator[None]:
    """Where no new journal can be made of them, no copy stays: they would fill the disk."""
    try:
        yield
    except (OSError, sqlite3.Error, UnicodeDecodeError, JournalError):
        for copy in copies:
            _drop(copy)
        raise


def _drop(path: Path) -> None:
    for file in (path, *with_companions(path)):
        file.unlink(missing_ok=True)


def finish(path: Path) -> None:
    """Put a rebuilt journal in the old one's place, if there is one; repeatable after a crash."""
    _drop(_readable(path))
    rebuilt = _rebuilt(path)
    if not rebuilt.exists():
        return
    # The old log must go before the new file has its name: SQLite would apply it to any file.
    _drop(path)
    sync(path.parent)
    put_in_place(rebuilt, path)


def _readable(path: Path) -> Path:
    return path.with_name(path.name + ".readable")


def _rebuilt(path: Path) -> Path:
    return path.with_name(path.name + ".rebuilt")


def _copy(path: Path, aside: Path) -> None:
    aside.touch(mode=0o600)  # also for a file that is missing: its name says that it was
    for source, target in (
        (path, aside),
        (with_companions(path)[0], with_companions(aside)[0]),
    ):
        if source.exists():
            target.touch(mode=0o600)
            shutil.copyfile(source, target)
        if target.exists():
            sync(target)
    sync(path.parent)


@dataclass(slots=True)
class _Rescued:
    kept: int = 0
    lost: list[tuple[int, int]] = field(default_factory=list)
    end_is_lost: bool = False


def _rescue(source: Path, target: Path, page_size: int | None) -> _Rescued:
    """Bring what is intact over; with the size of its pages, also what lost its way."""
    rescued, expected, before = _Rescued(), 1, ""
    with (
        closing(connect_reader(source, tries=False)) as old,
        closing(sqlite3.connect(target, isolation_level=None)) as new,
    ):
        # One transaction with the old kind of log, so that the new file needs none beside it.
        new.execute("PRAGMA journal_mode = DELETE").fetchone()
        new.execute("BEGIN IMMEDIATE")
        removed, found = _removed(old), Found(old, source, page_size)
        for row, lost_its_way in found.rows():
            if row.seq < expected or (
                lost_its_way and not _follows(row, expected, before, removed)
            ):
                continue
            is_sound, policy = _examined(old, row, found)
            if not is_sound or not _bring_over(new, row, policy):
                continue
            if row.seq > expected:
                rescued.lost += lost_between(removed, expected, row.seq - 1)
            rescued.kept, expected, before = rescued.kept + 1, row.seq + 1, row.checksum
        _keep_snapshots(old, new)
        last = found.last(expected - 1)
        if last >= expected:
            lost = lost_between(removed, expected, last)
            rescued.lost += lost
            rescued.end_is_lost = bool(lost)
        for gap in (*removed, *(Gap(first=a, last=b, why=DAMAGE) for a, b in rescued.lost)):
            insert_gap(new, gap)
        new.execute("COMMIT")
        new.execute("PRAGMA journal_mode = WAL").fetchone()
    return rescued


def _follows(row: Row, expected: int, before: str, removed: list[Gap]) -> bool:
    """Whether an entry off the way belongs here, and is none of those that were given up."""
    if any(gap.first <= row.seq <= gap.last for gap in removed):
        return False
    return row.seq > expected or not before or row.previous == before


def _bring_over(new: sqlite3.Connection, row: Row, policy: PolicyText | None) -> bool:
    """Write an entry into the new journal; False: an effect of it is there already."""
    new.execute("SAVEPOINT entry")
    try:
        if policy is not None:
            insert_policy(new, policy)
        insert_row(new, row)
        insert_indexes(new, row.seq, loads(row.event), loads(row.decisions), loads(row.effects))
    except sqlite3.IntegrityError:
        new.execute("ROLLBACK TO entry")
        return False
    new.execute("RELEASE entry")
    return True


def _examined(old: sqlite3.Connection, row: Row, found: Found) -> tuple[bool, PolicyText | None]:
    """As `examine`; a policy that SQLite cannot read is looked for beside its way."""
    try:
        is_sound, policy = examine(old, row)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(error):
            raise
        is_sound, policy = False, None
    if not is_sound and row.kind in WITH_POLICY and row.is_intact():
        policy = found.policy(policy_of(loads(row.event)) or "")
        is_sound = policy is not None
    return is_sound, policy


def _removed(old: sqlite3.Connection) -> list[Gap]:
    """The stretches that were removed on purpose, as far as that can be read."""
    return [gap for gap in _gaps(old) if gap.why == REMOVED and gap.is_intact]


def _gaps(old: sqlite3.Connection) -> list[Gap]:
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        return read_gaps(old)
    return []


def _keep_snapshots(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    rows: list[tuple[int, int, str, str]] = []
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        rows += old.execute("SELECT seq, version, world, checksum FROM snapshots")
    for row in rows:
        if checksum_of(f"{row[0]}:{row[2]}") == row[3]:
            new.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", row)
