"""The ballast is thrown off on a full disk only, and taken in again with some room to go on."""

import errno
import os

import pytest

from palingenesis.journal.ballast import BALLAST_BYTES, Ballast


class Disk:
    """Has so much room; refuses the rest as a real one does."""

    def __init__(self, room: int, code: int = errno.ENOSPC) -> None:
        self.room = room
        self.code = code

    def write(self, file: int, data: bytes, offset: int) -> int:
        if len(data) > self.room:
            raise OSError(self.code, os.strerror(self.code))
        self.room -= len(data)
        return os.pwrite(file, data, offset)


def held(ballast: Ballast) -> int:
    return ballast.path.stat().st_size


def test_it_is_made_beside_the_journal_for_its_owner_only(tmp_path):
    ballast = Ballast(tmp_path / "journal.db")

    assert ballast.restore()

    assert ballast.path == tmp_path / "journal.ballast"
    assert held(ballast) == BALLAST_BYTES
    assert ballast.path.stat().st_mode & 0o077 == 0
    assert ballast.path.stat().st_blocks * 512 >= BALLAST_BYTES


def test_it_stays_while_there_is_room(tmp_path):
    ballast = Ballast(tmp_path / "journal.db")
    ballast.restore()

    assert not ballast.release()
    assert held(ballast) == BALLAST_BYTES


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_it_is_thrown_off_once_when_the_disk_is_full(tmp_path, code):
    ballast = Ballast(tmp_path / "journal.db")
    ballast.restore()
    ballast = Ballast(tmp_path / "journal.db", Disk(10, code).write)

    assert ballast.release()
    assert held(ballast) == 0
    assert not ballast.release()


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.EFBIG])
def test_any_other_trouble_does_not_cost_it(tmp_path, code):
    ballast = Ballast(tmp_path / "journal.db")
    ballast.restore()

    assert not Ballast(tmp_path / "journal.db", Disk(10, code).write).release()
    assert held(ballast) == BALLAST_BYTES


def test_it_comes_back_only_with_room_to_go_on(tmp_path):
    disk = Disk(2 * BALLAST_BYTES)
    ballast = Ballast(tmp_path / "journal.db", disk.write)

    assert not ballast.restore()
    assert held(ballast) == 0
    disk.room = 4 * BALLAST_BYTES
    assert ballast.restore()
    assert held(ballast) == BALLAST_BYTES


def test_a_folder_that_is_gone_is_no_error(tmp_path):
    ballast = Ballast(tmp_path / "gone" / "journal.db")

    assert not ballast.restore()
    assert not ballast.release()
