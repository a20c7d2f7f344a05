"""Of the past, what lives on needs some; the steps of a sweep are short, and may fail."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.core.events import SessionSeen
from palingenesis.journal import SqliteJournal, plan_sweep
from palingenesis.journal.gaps import REMOVED, Gap, insert_gap
from palingenesis.journal.retention import Sweep
from tests.journal.nights import AGENT, adopted, at, ended, night, resume, session, stopped, turn
from tests.journal.test_retention import SMALL, fill, seqs, swept


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal.open(tmp_path / "journal.db") as opened:
        opened._ready().execute("PRAGMA synchronous = OFF")  # no power is cut here
        yield opened


# ── what lives on ─────────────────────────────────────────────────────────────────────────────


def test_of_a_session_that_lives_and_was_never_decided_about_the_newest_sight_stays(
    journal: SqliteJournal,
) -> None:
    for number in range(3):
        seen = SessionSeen(at=at(number), session=session(7), agent=AGENT, directory="/", title="")
        journal.append(turn(seen))
    fill(journal, 400)

    swept(journal, alive=(session(7), session(8)))

    assert seqs(journal, session=session(7)) == [3]
    assert journal.problems() == ()


def test_a_decision_of_a_session_that_lives_stays_while_its_order_is_under_way(
    journal: SqliteJournal,
) -> None:
    journal.append(turn(stopped(9_001, of=7), resume(9_001, of=7), id=1, policy="d1"))
    journal.append(turn(stopped(9_002, of=7), resume(9_002, of=7), id=2, policy="d1"))
    journal.append(turn(ended(9_001)))
    fill(journal, 400)

    swept(journal, alive=(session(7),))

    assert seqs(journal, session=session(7)) == [1, 2, 3]
    assert [effect.id for effect, _ in journal.open_effects()] == ["9002.1"]


def test_the_text_of_a_policy_stays_as_long_as_a_decision_names_it(journal: SqliteJournal) -> None:
    journal.append(turn(adopted("d0", default="x")))
    journal.append(turn(stopped(9_001, of=7), resume(9_001, of=7), id=1, policy="d0"))
    journal.append(turn(ended(9_001)))
    journal.append(turn(adopted("d1", default="y")))
    for start in (0, 400, 800):
        fill(journal, 400, start=start)
        swept(journal, alive=(session(7),))
    assert seqs(journal)[0] == 2, "the entry that brought it is gone"
    assert journal.policy("d0") == ("default", {"default": "x"})

    for start in (1_200, 1_600):
        fill(journal, 400, start=start)
        swept(journal)

    assert journal.policy("d0") is None
    assert journal.policy("d1") is not None
    assert journal.problems() == ()


# ── single steps ──────────────────────────────────────────────────────────────────────────────


def everything(through: int, **of: object) -> Sweep:
    of = {"spared": frozenset(), "until": "", "down_to": 0, **of}
    return Sweep(through=through, **of)  # type: ignore[arg-type]


def test_a_step_ends_after_half_a_mebibyte_however_few_the_entries(journal: SqliteJournal) -> None:
    for number in range(1, 11):
        journal.append(turn(stopped(number, message="m" * 200_000)))

    left = journal.remove_some(everything(9), at(100))

    assert left == everything(9, after=3)
    assert seqs(journal) == list(range(4, 11))
    assert left is not None
    left = journal.remove_some(left, at(100))
    assert left == everything(9, after=6)
    assert left is not None
    left = journal.remove_some(left, at(100))
    assert left == everything(9, after=9), "it is over when there is nothing left to be seen"
    assert left is not None
    assert journal.remove_some(left, at(100)) is None
    assert seqs(journal) == [10]
    assert journal.problems() == ()


def test_a_step_ends_after_a_hundred_entries_however_small(journal: SqliteJournal) -> None:
    fill(journal, 101)

    left = journal.remove_some(everything(201), at(100))

    assert left == everything(201, after=100)
    assert seqs(journal)[0] == 101


def test_what_is_spared_or_missing_parts_what_is_removed_in_two(journal: SqliteJournal) -> None:
    for entry in night(10):
        journal.append(entry)
    insert_gap(journal._ready(), Gap(first=7, last=7, why=REMOVED, previous="p", anchor="a"))
    journal._ready().execute("DELETE FROM entries WHERE seq = 7")

    assert journal.remove_some(everything(8, spared=frozenset({3})), at(100)) is None

    assert seqs(journal) == [3, 9, 10]
    query = "SELECT first, last FROM gaps ORDER BY first"
    assert journal._ready().execute(query).fetchall() == [(1, 2), (4, 8)]


@contextmanager
def held_by_another(journal: SqliteJournal) -> Iterator[None]:
    """Another program writes, and nobody waits for it."""
    journal._ready().execute("PRAGMA busy_timeout = 1").fetchone()
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_step_that_fails_is_told_and_taken_later(journal: SqliteJournal) -> None:
    fill(journal, 400)
    sweep = plan_sweep(journal.path, SMALL, alive=(), at=at(100_000))
    assert sweep is not None
    with held_by_another(journal), pytest.raises(JournalError, match="holds it locked"):
        journal.remove_some(sweep, at(100_000))
    assert seqs(journal)[0] == 1

    assert journal.remove_some(sweep, at(100_000)) is not None

    assert seqs(journal)[0] > 1
    assert journal.problems() == ()


def test_room_that_cannot_be_given_back_now_is_given_back_later(journal: SqliteJournal) -> None:
    fill(journal, 1_500)
    sweep = plan_sweep(journal.path, SMALL, alive=(), at=at(100_000))
    while sweep is not None:
        sweep = journal.remove_some(sweep, at(100_000))
    with held_by_another(journal), pytest.raises(JournalError, match="holds it locked"):
        journal.give_back(SMALL)

    assert journal.give_back(SMALL)


# ── whether it is sound ───────────────────────────────────────────────────────────────────────


def test_what_was_removed_has_to_follow_what_stands_before_it(journal: SqliteJournal) -> None:
    for entry in night(6):
        journal.append(entry)
    (anchor,) = journal._ready().execute("SELECT checksum FROM entries WHERE seq = 4").fetchone()
    insert_gap(
        journal._ready(), Gap(first=3, last=4, why=REMOVED, previous="another", anchor=anchor)
    )
    journal._ready().execute("DELETE FROM entries WHERE seq IN (3, 4)")

    assert journal.problems() == ("the removed entries from 3 on do not follow entry 2",)
    assert journal.problems(after=5) == ()
