"""A wall clock that a test can set for one process, as a person sets the clock of a machine."""

import mmap
import os
import struct
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.torture.preload import COMPILE_S_MAX, has_compiler

SOURCE = Path(__file__).with_name("wall.c")


@dataclass(frozen=True, slots=True)
class Wall:
    """The clock on the wall of whatever is started with its environment."""

    library: Path
    room: mmap.mmap
    file: Path

    def environment(self) -> dict[str, str]:
        """What puts a process under this clock."""
        return {"LD_PRELOAD": str(self.library), "TORTURE_WALL": str(self.file)}

    def set_ahead(self, span: timedelta) -> None:
        """Set it so far ahead of true time (below zero: behind)."""
        self.room[:] = struct.pack("@l", span // timedelta(microseconds=1) * 1000)


def wall_in(folder: Path) -> Wall:
    """A wall clock that shows true time as yet; skips where there is no compiler."""
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")
    library, file = folder / "wall.so", folder / "wall"
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)],
        check=True,
        capture_output=True,
        timeout=COMPILE_S_MAX,
    )
    file.write_bytes(bytes(struct.calcsize("@l")))
    with file.open("r+b") as opened:
        return Wall(library, mmap.mmap(opened.fileno(), struct.calcsize("@l")), file)
