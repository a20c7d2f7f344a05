"""Seeing single processes: from /proc where there is one, else through psutil.

Reading /proc here keeps psutil out of a daemon that rests, and makes a look at everybody cheap.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from palingenesis.processes.identity import Identity, identify

_PROC: Final = Path("/proc")
_HAS_PROC: Final = (_PROC / "self" / "stat").exists()
_PARENT_FIELD: Final = 1  # of what follows the command's name in /proc/PID/stat: field 4 of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A process of ours (of this user), as it presented itself."""

    identity: Identity
    parent: int
    command: Sequence[str]
    executable: str
    directory: str
    environment: Mapping[str, str]
    started_at: datetime


def all_pids() -> list[int]:
    """Every process that there is now."""
    if _HAS_PROC:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 - cheaper
    import psutil

    return psutil.pids()


def newest_pid() -> int | None:
    """The id that the system gave last, to a process or a thread; None: it does not tell.

    As long as it stays the same nothing was begun. See proc_loadavg(5), the last field.
    """
    try:
        with open("/proc/loadavg", "rb", buffering=0) as file:  # noqa: PTH123 - cheaper
            return int(file.read(128).split()[-1])
    except (OSError, ValueError, IndexError):
        return None


def name_of(pid: int) -> str:
    """The kernel's name of a process, at most 15 characters; "" when it is gone."""
    if _HAS_PROC:
        try:
            with open(f"/proc/{pid}/comm", "rb", buffering=0) as file:  # noqa: PTH123 - cheaper
                name = file.read(64)
        except OSError:
            return ""
        return name.rstrip(b"\n").decode(errors="replace")
    import psutil

    try:
        return psutil.Process(pid).name()[:15]
    except psutil.Error:
        return ""


def look_at(pid: int) -> Found | None:
    """One process closely; None: it is gone, or not of this user."""
    try:
        return _look_at(pid) if _HAS_PROC else _look_elsewhere(pid)
    except OSError:
        return None


def when_started(identity: Identity) -> datetime | None:
    """When this process was started; None: it is gone."""
    if _HAS_PROC:
        seconds = _booted_s() + identity.start_ticks / os.sysconf("SC_CLK_TCK")
        return datetime.fromtimestamp(seconds, UTC)
    import psutil

    try:
        return datetime.fromtimestamp(psutil.Process(identity.pid).create_time(), UTC)
    except psutil.Error:
        return None


def _look_at(pid: int) -> Found | None:
    place = _PROC / str(pid)
    identity = identify(pid)
    if identity is None or _user_of(place) != os.getuid():
        return None
    stat = (place / "stat").read_text(encoding="utf-8", errors="replace")
    started_at = when_started(identity)
    assert started_at is not None, "with /proc it is always known"
    pairs = (word.partition("=") for word in _words(place / "environ"))
    return Found(
        identity=identity,
        parent=int(stat.rpartition(")")[2].split()[_PARENT_FIELD]),
        command=tuple(_words(place / "cmdline")),
        executable=str((place / "exe").readlink()),
        directory=str((place / "cwd").readlink()),
        environment={name: value for name, is_one, value in pairs if is_one},
        started_at=started_at,
    )


def _user_of(place: Path) -> int:
    """The real user; a process of ours that changed its rights is still ours."""
    lines = (place / "status").read_bytes().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(b"Uid:")), -1)


def _words(path: Path) -> list[str]:
    """Texts that end with a zero byte each."""
    text = os.fsdecode(path.read_bytes())
    return text.removesuffix("\0").split("\0") if text else []


def _booted_s() -> float:
    """When this machine was booted, by the wall's clock as it is set now.

    What /proc/stat tells of it is cut to whole seconds: an answer that was begun just before its
    server died would look like one of the next server, which is still at it.
    """
    return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)


def _look_elsewhere(pid: int) -> Found | None:
    import psutil

    try:
        process = psutil.Process(pid)
        identity = identify(pid) if process.uids().real == os.getuid() else None
        if identity is None:
            return None
        with process.oneshot():
            return Found(
                identity=identity,
                parent=process.ppid(),
                command=tuple(process.cmdline()),
                executable=process.exe(),
                directory=process.cwd(),
                environment=process.environ(),
                started_at=datetime.fromtimestamp(process.create_time(), UTC),
            )
    except psutil.Error:
        return None
