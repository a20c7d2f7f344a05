"""Damage is told once, by a notice that survives a crash; without a beginning nothing is done."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from palingenesis.app.keeping import Keeping
from palingenesis.core import commands, events
from palingenesis.core.copies import replace
from palingenesis.core.effects import Notify
from palingenesis.core.errors import JournalError
from palingenesis.core.events import Event
from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.journal import Retention, SqliteJournal, plan_sweep
from palingenesis.journal.salvage import SET_ASIDE_MAX
from palingenesis.runtime.config import JournalConfig
from palingenesis.runtime.recovery import Recovered, recover
from tests.core.policies import NIGHT
from tests.journal import released
from tests.journal.nights import stopped, turn
from tests.runtime.loopback import JumpingClock


def a_night(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        world = World()
        for entry in released.night():
            seq = journal.append(entry)
            world = step(world, entry.event, NIGHT).world
            if seq in {8, 10}:
                journal.remember(to_plain(world), seq)


def harm(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as intruder, intruder:
        intruder.execute("DROP TRIGGER entries_stay")
        intruder.execute("DROP TRIGGER entries_do_not_change")
        for statement in statements:
            intruder.execute(statement)


def started(path: Path, world: World | None = None) -> tuple[Recovered, list[Event]]:
    """What a start makes of it, and what it says."""
    with SqliteJournal.open(path) as journal:
        recovered = recover(journal)
        keeping = Keeping(journal, JournalConfig(), JumpingClock())
        said = keeping.mended(world or recovered.world, began=recovered.began)
        return recovered, list(said)


def test_a_sound_journal_says_nothing(tmp_path):
    a_night(tmp_path / "journal.db")

    recovered, said = started(tmp_path / "journal.db")

    assert said == []
    assert recovered.began == 10


def test_damage_is_told_until_it_has_been_told(tmp_path):
    path = tmp_path / "journal.db"
    a_night(path)
    harm(path, "DELETE FROM entries WHERE seq = 9")

    _, said = started(path)
    _, again = started(path)

    (event,) = said
    assert isinstance(event, events.JournalMended), "the newest snapshot knows what entry 9 did"
    assert "entry 9 is lost" in event.what
    assert event.kept_as == ("journal.damaged-1",)
    assert [type(one) for one in again] == [events.JournalMended], "we died before it was written"
    turn = step(World(), event, NIGHT)
    (notice,) = turn.effects
    assert isinstance(notice, Notify)
    assert notice.message == event.what
    assert started(path, turn.world)[1] == []


def test_what_may_have_been_a_stop_holds_us_until_a_person_has_looked(tmp_path):
    path = tmp_path / "journal.db"
    a_night(path)
    harm(path, "DELETE FROM entries WHERE seq = 12")

    _, said = started(path)
    _, again = started(path)

    hold, told = said
    assert isinstance(hold, events.CommandGiven)
    assert isinstance(told, events.JournalMended)
    assert "entry 12 is lost" in told.what
    assert "among what is lost there may be what you stopped last" in told.what
    assert [type(one) for one in again] == [type(one) for one in said], "we died before it was told"
    held = step(World(), hold, NIGHT).world
    assert held.paused
    assert [type(one) for one in started(path, held)[1]] == [events.JournalMended]
    turn = step(held, told, NIGHT)
    assert [type(effect) for effect in turn.effects] == [Notify], "held, it still tells"
    looked = replace(turn.world, paused=False)
    assert started(path, looked)[1] == [], "the person has looked"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"\0" * 9000, None])
def test_a_memory_that_is_gone_begins_anew_and_only_watches(tmp_path, content):
    path = tmp_path / "journal.db"
    a_night(path)
    if content is None:
        path.write_bytes(path.read_bytes()[:9000])
    else:
        path.write_bytes(content)

    recovered, said = started(path)
    _, again = started(path)

    assert recovered.world == World()
    assert [type(one) for one in said] == [events.CommandGiven, events.JournalMended]
    assert [type(one) for one in again] == [type(one) for one in said]
    assert said[1].kept_as == ("journal.damaged-1",)


def test_a_lost_policy_is_read_anew_from_its_file(tmp_path):
    path = tmp_path / "journal.db"
    a_night(path)
    harm(path, "DELETE FROM policies")

    recovered, _ = started(path)

    assert recovered.world.policy == "", "so its file is adopted"
    assert recovered.policy.rules == ()


class OfAnotherVersion(SqliteJournal):
    """What it keeps of a policy is a form that nobody knows any more."""

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        return "night", {"version": 99}


def test_so_is_one_of_a_form_that_is_not_known_any_more(tmp_path):
    a_night(tmp_path / "journal.db")

    with OfAnotherVersion.open(tmp_path / "journal.db") as journal:
        recovered = recover(journal)

    assert (recovered.world.policy, recovered.policy.rules) == ("", ())
    assert recovered.broken is None


@pytest.mark.parametrize("paused", [False, True])
def test_a_memory_without_its_beginning_only_watches_until_a_person_has_looked(tmp_path, paused):
    path = tmp_path / "journal.db"
    a_night(path)
    with SqliteJournal.open(path) as journal:
        now = JumpingClock().now() + timedelta(days=1_000)
        sweep = plan_sweep(path, Retention(keep=timedelta(days=1)), alive=(), at=now)
        while sweep is not None:
            sweep = journal.remove_some(sweep, now)
    with closing(sqlite3.connect(path)) as intruder, intruder:
        intruder.execute("DELETE FROM snapshots")

    recovered, said = started(path, World(paused=paused))

    assert recovered.began == 0
    assert [type(one).__name__ for one in said] == (
        [] if paused else ["JournalMended", "CommandGiven"]
    )
    world = World()
    for event in said:
        turn = step(world, event, NIGHT)
        world = turn.world
        if isinstance(event, events.CommandGiven):
            assert event.command == commands.Hold()
            assert world.paused


def test_a_bad_disk_does_not_fill_itself_with_damaged_journals(tmp_path):
    path = tmp_path / "journal.db"
    a_night(path)
    for number in range(SET_ASIDE_MAX + 3):
        with closing(sqlite3.connect(path)) as intruder, intruder:
            intruder.execute("UPDATE snapshots SET checksum = checksum")
            intruder.execute("DROP TRIGGER entries_do_not_change")
            intruder.execute(f"UPDATE entries SET kind = 'X{number}' WHERE seq = 13")
        with SqliteJournal.open(path) as journal:
            assert len(journal.damage) == 1
            names = journal.set_aside()
            journal.append(turn(stopped(number + 100)))

    assert names == tuple(f"journal.damaged-{n}" for n in range(4, 9))


def test_an_unreadable_place_is_an_error_of_the_journal(tmp_path):
    with pytest.raises(JournalError):
        SqliteJournal.open(tmp_path)
