"""Plain HTTP, which is spoken to agents on this machine: h11 over a connection for each exchange.

The library that speaks TLS would be 5 MB in a process that stays. It is only loaded where a
notice, or an agent elsewhere, needs it; see `tls`.
"""

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import h11

from palingenesis.wire.exchange import Ask, BrokenError, Reply, merged

_READ = 64 * 1024
_NOBODY = "nobody listens there, or there is no such host"
_NO_HTTP = "what answers there does not speak HTTP"


class PlainHttp:
    """Carries exchanges with one plain origin."""

    def __init__(self, basic: tuple[str, str] | None) -> None:
        pair = ":".join(basic).encode() if basic else b""
        self._basic = {"authorization": f"Basic {b64encode(pair).decode()}"} if basic else {}

    @asynccontextmanager
    async def exchange(self, ask: Ask) -> AsyncIterator[Reply]:
        """See `Carrier`."""
        parts = urlsplit(ask.url)
        try:
            async with asyncio.timeout(ask.connect_s):
                connection = asyncio.open_connection(parts.hostname, parts.port or 80)
                reader, writer = await connection
        except TimeoutError:
            raise
        except OSError as error:
            raise BrokenError(_NOBODY) from error
        with contextlib.closing(writer):
            talk = _Talk(reader, writer, ask.silence_s)
            head = await talk.say(ask, parts.netloc, self._basic)
            yield Reply(
                status=head.status_code,
                headers=merged(list(head.headers.raw_items())),
                chunks=talk.chunks(),
            )

    async def aclose(self) -> None:
        """Nothing stays open."""


class _Talk:
    """One exchange on its connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence_s: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._silence_s = silence_s
        self._http = h11.Connection(h11.CLIENT)

    async def say(self, ask: Ask, host: str, more: dict[str, str]) -> h11.Response:
        """Send the request, and wait for the head of its answer."""
        with _told():
            self._writer.write(self._request(ask, host, more))
            async with asyncio.timeout(self._silence_s):
                await self._writer.drain()
        while isinstance(event := await self._next(), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise BrokenError(_NO_HTTP)
        return event

    async def chunks(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    def _request(self, ask: Ask, host: str, more: dict[str, str]) -> bytes:
        parts = urlsplit(ask.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"host": host, "connection": "close", **more, **ask.headers}
        if ask.content is not None or ask.method not in {"GET", "HEAD"}:
            headers["content-length"] = str(len(ask.content or b""))
        request = h11.Request(method=ask.method, target=target, headers=list(headers.items()))
        events = (request, h11.Data(data=ask.content or b""), h11.EndOfMessage())
        return b"".join(self._http.send(event) or b"" for event in events)

    async def _next(self) -> object:
        with _told():
            while (event := self._http.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(self._silence_s):
                    self._http.receive_data(await self._reader.read(_READ))
            return event


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What breaks in here is told in a line."""
    try:
        yield
    except (h11.ProtocolError, UnicodeError) as error:
        raise BrokenError(_NO_HTTP) from error
    except TimeoutError:
        raise
    except OSError as error:
        raise BrokenError(error.strerror or type(error).__name__) from error
