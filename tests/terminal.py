"""A pseudo-terminal with a program in it: what is on its screen, and keys for it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

_CODES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")
PATIENCE_S = 20.0


class Terminal:
    """Runs a program in a terminal of its own."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self._master, self._slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self._slave)
        self.written = ""
        self.process = subprocess.Popen(
            argv,
            env={**env, "TERM": "xterm-256color"},
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        os.close(self._slave)
        os.close(self._master)

    @property
    def screen(self) -> list[str]:
        """What the newest frame shows, line by line."""
        frame = self.written.rpartition("\x1b[H")[2]
        return [line.rstrip() for line in _CODES.sub("", frame).split("\r\n")]

    @property
    def is_restored(self) -> bool:
        """Whether the terminal reads as before, shows its cursor, and its first screen."""
        shows = self.written.rfind("\x1b[?25h") >= self.written.rfind("\x1b[?25l")
        first = self.written.rfind("\x1b[?1049l") >= self.written.rfind("\x1b[?1049h")
        return shows and first and termios.tcgetattr(self._slave) == self.before

    def resize(self, columns: int, rows: int) -> None:
        """Another size, of which the program is told."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def read(self, wait_s: float = 0.05) -> None:
        """Take what was written by now."""
        while select.select([self._master], [], [], wait_s)[0]:
            try:
                found = os.read(self._master, 65536)
            except OSError:
                return
            if not found:
                return
            self.written += found.decode("utf-8", "replace")

    def until(self, comes: Callable[[], bool]) -> None:
        """Read until something is so.

        Raises:
            AssertionError: it does not become so; the message has the screen.
        """
        end = time.monotonic() + PATIENCE_S
        while not comes():
            self.read()
            assert time.monotonic() < end, "\n".join(["it did not come; the screen:", *self.screen])

    def until_shown(self, words: str) -> None:
        """Read until the screen shows that."""
        self.until(lambda: any(words in line for line in self.screen))

    def ends(self) -> int:
        """The exit code, once it ends."""
        self.until(lambda: self.process.poll() is not None)
        self.read()
        return int(self.process.returncode)
