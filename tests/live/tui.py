"""The person's own terminal: a plain OpenCode TUI in a pseudo-terminal. It listens on no port."""

import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

import pyte

ROWS: Final = 40
COLUMNS: Final = 120


class Tui:
    """One running TUI with a first prompt; ended when the block ends."""

    def __init__(
        self, program: Path, prompt: str, *, cwd: Path, environment: Mapping[str, str]
    ) -> None:
        self._words = [str(program), "--prompt", prompt]
        self._cwd = cwd
        self._environment = {**environment, "TERM": "xterm-256color"}
        self.screen = bytearray()
        self.ended = False

    def __enter__(self) -> Self:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(self._cwd)
            os.execve(self._words[0], self._words, self._environment)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
        self._reader = Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(signal.SIGKILL)
        self._reader.join(5)
        os.close(self._terminal)

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def shown(self) -> str:
        """What is on the screen now, line by line."""
        screen = pyte.Screen(COLUMNS, ROWS)
        pyte.ByteStream(screen).feed(bytes(self.screen))
        return "\n".join(line.rstrip() for line in screen.display)

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for its end."""
        if not self.ended:
            os.kill(self.pid, number)
            self.wait()

    def wait(self) -> None:
        if not self.ended:
            os.waitpid(self.pid, 0)
            self.ended = True

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return
            if not data:
                return
            self.screen += data
