"""What a journal does where files are seldom found: replaced, cut, odd, or of somebody else."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from json import dumps, loads
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from palingenesis.core.copies import replace
from palingenesis.core.errors import BusyError, JournalError
from palingenesis.journal import ReadOnlyJournal, SqliteJournal, lock
from palingenesis.journal.ballast import BALLAST_BYTES, Ballast
from palingenesis.journal.faults import is_damage, journal_error
from palingenesis.journal.gaps import (
    DAMAGE,
    REMOVED,
    Gap,
    insert_gap,
    lost_between,
    note_removed,
    read_gaps,
)
from palingenesis.journal.layout import connect_writer
from palingenesis.journal.lock import _locked
from palingenesis.journal.log_file import read_log
from palingenesis.journal.retention import _forget
from palingenesis.journal.rows import Row, draft, read, seal
from palingenesis.journal.salvage import _numbers_set_aside
from tests.journal.nights import adopted, at, night, resume, stopped, turn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal.open(path) as opened:
        yield opened


# ── the lock file ─────────────────────────────────────────────────────────────────────────────


class Shifting(type(Path())):  # type: ignore[misc]
    """A path that is another file whenever somebody looks, or none, or not to be looked at."""

    error: OSError | None = None

    def lstat(self) -> Any:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(st_dev=0, st_ino=0)


def test_a_lock_file_that_is_replaced_again_and_again_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(BusyError, match="keeps replacing the lock file"):
        _locked(Shifting(tmp_path / "daemon.lock"))


def test_a_lock_file_that_is_taken_away_again_and_again_is_given_up(tmp_path: Path) -> None:
    gone = Shifting(tmp_path / "daemon.lock")
    gone.error = FileNotFoundError()

    with pytest.raises(BusyError, match="keeps replacing the lock file"):
        _locked(gone)


def test_a_lock_file_that_cannot_be_looked_at_is_an_error_and_holds_nothing(
    tmp_path: Path,
) -> None:
    hidden = Shifting(tmp_path / "daemon.lock")
    hidden.error = PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        _locked(hidden)
    with lock(tmp_path):
        pass


# ── errors ────────────────────────────────────────────────────────────────────────────────────


def test_definitions_that_are_missing_and_text_that_is_none_are_damage(path: Path) -> None:
    no_table = sqlite3.OperationalError("no such table: entries")
    no_text = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    assert is_damage(no_table)
    assert is_damage(sqlite3.OperationalError("no such column: seq"))
    assert is_damage(no_text)
    assert not is_damage(sqlite3.OperationalError("the weather"))
    assert not is_damage(None)
    for error in (no_table, no_text):
        assert "it is damaged" in journal_error(path, "read", error).message


def test_what_nobody_has_words_for_is_told_in_its_own() -> None:
    path = Path("journal.db")

    assert journal_error(path, "read", sqlite3.Error("odd")).message == (
        "cannot read the journal journal.db: odd"
    )
    assert journal_error(path, "open", OSError()).message == (
        "cannot open the journal journal.db: oserror"
    )
    named = journal_error(path, "open", PermissionError(13, "Permission denied"))
    assert named.message == "cannot open the journal journal.db: permission denied"
    assert named.hint


def test_a_writer_lets_go_of_a_file_that_is_no_journal(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)

    with pytest.raises((JournalError, sqlite3.DatabaseError)):
        connect_writer(path)


# ── gaps ──────────────────────────────────────────────────────────────────────────────────────


def removed(first: int, last: int) -> Gap:
    return Gap(first=first, last=last, why=REMOVED, previous=f"p{first}", anchor=f"a{last}")


@pytest.mark.parametrize(
    ("known", "noted", "left"),
    [
        ((), (5, 6), [(5, 6)]),
        (((1, 4),), (5, 6), [(1, 6)]),
        (((7, 9),), (5, 6), [(5, 9)]),
        (((1, 4), (7, 9)), (5, 6), [(1, 9)]),
        (((1, 3),), (5, 6), [(1, 3), (5, 6)]),
        (((8, 9),), (5, 6), [(5, 6), (8, 9)]),
    ],
)
def test_what_is_removed_beside_what_was_removed_is_one_gap(
    journal: SqliteJournal,
    known: tuple[tuple[int, int], ...],
    noted: tuple[int, int],
    left: list[tuple[int, int]],
) -> None:
    connection = journal._ready()
    for first, last in known:
        insert_gap(connection, removed(first, last))

    note_removed(connection, removed(*noted))

    gaps = read_gaps(connection)
    assert [(gap.first, gap.last) for gap in gaps] == left
    for gap in gaps:
        assert (gap.previous, gap.anchor) == (f"p{gap.first}", f"a{gap.last}")
        assert gap.is_intact


def test_a_gap_of_damage_stays_what_it_is_beside_what_is_removed(journal: SqliteJournal) -> None:
    connection = journal._ready()
    insert_gap(connection, Gap(first=1, last=4, why=DAMAGE))

    note_removed(connection, removed(5, 6))

    assert [(it.first, it.last, it.why) for it in read_gaps(connection)] == [
        (1, 4, DAMAGE),
        (5, 6, REMOVED),
    ]


@pytest.mark.parametrize(
    ("gaps", "lost"),
    [
        ([], [(3, 9)]),
        ([removed(3, 9)], []),
        ([removed(1, 20)], []),
        ([removed(5, 6)], [(3, 4), (7, 9)]),
        ([removed(3, 3), removed(9, 9)], [(4, 8)]),
        ([removed(1, 2), removed(10, 12)], [(3, 9)]),
        ([Gap(first=3, last=9, why=DAMAGE)], [(3, 9)]),
        ([replace(removed(3, 9), is_intact=False)], [(3, 9)]),
    ],
)
def test_only_what_was_removed_on_purpose_is_not_lost(
    gaps: list[Gap], lost: list[tuple[int, int]]
) -> None:
    assert lost_between(gaps, 3, 9) == lost


# ── rows ──────────────────────────────────────────────────────────────────────────────────────


def a_row(**changes: object) -> Row:
    (entry,) = night(1)
    row: Row = seal(draft(entry), seq=1, previous="0" * 16)
    return replace(row, **changes)


def test_text_that_cannot_be_written_is_not_what_was_sealed() -> None:
    assert a_row().is_intact()
    assert not a_row(kind="\ud800").is_intact()
    assert not a_row(kind="Teapot").is_intact()


def test_a_row_that_says_nothing_known_names_its_number() -> None:
    event = dumps(loads(a_row().event) | {"is": "Teapot"})

    with pytest.raises(JournalError, match=r"^journal entry 1: cannot read an event: "):
        read(a_row(event=event), None)
    with pytest.raises(JournalError, match=r"^journal entry 1 is not JSON: "):
        read(a_row(event="{"), None)


@pytest.mark.parametrize("event", ["{", "[]", "{}", '{"effect": 7}'])
def test_a_damaged_row_leaves_without_a_word(journal: SqliteJournal, event: str) -> None:
    assert _forget(journal._ready(), a_row(kind="EffectEnded", event=event)) == ()


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def test_a_journal_that_was_closed_is_closed_twice_and_read_no_more(path: Path) -> None:
    SqliteJournal.open(path).close()
    journal = ReadOnlyJournal.open(path)

    journal.close()
    journal.close()

    with pytest.raises(JournalError, match="has been closed"):
        journal.last_seq()


def test_two_orders_of_one_entry_are_both_open(journal: SqliteJournal) -> None:
    other = replace(resume(1), id="1.2")
    journal.append(turn(stopped(1), resume(1), other))

    assert journal.open_effects() == [(resume(1), at(1)), (other, at(1))]


def test_an_order_whose_entry_is_not_there_is_not_open(journal: SqliteJournal) -> None:
    journal.append(turn(stopped(1), resume(1)))
    journal._ready().execute("DELETE FROM entries")

    assert journal.open_effects() == []


def test_a_policy_whose_text_is_damaged_is_not_read(journal: SqliteJournal) -> None:
    journal.append(turn(adopted("d1", rules=["a"])))
    assert journal.policy("d1") == ("default", {"rules": ["a"]})

    journal._ready().execute("""UPDATE policies SET resolved = '{"rules":["b"]}'""")

    assert journal.policy("d1") is None


def test_a_file_beside_it_that_has_no_number_is_nobodys(path: Path) -> None:
    for name in ("journal.damaged-2", "journal.damaged-x", "journal.damaged-²"):
        path.with_name(name).write_bytes(b"")

    assert list(_numbers_set_aside(path)) == [2]


def test_a_log_is_one_where_its_head_or_its_first_frame_fits(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        journal.append(turn(stopped(1)))
        log = path.with_name("journal.db-wal")
        content = log.read_bytes()
    copy = path.with_name("copy")

    copy.write_bytes(content)
    assert read_log(copy) is not None
    beheaded = content[:12] + bytes([content[12] ^ 1]) + content[13:]
    copy.write_bytes(beheaded)
    assert read_log(copy) is not None
    copy.write_bytes(beheaded[:100] + bytes([beheaded[100] ^ 1]) + beheaded[101:])
    assert read_log(copy) is None
    copy.write_bytes(content[:31])
    assert read_log(copy) is None
    assert read_log(path.with_name("nothing")) is None


def test_ballast_that_is_there_is_left_as_it_is(path: Path) -> None:
    ballast = Ballast(path)
    assert ballast.restore()

    assert Ballast(path, write=lambda *_: 0).restore()

    assert ballast.path.stat().st_size == BALLAST_BYTES


# ── the disk is full ──────────────────────────────────────────────────────────────────────────


def test_a_connection_that_fails_is_given_up_and_told(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        journal.append(turn(stopped(1)))
        connection = journal._ready()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA busy_timeout = 1").fetchone()
            with pytest.raises(JournalError, match="cannot write to the journal"):
                journal.remember({"a": 1}, 1)
            other.execute("ROLLBACK")

        assert journal._connection is None
        assert journal.append(turn(stopped(2))) == 2


# ── what a reader is asked beside the entries ─────────────────────────────────────────────────


def test_only_damage_loses_and_only_what_comes_after(journal: SqliteJournal) -> None:
    connection = journal._ready()
    insert_gap(connection, removed(1, 9))
    assert not journal.lost_after(0)

    insert_gap(connection, Gap(first=12, last=14, why=DAMAGE))

    assert [journal.lost_after(seq) for seq in (0, 13, 14, 15)] == [True, True, False, False]


def test_an_empty_journal_begins_nowhere_and_a_swept_one_after_what_was_removed(
    journal: SqliteJournal,
) -> None:
    assert journal.first_seq() == 0
    for entry in night(4):
        journal.append(entry)
    assert journal.first_seq() == 1

    insert_gap(journal._ready(), removed(2, 2))

    assert journal.first_seq() == 3


def test_its_room_is_that_of_the_file_and_of_its_log(journal: SqliteJournal, path: Path) -> None:
    journal.append(turn(stopped(1)))
    log = path.with_name("journal.db-wal")
    assert log.stat().st_size > 0

    assert journal.bytes_on_disk() == path.stat().st_size + log.stat().st_size
