"""A copy of a damaged journal that SQLite can read, whatever was damaged.

Theory of operation. SQLite refuses a file as a whole when its first page is bad, or when the file
is shorter than that page says; and of a log it reads what comes before the first frame that does
not fit. But the first page tells nothing of a night: it is the same in every journal, because every
journal is made in the same way, and so are the places where its tables begin. So a copy is made:
the pages of the file; over them those of the log, up to its last whole transaction; and the first
page as we make it. What damage did to the other pages, the checksums of the entries tell. A page of
the log that does not fit may be laid in a wrong place: what it hides follows after the end.
"""

import shutil
from pathlib import Path
from typing import BinaryIO, Final

from palingenesis.journal.layout import create, with_companions
from palingenesis.journal.log_file import Log, read_log

_PAGE_SIZE: Final = slice(16, 18)
_HOW_WRITTEN: Final = slice(18, 20)
"""With a log (2, 2), or without (1, 1)."""
_PAGE_COUNT: Final = slice(28, 32)
_FREE_PAGES: Final = slice(32, 40)
_SMALLEST: Final = 512
"""No page is smaller."""


def make_readable(source: Path, target: Path) -> int:
    """Make the copy of the database `source`, and of the log beside it, at `target`.

    Returns the size of its pages.

    Raises:
        OSError, sqlite3.Error: it could not be made.
    """
    target.unlink(missing_ok=True)
    create(target)
    first = bytearray(target.read_bytes())
    size = int.from_bytes(first[_PAGE_SIZE], "big")
    shutil.copyfile(source, target)
    log = read_log(with_companions(source)[0])
    with target.open("r+b") as file:
        count = max(-(-target.stat().st_size // size), len(first) // size)
        hidden = list[bytes]()
        if log is not None and log.page_size == size:
            count, hidden = _lay_over(log, file, count)
        first[_HOW_WRITTEN] = b"\1\1"
        first[_PAGE_COUNT] = count.to_bytes(4, "big")
        first[_FREE_PAGES] = bytes(8)
        file.seek(0)
        file.write(first[:size])
        file.truncate(count * size)
        file.seek(count * size)
        file.writelines(page.ljust(size, b"\0") for page in hidden)
    return size


def is_cut_short(path: Path, log: Log | None) -> bool:
    """Whether pages are missing: they are neither in the file nor in the log.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        header = file.read(_PAGE_COUNT.stop)
    size = int.from_bytes(header[_PAGE_SIZE], "big")
    if size < _SMALLEST:
        return True
    count = log.page_count if log is not None else 0
    count = count or int.from_bytes(header[_PAGE_COUNT], "big")
    there = {number for number, *_ in log.pages()} if log is not None else set()
    return any(number not in there for number in range(path.stat().st_size // size + 1, count + 1))


def _lay_over(log: Log, file: BinaryIO, count: int) -> tuple[int, list[bytes]]:
    """Write the pages of the log where they belong; how many there are then, and what is hidden."""
    hidden = list[bytes]()
    pages = log.pages()
    # A frame that does not fit may name any page; those that fit say how many there can be.
    count = max(count, max((number for number, _, fits in pages if fits), default=0))
    for number, page, fits in pages:
        if not 1 <= number <= count:
            hidden.append(page)
            continue
        place = (number - 1) * log.page_size
        if not fits:
            file.seek(place)
            hidden += [file.read(log.page_size), page]  # itself: a later one may lie over it
        file.seek(place)
        file.write(page)
    return count, hidden
