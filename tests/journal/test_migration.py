"""A journal of every released format is brought forward, with a copy first, and loses nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from palingenesis.journal.gaps import DAMAGE, Gap, insert_gap
from palingenesis.journal.layout import FORMAT_VERSION
from palingenesis.runtime.recovery import recover
from tests.core.life import SES
from tests.core.policies import NIGHT
from tests.journal import released
from tests.journal.crashing import crash_everywhere
from tests.journal.nights import stopped, turn
from tests.journal.smashing import smash

OLD = [version for version in released.versions() if version < FORMAT_VERSION]


def content(path: Path) -> tuple[object, ...]:
    with ReadOnlyJournal.open(path) as journal:
        return (
            list(journal.entries()),
            journal.latest_snapshot(),
            journal.open_effects(),
            journal.policy(NIGHT.digest),
            [it.seq for it in journal.entries(session=SES)],
            journal.removed(),
            journal.problems(),
        )


def test_the_format_at_hand_has_its_fixture():
    assert released.versions() == list(range(1, FORMAT_VERSION + 1))


@pytest.mark.parametrize("version", OLD)
def test_a_former_journal_is_brought_forward_with_everything_in_it(tmp_path, version):
    path = tmp_path / "journal.db"
    released.load(version, path)
    before = content(path)

    with SqliteJournal.open(path) as journal:
        migration = journal.migration
        recovered = recover(journal)
        following = journal.append(turn(stopped(99)))

    assert before[0]
    assert migration is not None
    assert (migration.from_format, migration.entries) == (version, following - 1)
    assert content(migration.kept_as) == before
    assert f"from format {version} to {FORMAT_VERSION}" in migration.told()
    assert str(migration.kept_as) in migration.told()
    assert recovered.differing == 0
    assert list(recovered.world.open) == ["5eed5eed-3.1"]
    with SqliteJournal.open(path) as again:
        assert again.migration is None
        assert again.damage == []
        assert [it.seq for it in again.entries()] == list(range(1, following + 1))


@pytest.mark.parametrize("version", OLD)
def test_the_log_of_a_former_journal_comes_along(tmp_path, version):
    path, there = tmp_path / "journal.db", tmp_path / "there" / "journal.db"
    released.load(version, there)
    with closing(sqlite3.connect(there, isolation_level=None)) as writer:
        (seen,) = writer.execute("SELECT max(seq) FROM entries").fetchone()
        writer.execute(
            "INSERT INTO snapshots SELECT seq - 1, version, world, checksum FROM snapshots"
        )
        for name in ("journal.db", "journal.db-wal"):  # as after a kill: it is not folded in
            (tmp_path / name).write_bytes((there.parent / name).read_bytes())
    former = path.with_name(f"journal.db.before-{FORMAT_VERSION}")
    for name in (f"{former.name}-wal", f"{former.name}-shm", former.name):
        (tmp_path / name).write_bytes(b"of a migration that was cut short")

    with SqliteJournal.open(path) as journal:
        migration = journal.migration

    assert migration is not None
    assert migration.entries == seen
    assert sorted(it.name for it in tmp_path.iterdir() if it.is_file()) == [
        "journal.db",
        migration.kept_as.name,
    ]
    assert snapshots(former) == 2, "what was in the log is in the copy"


def snapshots(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM snapshots").fetchone()
        return int(count)


@pytest.mark.parametrize("version", OLD)
def test_the_log_of_an_earlier_copy_is_not_taken_for_one_of_this_journal(tmp_path, version):
    path, there = tmp_path / "journal.db", tmp_path / "there" / "journal.db"
    for place in (path, there):
        released.load(version, place)
    former = path.with_name(f"journal.db.before-{FORMAT_VERSION}")
    with closing(sqlite3.connect(there, isolation_level=None)) as writer:
        writer.execute(
            "INSERT INTO snapshots SELECT seq - 1, version, world, checksum FROM snapshots"
        )
        log = (there.parent / "journal.db-wal").read_bytes()
    former.with_name(f"{former.name}-wal").write_bytes(log)

    with SqliteJournal.open(path):
        pass

    assert snapshots(former) == 1


@pytest.mark.parametrize("version", OLD)
def test_a_former_journal_that_is_damaged_is_brought_forward_as_far_as_it_goes(tmp_path, version):
    path = tmp_path / "journal.db"
    released.load(version, path)
    intact = path.read_bytes()
    path.write_bytes(intact.replace(b'"key":"msg_1"', b'"key":"msg_X"', 1))

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage
        kept = [it.seq for it in journal.entries()]

    assert (damage.lost, damage.end_is_lost) == (((6, 6),), False)
    assert 6 not in kept
    assert kept[-1] == 13
    with SqliteJournal.open(path) as again:
        assert again.damage == []


@pytest.mark.parametrize("version", OLD)
def test_what_a_former_journal_had_lost_and_told_is_not_told_again(tmp_path, version):
    path = tmp_path / "journal.db"
    released.load(version, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as former:
        former.execute("DROP TRIGGER entries_stay")
        former.execute("DELETE FROM entries WHERE seq = 6")
        if version == 1:
            former.execute("INSERT INTO gaps (first, last) VALUES (6, 6)")
        else:
            insert_gap(former, Gap(first=6, last=6, why=DAMAGE))

    with SqliteJournal.open(path) as journal:
        assert journal.damage == []
        assert journal.migration is not None
        assert [it.seq for it in journal.entries()] == [*range(1, 6), *range(7, 14)]


# ── crashed at every boundary ─────────────────────────────────────────────────────────────────


def make_migration(path: Path) -> None:
    released.load(1, path)


def do_migration(path: Path) -> None:
    with SqliteJournal.open(path):
        pass


def check_migration(path: Path) -> None:
    """Whatever was left: a start makes the whole new journal of it."""
    with SqliteJournal.open(path) as journal:
        assert journal.damage == []
        assert [it.seq for it in journal.entries()] == list(range(1, 14))
        assert [effect.id for effect, _ in journal.open_effects()] == ["5eed5eed-3.1"]
    copy = path.with_name(f"journal.db.before-{FORMAT_VERSION}")
    assert content(copy)[0] == content(path)[0]
    names = {it.name for it in path.parent.iterdir()} - {"journal.db-wal", "journal.db-shm"}
    assert names <= {"journal.db", copy.name, f"{copy.name}-wal", f"{copy.name}-shm"}


def test_a_migration_that_crashes_at_any_boundary_is_done_by_the_next_start(tmp_path):
    assert crash_everywhere(f"{__name__}:migration", tmp_path) > 20


@pytest.mark.parametrize("version", OLD)
def test_a_former_journal_of_which_nothing_can_be_read_is_left_as_it_was(tmp_path, version):
    path = tmp_path / "journal.db"
    released.load(version, path)
    smash(path, "entries")
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"is damaged beyond repair .* it was left") as caught:
        SqliteJournal.open(path)

    assert "restore it from a backup" in caught.value.hint
    assert path.read_bytes() == before
    assert [it.name for it in tmp_path.iterdir()] == ["journal.db"]


@pytest.mark.parametrize("version", OLD)
def test_a_former_journal_that_lost_what_it_knew_of_gaps_is_brought_forward(tmp_path, version):
    path = tmp_path / "journal.db"
    released.load(version, path)
    with ReadOnlyJournal.open(path) as former:
        events = [it.event for it in former.entries()]
    smash(path, "gaps")

    with SqliteJournal.open(path) as journal:
        assert journal.migration is not None
        assert journal.migration.entries == len(events)
        assert journal.told()[0] == journal.migration.told()
        assert [it.event for it in journal.entries()] == events
