"""The person's own terminal: a plain OpenCode TUI in a pseudo-terminal. It listens on no port."""

import fcntl
import os
import pty
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

import pyte

ROWS: Final = 40
COLUMNS: Final = 120

KEY_S = 0.3
"""Between two keys, so that a lone Escape is not taken for the begin of a sequence."""
KEYS_MAX = 60
IMPATIENT_S: Final = 0.05


class Tui:
    """One running TUI; ended when the block ends."""

    def __init__(
        self, program: Path, *words: str, cwd: Path, environment: Mapping[str, str]
    ) -> None:
        self._words = [str(program), *words]
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

    def enter(self, text: str) -> None:
        """Type a line, and send it off."""
        for key in (text.encode(), b"\r"):
            self.type(key)
            time.sleep(KEY_S)

    def press_until(
        self, key: bytes, happened: Callable[[], bool], *, every_s: float = KEY_S
    ) -> None:
        """Press one key again and again, as a person does who is not heard at once."""
        for _ in range(KEYS_MAX):
            if happened():
                return
            self.type(key)
            time.sleep(every_s)
        raise AssertionError(f"{key!r} was pressed {KEYS_MAX} times in vain")

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself, or by what was typed."""
        if not self.ended:
            pid, _ = os.waitpid(self.pid, os.WNOHANG)
            self.ended = pid == self.pid
        return self.ended

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for its end."""
        if not self.has_ended:
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


def by_hammering_control_c(tui: Tui) -> None:
    """The second one comes as SIGINT, before the program could say farewell or mark its turn."""
    tui.press_until(b"\x03", lambda: tui.has_ended, every_s=IMPATIENT_S)


def by_closing_the_terminal(tui: Tui) -> None:
    tui.end(signal.SIGHUP)
