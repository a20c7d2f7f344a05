"""Reading beside a daemon that writes, and when there is none."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from tests.journal.nights import adopted, at, night, resume, stopped, turn


def test_a_reader_sees_what_the_writer_appends_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        writer.append(turn(stopped(1), resume(1)))
        with ReadOnlyJournal.open(path) as reader:
            assert reader.last_seq() == 1
            entries = reader.entries()
            assert next(entries).seq == 1

            writer.append(turn(stopped(2)))

            assert reader.last_seq() == 2
            assert reader.open_effects() == [(resume(1), at(1))]


def test_a_reader_needs_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        writer.append(turn(adopted("d1", default="wait")))
        for entry in night(5):
            writer.append(entry)
        writer.remember({"sessions": {}}, 6)

    for _ in range(2):
        with ReadOnlyJournal.open(path) as reader:
            assert [it.seq for it in reader.entries(newest_first=True, limit=2)] == [6, 5]
            assert reader.latest_snapshot() == (6, {"sessions": {}})
            assert reader.policy("d1") == ("default", {"default": "wait"})
            assert reader.problems() == ()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal.open(path).close()

    with ReadOnlyJournal.open(path) as reader, pytest.raises(sqlite3.OperationalError):
        reader._ready().execute("DELETE FROM entries")


def test_a_slow_reader_does_not_hold_the_writer_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        for entry in night(600):
            writer.append(entry)
        with ReadOnlyJournal.open(path) as reader:
            entries = reader.entries()
            next(entries)

            busy, _, _ = writer._ready().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

            assert busy == 0
            assert len(list(entries)) == 599


def test_a_closed_reader_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal.open(path).close()
    reader = ReadOnlyJournal.open(path)
    reader.close()

    with pytest.raises(JournalError, match="has been closed"):
        reader.last_seq()


def test_every_snapshot_that_is_sound_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        for number, entry in enumerate(night(4), start=1):
            writer.append(entry)
            writer.remember({"sessions": number}, number)
        writer._ready().execute("UPDATE snapshots SET world = '{}' WHERE seq = 3")
        writer._ready().execute("UPDATE snapshots SET version = version + 1 WHERE seq = 4")

    with ReadOnlyJournal.open(path) as reader:
        assert reader.snapshots() == {2: {"sessions": 2}}


# ── where no index can be made beside it ──────────────────────────────────────────────────────


def test_a_journal_beside_which_nothing_can_be_made_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        writer.append(turn(stopped(1)))
    for name in ("journal.db-wal", "journal.db-shm"):
        path.with_name(name).symlink_to("/nowhere/at/all")

    with ReadOnlyJournal.open(path) as reader:
        assert reader.last_seq() == 1


def test_a_log_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        writer.append(turn(stopped(1)))
    path.with_name("journal.db-shm").symlink_to("/nowhere/at/all")
    path.with_name("journal.db-wal").write_bytes(b"there may be entries in it")

    with pytest.raises(JournalError, match="cannot read the journal"):
        ReadOnlyJournal.open(path)


# ── by the process that writes ────────────────────────────────────────────────────────────────

ALONE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
try:
    connection.execute("BEGIN EXCLUSIVE")
    print("alone")
except sqlite3.OperationalError as error:
    print(error)
"""


def as_another_process(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_to_read_beside_our_own_writer_costs_it_none_of_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as writer:
        writer.append(turn(stopped(1)))

        with ReadOnlyJournal.beside(path) as reader:
            assert reader.last_seq() == 1

        assert as_another_process(path) == "database is locked"
    assert as_another_process(path) == "alone"


def test_to_read_beside_a_writer_that_has_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"cannot read the journal .*: it cannot be opened"):
        ReadOnlyJournal.beside(tmp_path / "journal.db")

    assert list(tmp_path.iterdir()) == []
