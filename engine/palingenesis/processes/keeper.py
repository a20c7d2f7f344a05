"""Keeps hold of whatever one program starts: run as a script of its own, never imported.

Theory of operation. A program can leave its process group, its session and its environment, but
not its ancestors: whoever loses its parent is given to the nearest ancestor that asked for that
(Linux, PR_SET_CHILD_SUBREAPER). So the keeper asks, starts the program, waits for it, and then ends
its own children until it has none. A child's number cannot be taken again before its parent has
waited for it, so nobody else is ever hit. SIGTERM is the order to give up: the program's group is
asked to end, and two seconds later everything is ended.

    keeper.py ERRORS PROGRAM [ARGUMENT…]

ERRORS is a descriptor: the errno is written there when the program cannot be started. The keeper
ends as the program did.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

_SUBREAPER = 36  # prctl(2)
_GRACE_S = 2.0


def main(errors: int, command: Sequence[str]) -> None:
    """Run a program, end whatever it left, and end as it ended."""
    with contextlib.suppress(OSError, AttributeError):  # elsewhere there is no such thing
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    os.set_inheritable(errors, False)  # noqa: FBT003  it takes no keyword
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until we know whom to ask
    try:
        pid = os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores these
        )
    except OSError as error:
        os.write(errors, str(error.errno).encode())
        sys.exit(127)
    _obey(pid)
    status = _status_of(pid)
    _end_the_rest()
    _end_like(status)


def _obey(pid: int) -> None:
    """On SIGTERM ask the program to end; a moment later end everything."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, _GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGTERM)

    def end_all(_number: int, _frame: FrameType | None) -> None:
        _end_children()
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # it may have forked meanwhile

    signal.signal(signal.SIGALRM, end_all)
    signal.signal(signal.SIGTERM, give_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _status_of(pid: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its number may be somebody's now
            signal.setitimer(signal.ITIMER_REAL, 0)
            return status


def _end_the_rest() -> None:
    while True:
        _end_children()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _end_children() -> None:
    for pid in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    """Our children, the dead ones too; none of them can have been replaced by a stranger."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  names are all that is wanted
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path(f"/proc/{int(name)}/stat").read_bytes()
            if int(stat.rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


def _end_like(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        sys.exit(code)
    with contextlib.suppress(OSError, ValueError):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
