"""What is appended is there afterwards, in order, and can be asked for in many ways."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from palingenesis.core.commands import Hold
from palingenesis.core.errors import JournalError
from palingenesis.core.events import CommandGiven, PolicyAdopted, ShadowStarted, Ticked
from palingenesis.core.values import Result, SessionId
from palingenesis.journal import SqliteJournal
from tests.journal.nights import (
    BEGAN,
    adopted,
    at,
    ended,
    night,
    resume,
    session,
    stopped,
    turn,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal.open(path) as opened:
        yield opened


def test_entries_are_numbered_from_one_without_gaps(journal: SqliteJournal) -> None:
    assert [journal.append(entry) for entry in night(5)] == [1, 2, 3, 4, 5]
    assert journal.last_seq() == 5


def test_what_was_appended_is_read_back_after_a_restart(path: Path) -> None:
    entries = night(3)
    with SqliteJournal.open(path) as journal:
        for entry in entries:
            journal.append(entry)

    with SqliteJournal.open(path) as journal:
        read = list(journal.entries())
        following = journal.append(turn(stopped(9)))

    assert [it.seq for it in read] == [1, 2, 3]
    assert [it.event for it in read] == [it.event for it in entries]
    assert [it.effects for it in read] == [it.effects for it in entries]
    assert [it.decisions for it in read] == [({"rule": "limit"},)] * 3
    assert following == 4


def test_only_the_owner_can_read_it(journal: SqliteJournal, path: Path) -> None:
    journal.append(turn(stopped(1)))

    modes = {it.name: stat.S_IMODE(it.stat().st_mode) for it in path.parent.iterdir()}

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}


def test_every_append_is_flushed_to_the_disk(journal: SqliteJournal) -> None:
    connection = journal._ready()

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_file_says_whose_it_is(journal: SqliteJournal, path: Path) -> None:
    assert path.read_bytes()[68:72] == b"PALN"
    assert journal.problems() == ()


def test_entries_cannot_be_changed_or_taken_out(journal: SqliteJournal, path: Path) -> None:
    for entry in night(3):
        journal.append(entry)

    with closing(sqlite3.connect(path)) as intruder:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            intruder.execute("UPDATE entries SET event = '{}' WHERE seq = 3")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            intruder.execute("DELETE FROM entries WHERE seq = 2")


# ── asking ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"after": 5}, [6, 7]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 0}, []),
        ({"newest_first": True, "limit": 3}, [7, 6, 5]),
        ({"newest_first": True, "after": 5}, [7, 6]),
        ({"since": at(4)}, [4, 5, 6]),
        ({"session": session(1)}, [1, 4, 7]),
        ({"session": session(1), "newest_first": True, "limit": 1}, [7]),
        ({"kinds": ("EffectEnded", "Ticked")}, [7]),
        ({"kinds": ()}, []),
        ({"session": "ses_9"}, []),
    ],
)
def test_entries_can_be_asked_for(
    journal: SqliteJournal, question: dict[str, Any], answer: list[int]
) -> None:
    for entry in night(6):
        journal.append(entry)
    journal.append(turn(ended(1)))

    assert [it.seq for it in journal.entries(**question)] == answer


def test_more_entries_than_are_read_at_once_come_in_order(journal: SqliteJournal) -> None:
    for number in range(1_203):
        journal.append(turn(Ticked(at=at(number))))

    assert [it.seq for it in journal.entries()] == list(range(1, 1_204))
    assert [it.seq for it in journal.entries(newest_first=True)] == list(range(1_203, 0, -1))


def test_a_turn_about_several_sessions_is_found_under_each(journal: SqliteJournal) -> None:
    journal.append(turn(Ticked(at=BEGAN), resume(1, of=1), resume(2, of=2)))
    journal.append(turn(CommandGiven(at=BEGAN, command=Hold(session=session(2)), by="cli")))

    assert [it.seq for it in journal.entries(session="ses_1")] == [1]
    assert [it.seq for it in journal.entries(session="ses_2")] == [1, 2]


def test_text_that_is_not_quite_unicode_is_kept(journal: SqliteJournal) -> None:
    odd = SessionId("half a pair \ud800, a null \0 and \N{SNOWMAN}")
    event = stopped(1, message="\ud83d \0 'quoted' \"twice\"")
    journal.append(turn(event, resume(1)))
    journal.append(turn(CommandGiven(at=BEGAN, command=Hold(session=odd), by="cli")))

    first, second = journal.entries()

    assert first.event == event
    assert [it.seq for it in journal.entries(session=odd)] == [second.seq]


def test_decisions_may_be_any_frozen_plain_data(journal: SqliteJournal) -> None:
    facts = MappingProxyType({"stop.attempt": 3, "loads": (0.5, float("inf"))})
    journal.append(turn(stopped(1), rule="limit", facts=facts))

    (read,) = journal.entries()

    assert read.decisions == (
        {"rule": "limit", "facts": {"stop.attempt": 3, "loads": [0.5, {"number": "inf"}]}},
    )


def test_what_could_not_be_read_back_is_refused_and_nothing_is_written(
    journal: SqliteJournal,
) -> None:
    with pytest.raises(JournalError, match="expected plain data, got datetime"):
        journal.append(turn(stopped(1), at=BEGAN))

    assert journal.append(turn(stopped(2))) == 1


# ── intents and outcomes ──────────────────────────────────────────────────────────────────────


def test_an_effect_is_open_until_its_outcome_is_written(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        journal.append(turn(stopped(1), resume(1), resume(2)))
        journal.append(turn(stopped(3), resume(3)))
        journal.append(turn(ended(2)))
        journal.append(turn(ended(3, Result.UNKNOWN)))

    with SqliteJournal.open(path) as journal:
        assert journal.open_effects() == [(resume(1), at(1))]


def test_what_was_ordered_is_found_by_its_id_also_after_its_outcome(journal: SqliteJournal) -> None:
    journal.append(turn(stopped(1), resume(1), resume(2)))
    journal.append(turn(ended(2)))

    assert [journal.ordered(effect) for effect in ("1.1", "2.1", "3.1")] == [
        resume(1),
        resume(2),
        None,
    ]


def test_an_effect_is_ordered_only_once(journal: SqliteJournal) -> None:
    journal.append(turn(stopped(1), resume(1)))

    with pytest.raises(JournalError, match=r"has been written before \(1\.1\)"):
        journal.append(turn(stopped(2), resume(1)))

    assert journal.append(turn(stopped(3), resume(3))) == 2
    assert len(journal.open_effects()) == 2


# ── policies and snapshots ────────────────────────────────────────────────────────────────────


def test_a_policy_is_kept_once_however_often_it_is_adopted(
    journal: SqliteJournal, path: Path
) -> None:
    rules = [{"id": f"rule-{number}", "when": "stopped"} for number in range(100)]
    for _ in range(50):
        journal.append(turn(adopted("d1", rules=rules)))

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM policies").fetchone() == (1,)
    assert journal.policy("d1") == ("default", {"rules": rules})
    assert journal.policy("d2") is None
    for it in journal.entries():
        assert isinstance(it.event, PolicyAdopted)
        assert it.event.resolved == {"rules": rules}


def test_the_policy_of_a_shadow_is_kept_as_one_that_was_adopted(journal: SqliteJournal) -> None:
    started = ShadowStarted(
        at=at(1), name="next", digest="d9", resolved={"rules": []}, path="/next.yaml"
    )
    journal.append(turn(started))

    assert journal.policy("d9") == ("next", {"rules": []})
    assert [it.event for it in journal.entries()] == [started]


def test_a_policy_that_resolves_differently_today_does_not_change_yesterday(
    journal: SqliteJournal,
) -> None:
    journal.append(turn(adopted("d1", default="wait")))
    journal.append(turn(adopted("d1", default="attention")))

    resolved = [
        it.event.resolved for it in journal.entries() if isinstance(it.event, PolicyAdopted)
    ]

    assert resolved == [{"default": "wait"}, {"default": "attention"}]
    assert journal.policy("d1") == ("default", {"default": "attention"})


def test_the_last_three_snapshots_are_kept(journal: SqliteJournal, path: Path) -> None:
    for number, entry in enumerate(night(5), start=1):
        journal.append(entry)
        journal.remember({"sessions": number}, number)

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT seq FROM snapshots").fetchall() == [(3,), (4,), (5,)]
    assert journal.latest_snapshot() == (5, {"sessions": 5})


def test_a_damaged_snapshot_gives_way_to_the_one_before(journal: SqliteJournal, path: Path) -> None:
    for number, entry in enumerate(night(2), start=1):
        journal.append(entry)
        journal.remember({"sessions": number}, number)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE snapshots SET world = replace(world, '2', '7') WHERE seq = 2")

    assert journal.latest_snapshot() == (1, {"sessions": 1})


def test_a_new_journal_has_no_snapshot(journal: SqliteJournal) -> None:
    assert journal.latest_snapshot() is None
    assert journal.last_seq() == 0
    assert list(journal.entries()) == []


def test_a_closed_journal_says_so(journal: SqliteJournal) -> None:
    journal.close()

    with pytest.raises(JournalError, match="has been closed"):
        journal.append(turn(stopped(1)))
