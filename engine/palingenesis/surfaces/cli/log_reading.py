"""Reading the daemon's log as it grows: from its end or its beginning, and over a rotation.

Nothing here holds more than a few lines at once, however long the log is.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from palingenesis.runtime.log_file import log_files
from palingenesis.runtime.log_form import MARK, Record, read_line

LINE_BYTES_MAX: Final = 64 * 1024
"""A longer line is taken as several."""
_BLOCK: Final = 64 * 1024
_MORE_MAX: Final = 1_000
"""Lines of one traceback; what comes after them is left out."""


class LogReader:
    """The log at `path`, its rotated files included, as lines; call `lines` again for what is new.

    Args:
        path: the newest file.
        tail: begin with so many records before the end; None: at the beginning.
        since: rotated files that were finished before are not opened.
    """

    def __init__(
        self, path: Path, *, tail: int | None = None, since: datetime | None = None
    ) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        files = [file for file in log_files(path) if not _is_over(file, path, since)]
        if tail is None:
            self._waiting, self._at = files, 0
        else:
            self._waiting, self._at = _places(files, tail)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def lines(self) -> Iterator[str]:
        """What is there and was not given yet; a line that is not ended yet waits for its end."""
        while self._file is not None or self._open():
            assert self._file is not None
            # Asked first: what was written to a file before the next one was begun is read then.
            newer = self._newer(self._file)
            if os.fstat(self._file.fileno()).st_size < self._file.tell():
                self._file.seek(0)  # somebody emptied it
            while line := self._file.readline(LINE_BYTES_MAX):
                line = self._rest + line
                is_whole = line.endswith(b"\n") or len(line) >= LINE_BYTES_MAX
                self._rest = b"" if is_whole else line
                if is_whole:
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
            if not newer:
                return
            self._waiting = newer
            self.close()

    def _open(self) -> bool:
        while self._waiting:
            file = self._waiting.pop(0)
            try:
                self._file = file.open("rb")
            except FileNotFoundError:  # rotated away a moment ago: it is under its next name
                continue
            self._file.seek(self._at)
            self._at = 0
            return True
        return False

    def _newer(self, file: BinaryIO) -> list[Path]:
        """The files that were begun after this one, oldest first."""
        ours = os.fstat(file.fileno())
        files = list(log_files(self._path))
        for number, other in enumerate(files):
            with suppress(FileNotFoundError):
                if os.path.samestat(ours, other.stat()):
                    return files[number + 1 :]
        return files[-1:] if files[-1:] == [self._path] else []  # it is gone: the newest goes on


def records(lines: Iterable[str], since: datetime | None) -> Iterator[Record | str]:
    """The records of these lines; a text is a line of somebody else's.

    What somebody else wrote has no time: it comes with the record before it.
    """
    current: Record | None = None
    is_wanted = since is None
    for line in lines:
        record = read_line(line)
        if record is None and current is not None and line.startswith(MARK):
            if len(current.traceback) < _MORE_MAX:
                more = (*current.traceback, line.removeprefix(MARK))
                current = replace(current, traceback=more)
            continue
        if current is not None and is_wanted:
            yield current
        current = record
        if record is None:
            if is_wanted:
                yield line
        else:
            is_wanted = since is None or record.at >= since
    if current is not None and is_wanted:
        yield current


def _is_over(file: Path, newest: Path, since: datetime | None) -> bool:
    try:
        ended = file.stat().st_mtime
    except FileNotFoundError:
        return True
    return file != newest and since is not None and ended < since.timestamp()


def _places(files: list[Path], tail: int) -> tuple[list[Path], int]:
    """Which files to read, and where in the first one, for that many records."""
    for number in range(len(files) - 1, -1, -1):
        with ExitStack() as stack:
            try:
                file = stack.enter_context(files[number].open("rb"))
            except FileNotFoundError:
                continue
            at, tail = _from_the_end(file, tail)
        if tail <= 0:
            return files[number:], at
    return files, 0


def _from_the_end(file: BinaryIO, count: int) -> tuple[int, int]:
    """Where the last `count` records begin, and how many of them this file has not."""
    end = file.seek(0, os.SEEK_END)
    if count <= 0:
        return end, 0
    at, head = end, b""
    while at > 0:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        block = file.read(size) + head
        place = len(block)
        while (found := block.rfind(b"\n", 0, place - 1 if place else 0)) != -1:
            if _begins(block[found + 1 : place]):
                count -= 1
                if not count:
                    return at + found + 1, 0
            place = found + 1
        head = block[:place][:LINE_BYTES_MAX]
    if _begins(head):
        count -= 1
    return 0, count


def _begins(line: bytes) -> bool:
    """Whether a record begins with this line, rather than its traceback going on."""
    return bool(line.strip()) and not line.startswith(MARK.encode())
