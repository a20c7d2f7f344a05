"""A process that is ended, or whose call fails, at a numbered boundary; see preload.c.

A *boundary* is a call of libc with which a process touches the world: files, sockets, children.
A process of its own is armed by its environment; a fork of a process that was started with the
library loaded arms itself.
"""

import ctypes
import mmap
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("preload.c")
COMPILE_S_MAX = 60
_LAYOUT = struct.Struct("@lll40s")
_KIND = struct.Struct("@16sl")
_KINDS = 40


class Mode(IntEnum):
    """What is done at the boundary."""

    COUNT = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    FAIL_ONCE = 3
    FAIL_ON = 4
    """It and every later one fails, until it is switched off."""
    SHORT = 5
    """It carries half of what it is to carry: a write, or what is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arming:
    """What is to happen, and where it is counted.

    `at` counts from 1; `names` are the calls that are counted (`fsync`), empty: all of them.
    """

    report: Path
    mode: Mode = Mode.COUNT
    at: int = 0
    error: int = 0
    names: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As it is handed to another process."""
        return {**asdict(self), "report": str(self.report)}

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> "Arming":
        """What was handed over."""
        mode, names = Mode(told["mode"]), tuple(told["names"])
        return cls(**{**told, "report": Path(told["report"]), "mode": mode, "names": names})

    def environment(self, library: Path) -> dict[str, str]:
        """The variables that arm a process of its own from its first call on."""
        return {
            "LD_PRELOAD": str(library),
            "TORTURE_REPORT": str(self.report),
            "TORTURE_MODE": str(int(self.mode)),
            "TORTURE_AT": str(self.at),
            "TORTURE_ERRNO": str(self.error),
            "TORTURE_ONLY": self._only(),
        }

    def arm(self) -> None:
        """Arm this very process, which was started with the library loaded.

        Raises:
            OSError: the report cannot be mapped.
        """
        told = (str(self.report).encode(), int(self.mode), self.at, self.error)
        only = self._only().encode()
        arm = ctypes.CDLL(None).torture_arm
        arm.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_char_p)
        if arm(*told, only):
            raise OSError(f"{self.report} cannot be mapped")

    def _only(self) -> str:
        return f",{','.join(self.names)}," if self.names else ""


class Report:
    """What an armed process counted; outlives it, and can be watched while it runs."""

    def __init__(self, path: Path) -> None:
        size = _LAYOUT.size + _KINDS * _KIND.size
        path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._room = mmap.mmap(file.fileno(), size)
        self.path = path

    def switch_on(self) -> None:
        """From now on it counts."""
        self._room[: struct.calcsize("@l")] = struct.pack("@l", 1)

    def switch_off(self) -> None:
        """From now on it counts no more, and nothing fails."""
        self._room[: struct.calcsize("@l")] = struct.pack("@l", 0)

    @property
    def count(self) -> int:
        """Boundaries reached so far."""
        return int(_LAYOUT.unpack_from(self._room)[1])

    @property
    def hits(self) -> int:
        """How often it was killed, or calls failed."""
        return int(_LAYOUT.unpack_from(self._room)[2])

    @property
    def name(self) -> str:
        """The call that it was done to first; "" when it did not happen."""
        return str(_LAYOUT.unpack_from(self._room)[3].rstrip(b"\0").decode())

    @property
    def calls(self) -> dict[str, int]:
        """How often each call was counted; only where nothing is done to any."""
        kinds = _KIND.iter_unpack(self._room[_LAYOUT.size :])
        return {name.rstrip(b"\0").decode(): count for name, count in kinds if count}

    def close(self) -> None:
        """Let go of it."""
        self._room.close()


def has_compiler() -> bool:
    """Whether the library can be made here."""
    return shutil.which("cc") is not None


def compiled(folder: Path) -> Path:
    """The library, made in that folder."""
    library = folder / "preload.so"
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"],
        check=True,
        capture_output=True,
        timeout=COMPILE_S_MAX,
    )
    return library
