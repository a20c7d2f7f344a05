"""Damage is noticed, told once and set aside; nothing is ever misread; the rest is used."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.journal import Damage, ReadOnlyJournal, SqliteJournal
from palingenesis.runtime.ports import Entry
from tests.journal.nights import adopted, at, night, resume, stopped, turn

LENGTH = 60
ENTRIES = [turn(adopted("d1", rules=["x" * 200])), *night(LENGTH - 1)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    with SqliteJournal.open(path) as journal:
        for entry in ENTRIES:
            journal.append(entry)
    return path.read_bytes()


def opened(path: Path) -> tuple[SqliteJournal | None, JournalError]:
    try:
        return SqliteJournal.open(path), JournalError("")
    except JournalError as error:
        return None, error


def used(path: Path, entries: list[Entry] = ENTRIES) -> tuple[set[int], list[Damage]] | None:
    """Open and read as a daemon would: what is there, what was told; None: refused."""
    before = path.read_bytes()
    journal, error = opened(path)
    if journal is None:
        assert error.hint
        assert path.read_bytes() == before
        assert [it.name for it in path.parent.iterdir() if "damaged" in it.name] == []
        return None
    with journal:
        seen = set()
        for it in journal.entries():
            assert it.event == entries[it.seq - 1].event
            assert it.effects == entries[it.seq - 1].effects
            seen.add(it.seq)
        open_ids = {effect.id for effect, _ in journal.open_effects()}
        assert open_ids == {it.id for seq in seen for it in entries[seq - 1].effects}
        following = journal.append(turn(stopped(1_000), resume(1_000)))
        assert following > max(seen, default=0)
    with SqliteJournal.open(path) as again:
        assert again.damage == []
        assert again.last_seq() == following
    for damage in journal.damage:
        assert damage.set_aside.read_bytes() == before
        assert damage.set_aside.stat().st_mode & 0o077 == 0
    return seen, journal.damage


def check(path: Path, content: bytes) -> bool:
    """Whether the damaged content was used; if so, a loss was told."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    outcome = used(path)
    if outcome is None:
        return False
    seen, damage = outcome
    if len(seen) < LENGTH:
        (told,) = damage
        lost = {seq for first, last in told.lost for seq in range(first, last + 1)}
        assert not lost & seen
        assert lost | seen == set(range(1, max(lost | seen) + 1))
        assert told.end_is_lost or max(seen) == LENGTH
        assert ("whatever followed" in told.told()) == told.end_is_lost
    return True


def test_a_file_cut_off_anywhere_is_used_as_far_as_it_goes(sound: bytes, tmp_path: Path) -> None:
    points = [0, 1, 15, 16, 99, 100, 511, 4095, *range(4096, len(sound), 3001), len(sound) - 1]

    for point in points:
        assert check(tmp_path / str(point) / "journal.db", sound[:point])


def test_a_flipped_bit_anywhere_is_never_misread(sound: bytes, tmp_path: Path) -> None:
    dice = Random(20260329)
    points = [*range(100), *(dice.randrange(len(sound)) for _ in range(150))]
    for number, point in enumerate(points):
        content = bytearray(sound)
        content[point] ^= 1 << dice.randrange(8)
        is_used = check(tmp_path / str(number) / "journal.db", bytes(content))

        assert is_used or 60 <= point < 64, "only what looks like a newer one is refused"


@pytest.mark.parametrize("page", range(1, 12))
def test_a_page_of_zeros_costs_only_what_was_on_it(sound: bytes, tmp_path: Path, page: int) -> None:
    assert len(sound) // 4096 > 12
    content = bytearray(sound)
    content[page * 4096 : (page + 1) * 4096] = bytes(4096)

    check(tmp_path / "state" / "journal.db", bytes(content))


def test_garbage_after_the_end_costs_nothing(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"

    assert check(path, sound + b"\xff" * 5000)


# ── single rows ───────────────────────────────────────────────────────────────────────────────


def with_intruder(path: Path, sound: bytes, *statements: str) -> Path:
    path.write_bytes(sound)
    with closing(sqlite3.connect(path)) as intruder, intruder:
        intruder.execute("DROP TRIGGER entries_stay")
        intruder.execute("DROP TRIGGER entries_do_not_change")
        for statement in statements:
            intruder.execute(statement)
    return path


@pytest.mark.parametrize(
    ("deed", "problem", "lost"),
    [
        ("UPDATE entries SET event = replace(event, 'ses_', 'ses-') WHERE seq = 17",
         "entry 17 is damaged", ((17, 17),)),
        ("UPDATE entries SET effects = '[]' WHERE seq = 60", "entry 60 is damaged", ((60, 60),)),
        ("UPDATE entries SET checksum = 'x' WHERE seq = 5", "entry 5 is damaged", ((5, 5),)),
        ("UPDATE entries SET event = x'ff00' WHERE seq = 5", "entry 5 is damaged", ((5, 5),)),
        ("UPDATE entries SET version = NULL WHERE seq = 5", "entry 5 is damaged", ((5, 5),)),
        ("DELETE FROM entries WHERE seq BETWEEN 8 AND 10", "entries 8 to 10 are missing",
         ((8, 10),)),
        ("UPDATE policies SET resolved = '{}'", "entry 1 is damaged", ((1, 1),)),
        ("DELETE FROM policies", "entry 1 is damaged", ((1, 1),)),
    ],
)  # fmt: skip
def test_a_damaged_or_missing_row_is_told_once_and_the_rest_is_used(
    sound: bytes, tmp_path: Path, deed: str, problem: str, lost: tuple[tuple[int, int], ...]
) -> None:
    deed = deed if "NULL" not in deed else deed.replace("NULL", "7")
    path = with_intruder(tmp_path / "journal.db", sound, deed)

    outcome = used(path)

    assert outcome is not None
    seen, (damage,) = outcome
    assert problem in damage.problems
    assert damage.lost == lost
    assert len(seen) == damage.kept
    assert str(damage.set_aside) in damage.told()
    assert damage.told().count("\n") == 0


def test_a_reader_leaves_out_what_is_damaged_and_says_which(sound: bytes, tmp_path: Path) -> None:
    path = with_intruder(
        tmp_path / "journal.db", sound, "UPDATE entries SET event = '{}' WHERE seq = 17"
    )

    with ReadOnlyJournal.open(path) as reader:
        assert len(list(reader.entries())) == LENGTH - 1
        assert reader.skipped == {17}
        assert "entry 17 is damaged" in reader.problems()


def test_a_second_damage_gets_a_second_place(sound: bytes, tmp_path: Path) -> None:
    path = with_intruder(tmp_path / "journal.db", sound, "DELETE FROM entries WHERE seq = 9")
    assert used(path) is not None
    damaged_again = path.read_bytes()
    path.unlink()
    with_intruder(path, damaged_again, "DELETE FROM entries WHERE seq = 19")

    with SqliteJournal.open(path) as journal:
        (damage,) = journal.damage

    assert damage.lost == ((9, 9), (19, 19))
    assert {it.name for it in tmp_path.iterdir() if "damaged" in it.name} == {
        "journal.damaged-1",
        "journal.damaged-2",
    }


def test_a_snapshot_outlives_the_entries_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path) as journal:
        for entry in ENTRIES:
            journal.append(entry)
        journal.remember({"sessions": 3}, LENGTH)
    sound = path.read_bytes()
    path.unlink()
    with_intruder(path, sound, "DELETE FROM entries WHERE seq > 50", "DELETE FROM policies")

    with SqliteJournal.open(path) as journal:
        assert journal.latest_snapshot() == (LENGTH, {"sessions": 3})
        assert journal.append(turn(stopped(1_000), resume(1_000))) == LENGTH + 1
    with SqliteJournal.open(path) as journal:
        assert journal.damage == []
        assert [it.seq for it in journal.entries(after=50)] == [LENGTH + 1]


# ── the log, and half-done repairs ────────────────────────────────────────────────────────────


def test_a_log_cut_off_anywhere_leaves_whole_entries_without_a_gap(tmp_path: Path) -> None:
    live = tmp_path / "live" / "journal.db"
    with SqliteJournal.open(live) as journal:
        for entry in ENTRIES[:20]:
            journal.append(entry)
        base, log = live.read_bytes(), live.with_name("journal.db-wal").read_bytes()
    counts = []
    for cut in range(0, len(log) + 1, max(1, len(log) // 40)):
        path = tmp_path / str(cut) / "journal.db"
        path.parent.mkdir()
        path.write_bytes(base)
        path.with_name("journal.db-wal").write_bytes(log[:cut])
        with SqliteJournal.open(path) as journal:
            seen = [it.seq for it in journal.entries()]
            assert seen == list(range(1, len(seen) + 1))
            assert [it.event for it in journal.entries()] == [
                it.event for it in ENTRIES[: len(seen)]
            ]
            counts.append(len(seen))

    assert counts == sorted(counts)
    assert counts[-1] >= 19


def leave_rebuilt(path: Path) -> None:
    path.rename(path.with_name("journal.db.rebuilt"))


def leave_both(path: Path) -> None:
    shutil.copy(path, path.with_name("journal.db.rebuilt"))
    path.write_bytes(b"the damaged one")
    path.with_name("journal.db-wal").write_bytes(b"its log")


def leave_scraps(path: Path) -> None:
    path.with_name("journal.db.building").write_bytes(b"half")
    path.with_name("journal.db.new").write_bytes(b"half")


@pytest.mark.parametrize("leave", [leave_rebuilt, leave_both, leave_scraps])
def test_a_repair_that_was_cut_short_is_completed(
    sound: bytes, tmp_path: Path, leave: Callable[[Path], None]
) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(sound)
    leave(path)

    with SqliteJournal.open(path) as journal:
        assert [it.seq for it in journal.entries()] == list(range(1, LENGTH + 1))
        assert journal.append(turn(stopped(1_000, message=str(at(0))))) == LENGTH + 1
