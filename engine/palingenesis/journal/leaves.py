"""Entries, and policies, that can be read though the way to them is lost.

Theory of operation. SQLite finds an entry by its number, through pages that hold nothing but the
way; where one of these is damaged, hundreds of sound entries behind it are out of its reach. But
each entry lies in a page that can be read by itself, and its seal shows whether it was read right.
So every page is looked at: what looks like an entry is noted, with its place, and read when it is
wanted. A page may also be one that was given up, with entries of the past; which of them are
wanted, the caller knows.

The format: https://www.sqlite.org/fileformat2.html#b_tree_pages
"""

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from palingenesis.journal.rows import COLUMNS, PolicyText, Row

_LEAF: Final = 0x0D
_CELLS_FROM: Final = 8
"""Where the places of the cells begin in a page."""
_COLUMNS: Final = len(COLUMNS.split(","))
_POLICY_COLUMNS: Final = 5
"""Its id, content, digest, name, and the text."""
_TEXT_FROM: Final = 13
_INTS: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
"""How many bytes an integer takes, by its type; none for nothing, and for 0 and 1."""
_LENGTH_MAX: Final = 64 * 1024 * 1024


class Leaves:
    """What can be found in a file's pages, by the number that it is stored under."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._places: dict[int, list[int]] = {}

    def look(self) -> None:
        """Look at every page.

        Raises:
            OSError: the file cannot be read.
        """
        with self._path.open("rb") as file:
            start = 0
            while page := file.read(self._size):
                for at in _cells(page) if len(page) == self._size else ():
                    try:
                        _, after = _varint(page, at)
                        seq, _ = _varint(page, after)
                    except IndexError:
                        continue
                    self._places.setdefault(seq, []).append(start + at)
                start += self._size

    def rows(self) -> Iterator[Row]:
        """All of them that are intact, by number; one that was written twice comes twice.

        Raises:
            OSError: the file cannot be read.
        """
        for seq, values in self._records():
            row = _row(seq, values)
            if row is not None and row.is_intact():
                yield row

    def policies(self) -> Iterator[PolicyText]:
        """All texts of policies that are intact.

        Raises:
            OSError: the file cannot be read.
        """
        for _, values in self._records():
            if len(values) == _POLICY_COLUMNS and values[0] is None:
                policy = PolicyText(*map(str, values[1:]))
                if policy.is_intact():
                    yield policy

    def _records(self) -> Iterator[tuple[int, list[int | str | None]]]:
        with (
            self._path.open("rb") as file,
            mmap(file.fileno(), 0, access=ACCESS_READ) as content,
        ):
            for number in sorted(self._places):
                for place in self._places[number]:
                    try:
                        values = list(_values(_payload(content, place, self._size)))
                    except (IndexError, ValueError):
                        continue
                    yield number, values


def _cells(page: bytes) -> Iterator[int]:
    """Where the cells of a leaf begin; of any other page there are none."""
    if page[0] != _LEAF:
        return
    count = int.from_bytes(page[3:5], "big")
    for number in range(min(count, (len(page) - _CELLS_FROM) // 2)):
        at = int.from_bytes(page[_CELLS_FROM + 2 * number : _CELLS_FROM + 2 * number + 2], "big")
        if _CELLS_FROM < at < len(page):
            yield at


def _payload(content: mmap, place: int, size: int) -> bytes:
    """The bytes of a cell, gathered from the pages where it goes on."""
    length, at = _varint(content, place)
    _, at = _varint(content, at)
    if length > min(len(content), _LENGTH_MAX):
        raise ValueError("no cell is as long as this")
    here = length
    if length > size - 35:
        least = (size - 12) * 32 // 255 - 23
        here = least + (length - least) % (size - 4)
        here = here if here <= size - 35 else least
    pieces, missing = [content[at : at + here]], length - here
    following = int.from_bytes(content[at + here : at + here + 4], "big") if missing else 0
    while missing > 0:
        if following < 1:
            raise ValueError("its end is lost")
        page = content[(following - 1) * size : following * size]
        pieces.append(page[4 : 4 + missing])
        if len(pieces[-1]) < min(missing, size - 4):
            raise ValueError("its end is lost")
        following, missing = int.from_bytes(page[:4], "big"), missing - len(pieces[-1])
    return b"".join(pieces)


def _values(payload: bytes) -> Iterator[int | str | None]:
    """The columns of a record."""
    end, at = _varint(payload, 0)
    kinds = list[int]()
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    for kind in kinds:
        length = _length(kind)
        value = payload[at : at + length]
        at += length
        if kind == 0:
            yield None
        elif kind >= _TEXT_FROM:
            yield value.decode("utf-8")
        else:
            yield int.from_bytes(value, "big", signed=True) if length else kind - 8


def _length(kind: int) -> int:
    if kind >= _TEXT_FROM and kind % 2:
        return (kind - _TEXT_FROM) // 2
    if kind not in _INTS:
        raise ValueError("no column of ours is of this kind")
    return _INTS[kind]


def _row(seq: int, values: list[int | str | None]) -> Row | None:
    """The entry that a record holds; None: it is none."""
    if len(values) != _COLUMNS or values[0] is not None:
        return None
    _, at, version, *texts = values
    return Row(seq, str(at), version, *map(str, texts)) if isinstance(version, int) else None


def _varint(data: bytes | mmap, at: int) -> tuple[int, int]:
    """A number as SQLite writes it, and where it ends."""
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004  the high bit says that it goes on
            return value, at
    return value << 8 | data[at], at + 1
