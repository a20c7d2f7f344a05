"""One daemon per state directory, whatever is done to its lock file."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from palingenesis.core.errors import BusyError, JournalError
from palingenesis.journal import lock
from palingenesis.journal.lock import _lives, _locked, _signed


def test_a_second_daemon_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    with lock(tmp_path / "state"), pytest.raises(BusyError) as caught, lock(tmp_path / "state"):
        pass

    assert caught.value.message == (
        f"another daemon (pid {os.getpid()}) already watches with this state directory"
    )
    assert "palingenesis daemon stop" in caught.value.hint


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(3):
        with lock(tmp_path):
            pass


def test_the_lock_file_and_its_directory_are_private(tmp_path: Path) -> None:
    with lock(tmp_path / "state"):
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "state" / "daemon.lock").stat().st_mode) == 0o600


def test_a_lock_on_a_file_that_was_replaced_meanwhile_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    with lock(tmp_path):
        path.unlink()
        with path.open("w") as newcomer:
            fcntl.flock(newcomer, fcntl.LOCK_EX)

            with pytest.raises(BusyError, match="pid not known yet"), lock(tmp_path):
                pass


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    holder = (
        "import sys, time\nfrom pathlib import Path\nfrom palingenesis.journal import lock\n"
        "with lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match=f"pid {child.pid}"), lock(tmp_path):
            pass
        child.kill()
        child.wait()

    with lock(tmp_path):
        pass


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with lock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_what_a_killed_daemon_had_just_forked_keeps_nobody_out_for_long(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = os.open(tmp_path / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(left, f"{dead.pid}\n".encode())
    fcntl.flock(left, fcntl.LOCK_EX)
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            os.close(left)  # by now it has become another program

    with lock(tmp_path, pause=pause):
        assert (tmp_path / "daemon.lock").read_text() == f"{os.getpid()}\n"

    assert len(waited) == 3


@pytest.mark.parametrize("waits", [True, False])
def test_a_lock_that_nobody_lets_go_is_told_after_two_seconds_although_its_holder_is_dead(
    tmp_path: Path, *, waits: bool
) -> None:
    left = os.open(tmp_path / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(left, b"4194304000\n")
    fcntl.flock(left, fcntl.LOCK_EX)
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        assert len(waited) <= 40

    with (
        pytest.raises(BusyError, match="pid 4194304000"),
        lock(tmp_path, pause=pause if waits else None),
    ):
        pass

    assert waited == [0.05] * 40 * waits
    os.close(left)


def test_a_directory_that_is_held_costs_who_asks_for_it_nothing(tmp_path: Path) -> None:
    with lock(tmp_path):
        before = next_descriptor()
        with pytest.raises(BusyError), lock(tmp_path):
            pass

        assert next_descriptor() == before, "nothing stays open"


def next_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


class Replaced(type(Path())):  # type: ignore[misc]  # the class of paths here
    """A path whose file is another one whenever it is looked at."""

    looks = 0

    def lstat(self) -> os.stat_result:
        Replaced.looks += 1
        assert Replaced.looks <= 10
        other = Path(self).with_name("other")
        other.touch()
        other.replace(self)
        return os.lstat(self)


def test_a_lock_file_that_is_replaced_ten_times_is_left_to_who_does_that(tmp_path: Path) -> None:
    Replaced.looks = 0

    with pytest.raises(BusyError, match="keeps replacing the lock file") as caught:
        _locked(Replaced(tmp_path / "daemon.lock"))

    assert Replaced.looks == 10
    assert "leave that file alone" in caught.value.hint


def test_the_directories_above_are_made_too(tmp_path: Path) -> None:
    with lock(tmp_path / "above" / "state"):
        assert (tmp_path / "above" / "state" / "daemon.lock").exists()


def test_of_a_longer_number_that_was_there_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "daemon.lock").write_text("4194304000\n")

    with lock(tmp_path):
        assert (tmp_path / "daemon.lock").read_text() == f"{os.getpid()}\n"


def test_a_state_directory_that_cannot_be_used_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(JournalError) as caught, lock(tmp_path / "state"):
        pass

    assert caught.value.message == (
        f"cannot use the state directory {tmp_path / 'state'}: file exists"
    )
    assert caught.value.hint


def test_a_lock_that_cannot_be_signed_is_told_in_words_and_let_go(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
from palingenesis.core.errors import JournalError
from palingenesis.journal import lock
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for allowed in (0, hard):
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, hard))
    try:
        with lock(Path(sys.argv[1])):
            print("held")
    except JournalError as error:
        print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.splitlines() == [
        f"cannot use the state directory {tmp_path}: file too large",
        "held",
    ]


# ── who holds it ──────────────────────────────────────────────────────────────────────────────


def test_nobody_waits_for_a_daemon_that_lives(tmp_path: Path) -> None:
    waited: list[float] = []

    with (
        lock(tmp_path),
        pytest.raises(BusyError, match=f"pid {os.getpid()}"),
        lock(tmp_path, pause=waited.append),
    ):
        pass

    assert waited == []


def test_nobody_waits_for_a_daemon_that_has_not_signed_yet(tmp_path: Path) -> None:
    waited: list[float] = []
    left = os.open(tmp_path / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(left, fcntl.LOCK_EX)

    with pytest.raises(BusyError, match="pid not known"), lock(tmp_path, pause=waited.append):
        pass

    assert waited == []
    os.close(left)


@contextmanager
def as_nobody() -> Iterator[None]:
    """For root, who may signal whom it likes, be somebody who may not."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_process_of_somebody_else_lives() -> None:
    with as_nobody():
        assert _lives(1)


def test_a_number_that_no_process_can_have_is_nobodys() -> None:
    assert not _lives(1 << 40)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_lock_that_there_is_no_room_to_sign_is_held_unsigned(tmp_path: Path, code: int) -> None:
    (tmp_path / "daemon.lock").write_text("417\n")
    descriptor = _locked(tmp_path / "daemon.lock")

    assert _signed(descriptor, refusing(code)) == descriptor

    with pytest.raises(BusyError, match="pid not known yet"), lock(tmp_path):
        pass
    os.close(descriptor)


def test_a_lock_that_may_not_be_signed_is_let_go(tmp_path: Path) -> None:
    descriptor = _locked(tmp_path / "daemon.lock")

    with pytest.raises(OSError, match=r"File too large"):
        _signed(descriptor, refusing(errno.EFBIG))

    with lock(tmp_path):
        pass


def refusing(code: int) -> Callable[[int, bytes, int], int]:
    def write(_file: int, _data: bytes, _offset: int) -> int:
        raise OSError(code, os.strerror(code))

    return write
