"""Reading beside a daemon that writes, and when there is none."""

import sqlite3
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
