"""What a process asked of the file system below one folder, as trace.c wrote it down."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("trace.c")
_HEAD = struct.Struct("=B7xQQII")


class What(IntEnum):
    """What was asked for."""

    OPENED = 1
    CREATED = 2
    WRITTEN = 3
    CUT = 4
    SYNCED = 5
    RENAMED = 6
    REMOVED = 7
    MADE = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that succeeded."""

    what: What
    inode: int
    offset: int
    """Where it was written; the size, when it was cut."""
    path: str
    data: bytes


def read(log: Path) -> Iterator[Asked]:
    """The calls, in order."""
    content = log.read_bytes()
    place = 0
    while place < len(content):
        what, inode, offset, text, data = _HEAD.unpack_from(content, place)
        place += _HEAD.size
        path = os.fsdecode(content[place : place + text])
        place += text
        yield Asked(What(what), inode, offset, path, content[place : place + data])
        place += data


def compiled(folder: Path) -> Path:
    """The library, made in that folder."""
    library = folder / "trace.so"
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return library


def traced(module: str, arguments: Sequence[str], *, root: Path, library: Path) -> list[Asked]:
    """Run a module in a process of its own, and return what it asked of the file system."""
    log = root.parent / f"{root.name}.trace"
    subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LD_PRELOAD": str(library),
            "TRACE_ROOT": str(root),
            "TRACE_LOG": str(log),
        },
        check=True,
        timeout=120,
    )
    return list(read(log))
