"""One request and its answer, whichever library carries it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class BrokenError(Exception):
    """The exchange broke. What it says is one line without an address, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is sent, and how long each part of it may take."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    connect_s: float
    silence_s: float
    """Between two pieces of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The head of an answer, and its body as it comes. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Carrier(Protocol):
    """Carries exchanges with one origin."""

    def exchange(self, ask: Ask) -> AbstractAsyncContextManager[Reply]:
        """Send, and give the answer as soon as its head is there.

        Raises:
            TimeoutError: something took too long, also while the body is read.
            BrokenError: no connection, or what came is no answer.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


def merged(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; what comes several times is one value, as HTTP has it."""
    found: dict[str, str] = {}
    for raw_name, raw in headers:
        name, value = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
