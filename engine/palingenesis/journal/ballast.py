"""The ballast: a file beside the journal that only takes up room.

When the disk is full it is emptied, so that "the disk is full" can still be recorded, and the
outcomes of what is under way. When there is room again it is filled again.
"""

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

log = logging.getLogger("palingenesis.journal")

BALLAST_BYTES: Final = 1024 * 1024
_MORE_BYTES: Final = 2 * 1024 * 1024
"""What has to be free besides, so that going on makes sense."""
_PROBE_BYTES: Final = 64 * 1024
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


Write = Callable[[int, bytes, int], int]
"""`os.pwrite`, or what a test puts in its place."""


class Ballast:
    """`journal.ballast` beside the journal at `path`; a `Reserve`."""

    def __init__(self, path: Path, write: Write = os.pwrite) -> None:
        self.path = path.with_suffix(".ballast")
        self._write = write

    def release(self) -> bool:
        """See `Reserve`: only where the disk turns out to be full is the room given away."""
        try:
            with _opened(self.path) as file:
                held = os.fstat(file).st_size
                if held < BALLAST_BYTES or not self._is_full(file, held):
                    return False
                os.ftruncate(file, 0)
                os.fsync(file)
        except OSError:
            return False
        log.warning("the disk is full: the ballast is thrown off")
        return True

    def restore(self) -> bool:
        """See `Reserve`."""
        try:
            with _opened(self.path) as file:
                held = os.fstat(file).st_size
                if held == BALLAST_BYTES:
                    return True
                with _shortened(file, held):
                    self._fill(file, held, BALLAST_BYTES + _MORE_BYTES)
                os.ftruncate(file, BALLAST_BYTES)
                os.fsync(file)
        except OSError:
            return False
        return True

    def _is_full(self, file: int, held: int) -> bool:
        """Whether a little more cannot be written."""
        try:
            with _shortened(file, held):
                self._fill(file, held, held + _PROBE_BYTES)
        except OSError as error:
            return error.errno in _FULL
        os.ftruncate(file, held)
        return False

    def _fill(self, file: int, begin: int, end: int) -> None:
        """Write what no file system can store in less room, and have it on the disk."""
        while begin < end:
            begin += self._write(file, os.urandom(min(_PROBE_BYTES, end - begin)), begin)
        os.fsync(file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    try:
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def _shortened(file: int, held: int) -> Iterator[None]:
    """When it fails, what was written beyond the end goes again."""
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, held)
        raise
