"""Noticing at once that a process has ended, and how, where the system tells.

A pidfd becomes readable at the exit of its process, child or not, within about a millisecond.
How a child of ours ended, `waitpid` tells. Of any other process Linux tells it through the pidfd
(PIDFD_GET_INFO, since 6.15) once its parent has waited for it, and until then in its remains in
/proc; where neither is there, an `Exit` has neither code nor signal.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from palingenesis.core.errors import PassingError
from palingenesis.processes.identity import (
    Identity,
    is_alive,
    open_pidfd,
    read_remains,
    send_signal,
)

_INFO_SIZE: Final = 64
_GET_INFO: Final = 3 << 30 | _INFO_SIZE << 16 | 0xFF << 8 | 11
"""PIDFD_GET_INFO of <linux/pidfd.h>: fills a `struct pidfd_info`, which begins with a mask of what
is asked for, and then of what is told, and ends with the wait status."""
_INFO_EXIT: Final = 1 << 3
_AGAIN_S: Final = 0.2
_KILLED_S: Final = 5.0
_BY_HAND: Final = frozenset({"SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended; both None: it cannot be known."""

    code: int | None = None
    signal: str | None = None
    """`SIGKILL`; a number as text where it has no name."""

    @property
    def is_by_hand(self) -> bool:
        """Whether it was asked to end, by a key, a closed terminal, or a polite signal."""
        return self.signal in _BY_HAND

    def __str__(self) -> str:
        if self.signal is not None:
            return f"ended by {self.signal}"
        return f"exit code {self.code}" if self.code is not None else "exit status unknown"


def read_wait_status(status: int) -> Exit:
    """What `waitpid` told about a child."""
    code = os.waitstatus_to_exitcode(status)
    return Exit(signal=_signal_name(-code)) if code < 0 else Exit(code=code)


async def wait_gone(identity: Identity) -> Exit:
    """Return as soon as exactly this process has ended (also if it ended long ago), and how.

    While no descriptor can be had to wait with, it is looked at again and again.
    """
    fd = await _opened(identity)
    if fd is None:
        return _as_exit(read_remains(identity))
    loop = asyncio.get_running_loop()
    gone = loop.create_future()

    def readable() -> None:
        loop.remove_reader(fd)
        if not gone.done():
            gone.set_result(None)

    try:
        loop.add_reader(fd, readable)
        await gone
        return _how_it_ended(fd, identity)
    finally:
        loop.remove_reader(fd)
        os.close(fd)


async def _opened(identity: Identity) -> int | None:
    """A descriptor to wait with, as soon as one can be had; None: the process is gone."""
    while True:
        try:
            return open_pidfd(identity)
        except OSError:
            if not is_alive(identity):
                return None
        await a_while()


async def a_while() -> None:
    """Let some time pass, in which what could not be told may become known."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_AGAIN_S):
            await asyncio.get_running_loop().create_future()


async def is_gone_within(identity: Identity, seconds: float) -> bool:
    """Wait for the end of a process, at most so long; False: it still runs."""
    try:
        async with asyncio.timeout(seconds):
            await wait_gone(identity)
    except TimeoutError:
        return False
    return True


async def end(identities: Iterable[Identity], *, grace_s: float) -> list[Identity]:
    """Ask each process to end, and kill those that still run after the grace.

    One that cannot be reached now is tried again for as long. Returns those that were alive when we
    began.

    Raises:
        PassingError: one could not be reached, and may live.
    """
    asked = [who for who in identities if await _reached(who, signal.SIGTERM, grace_s)]
    if not asked:
        return []
    async with asyncio.TaskGroup() as group:
        for who in asked:
            group.create_task(_end_one(who, grace_s))
    return asked


async def _end_one(identity: Identity, grace_s: float) -> None:
    if await is_gone_within(identity, grace_s):
        return
    if await _reached(identity, signal.SIGKILL, _KILLED_S):
        await is_gone_within(identity, _KILLED_S)


async def _reached(identity: Identity, number: signal.Signals, within_s: float) -> bool:
    """See `send_signal`; tried again and again where it cannot be done at once."""
    why: OSError | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    return send_signal(identity, number)
                except OSError as error:
                    why = error
                await a_while()
    except TimeoutError:
        told = (why.strerror or str(why)).lower() if why is not None else "no time"
        raise PassingError(f"process {identity.pid} cannot be ended now: {told}") from why


def _how_it_ended(pidfd: int, identity: Identity) -> Exit:
    """Of a process that has ended. Its remains first: what is not there yet, the pidfd tells."""
    status = read_remains(identity)
    if status is None:
        status = _ask_pidfd(pidfd)
    return _as_exit(status)


def _as_exit(status: int | None) -> Exit:
    return read_wait_status(status) if status is not None else Exit()


def _ask_pidfd(pidfd: int) -> int | None:
    """The wait status that the kernel keeps for whoever holds a pidfd; None: it does not tell."""
    info = bytearray(_INFO_SIZE)
    struct.pack_into("Q", info, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return None  # older than Linux 6.13; from there to 6.15 the mask says that it was not told
    (told,) = struct.unpack_from("Q", info, 0)
    (status,) = struct.unpack_from("i", info, _INFO_SIZE - 4)
    return int(status) if told & _INFO_EXIT else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
