"""Noticing at once that a process has ended, and how, where the system tells.

A pidfd becomes readable at the exit of its process, child or not, within about a millisecond.
How it ended is known for our own children only; for others an `Exit` has neither code nor signal.
"""

import asyncio
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from palingenesis.processes.identity import Identity, open_pidfd, send_signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended; both None: it cannot be known."""

    code: int | None = None
    signal: str | None = None
    """`SIGKILL`; a number as text where it has no name."""

    def __str__(self) -> str:
        if self.signal is not None:
            return f"ended by {self.signal}"
        return f"exit code {self.code}" if self.code is not None else "exit status unknown"


def read_wait_status(status: int) -> Exit:
    """What `waitpid` told about a child."""
    code = os.waitstatus_to_exitcode(status)
    return Exit(signal=_signal_name(-code)) if code < 0 else Exit(code=code)


async def wait_gone(identity: Identity) -> None:
    """Return as soon as exactly this process has ended (also if it ended long ago)."""
    fd = open_pidfd(identity)
    if fd is None:
        return
    loop = asyncio.get_running_loop()
    gone = loop.create_future()

    def readable() -> None:
        loop.remove_reader(fd)
        if not gone.done():
            gone.set_result(None)

    loop.add_reader(fd, readable)
    try:
        await gone
    finally:
        loop.remove_reader(fd)
        os.close(fd)


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

    Returns those that were alive when we began.
    """
    asked = [who for who in identities if send_signal(who, signal.SIGTERM)]
    if not asked:
        return []
    async with asyncio.TaskGroup() as group:
        for who in asked:
            group.create_task(_end_one(who, grace_s))
    return asked


async def _end_one(identity: Identity, grace_s: float) -> None:
    if not await is_gone_within(identity, grace_s) and send_signal(identity, signal.SIGKILL):
        await is_gone_within(identity, 5.0)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
