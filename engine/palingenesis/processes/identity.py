"""Who a process is: a pid alone is a seat number, and seats are taken again.

Theory of operation: (pid, start time in clock ticks since boot, boot id) names one process for
ever, whatever happens to the wall clock. Everything that ends or signals a process goes through a
pidfd that was opened first and whose identity was checked afterwards, so that it can never reach
somebody else who got the same pid in between.
A process of which nothing can be read (no descriptors, a disk's error) is not gone: it is taken for
alive as long as somebody has its pid, and is not signalled.
"""

import errno
import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_START_FIELD = 19  # of what follows the command's name in /proc/PID/stat: field 22 of all
_STATUS_FIELD = 49  # field 52: the wait status
_ENDED = ("Z", "X")  # not waited for yet, and waited for just now


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process, once and for all."""

    pid: int
    start_ticks: int
    boot_id: str


def boot_id() -> str:
    """This boot of this machine; "" where the system does not tell."""
    try:
        return _boot_id()
    except OSError:
        return ""


def identify(pid: int) -> Identity | None:
    """The process that has this pid now; None when there is none, or only its remains."""
    try:
        return who_has(pid)
    except OSError:
        return None


def who_has(pid: int) -> Identity | None:
    """See `identify`; that it cannot be told now is no None here.

    Raises:
        OSError: that cannot be told now.
    """
    try:
        fields = _fields(_stat(pid))
    except (FileNotFoundError, ProcessLookupError):
        return _identify_elsewhere(pid) if not Path("/proc/self/stat").exists() else None
    if len(fields) <= _START_FIELD or fields[0] in _ENDED:
        return None
    return Identity(pid=pid, start_ticks=int(fields[_START_FIELD]), boot_id=_boot_id())


def is_alive(identity: Identity) -> bool:
    """Whether exactly this process still runs (a zombie does not).

    When that cannot be told: whether anybody has its pid.
    """
    try:
        return who_has(identity.pid) == identity
    except OSError:
        return _is_taken(identity.pid)


def open_pidfd(identity: Identity) -> int | None:
    """A file descriptor to wait with for this process, for the caller to close; None: it is gone.

    It is exactly this process's, as far as `is_alive` can tell.
    """
    try:
        fd = os.pidfd_open(identity.pid)
    except (ProcessLookupError, PermissionError):
        return None
    if is_alive(identity):
        return fd
    os.close(fd)
    return None


def read_remains(identity: Identity) -> int | None:
    """The wait status of a process whose parent has not waited for it yet; None: not to be had."""
    try:
        return wait_status(_stat(identity.pid), identity)
    except OSError:
        return None


def wait_status(stat: str, identity: Identity) -> int | None:
    """What /proc/PID/stat tells of how this process ended; None: it runs, or it is another one."""
    fields = _fields(stat)
    if len(fields) <= _STATUS_FIELD or fields[0] not in _ENDED:
        return None
    return int(fields[_STATUS_FIELD]) if int(fields[_START_FIELD]) == identity.start_ticks else None


def send_signal(identity: Identity, number: signal.Signals) -> bool:
    """Signal exactly this process; False when it is gone.

    Raises:
        OSError: it cannot be reached now: there are no descriptors, or nothing can be read of it.
    """
    fd = open_pidfd(identity)
    if fd is None:
        return False
    try:
        if who_has(identity.pid) != identity:
            return False
        signal.pidfd_send_signal(fd, number)
    except (ProcessLookupError, PermissionError):
        return False
    else:
        return True
    finally:
        os.close(fd)


@cache
def _boot_id() -> str:
    """See `boot_id`. What could not be read is not remembered.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _is_taken(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def _stat(pid: int) -> str:
    """The text of /proc/PID/stat.

    Raises:
        OSError: there is no such process, or no such file.
    """
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")


def _fields(stat: str) -> list[str]:
    """What follows the command's name."""
    return stat.rpartition(")")[2].split()


def _identify_elsewhere(pid: int) -> Identity | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        ticks = round(process.create_time() * 100)
    except psutil.Error:
        return None
    return Identity(pid=pid, start_ticks=ticks, boot_id="")
