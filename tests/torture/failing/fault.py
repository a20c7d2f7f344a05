"""A fault: which call of libc fails, how, from when on, and in which part of a night."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.torture.preload import Arming, Mode

_DISK: Final = (errno.EIO, errno.ENOSPC, errno.EROFS)
_WRITTEN: Final = (errno.EIO, errno.ENOSPC, errno.EDQUOT)
_PEER: Final = (errno.ECONNRESET, errno.ETIMEDOUT)
ERRORS: Final[Mapping[str, tuple[int, ...]]] = {
    **dict.fromkeys(("write", "writev", "pwrite", "pwrite64"), _WRITTEN),
    **dict.fromkeys(("fsync", "fdatasync"), (errno.EIO, errno.ENOSPC)),
    **dict.fromkeys(("ftruncate", "ftruncate64"), _DISK),
    **dict.fromkeys(("open", "open64", "openat", "openat64"), (errno.EMFILE, *_DISK)),
    **dict.fromkeys(("mkdir", "rename", "renameat", "link", "unlink", "unlinkat"), _DISK),
    "bind": (errno.EADDRINUSE, errno.EACCES),
    "accept4": (errno.EMFILE, errno.ECONNABORTED),
    "connect": (errno.ECONNREFUSED, errno.ETIMEDOUT),
    **dict.fromkeys(("send", "sendto", "sendmsg"), _PEER),
    **dict.fromkeys(("recv", "recvfrom", "recvmsg", "__recv_chk"), _PEER),
    "fork": (errno.EAGAIN, errno.ENOMEM),
}
"""How calls fail. Those that are not named here are left alone."""
_INTERRUPTED: Final = frozenset({"write", "connect", "send", "recv", "open64", "fsync"})
"""These fail with EINTR too, once: for ever, that is no fault but a hang of the kernel."""
_SHORT: Final = frozenset({"write", "pwrite64", "send"})


class Part(StrEnum):
    """When its calls are counted from."""

    NIGHT = "night"
    """From the person's first word on."""
    START = "start"
    """From the beginning of a start, after a death in the middle of the night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The n-th call of that name in that part fails; `lasts`: and so do all later ones."""

    part: Part
    name: str
    at: int
    error: int = 0
    """0: it comes short instead."""
    lasts: bool = False

    def __str__(self) -> str:
        how = errno.errorcode[self.error] if self.error else "short"
        return f"{self.part}:{self.name}:{self.at}:{how}:{'lasts' if self.lasts else 'once'}"

    def arming(self, report: Path) -> Arming:
        """What the daemon is armed with."""
        mode = Mode.FAIL_ON if self.lasts else Mode.FAIL_ONCE if self.error else Mode.SHORT
        return Arming(report=report, mode=mode, at=self.at, error=self.error, names=(self.name,))

    def still(self, report: Path) -> Arming:
        """What a daemon is armed with that is started while the fault lasts."""
        return Arming(report=report, mode=Mode.FAIL_ON, at=1, error=self.error, names=(self.name,))


def read_fault(text: str) -> Fault:
    """`night:fsync:3:EIO:once`.

    Raises:
        ValueError: it is none.
    """
    part, name, at, how, lasts = text.split(":")
    error = 0 if how == "short" else int(getattr(errno, how, 0))
    if not at.isdigit() or (how != "short" and not error) or lasts not in {"once", "lasts"}:
        raise ValueError(f"{text} is not like night:fsync:3:EIO:once")
    return Fault(part=Part(part), name=name, at=int(at), error=error, lasts=lasts == "lasts")


def faults_at(part: Part, name: str, count: int) -> list[Fault]:
    """Every fault of a call that was counted so often."""
    found = []
    for at in range(1, count + 1):
        for error in ERRORS.get(name, ()):
            found += [
                Fault(part=part, name=name, at=at, error=error, lasts=lasts)
                for lasts in (False, True)
            ]
        if name in _INTERRUPTED:
            found.append(Fault(part=part, name=name, at=at, error=errno.EINTR))
        if name in _SHORT:
            found.append(Fault(part=part, name=name, at=at))
    return found
