"""The policy's file as something that is read: small, regular, and nobody else's to write."""

import errno
import fcntl
import hashlib
import os
import signal
import stat
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from palingenesis.runtime.bounded_file import may_be_there, read_bounded, why_not
from palingenesis.runtime.refusals import GONE
from palingenesis.runtime.reload import Reading
from palingenesis.runtime.trust import Distrust, owners_only, why_untrusted

POLICY_BYTES_MAX = 256 * 1024


class FileSource:
    """The file as a `Source`: small, regular, and nobody else's to write."""

    def __init__(
        self,
        path: Path,
        *,
        distrust: Distrust,
        fallback: Callable[[], Path] | None = None,
        more: Callable[[], Iterable[Path]] = tuple,
        marks: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._path = path
        self._more = more
        self._marks = marks
        self._distrust = distrust
        self._fallback = fallback
        self.beside: tuple[Path, ...] = ()
        """Other files that the policy extends, or would like to."""
        self.in_force = b""
        """The text of the policy in force; empty: nothing that was read since the start is."""
        self.file = ""
        """Where that text is from."""

    def more(self) -> tuple[Path, ...]:
        """Files that belong to it and need not exist."""
        return tuple(self._more())

    def attend(self, files: Iterable[str]) -> None:
        """Look at these files, too, from now on."""
        self.beside = tuple(sorted({Path(file) for file in files}))

    @property
    def is_own(self) -> bool:
        """Whether nothing holds any more in the file's stead, were it gone."""
        return self._fallback is None

    def adopted(self, reading: Reading) -> None:
        """Have what the file itself said last stay in force, should it go."""
        self.in_force, self.file = reading.content or b"", reading.file
        if not reading.instead:
            self._fallback = None

    def read(self) -> Reading:
        """Look at the files now."""
        reading = self._read()
        marks = [mark_of(path) for path in self.beside]
        more = [path for path in sorted(set(self._more())) if may_be_there(path)]
        marks += [f"{path} {mark_of(path)}" for path in more]
        return replace(reading, beside=(*marks, *self._marks()))

    def _read(self) -> Reading:
        if self._fallback is not None and not may_be_there(self._path):
            other = self._fallback()
            try:
                return Reading(content=other.read_bytes(), file=str(other), instead=True)
            except OSError as error:
                return Reading(trouble=f"cannot read {other}: {error.strerror}", instead=True)
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return Reading(trouble=f"{self._path} is no regular file")
                if (why := self._distrust(self._path)) != "":
                    return Reading(trouble=f"{why}: {owners_only(self._path)}")
                content = _read(file, POLICY_BYTES_MAX + 1)
            finally:
                os.close(file)
        except FileNotFoundError:
            return Reading(trouble=f"{GONE}: {self._path}")
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            return Reading(trouble=f"cannot read {self._path}: {why}")
        if len(content) > POLICY_BYTES_MAX:
            return Reading(trouble=f"{self._path} is larger than 256 KiB")
        return Reading(content=content, file=str(self._path))

    def is_being_written(self) -> bool | None:
        """Whether somebody has the file open for writing; None: this system cannot tell.

        Linux grants a read lease only on a file that nobody writes (fcntl(2), F_SETLEASE). It is
        given back at once; SIGURG, which nobody minds, replaces the deadly SIGIO in between.
        """
        if not hasattr(fcntl, "F_SETLEASE"):
            return None
        if self._fallback is not None and not may_be_there(self._path):
            return False
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as error:
            return True if error.errno == errno.EAGAIN else None
        finally:
            os.close(file)
        return False


def mark_of(path: Path) -> str:
    """What tells one content of a file that is extended from another; its absence, too."""
    try:
        content = read_bounded(path, POLICY_BYTES_MAX + 1, silence_s=0)
        return f"{hashlib.sha256(content).hexdigest()} {why_untrusted(path)}"
    except OSError as error:
        return why_not(error)


def _read(file: int, bytes_max: int) -> bytes:
    chunks = []
    left = bytes_max
    while left and (chunk := os.read(file, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
