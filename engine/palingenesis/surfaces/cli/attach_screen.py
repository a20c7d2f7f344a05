"""The live screen: a terminal that is borrowed and given back, whatever happens.

Theory of operation. The main thread waits for a key, or for a byte on a pipe that the watch, a
signal or the clock writes, and then draws one frame. Every end comes through `show`'s last lines:
the alternate screen is left, the cursor is shown, and the terminal reads lines again, also after a
mistake, a Ctrl-C, a closed terminal or an order to end. Ctrl-Z gives the terminal back as well,
and `fg` borrows it anew.
"""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from palingenesis.surfaces.cli.attach_frame import View, chosen_of, frame
from palingenesis.surfaces.cli.attach_watch import Order, Said, Watch
from palingenesis.surfaces.cli.desk import Desk

if TYPE_CHECKING:
    from rich.console import Console

    from palingenesis.control.client import ControlClient
    from palingenesis.runtime.door import CommandName

_PATIENCE_S: Final = 3.0
_TICK_S: Final = 1.0
_KEYS: Final = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"j": "down",
    b"\x03": "quit",
    b"\x04": "quit",
    b"q": "quit",
    b"p": "pause",
    b"r": "resume",
    b"a": "abort",
    b"e": "explain",
    b"y": "yes",
    b"n": "no",
    b"\x1b": "back",
}
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class _EndedError(Exception):
    """Somebody asked us to end."""


class Screen:
    """Shows the status until the person quits."""

    def __init__(self, desk: Desk, console: "Console", *, fancy: bool) -> None:
        self._console = console
        self._fancy = fancy
        self._view = View()
        self._ask: Callable[[], None] | None = None
        """What a yes does."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watch = Watch(lambda: desk.client(timeout_s=_PATIENCE_S), self._wake)
        self._keys = sys.stdin.fileno()
        self._drawn: tuple[View, int, int] | None = None

    def show(self) -> None:
        """Show it, and give the terminal back."""
        try:
            with self._signals(), suppress(_EndedError):
                while self._shown():
                    os.kill(os.getpid(), signal.SIGSTOP)  # Ctrl-Z: the shell has the terminal now
        finally:
            self._watch.end()

    def _shown(self) -> bool:
        """Borrow the terminal until the person quits (False) or puts us aside (True)."""
        before = termios.tcgetattr(self._keys)
        self._drawn = None
        try:
            tty.setcbreak(self._keys)
            with self._console.screen(hide_cursor=True):
                self._watch.begin()
                return self._run()
        finally:
            with suppress(termios.error):  # the terminal may be gone
                termios.tcsetattr(self._keys, termios.TCSADRAIN, before)

    def _run(self) -> bool:
        while True:
            self._draw()
            ready, _, _ = select.select([self._keys, self._read], [], [], _TICK_S)
            if self._read in ready and b"z" in os.read(self._read, 4096):
                return True
            if self._keys in ready:
                pressed = os.read(self._keys, 256)
                if not pressed:
                    return False  # the terminal is gone
                for key in keys_of(pressed):
                    if self._pressed(key):
                        return False
            self._learn()

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._write, b".")

    def _learn(self) -> None:
        known = self._watch.known()
        view = replace(self._view, told=known.told, trouble=known.trouble, rows=known.rows)
        if known.said is not None:
            view = replace(view, message=known.said.message, page=known.said.page, scroll=0)
        self._view = view

    def _draw(self) -> None:
        from rich.text import Text

        width, height = self._console.size
        if self._drawn == (self._view, width, height):
            return
        self._drawn = (self._view, width, height)
        lines = frame(self._view, width, height, fancy=self._fancy)
        padded = [line + Text(" " * max(width - line.cell_len, 0)) for line in lines]
        whole = Text("\n", no_wrap=True).join(padded)
        with self._console.capture() as captured:
            self._console.print(whole, end="", no_wrap=True, crop=True, soft_wrap=False)
        drawn = captured.get().replace("\n", "\r\n")
        self._console.file.write(f"\x1b[?2026h\x1b[H{drawn}\x1b[J\x1b[?2026l")
        self._console.file.flush()

    # ── keys ──────────────────────────────────────────────────────────────────────────────────

    def _pressed(self, key: str) -> bool:
        """What a key does; whether it ends the screen."""
        if self._view.question:
            if key == "yes" and self._ask is not None:
                self._ask()
            self._view, self._ask = replace(self._view, question=""), None
            return False
        if self._view.page:
            self._read_on(key)
            return False
        self._view = replace(self._view, message="")
        match key:
            case "quit":
                return True
            case "up" | "down":
                self._choose(1 if key == "down" else -1)
            case "pause" | "resume":
                self._order(key)
            case "abort":
                self._ask_to_abort()
            case "explain":
                self._explain()
            case _:
                pass
        return False

    def _read_on(self, key: str) -> None:
        if key not in {"up", "down"}:
            self._view = replace(self._view, page=(), scroll=0)
            return
        scroll = max(self._view.scroll + (1 if key == "down" else -1), 0)
        self._view = replace(self._view, scroll=min(scroll, len(self._view.page) * 3))

    def _choose(self, by: int) -> None:
        told, chosen = self._view.told, chosen_of(self._view)
        if told is None or chosen is None:
            return
        ids = [row["id"] for row in told["sessions"]]
        place = (ids.index(chosen["id"]) + by) % len(ids)
        self._view = replace(self._view, chosen=ids[place])

    def _order(self, name: "CommandName") -> None:
        chosen = chosen_of(self._view)
        if chosen is None:
            self._view = replace(self._view, message="there is no session to choose")
            return
        self._view = replace(self._view, message=f"{name} …", chosen=chosen["id"])
        self._watch.order(commanding(name, chosen["id"]))

    def _ask_to_abort(self) -> None:
        chosen = chosen_of(self._view)
        if chosen is None:
            return
        session = chosen["id"]
        title = chosen["title"] or session
        self._view = replace(
            self._view, chosen=session, question=f"abort '{title}' and leave it alone?"
        )
        self._ask = lambda: self._order("abort")

    def _explain(self) -> None:
        chosen = chosen_of(self._view)
        if chosen is None:
            return
        self._view = replace(self._view, chosen=chosen["id"], message="explain …")
        self._watch.order(explaining(chosen["id"]))

    # ── signals ───────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def ended(*_: object) -> None:
            raise _EndedError

        def resized(*_: object) -> None:
            self._wake()

        def aside(*_: object) -> None:
            with suppress(BlockingIOError):
                os.write(self._write, b"z")

        wanted = dict.fromkeys(_ENDING, ended) | {
            signal.SIGWINCH: resized,
            signal.SIGTSTP: aside,
        }
        before = {one: signal.signal(one, handler) for one, handler in wanted.items()}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def keys_of(pressed: bytes) -> Iterator[str]:
    """The keys in what a terminal sent; whatever means nothing here is `other`."""
    left = pressed
    while left:
        known = next((one for one in _KEYS if len(one) > 1 and left.startswith(one)), left[:1])
        if known == b"\x1b" and len(left) > 1:  # a key with a longer name that we do not use
            yield "other"
            return
        yield _KEYS.get(known.lower() if len(known) == 1 else known, "other")
        left = left[len(known) :]


def commanding(name: "CommandName", session: str) -> Order:
    """An order to the daemon."""

    def give(client: "ControlClient") -> Said:
        return Said(message=client.command(name, session, "attach")["message"])

    return give


def explaining(session: str) -> Order:
    """A question to the daemon: why it did what it did last with a session."""

    def ask(client: "ControlClient") -> Said:
        from palingenesis.surfaces.cli.explain import explanation_lines

        told = client.explain(session=session, limit=1)
        if not told:
            return Said(message="nothing has been decided about it yet")
        return Said(page=tuple(click.unstyle(line) for line in explanation_lines(told[-1])))

    return ask
