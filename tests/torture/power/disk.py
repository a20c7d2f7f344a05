"""A disk as POSIX allows it to be: what was not flushed may be there after a power cut, or not.

Theory of operation. Of every file there is what is safe, and a list of what was asked since its
last flush; of the folder likewise, since its own last flush: a flushed file whose name was not
flushed may have no name. A power cut keeps any of what is pending and loses the rest. Of a write
that is kept, any of its sectors may be missing; the file is as long as if it were there. Renaming
happens wholly or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.torture.power.recording import Asked, What

SECTOR: Final = 512


@dataclass(eq=False, slots=True)
class File:
    """What is safe of one file."""

    safe: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """Something that was asked for and not flushed: of a file, or of the folder (`file` None)."""

    file: File | None
    asked: Asked
    named: File | None = None
    """The file that gets the name."""


@dataclass
class Disk:
    """The disk while it runs."""

    names: dict[str, File] = field(default_factory=dict)
    """As a running program sees it."""
    safe_names: dict[str, File] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    _inodes: dict[int, File] = field(default_factory=dict)
    _folders: set[int] = field(default_factory=set)

    @classmethod
    def holding(cls, folder: Path) -> "Disk":
        """A disk on which everything that is there is safe."""
        disk = cls()
        for path in folder.iterdir():
            file = File(path.read_bytes())
            disk.names[str(path)] = disk.safe_names[str(path)] = file
            disk._inodes[path.stat().st_ino] = file
        return disk

    def take(self, asked: Asked, root: Path) -> None:
        """Do what was asked."""
        file = self._inodes.get(asked.inode)
        match asked.what:
            case What.OPENED if asked.path == str(root):
                self._folders.add(asked.inode)
            case What.CREATED:
                self._inodes[asked.inode] = made = File()
                self.names[asked.path] = made
                self.pending.append(Pending(None, asked, made))
            case What.WRITTEN | What.CUT if file is not None:
                self.pending.append(Pending(file, asked))
            case What.RENAMED:
                moved = self.names.pop(asked.path)
                self.names[asked.data.decode()] = moved
                self.pending.append(Pending(None, asked, moved))
            case What.REMOVED:
                self.names.pop(asked.path, None)
                self.pending.append(Pending(None, asked))
            case What.SYNCED if asked.inode in self._folders:
                self._settle(one for one in self.pending if one.file is None)
            case What.SYNCED if file is not None:
                self._settle(one for one in self.pending if one.file is file)
            case _:
                pass

    def _settle(self, these: Iterable[Pending]) -> None:
        settled = set(these)
        for one in self.pending:
            if one in settled and one.file is not None:
                one.file.safe = done(one.asked, one.file.safe)
            elif one in settled:
                rename(one, self.safe_names)
        self.pending = [one for one in self.pending if one not in settled]


Choice = tuple[bool | int, ...]
"""For each pending thing: whether it is there; a number: which of its sectors are, as bits."""

Image = Mapping[str, bytes]
"""The files after the power cut, by path."""


def image(disk: Disk, choice: Choice) -> Image:
    """What is left when the power is cut now, and of what is pending that is there."""
    names = dict(disk.safe_names)
    content: dict[File, bytes] = {}
    for one, kept in zip(disk.pending, choice, strict=True):
        if kept is False:
            continue
        if one.file is None:
            rename(one, names)
            continue
        before = content.get(one.file, one.file.safe)
        content[one.file] = done(one.asked, before, None if kept is True else kept)
    return {path: content.get(file, file.safe) for path, file in names.items()}


def rename(one: Pending, names: dict[str, File]) -> None:
    """Let a name be given, moved, or taken away."""
    asked = one.asked
    if asked.what is What.REMOVED:
        names.pop(asked.path, None)
        return
    assert one.named is not None
    if asked.what is What.RENAMED:
        names.pop(asked.path, None)
    names[asked.data.decode() if asked.what is What.RENAMED else asked.path] = one.named


def done(asked: Asked, before: bytes, sectors: int | None = None) -> bytes:
    """The content after a write or a cut; of the write only those sectors, if any are named."""
    if asked.what is What.CUT:
        return before[: asked.offset].ljust(asked.offset, b"\0")
    end = asked.offset + len(asked.data)
    content = bytearray(before.ljust(end, b"\0"))
    if sectors is None:
        content[asked.offset : end] = asked.data
        return bytes(content)
    first = asked.offset // SECTOR
    for number in range(first, (end - 1) // SECTOR + 1):
        if sectors >> (number - first) & 1:
            begin, stop = max(asked.offset, number * SECTOR), min(end, (number + 1) * SECTOR)
            content[begin:stop] = asked.data[begin - asked.offset : stop - asked.offset]
    return bytes(content)


def choices(pending: Sequence[Pending], dice: Random, more: int) -> Iterator[Choice]:
    """The ways in which a power cut may leave what is pending.

    All of them where that is few; else none and all, every beginning, each one alone, each one
    missing, each write torn in two ways, and so many at random.
    """
    count = len(pending)
    if count <= 6:
        for bits in range(1 << count):
            yield tuple(bool(bits >> place & 1) for place in range(count))
    else:
        for place in range(count + 1):
            yield tuple(other < place for other in range(count))
        for place in range(count):
            yield tuple(other == place for other in range(count))
            yield tuple(other != place for other in range(count))
    for place, one in enumerate(pending):
        if one.asked.what is What.WRITTEN and len(one.asked.data) > 1:
            for sectors in (0, 0b1111):
                yield tuple(sectors if other == place else other < place for other in range(count))
    for _ in range(more if count > 6 else 0):
        yield tuple(_at_random(one, dice) for one in pending)


def _at_random(one: Pending, dice: Random) -> bool | int:
    if one.asked.what is What.WRITTEN and dice.random() < 0.2:
        return dice.getrandbits(len(one.asked.data) // SECTOR + 2)
    return dice.random() < 0.5
