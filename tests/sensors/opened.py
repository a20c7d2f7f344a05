"""Which files below a folder were opened, by anybody, while we looked: the kernel's word for it."""

import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_OPEN = 0x20
_HEAD = struct.calcsize("iIII")


class Opened:
    """Watches a folder and what is directly in it (Linux, inotify); use it in a `with`."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def __enter__(self) -> Self:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._fd >= 0
        for folder in self._folders:
            assert libc.inotify_add_watch(self._fd, os.fsencode(folder), _IN_OPEN) >= 0
        return self

    def names(self) -> list[str]:
        """What was opened since the last question; "" is a folder itself."""
        found = []
        try:
            data = os.read(self._fd, 1 << 20)
        except BlockingIOError:
            return []
        while data:
            _, _, _, length = struct.unpack_from("iIII", data)
            name = data[_HEAD : _HEAD + length].rstrip(b"\0").decode(errors="replace")
            found.append(name)
            data = data[_HEAD + length :]
        return found

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)
