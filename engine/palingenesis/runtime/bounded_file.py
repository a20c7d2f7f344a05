"""Reading a file that a person named, whatever it turns out to be: bounded in size and in time."""

import errno
import os
import select
import stat
from pathlib import Path
from typing import Final

from palingenesis.core.errors import InvalidConfigError, PalingenesisError, PassingError

SILENCE_S_MAX = 5.0
_CHUNK_BYTES = 64 * 1024
_PASSING: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EAGAIN, errno.EINTR, errno.ESTALE}
)


def read_bounded(path: Path, bytes_max: int, *, silence_s: float = SILENCE_S_MAX) -> bytes:
    """The first `bytes_max` bytes of a file, or of what is written into a pipe.

    A pipe that nobody writes into is given up after `silence_s`, so that a FIFO that was left
    lying about does not hang whoever reads it.

    Raises:
        OSError: it cannot be read; `strerror` says why.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_regular = stat.S_ISREG(os.fstat(file).st_mode)
        chunks: list[bytes] = []
        left = bytes_max
        while left > 0:
            if not is_regular and not select.select([file], [], [], silence_s)[0]:
                raise TimeoutError(
                    errno.ETIMEDOUT, f"nothing was written into it within {silence_s:g} s"
                )
            chunk = os.read(file, min(left, _CHUNK_BYTES))
            if not chunk:
                break
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(file)


def may_be_there(path: Path) -> bool:
    """Whether there is something of that name; so, too, where nobody can tell: reading says why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def unreadable(told: str, error: OSError, hint: str = "") -> PalingenesisError:
    """What to raise about a file without which nothing can begin.

    A wrong file is a person's to mend. A machine without descriptors, or whose disk answers no
    more, mends itself: then a service manager is to try again.
    """
    if error.errno in _PASSING:
        return PassingError(f"{told}: {why_not(error)}", "it is tried again by a service manager")
    return InvalidConfigError(f"{told}: {why_not(error)}", hint)


def why_not(error: OSError) -> str:
    """Why a file could not be read, for the end of a sentence."""
    return (error.strerror or str(error)).lower()
