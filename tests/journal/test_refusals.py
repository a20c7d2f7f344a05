"""What cannot be used as a journal is refused with one clear line, and left as it is."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from tests.journal.nights import night

BOTH = pytest.mark.parametrize("kind", [SqliteJournal, ReadOnlyJournal])
Kind = type[SqliteJournal] | type[ReadOnlyJournal]
NOT_FOR_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")


def written(path: Path, length: int = 3) -> Path:
    with SqliteJournal.open(path) as journal:
        for entry in night(length):
            journal.append(entry)
    return path


def refusal(kind: Kind, path: Path) -> JournalError:
    with pytest.raises(JournalError) as caught:
        kind.open(path)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@BOTH
def test_a_newer_journal_is_refused_and_its_bytes_stay(kind: Kind, tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db")
    with closing(sqlite3.connect(path)) as future:
        future.execute("PRAGMA user_version = 3")
        future.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()

    error = refusal(kind, path)

    assert "has format 3, this palingenesis writes 2" in error.message
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello\n" * 100, b"SQLite format 3\0"])
def test_what_is_no_database_is_not_read_and_is_set_aside_for_a_new_beginning(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)

    error = refusal(ReadOnlyJournal, path)

    assert "is damaged: it is" in error.message
    assert path.read_bytes() == content
    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        assert damage.set_aside.read_bytes() == content
        assert (damage.kept, damage.lost, damage.end_is_lost) == (0, ((1, 1),), True)
        assert journal.append(night(1)[0]) == 2


@BOTH
def test_another_programs_database_is_refused(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE entries (seq INTEGER)")
    before = path.read_bytes()

    error = refusal(kind, path)

    assert "it is another program's database" in error.message
    assert path.read_bytes() == before


@BOTH
def test_a_directory_or_a_link_is_refused(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    (tmp_path / "b.db").symlink_to(written(tmp_path / "journal.db"))

    assert "is not a regular file" in refusal(kind, tmp_path / "a.db").message
    assert "is not a regular file" in refusal(kind, tmp_path / "b.db").message


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    error = refusal(SqliteJournal, tmp_path / "state" / "journal.db")

    assert "cannot open the journal" in error.message


def test_reading_a_journal_that_is_not_there_says_so(tmp_path: Path) -> None:
    error = refusal(ReadOnlyJournal, tmp_path / "journal.db")

    assert "there is no journal at" in error.message
    assert list(tmp_path.iterdir()) == []


def test_a_log_without_its_journal_is_not_taken_for_a_new_beginning(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    (tmp_path / "journal.db-wal").write_bytes(b"x" * 5000)

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage

    assert damage.problems == ("only its log is there",)
    assert damage.end_is_lost
    assert (tmp_path / "journal.damaged-1-wal").read_bytes() == b"x" * 5000


@NOT_FOR_ROOT
def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o500)

    error = refusal(SqliteJournal, state / "journal.db")

    assert "permission denied" in error.message


@NOT_FOR_ROOT
@pytest.mark.parametrize("what", ["journal.db", "."])
def test_a_journal_that_may_only_be_read_is_refused_for_writing(tmp_path: Path, what: str) -> None:
    path = written(tmp_path / "state" / "journal.db")
    (path.parent / what).chmod(0o500 if what == "." else 0o400)
    try:
        error = refusal(SqliteJournal, path)
    finally:
        path.parent.chmod(0o700)

    assert "cannot open the journal" in error.message


@NOT_FOR_ROOT
@BOTH
def test_a_file_that_may_not_be_read_is_refused(kind: Kind, tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db")
    path.chmod(0)

    assert "permission denied" in refusal(kind, path).message


@NOT_FOR_ROOT
def test_a_journal_in_a_directory_that_may_not_be_written_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path / "state" / "journal.db")
    path.parent.chmod(0o500)
    try:
        with ReadOnlyJournal.open(path) as journal:
            assert journal.last_seq() == 3
    finally:
        path.parent.chmod(0o700)
