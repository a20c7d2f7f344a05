"""While the disk refuses, nothing is claimed to be written; afterwards writing goes on."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ, pathsep
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.journal import SqliteJournal
from tests.journal.nights import ended, night, resume, session, stopped, turn
from tests.journal.smashing import smash


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal.open(path) as opened:
        yield opened


def fill_up(journal: SqliteJournal) -> None:
    """Let the database have no more pages than it has; a new connection knows nothing of it."""
    connection = journal._ready()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


def test_a_full_disk_is_told_and_writing_goes_on_when_there_is_space(
    journal: SqliteJournal,
) -> None:
    for entry in night(3):
        journal.append(entry)
    fill_up(journal)

    with pytest.raises(JournalError) as caught:
        journal.append(turn(stopped(4, message="x" * 50_000), resume(4)))

    assert caught.value.message.endswith("the disk is full")
    assert "free some space" in caught.value.hint
    assert journal.append(turn(stopped(4, of=1), resume(4, of=1))) == 4
    assert [it.seq for it in journal.entries()] == [1, 2, 3, 4]
    assert journal.problems() == ()


def test_a_snapshot_that_finds_no_room_harms_nothing(journal: SqliteJournal) -> None:
    journal.append(turn(stopped(1)))
    fill_up(journal)

    with pytest.raises(JournalError, match="the disk is full"):
        journal.remember({"text": "x" * 50_000}, 1)

    assert journal.latest_snapshot() is None
    assert journal.append(turn(stopped(2))) == 2


def test_an_entry_that_nobody_was_told_about_is_not_found_later(
    journal: SqliteJournal, path: Path
) -> None:
    """A commit may reach the disk though its flush failed; here another connection plays that."""
    journal.append(turn(stopped(1), resume(1)))
    journal._disconnect()
    with SqliteJournal.open(path) as ghost:
        ghost.append(turn(stopped(2, of=2), resume(2, of=2)))

    assert journal.append(turn(ended(1))) == 2
    assert [it.event for it in journal.entries()] == [stopped(1), ended(1)]
    assert journal.open_effects() == []
    assert list(journal.entries(session=session(2))) == []
    assert journal.problems() == ()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from palingenesis.core.errors import JournalError
from palingenesis.journal import SqliteJournal
from tests.journal.nights import resume, stopped, turn

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
acknowledged, refused = [], 0
with SqliteJournal.open(path) as journal:
    for limit in (300_000, 320_000, 340_000, resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for number in range(30):
            key = len(acknowledged) + refused + 1
            try:
                acknowledged.append(journal.append(
                    turn(stopped(key, message="x" * 5_000), resume(key))))
            except JournalError as error:
                assert error.hint, error.message
                refused += 1
    seen = [it.seq for it in journal.entries()]
    assert journal.problems() == ()
assert refused > 10, refused
assert acknowledged == seen == list(range(1, len(seen) + 1)), (acknowledged, seen)
assert len(seen) >= 60
print("ok", refused, len(seen))
"""


def test_a_limit_on_file_size_that_comes_and_goes_costs_only_what_was_refused(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        env={**environ, "PYTHONPATH": pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.startswith("ok"), done.stderr


# ── and the file is damaged as well ───────────────────────────────────────────────────────────


def test_damage_that_is_found_when_writing_is_taken_up_again_is_mended(
    journal: SqliteJournal, path: Path
) -> None:
    for entry in night(3):
        journal.append(entry)
    journal._disconnect()
    smash(path, "about")

    with pytest.raises(JournalError, match="it is damaged"):
        journal.append(turn(stopped(4)))

    assert journal.damage == []
    assert journal.append(turn(stopped(4))) > 3
    assert len(journal.damage) == 1
    assert [it.event for it in journal.entries()][-1] == stopped(4)
    assert journal.problems() == ()


@contextmanager
def no_file_larger_than(limit: int) -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_a_repair_that_finds_no_room_leaves_nothing_behind_however_often_it_is_tried(
    path: Path,
) -> None:
    with SqliteJournal.open(path) as journal:
        for entry in night(60):
            journal.append(entry)
    smash(path, "about")
    path.with_name("journal.damaged-1").write_text("of another time")
    of_sqlite = {"journal.db", "journal.db-wal", "journal.db-shm"}

    for _ in range(6):
        no_room = no_file_larger_than(path.stat().st_size - 1)
        with no_room, pytest.raises(JournalError, match="file too large"):
            SqliteJournal.open(path)
        assert {it.name for it in path.parent.iterdir()} - of_sqlite == {"journal.damaged-1"}

    with SqliteJournal.open(path) as journal:
        assert journal.set_aside() == ("journal.damaged-1", "journal.damaged-2")
        assert [it.seq for it in journal.entries()][:60] == list(range(1, 61))
