"""A check of a journal says what is wrong with it, and nothing of one that is sound."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from palingenesis.journal.gaps import DAMAGE, REMOVED, Gap, insert_gap
from palingenesis.journal.readable import is_cut_short
from palingenesis.journal.rows import COLUMNS, Row, _seal
from tests.journal.nights import ended, night, turn
from tests.journal.smashing import PAGE, overwrite, root_of

LENGTH = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as journal:
        for entry in night(LENGTH - 1):
            journal.append(entry)
        journal.append(turn(ended(1)))
    return path


def problems(path: Path) -> tuple[str, ...]:
    with ReadOnlyJournal.open(path) as reader:
        return reader.problems()


def spoil(path: Path, *deeds: str) -> None:
    """Change rows, and leave the definitions as they were made."""
    with closing(sqlite3.connect(path)) as intruder, intruder:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = dict(intruder.execute(query).fetchall())
        for name in triggers:
            intruder.execute(f"DROP TRIGGER {name}")
        for deed in (*deeds, *triggers.values()):
            intruder.execute(deed)


def row(path: Path, seq: int) -> Row:
    with closing(sqlite3.connect(path)) as connection:
        query = f"SELECT {COLUMNS} FROM entries WHERE seq = ?"
        return Row(*connection.execute(query, (seq,)).fetchone())


def note(path: Path, *gaps: Gap) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for gap in gaps:
            insert_gap(connection, gap)


def test_nothing_is_wrong_with_a_sound_journal(path: Path) -> None:
    assert problems(path) == ()


def test_an_entry_that_names_another_one_before_it_does_not_follow(path: Path) -> None:
    *content, _ = row(path, LENGTH).values()
    content[-1] = "0" * 16
    spoil(
        path,
        f"UPDATE entries SET previous = '{content[-1]}', checksum = '{_seal(content)}'"
        f" WHERE seq = {LENGTH}",
    )

    assert problems(path) == (f"entry {LENGTH} does not follow entry {LENGTH - 1}",)


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE intents SET effect = 'x' WHERE seq = 7",
        "UPDATE intents SET session = 'x' WHERE seq = 7",
        "UPDATE outcomes SET effect = 'x'",
        "UPDATE outcomes SET seq = 3",
    ],
)
def test_a_row_of_the_index_of_effects_that_was_changed_is_told(path: Path, deed: str) -> None:
    spoil(path, deed)

    assert problems(path) == ("the index of effects is damaged",)


def test_a_stretch_that_somebody_else_says_was_removed_is_told(path: Path) -> None:
    note(path, Gap(first=LENGTH + 5, last=LENGTH + 6, why=REMOVED))
    spoil(path, "UPDATE gaps SET last = 90")

    assert problems(path) == ("the record of missing entries is damaged",)


def test_a_page_that_is_none_is_told_in_the_words_of_sqlite(path: Path) -> None:
    index = "sqlite_autoindex_policies_1"
    overwrite(path, index, bytes(PAGE))

    (told,) = problems(path)

    assert told.startswith(f"the file's structure is broken: Page {root_of(path, index)}: ")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("seq = 7", "entry 7 is missing"),
        ("seq BETWEEN 7 AND 9", "entries 7 to 9 are missing"),
        ("seq = 1", "entry 1 is missing"),
    ],
)
def test_what_is_missing_is_told_with_its_numbers(path: Path, where: str, told: str) -> None:
    spoil(path, f"DELETE FROM entries WHERE {where}")

    assert problems(path) == (told,)


# ── stretches that are known to be missing ────────────────────────────────────────────────────


def test_what_is_there_is_not_missing_whatever_a_gap_says(path: Path) -> None:
    note(path, Gap(first=7, last=9, why=DAMAGE))

    assert problems(path) == ()


def test_a_removed_stretch_after_a_lost_one_is_held_to_nothing_before_it(path: Path) -> None:
    lost = Gap(first=5, last=6, why=DAMAGE)
    removed = Gap(
        first=7,
        last=9,
        why=REMOVED,
        previous=row(path, 6).checksum,
        anchor=row(path, 9).checksum,
    )
    note(path, lost, removed)
    spoil(path, "DELETE FROM entries WHERE seq BETWEEN 5 AND 9")

    assert problems(path) == ()


def test_a_removed_stretch_that_does_not_follow_is_told(path: Path) -> None:
    anchor = row(path, 9).checksum
    note(path, Gap(first=7, last=9, why=REMOVED, previous="0" * 16, anchor=anchor))
    spoil(path, "DELETE FROM entries WHERE seq BETWEEN 7 AND 9")

    assert problems(path) == ("the removed entries from 7 on do not follow entry 6",)


# ── its length ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("size", "is_cut"), [(0, True), (511, True), (512, False)])
def test_a_file_whose_pages_are_of_no_size_is_cut_short(
    tmp_path: Path, size: int, *, is_cut: bool
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(16) + size.to_bytes(2, "big") + bytes(1_000))

    assert is_cut_short(file, None) == is_cut


def test_entries_in_which_something_was_decided_can_be_asked_for(path: Path) -> None:
    with ReadOnlyJournal.open(path) as reader:
        assert [it.seq for it in reader.entries(decided=True)] == list(range(1, LENGTH))
