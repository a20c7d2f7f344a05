"""One daemon per state directory: a lock that dies with its holder."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from palingenesis.core.errors import BusyError, JournalError

Pause = Callable[[float], None]
Write = Callable[[int, bytes, int], int]
"""`os.pwrite`, or what a test puts in its place."""

LOCK_FILE = "daemon.lock"

_TRIES = 10
"""How often the lock file may be replaced under our hands before we give up."""

_LEFT_S, _LOOKS = 0.05, 40
"""A daemon that is killed in the middle of a fork leaves its lock to a child that does not know of
it, for the moment until that becomes another program: so often it is looked again."""

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Trouble with the disk: the journal says what it means, and what can be done then."""


@contextmanager
def lock(state_dir: Path, *, pause: Pause | None = None) -> Iterator[None]:
    """Hold the state directory; the directory is created (0700) when it is missing.

    The file is never removed: a lock on a removed file keeps nobody out. For the same reason the
    file that was locked is compared with the one that is there afterwards.

    Args:
        state_dir: what is held.
        pause: lets so many seconds pass; without it nobody is waited for.

    Raises:
        BusyError: another daemon holds it.
        JournalError: the directory cannot be used.
    """
    path = state_dir / LOCK_FILE
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _signed(_locked(path, pause))
    except OSError as error:
        raise JournalError(
            f"cannot use the state directory {state_dir}: {(error.strerror or str(error)).lower()}",
            "make it a directory that only you can write, or choose another one",
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _signed(descriptor: int, write: Write = os.pwrite) -> int:
    """Leave our number in it, for whoever finds it held; where there is no room, it is held so."""
    try:
        os.ftruncate(descriptor, 0)
        write(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        if error.errno not in _DISK:
            os.close(descriptor)
            raise
    return descriptor


def _locked(path: Path, pause: Pause | None = None) -> int:
    tries, looks = _TRIES, _LOOKS
    while tries:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(descriptor, path):
                return descriptor
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            if pause is not None and looks and holder is not None and not _lives(holder):
                looks -= 1
                pause(_LEFT_S)
                continue
            who = f"pid {holder}" if holder is not None else "pid not known yet"
            raise BusyError(
                f"another daemon ({who}) already watches with this state directory",
                "use it, stop it with `palingenesis daemon stop`, or choose another directory",
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        tries -= 1
    raise BusyError(
        f"somebody keeps replacing the lock file {path}",
        "leave that file alone and try again",
    )


def _is_still(descriptor: int, path: Path) -> bool:
    ours = os.fstat(descriptor)
    try:
        theirs = path.lstat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
