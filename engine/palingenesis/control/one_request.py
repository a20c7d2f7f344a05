"""A connection of one request: from the same user, asked in time, answered, and closed.

Theory of operation: h11 reads and writes HTTP/1.1; nothing here parses a byte. A deadline for the
request's head, one for its body and one for the answer bound everything that a client can do.
When all places are taken, the oldest connection that we wait for gives way: one that has not
asked yet, or does not take its answer. Nobody is kept out, and nothing under way is given up.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

import h11

from palingenesis.control import wire_format
from palingenesis.control.asking import (
    Answer,
    ClientLeftError,
    Handler,
    Request,
    Stream,
    Switch,
)
from palingenesis.control.link import SocketLink
from palingenesis.control.peer import is_ourselves, peer_pid

log = logging.getLogger("palingenesis.control")

_ANSWERED_S_MAX = wire_format.CHANGE_S_MAX + wire_format.ANSWER_S_MAX
"""A client that does not take its answer is let go after this."""
_NONSENSE = Answer(status=400, body=b"this is no HTTP/1.1 request\n", media_type="text/plain")


LetsIn = Callable[[Any], bool]
"""Whether whoever is at the other end may ask anything at all."""


class Places:
    """The connections that there are, oldest first, and what is being answered."""

    def __init__(self) -> None:
        self.taken: OrderedDict[OneRequest, None] = OrderedDict()
        self.answering: set[asyncio.Task[None]] = set()
        self.linked: set[OneRequest] = set()
        """Connections that stay."""

    def find(self) -> bool:
        """Whether there is room for one more, if need be because another one gives way."""
        if len(self.taken) < wire_format.CLIENTS_MAX:
            return True
        slow = next((one for one in self.taken if one.gives_way()), None)
        if slow is None:
            return False
        del self.taken[slow]
        slow.abort()
        return True


class OneRequest(asyncio.Protocol):
    """One client: its head, its body, our answer, the end."""

    def __init__(
        self,
        handler: Handler,
        places: Places,
        head_s_max: float,
        *,
        lets_in: LetsIn = is_ourselves,
    ) -> None:
        self._handler = handler
        self._lets_in = lets_in
        self._places = places
        self._head_s_max = head_s_max
        self._http = h11.Connection(
            h11.SERVER, max_incomplete_event_size=wire_format.HEAD_BYTES_MAX
        )
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._body: deque[bytes] = deque()
        self._asked_all = self._answered = self._streams = self._left = False
        self._link: SocketLink | None = None
        self._arrived, self._writable = asyncio.Event(), asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, or turn it away."""
        assert isinstance(transport, asyncio.Transport)
        if not self._lets_in(transport.get_extra_info("socket")) or not self._places.find():
            transport.abort()
            return
        self._transport = transport
        self._places.taken[self] = None
        self._deadline = _in(self._head_s_max, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read on; what comes after the one request is of no interest, unless it stays."""
        if self._link is not None:
            self._link.feed(data)
        if self._transport is None or self._asked_all:
            return
        self._http.receive_data(data)
        try:
            self._take_in(self._transport)
        except h11.RemoteProtocolError:
            if self._task is not None:
                self.abort()
            else:
                self._asked_all = True
                self._say(_NONSENSE, "GET")

    def pause_writing(self) -> None:
        """The client does not take what it gets."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """A stream ends with its client; an order that was given is carried out to its end."""
        self._places.taken.pop(self, None)
        self._places.linked.discard(self)
        self._left = True
        self._arrived.set()
        self._writable.set()
        self._stop_the_clock()
        if self._link is not None:
            self._link.end()
        if self._streams and self._task is not None:
            self._task.cancel()

    def gives_way(self) -> bool:
        """Whether it is the client that we wait for, and not the other way round."""
        return not self._asked_all or self._answered or not self._writable.is_set()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def close_if_idle(self) -> None:
        """End the connection, unless something has been asked."""
        if self._task is None:
            self.abort()

    def _take_in(self, transport: asyncio.Transport) -> None:
        while not self._asked_all:
            event = self._http.next_event()
            match event:
                case h11.Request():
                    self._begin(event)
                case h11.Data():
                    self._body.append(bytes(event.data))
                    self._arrived.set()
                    if sum(map(len, self._body)) > wire_format.BODY_BYTES_MAX:
                        transport.pause_reading()
                case h11.EndOfMessage():
                    self._asked_all = True
                    self._arrived.set()
                case _:
                    return

    def _begin(self, head: h11.Request) -> None:
        place, _, query = head.target.decode("ascii").partition("?")
        request = Request(
            method=head.method.decode("ascii"),
            path=unquote(place),
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={
                name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers
            },
            body=self._pieces(),
            pid=self._peer(),
        )
        self._stop_the_clock()
        self._deadline = _in(_ANSWERED_S_MAX, self.abort)
        self._task = asyncio.ensure_future(self._answer(request))
        self._places.answering.add(self._task)
        self._task.add_done_callback(self._ended)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            while self._body:
                yield self._body.popleft()
            if self._asked_all:
                return
            if self._left or self._transport is None:
                raise ClientLeftError
            self._transport.resume_reading()
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._arrived.clear()
            await self._arrived.wait()

    async def _answer(self, request: Request) -> None:
        answer = await self._handler(request)
        if isinstance(answer, Stream):
            await self._follow(answer, request.method)
        elif isinstance(answer, Switch):
            await self._stay(answer)
        elif not self._left:
            self._say(answer, request.method)

    async def _follow(self, stream: Stream, method: str) -> None:
        async with contextlib.aclosing(stream.pieces) as pieces:
            if self._left:
                return
            self._streams = True
            self._stop_the_clock()
            self._send(_head(stream.status, stream.media_type))
            if method != "HEAD":
                async for piece in pieces:
                    self._send(h11.Data(data=piece))
                    await self._writable.wait()
        self._finish()

    async def _stay(self, switch: Switch) -> None:
        """Speak the other protocol until either side has enough of it."""
        if self._left or self._transport is None:
            return
        self._stop_the_clock()
        self._link = SocketLink(self._transport)
        headers = [("connection", "upgrade"), ("upgrade", switch.protocol)]
        self._send(h11.InformationalResponse(status_code=101, headers=headers))
        del self._places.taken[self]  # the plugins of her programs keep nobody out
        self._places.linked.add(self)
        self._answered = True
        try:
            await switch.join(self._link)
        finally:
            self._link.close()

    def _say(self, answer: Answer, method: str) -> None:
        self._send(_head(answer.status, answer.media_type, len(answer.body)))
        if method != "HEAD":
            self._send(h11.Data(data=answer.body))
        self._finish()

    def _finish(self) -> None:
        self._send(h11.EndOfMessage())
        self._answered = True
        if self._transport is not None:
            self._transport.close()

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data and self._transport is not None:
            self._transport.write(data)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._places.answering.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("an answer broke off", exc_info=error)
        if not self._answered:
            self.abort()

    def _peer(self) -> int | None:
        transport = self._transport
        return peer_pid(transport.get_extra_info("socket")) if transport is not None else None

    def _stop_the_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _head(status: int, media_type: str, length: int | None = None) -> h11.Response:
    headers = [("connection", "close"), ("content-type", media_type), ("cache-control", "no-store")]
    if length is not None:
        headers.append(("content-length", str(length)))
    return h11.Response(status_code=status, headers=headers)


def _in(seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, act)
