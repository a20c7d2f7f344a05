"""The log (`journal.db-wal`), as SQLite writes it: is there more in it than SQLite would read?

Theory of operation. Each frame of the log holds a page and a checksum over it and everything before
it; SQLite reads up to the first frame that does not fit and takes the rest for a write that never
ended. After a crash that is right. But when a frame in the middle is damaged, whole transactions
after it were flushed and acknowledged, and would be lost in silence. Every frame can be checked by
itself, against the checksum that the frame before it holds: one that fits after one that does not
is proof of damage. Damage in the last transaction looks like a write that never ended: nobody can
tell them apart.

The format: https://www.sqlite.org/fileformat2.html#walformat
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.core.copies import replace

_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
"""What a log begins with, and the byte order of its checksums."""
_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_WORD: Final = 0xFFFFFFFF
_PAGE_BYTES: Final = 4096
"""How large the pages of a journal are."""

_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """One frame: of the log as it is now, or what a former one left behind it."""

    number: int
    """Which page of the database it holds."""
    page: bytes
    count: int
    """How many pages the database has after it, when it ends a transaction."""
    commits: bool
    """It ends a transaction of this log."""
    fits: bool
    """Its checksum fits the one of the frame before it."""
    is_read: bool
    """SQLite would read it, if it read all before it."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log that can be read: how large its pages are, and its frames."""

    page_size: int
    frames: tuple[_Frame, ...]

    @property
    def is_damaged_within(self) -> bool:
        """Whether a whole transaction follows a frame that does not fit."""
        return _end_of(self) > _end_for_sqlite(self)

    @property
    def page_count(self) -> int:
        """How many pages the database has after its last whole transaction; 0: there is none."""
        end = _end_of(self)
        return self.frames[end - 1].count if end else 0

    def pages(self) -> list[tuple[int, bytes, bool]]:
        """The pages up to the last whole transaction: number, content, and whether it fits."""
        return [(it.number, it.page, it.fits) for it in self.frames[: _end_of(self)]]


def read_log(path: Path) -> Log | None:
    """The log at `path`; None: there is none, or nothing of it fits.

    Raises:
        OSError: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    header = content[: _HEADER.size]
    if len(header) < _HEADER.size:
        return None
    magic, _, size, *_, first, second = _HEADER.unpack(header)
    salt, stored = header[16:24], (first, second)
    order = _MAGIC.get(magic)
    is_size = 512 <= size <= 65536 and not size & (size - 1)  # noqa: PLR2004  by SQLite
    if order is not None and is_size and _sum(header[:24], (0, 0), order) == stored:
        return Log(size, tuple(_frames(content, size, salt, (stored,), order)))
    return _beheaded(content, salt, stored)


def _beheaded(content: bytes, salt: bytes, stored: _Sum) -> Log | None:
    """A log whose header is damaged: where its first frame fits, it is one nevertheless."""
    for order in _MAGIC.values():
        likely = (stored, _sum(content[:24], (0, 0), order))
        frames = tuple(_frames(content, _PAGE_BYTES, salt, likely, order))
        if frames and frames[0].fits:
            return Log(_PAGE_BYTES, tuple(replace(frame, is_read=False) for frame in frames))
    return None


def _frames(
    content: bytes, size: int, salt: bytes, likely: tuple[_Sum, ...], order: str
) -> Iterator[_Frame]:
    place, fits = _HEADER.size, True
    while place + _FRAME.size + size <= len(content):
        head = content[place : place + _FRAME.size]
        page = content[place + _FRAME.size : place + _FRAME.size + size]
        number, pages, *_, first, second = _FRAME.unpack(head)
        is_marked = head[8:16] == salt
        # A sum that fits is proof by itself: the salt is no part of it, and may be what was hit.
        looks_back = is_marked or fits
        sums = [_sum(page, _sum(head[:8], it, order), order) for it in likely if looks_back]
        fits = number > 0 and (first, second) in sums  # of zeros the sum is zero
        commits = pages != 0 and (fits or is_marked)
        yield _Frame(
            number=number,
            page=page,
            count=pages,
            commits=commits,
            fits=fits,
            is_read=fits and is_marked,
        )
        # Where the sum of a frame is what was hit, the next one follows the sum that it had.
        likely = ((first, second),) if fits else ((first, second), *sums[:1])
        place += _FRAME.size + size


def _end_for_sqlite(log: Log) -> int:
    """How many frames SQLite would read: up to the last commit before one that does not fit."""
    end = 0
    for number, frame in enumerate(log.frames, start=1):
        if not frame.is_read:
            break
        end = number if frame.commits else end
    return end


def _end_of(log: Log) -> int:
    """How many frames there are up to the last transaction that is whole."""
    end, is_whole = 0, True
    for number, frame in enumerate(log.frames, start=1):
        is_whole = is_whole and frame.fits
        if frame.commits:
            end = number if is_whole else end
            is_whole = True
    return end


def _sum(data: bytes, before: _Sum, order: str) -> _Sum:
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for number in range(0, len(words), 2):
        first = (first + words[number] + second) & _WORD
        second = (second + words[number + 1] + first) & _WORD
    return first, second
