"""Damage in the middle of the log costs what it hit, and is told; a torn end is only an end."""

from pathlib import Path
from random import Random

import pytest

from palingenesis.journal import SqliteJournal
from palingenesis.journal.log_file import read_log
from tests.journal.nights import night

LENGTH = 20
FRAME = 24 + 4096
ENTRIES = night(LENGTH)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A journal and its log, as a kill leaves them."""
    path = tmp_path_factory.mktemp("live") / "journal.db"
    with SqliteJournal.open(path) as journal:
        for entry in ENTRIES:
            journal.append(entry)
        return path.read_bytes(), path.with_name("journal.db-wal").read_bytes()


def opened(folder: Path, database: bytes, log: bytes) -> SqliteJournal:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal.db").write_bytes(database)
    (folder / "journal.db-wal").write_bytes(log)
    return SqliteJournal.open(folder / "journal.db")


def last_transaction(log: bytes) -> int:
    """Number of the frame with which the last transaction begins, from 0."""
    frames = (len(log) - 32) // FRAME
    pages = [int.from_bytes(log[32 + n * FRAME + 4 : 32 + n * FRAME + 8]) for n in range(frames)]
    return max(n for n in range(frames - 1) if pages[n]) + 1


def test_a_sound_log_fits_to_its_end(left, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(left[1])

    log = read_log(path)

    assert log is not None
    assert all(frame.fits for frame in log.frames)
    assert not log.is_damaged_within
    assert len(log.pages()) == len(log.frames)


@pytest.mark.parametrize("content", [None, b"", b"short", b"\0" * 5000, b"\x37\x7f\x06\x82" * 900])
def test_what_is_no_log_is_none(tmp_path, content):
    path = tmp_path / "log"
    if content is not None:
        path.write_bytes(content)

    assert read_log(path) is None


def test_damage_in_the_middle_is_told_and_costs_at_most_what_was_there(left, tmp_path):
    database, log = left
    dice = Random(7)
    for frame in range(0, last_transaction(log), 5):
        harmed = bytearray(log)
        harmed[32 + frame * FRAME + dice.randrange(FRAME)] ^= 1 << dice.randrange(8)
        with opened(tmp_path / str(frame), database, bytes(harmed)) as journal:
            (damage,) = journal.damage
            entries = list(journal.entries())

        assert damage.problems == ("its log is damaged in the middle",)
        assert entries[-1].event == ENTRIES[-1].event, "the end was written and is there"
        assert all(it.event == ENTRIES[it.seq - 1].event for it in entries)
        lost = {seq for first, last in damage.lost for seq in range(first, last + 1)}
        assert {it.seq for it in entries} | lost == set(range(1, LENGTH + 1))
        assert len(lost) <= 6
        assert (tmp_path / str(frame) / "journal.damaged-1-wal").read_bytes() == bytes(harmed)
        assert not list((tmp_path / str(frame)).glob("*.readable*"))


@pytest.mark.parametrize("place", [8, 12, 16, 20, 24, 4000])
def test_the_last_entry_outlives_damage_in_the_frame_before_it(left, tmp_path, place):
    database, log = left
    harmed = bytearray(log)
    harmed[32 + (last_transaction(log) - 1) * FRAME + place] ^= 4

    with opened(tmp_path, database, bytes(harmed)) as journal:
        assert len(journal.damage) == 1
        assert journal.last_seq() == LENGTH


@pytest.mark.parametrize("place", range(32))
def test_a_log_whose_header_is_damaged_is_used_and_that_is_told(left, tmp_path, place):
    database, log = left
    harmed = bytearray(log)
    harmed[place] ^= 16

    with opened(tmp_path, database, bytes(harmed)) as journal:
        (damage,) = journal.damage
        assert damage.lost == ()
        assert journal.last_seq() == LENGTH


@pytest.mark.parametrize("torn", [1, 100, FRAME - 1, FRAME, FRAME + 30])
def test_a_torn_end_is_no_damage(left, tmp_path, torn):
    database, log = left

    with opened(tmp_path, database, log[:-torn]) as journal:
        assert journal.damage == []
        assert [it.seq for it in journal.entries()] == list(range(1, LENGTH))


def test_the_remains_of_a_former_log_are_no_damage(left, tmp_path):
    database, log = left
    foreign = bytearray(log[32:])
    for place in range(0, len(foreign), FRAME):
        foreign[place + 8 : place + 16] = b"otherlog"

    with opened(tmp_path, database, log + bytes(foreign)) as journal:
        assert journal.damage == []
        assert len(list(journal.entries())) == LENGTH


@pytest.mark.parametrize("number", [0, 1 << 30])
def test_a_page_of_the_log_that_says_no_place_is_kept_and_costs_no_entry(left, tmp_path, number):
    database, log = left
    places = {}
    for place in range(32, 32 + last_transaction(log) * FRAME, FRAME):
        places[log[place : place + 4]] = place
    for place in places.values():
        harmed = bytearray(log)
        harmed[place : place + 4] = number.to_bytes(4, "big")
        with opened(tmp_path / str(place), database, bytes(harmed)) as journal:
            assert journal.damage
            assert [it.seq for it in journal.entries()] == list(range(1, LENGTH + 1))
