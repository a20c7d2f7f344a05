"""A repair keeps what is sound and only that, leaves no scraps, and takes nothing for damage."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.journal import Damage, ReadOnlyJournal, SqliteJournal
from palingenesis.journal.finding import Found
from palingenesis.journal.gaps import REMOVED, Gap, insert_gap, read_gaps
from palingenesis.journal.rows import draft, seal
from palingenesis.journal.salvage import (
    SET_ASIDE_MAX,
    _examined,
    _rebuild,
)
from palingenesis.journal.writing import insert_row
from tests.journal.nights import adopted, night, resume, stopped, turn
from tests.journal.smashing import PAGE, overwrite, root_of
from tests.journal.test_damage import with_intruder

LENGTH = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one entry missing."""
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as journal:
        journal.append(turn(adopted("d1", rules=["x"])))
        for entry in night(LENGTH - 1):
            journal.append(entry)
        for seq in (10, 20):
            journal.remember({"sessions": seq}, seq)
    return path


def spoilt(path: Path, *deeds: str) -> Path:
    sound = path.read_bytes()
    path.unlink()
    return with_intruder(path, sound, *deeds)


MISSING = "DELETE FROM entries WHERE seq = 30"


def names(path: Path) -> set[str]:
    return {it.name for it in path.parent.iterdir()}


# ── what is kept beside it ────────────────────────────────────────────────────────────────────


def test_of_the_damaged_files_only_the_newest_are_kept(path: Path) -> None:
    spoilt(path, MISSING)
    for number in (1, 3, 4, 5, 9, 10):
        path.with_name(f"journal.damaged-{number}").write_text("damaged")
    path.with_name("journal.damaged-1-wal").write_text("its log")

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        assert journal.set_aside() == tuple(
            f"journal.damaged-{number}" for number in (10, 11, 4, 5, 9)
        )

    assert damage.set_aside.name == "journal.damaged-11"
    assert len(journal.set_aside()) == SET_ASIDE_MAX
    assert "journal.damaged-1-wal" not in names(path)


def test_a_damaged_file_and_its_log_are_kept_for_nobody_else_and_nothing_beside_them(
    path: Path,
) -> None:
    spoilt(path, MISSING)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("DELETE FROM snapshots")
        content = [path.with_name(name).read_bytes() for name in ("journal.db", "journal.db-wal")]
    path.write_bytes(content[0])
    path.with_name("journal.db-wal").write_bytes(content[1])
    path.with_name("journal.db.building").write_bytes(content[0])

    with SqliteJournal.open(path):
        pass

    kept = {path.with_name(f"journal.damaged-1{end}") for end in ("", "-wal")}
    assert names(path) == {"journal.db", *(it.name for it in kept)}
    assert {it.stat().st_mode & 0o777 for it in kept} == {0o600}


def test_the_names_of_damaged_files_are_told_and_no_other_ones(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        assert journal.set_aside() == ()
        for name in ("journal.damaged-2", "journal.damaged-x", "other.damaged-3"):
            path.with_name(name).write_text("")

        assert journal.set_aside() == ("journal.damaged-2",)


def test_what_was_found_damaged_is_told_in_one_line(path: Path) -> None:
    spoilt(path, MISSING)

    with SqliteJournal.open(path) as journal:
        (line,) = journal.told()
    assert line == (
        "the journal was damaged (the tables are not defined as they were made);"
        " 39 entries were kept, entry 30 is lost; the damaged file is kept as"
        f" {path.with_name('journal.damaged-1')}"
    )
    with SqliteJournal.open(path) as journal:
        assert journal.told() == ()


@pytest.mark.parametrize(
    ("lost", "end_is_lost", "words"),
    [
        ((), False, "none is known to be lost;"),
        (((3, 3),), False, "entry 3 is lost;"),
        (((3, 5), (7, 7)), False, "entries 3 to 5, 7 are lost;"),
        (((9, 9),), True, "entry 9 and whatever followed are lost;"),
        (((7, 9),), True, "entries 7 to 9 and whatever followed are lost;"),
    ],
)
def test_what_is_lost_is_told_with_its_numbers(
    lost: tuple[tuple[int, int], ...], end_is_lost: bool, words: str
) -> None:
    damage = Damage(
        set_aside=Path("aside"), problems=(), kept=8, lost=lost, end_is_lost=end_is_lost
    )

    assert damage.told() == (
        "the journal was damaged (it could not be read); 8 entries were kept,"
        f" {words} the damaged file is kept as aside"
    )


# ── a repair that fails ───────────────────────────────────────────────────────────────────────


def test_a_repair_that_cannot_read_its_copy_leaves_all_as_it_was(path: Path) -> None:
    before, aside = path.read_bytes(), path.with_name("journal.damaged-1")
    aside.write_bytes(before)

    with pytest.raises(sqlite3.OperationalError):
        _rebuild(path, path.with_name("missing"), aside)

    assert path.read_bytes() == before
    assert names(path) == {"journal.db"}


def test_a_disk_that_damages_what_was_just_repaired_is_not_repaired_again(path: Path) -> None:
    class OnABadDisk(SqliteJournal):
        def _problems_at_start(self) -> tuple[str, ...]:
            return ("the weather",)

    with pytest.raises(JournalError) as caught:
        OnABadDisk.open(path)

    assert caught.value.message == (
        f"the journal {path} was damaged and could not be repaired (the weather)"
    )
    assert "restore it from a backup" in caught.value.hint
    assert "journal.damaged-1" in names(path)
    assert "journal.damaged-2" not in names(path)


def test_a_file_that_cannot_be_opened_is_not_damaged(path: Path) -> None:
    path.with_name("journal.db-shm").symlink_to("/nowhere/at/all")
    before = path.read_bytes()

    with pytest.raises(JournalError, match="it cannot be opened"):
        SqliteJournal.open(path)

    assert path.read_bytes() == before
    assert not any("damaged" in name for name in names(path))


@pytest.fixture
def interrupted(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose every statement fails, and not because of damage."""
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def test_what_cannot_be_read_for_another_reason_than_damage_is_not_lost(
    path: Path, interrupted: sqlite3.Connection
) -> None:
    row = seal(draft(turn(adopted("d1", rules=["x"]))), seq=1, previous="0" * 16)
    found = Found(interrupted, path, None)
    interrupted.set_progress_handler(lambda: 1, 1)

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        list(found.rows())
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        _examined(interrupted, row, found)


# ── what is brought over ──────────────────────────────────────────────────────────────────────


def test_a_snapshot_that_is_damaged_is_not_brought_over(path: Path) -> None:
    spoilt(path, MISSING, "UPDATE snapshots SET world = '{}' WHERE seq = 20")

    with SqliteJournal.open(path) as journal:
        assert journal.snapshots() == {10: {"sessions": 10}}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT seq FROM snapshots").fetchall() == [(10,)]


def test_an_entry_that_orders_an_effect_again_is_given_up(path: Path) -> None:
    with ReadOnlyJournal.open(path) as reader:
        (last,) = reader._ready().execute("SELECT checksum FROM entries WHERE seq = 40").fetchone()
    twice = seal(draft(turn(stopped(3), resume(3))), seq=41, previous=last)
    with closing(sqlite3.connect(path)) as connection, connection:
        insert_row(connection, twice)
    spoilt(path, MISSING)

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        assert journal.last_seq() == LENGTH
        assert [effect.id for effect, _ in journal.open_effects()].count("3.1") == 1
        assert journal.append(turn(stopped(99))) == 42

    assert damage.lost == ((30, 30), (41, 41))


def smash_the_way(path: Path) -> None:
    """Zero the page from which all entries are found; their own pages stay."""
    first = (root_of(path, "entries") - 1) * PAGE
    assert path.read_bytes()[first] == 5, "it only leads the way"
    overwrite(path, "entries", bytes(PAGE))


def test_entries_are_found_though_the_way_to_them_is_lost(path: Path) -> None:
    smash_the_way(path)

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        assert [it.seq for it in journal.entries()] == list(range(1, LENGTH + 1))
        assert journal.policy("d1") == ("default", {"rules": ["x"]})

    assert (damage.lost, damage.end_is_lost) == (((41, 41),), True)


def test_what_was_removed_on_purpose_does_not_come_back_though_its_pages_are_there(
    path: Path,
) -> None:
    with SqliteJournal.open(path) as journal:
        connection = journal._ready()
        connection.execute("PRAGMA secure_delete = OFF").fetchone()
        query = "SELECT seq, previous, checksum FROM entries WHERE seq IN (5, 25) ORDER BY seq"
        (first, before, _), (last, _, anchor) = connection.execute(query).fetchall()
        gap = Gap(
            first=first,
            last=last,
            why=REMOVED,
            at="2026-03-29T01:30:00Z",
            previous=before,
            anchor=anchor,
        )
        insert_gap(connection, gap)
        connection.execute("DELETE FROM entries WHERE seq BETWEEN 5 AND 25")
        assert journal.problems() == ()
    assert path.read_bytes().count(b"msg_12") > 0, "it is still in a page that was given up"
    smash_the_way(path)

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        left = [*range(1, 5), *range(26, LENGTH + 1)]
        assert [it.seq for it in journal.entries()] == left
        assert journal.problems() == ()

    assert (damage.lost, damage.end_is_lost) == (((41, 41),), True)
    assert damage.kept == len(left)


def test_of_stretches_that_were_lost_before_only_what_is_missing_now_is_noted(path: Path) -> None:
    spoilt(path, "DELETE FROM entries WHERE seq = 30")
    with SqliteJournal.open(path):
        pass
    spoilt(path, "DELETE FROM entries WHERE seq = 29")

    with SqliteJournal.open(path) as journal:
        assert [it.lost for it in journal.damage] == [((29, 30),)]
        assert [(it.first, it.last) for it in read_gaps(journal._ready())] == [(29, 30)]


def test_that_a_stretch_was_removed_is_believed_only_as_it_was_noted(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        insert_gap(connection, Gap(first=5, last=6, why=REMOVED))
    spoilt(path, "DELETE FROM entries WHERE seq BETWEEN 5 AND 9", "UPDATE gaps SET first = 4")

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        assert journal.removed() is None

    assert damage.lost == ((5, 9),)
    with closing(sqlite3.connect(path)) as connection:
        assert [(it.first, it.last) for it in read_gaps(connection)] == [(5, 9)]


def pages(content: bytes) -> Iterator[bytes]:
    """The pages that entries are in, in their order."""
    for start in range(0, len(content), 4096):
        page = content[start : start + 4096]
        if page[0] == 0x0D and b"SessionStopped" in page:
            yield page


def test_a_page_that_was_given_up_with_removed_entries_brings_none_of_them_back(
    path: Path,
) -> None:
    given_up = list(pages(path.read_bytes()))[1]
    with closing(sqlite3.connect(path)) as connection, connection:
        query = "SELECT seq, previous, checksum FROM entries WHERE seq IN (2, 25) ORDER BY seq"
        (first, before, _), (last, _, anchor) = connection.execute(query).fetchall()
        insert_gap(
            connection, Gap(first=first, last=last, why=REMOVED, previous=before, anchor=anchor)
        )
    spoilt(path, "DELETE FROM entries WHERE seq BETWEEN 2 AND 25")
    smash_the_way(path)
    path.write_bytes(path.read_bytes() + given_up)

    with SqliteJournal.open(path) as journal:
        assert [it.seq for it in journal.entries()] == [1, *range(26, LENGTH + 1)]


def test_an_entry_of_another_past_that_does_not_follow_is_not_taken(
    path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "journal.db"
    with SqliteJournal.open(other) as journal:
        for number in range(1, LENGTH + 1):
            journal.append(turn(stopped(number, message="another past"), resume(number)))
    with ReadOnlyJournal.open(path) as reader:
        events = [it.event for it in reader.entries()]
    smash_the_way(path)
    overwrite(path, "about", list(pages(other.read_bytes()))[1])

    with SqliteJournal.open(path) as journal:
        assert [it.event for it in journal.entries()] == events


def test_an_entry_that_is_on_its_way_is_kept_though_a_gap_says_that_it_was_removed(
    path: Path,
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        insert_gap(connection, Gap(first=7, last=9, why=REMOVED))
    spoilt(path, MISSING)

    with SqliteJournal.open(path) as journal:
        assert {it.seq for it in journal.entries()} == {*range(1, LENGTH + 1)} - {30}


def test_a_policy_is_found_though_the_way_to_it_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as journal:
        for number in range(4):
            journal.append(turn(adopted(f"d{number}", rules=[str(number) * 3_000])))
    overwrite(path, "policies", bytes(4096))

    with SqliteJournal.open(path) as journal:
        for number in range(4):
            assert journal.policy(f"d{number}") == ("default", {"rules": [str(number) * 3_000]})


def test_an_entry_that_was_changed_is_lost_though_the_policy_that_it_brought_is_there(
    path: Path,
) -> None:
    spoilt(path, "UPDATE entries SET at = '2000-01-01T00:00:00Z' WHERE seq = 1")

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage

    assert damage.lost == ((1, 1),)
