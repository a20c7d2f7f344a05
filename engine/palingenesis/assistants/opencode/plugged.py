"""Our plugin in a running OpenCode, from our side: what it tells, and how it is asked.

Theory of operation: one connection carries everything. OpenCode's announcements come numbered, so
that a missing one is noticed; our questions are HTTP requests that the plugin hands to OpenCode's
own interface and answers by their number. Whatever was missed ends the stream of signals, and the
sensor opens it anew and asks for everything, as it does after a stream over the network broke.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.signals import Signal, read_payload
from palingenesis.core.errors import AssistantUnreachableError
from palingenesis.runtime.linking import Link
from palingenesis.wire.exchange import Ask, BrokenError, Carrier, Reply

_UNHEARD_MAX: Final = 10_000
"""So many announcements may wait to be heard; then they are missed."""
_ENDED: Final = "the plugin's connection has ended"
_PASSED_ON: Final = frozenset({"content-type", "x-opencode-directory"})


class Plugged:
    """One connection of the plugin, until it ends."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asked: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._number = 0
        self._seq: int | None = None
        self._heard: asyncio.Queue[Signal | None] | None = None
        self.directories: tuple[str, ...] = ()
        """Where this OpenCode works, as far as it has told."""
        self.said_farewell = False
        """Its last project was closed: the program is about to end."""
        self.ended = asyncio.Event()

    async def live(self) -> None:
        """Take in what comes, until the connection ends."""
        try:
            async for line in self._link.lines():
                self._take(line)
        finally:
            self.ended.set()
            for waiting in self._asked.values():  # not cancelled: that word is the asker's own
                if not waiting.done():
                    waiting.set_result({"error": _ENDED})
            self._miss()

    def close(self) -> None:
        """End it; the plugin comes again."""
        self._link.close()

    @asynccontextmanager
    async def signals(self) -> AsyncIterator[AsyncIterator[Signal]]:
        """What OpenCode announces from now on.

        Raises:
            AssistantUnreachableError: the connection has ended, or an announcement was missed.
        """
        if self.ended.is_set():
            raise AssistantUnreachableError(_ENDED)
        heard = self._heard = asyncio.Queue(_UNHEARD_MAX)
        self._seq = None
        try:
            yield _until_missed(heard)
        finally:
            if self._heard is heard:
                self._heard = None

    @asynccontextmanager
    async def exchange(self, ask: Ask) -> AsyncIterator[Reply]:
        """See `wire.exchange.Carrier`."""
        parts = urlsplit(ask.url)
        self._number += 1
        number = self._number
        if self.ended.is_set():
            raise BrokenError(_ENDED)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._say(
            {
                "ask": number,
                "method": ask.method,
                "path": parts.path + (f"?{parts.query}" if parts.query else ""),
                "headers": {k: v for k, v in ask.headers.items() if k in _PASSED_ON},
                **({"body": ask.content.decode()} if ask.content is not None else {}),
            }
        )
        try:
            found = await answer
        finally:
            del self._asked[number]
        yield _reply(found)

    async def aclose(self) -> None:
        """See `wire.exchange.Carrier`: the connection is the plugin's to end."""

    # ── what comes ──

    def _take(self, line: bytes) -> None:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            self._miss()  # one line that cannot be read; reconciliation finds what it said
            return
        if not isinstance(document, dict):
            return
        if "answer" in document:
            waiting = self._asked.get(document["answer"])
            if waiting is not None and not waiting.done():
                waiting.set_result(document)
        elif isinstance(document.get("seq"), int):
            self._announce(document["seq"], document)
        elif isinstance(hello := document.get("hello"), dict):
            said = hello.get("directories")
            places = said if isinstance(said, list) else []
            self.directories = tuple(one for one in places if isinstance(one, str) and one)
            self.said_farewell = False
        elif document.get("bye"):
            self.said_farewell = True

    def _announce(self, seq: int, document: Mapping[str, Any]) -> None:
        before, self._seq = self._seq, seq
        if self._heard is None:
            return
        if document.get("missed") or (before is not None and seq != before + 1):
            self._miss()
        elif (signal := read_payload(document)) is not None:
            try:
                self._heard.put_nowait(signal)
            except asyncio.QueueFull:
                self._miss()

    def _miss(self) -> None:
        """Something was not heard: whoever listens has to begin anew."""
        heard, self._heard = self._heard, None
        if heard is not None:
            while not heard.empty():
                heard.get_nowait()
            heard.put_nowait(None)

    def _say(self, document: Mapping[str, Any]) -> None:
        self._link.say(json.dumps(document, separators=(",", ":")).encode())


class PluggedIn(Carrier, Protocol):
    """What such a client goes through: one connection, or one after the other."""

    def signals(self) -> AbstractAsyncContextManager[AsyncIterator[Signal]]:
        """What OpenCode announces from now on, see `Plugged.signals`."""
        ...


class PluggedOpenCode(OpenCode):
    """A client that asks through the plugin."""

    def __init__(self, origin: str, plugged: PluggedIn) -> None:
        super().__init__(origin, carrier=plugged)
        self._plugged = plugged

    @asynccontextmanager
    async def signals(self, *, silence_s: float = 0.0) -> AsyncIterator[AsyncIterator[Signal]]:
        """See `OpenCode`; silence is no sign here, since a connection within a machine breaks."""
        async with self._plugged.signals() as signals:
            yield signals


async def _until_missed(heard: "asyncio.Queue[Signal | None]") -> AsyncIterator[Signal]:
    while (signal := await heard.get()) is not None:
        yield signal
    raise AssistantUnreachableError("the plugin's connection broke, or something was missed")


def _reply(found: Mapping[str, Any]) -> Reply:
    status, body = found.get("status"), found.get("body")
    if not isinstance(status, int):
        why = found.get("error")
        raise BrokenError(why[:200] if isinstance(why, str) else "the plugin answered nonsense")
    return Reply(
        status=status,
        headers={
            "content-type": str(found.get("type", "")),
            "x-next-cursor": str(found.get("next", "")),
        },
        chunks=_once(body.encode() if isinstance(body, str) else b""),
    )


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
