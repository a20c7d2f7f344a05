"""A connection that a program of the person keeps to us: one JSON document a line, both ways."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

LINE_BYTES_MAX: Final = 24 * 1024 * 1024
"""A longer line ends the connection. A whole conversation comes in one."""


class Link(Protocol):
    """One such connection. It ends when either side closes it, or dies."""

    def lines(self) -> AsyncIterator[bytes]:
        """What the program says, until it ends; iterated over once."""
        ...

    def say(self, line: bytes) -> None:
        """Tell it something; into the void when it has ended."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The program that wants to stay connected."""

    pid: int
    directories: tuple[str, ...] = ()
    plugin: str = ""
    """Version of the plugin that speaks for it."""


Join = Callable[[Link], Awaitable[None]]
"""Live with a connection until it ends."""
