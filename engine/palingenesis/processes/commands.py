"""Running a program to its end: no shell, a keeper of its own, a limit of time and of output.

Its end is noticed by its pidfd and its output is read as it comes, so nothing here needs a thread.
A keeper (keeper.py) stands between us and the program, and ends whatever it leaves behind. The
keeper is signalled while its remains are not yet taken away: until then nobody else can have its
number.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.processes.exits import Exit, a_while, read_wait_status, wait_gone
from palingenesis.processes.identity import identify

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_CHUNK: Final = 65_536
_GRACE_S: Final = 4.0
"""Longer than the keeper's own grace: it has to end everything by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a program ran. `exit` None: it did not end in time, and was ended."""

    exit: Exit | None
    output: bytes
    """Both of its outputs together; the end of them, as far as the limit allows."""


async def run_to_end(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    output_max: int,
) -> Ran:
    """Run a program with exactly this environment. Whatever it left running ends with it.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument cannot be one, because it holds a NUL.
    """
    errors, written = os.pipe2(os.O_CLOEXEC)
    try:
        process = _begun(command, env, cwd, written)
    except BaseException:
        os.close(errors)
        raise
    finally:
        os.close(written)
    assert process.stdout is not None, "its output was asked for"
    loop, fd, kept = asyncio.get_running_loop(), process.stdout.fileno(), bytearray()
    os.set_blocking(fd, False)
    take = _taking(fd, kept, output_max, at_end=lambda: loop.remove_reader(fd))
    loop.add_reader(fd, take)
    try:
        in_time = await _is_gone(process.pid, timeout_s)
        if not in_time:
            _signal(process.pid, signal.SIGTERM)
            await _is_gone(process.pid, _GRACE_S)
            _signal(process.pid, signal.SIGKILL)
        code = process.wait(timeout=5)
        take()
        why = _read_errno(errors)
    except asyncio.CancelledError:
        _signal(process.pid, signal.SIGTERM)  # nobody waits for it: it ends everything by itself
        process.returncode = 0
        raise
    finally:
        loop.remove_reader(fd)
        process.stdout.close()
        os.close(errors)
    if why:
        raise OSError(why, os.strerror(why), command[0])
    ended = read_wait_status(-code if code < 0 else code << 8)
    return Ran(exit=ended if in_time else None, output=bytes(kept))


def _begun(
    command: Sequence[str], env: Mapping[str, str], cwd: Path, errors: int
) -> "subprocess.Popen[bytes]":
    # Isolated, and without site: nothing of Python's own environment has a say in the keeper.
    keeper = [sys.executable, "-I", "-S", str(_KEEPER), str(errors)]
    return subprocess.Popen(
        [*keeper, *command],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(errors,),
    )


def _read_errno(errors: int) -> int:
    """Why the keeper could not start the program; 0: it could."""
    os.set_blocking(errors, False)
    try:
        told = os.read(errors, 16)
    except BlockingIOError:  # somebody still holds the other end
        return 0
    return int(told) if told.isdigit() else 0


async def _is_gone(pid: int, seconds: float) -> bool:
    """Wait for the end of our child, at most so long; its remains stay."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if (identity := identify(pid)) is not None:
                    await wait_gone(identity)
                if _has_ended(pid):
                    return True
                await a_while()  # nothing can be read of it now
    except TimeoutError:
        return False


def _has_ended(pid: int) -> bool:
    """Whether only the remains of our child are left; they stay."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _taking(
    fd: int, kept: bytearray, most: int, at_end: Callable[[], object]
) -> Callable[[], None]:
    """Takes in what is there, so that the program never blocks, and keeps the end of it."""

    def take() -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(fd, _CHUNK):
                kept.extend(chunk)
                del kept[:-most]
                if len(chunk) < _CHUNK:
                    return
            at_end()

    return take


def _signal(keeper: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(keeper, number)
