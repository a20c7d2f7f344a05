"""What a client of the door asks, and what it is answered."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from palingenesis.runtime.linking import Join


class ClientLeftError(Exception):
    """The client went before it had said all that it announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, from its head on."""

    method: str
    path: str
    query: Mapping[str, str]
    """Of a name that is given twice, the last one counts."""
    headers: Mapping[str, str]
    """By names in lower case."""
    body: AsyncIterator[bytes]
    """Its pieces as they come; raises `ClientLeftError` if they end before they should."""
    pid: int | None = None
    """The process that asks, as the kernel knows it; None: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer in one piece."""

    status: int
    body: bytes
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer that goes on, as server-sent events, until its pieces end or the client leaves."""

    pieces: AsyncGenerator[bytes, None]
    status: int = 200
    media_type: str = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The connection stays, and speaks another protocol from here on: one document a line."""

    protocol: str
    join: Join


Handler = Callable[[Request], Awaitable[Answer | Stream | Switch]]
