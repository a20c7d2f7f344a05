"""HTTP as the rest of the house speaks it; `plain` and `tls` carry it.

What every request gets here, whether its caller thinks of it or not: no proxy and no netrc from
the environment, no redirects, a deadline for the whole exchange, a cap on the answer's size, and
errors that name the origin and never the path, because a webhook's path is its secret. Nothing
compressed is taken in: a kilobyte of it can mean a gigabyte.
"""

import asyncio
import json as json_text
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from palingenesis.core.errors import WireDeadlineError, WireError, WireTooLargeError
from palingenesis.wire.exchange import Ask, BrokenError, Carrier, Reply
from palingenesis.wire.sse import ServerSentEvent, SseParser

ANSWER_BYTES_MAX = 16 * 1024 * 1024
CONNECT_S = 5.0
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case: `application/json`."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            WireError: it is not JSON.
        """
        try:
            return json_text.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise WireError(f"the answer is not JSON ({len(self.body)} bytes)") from error


class Wire:
    """A client for one origin. Close it, or use it in `async with`.

    Args:
        origin: `http://127.0.0.1:4096`, or a complete address for a single-purpose endpoint.
        basic: user name and password.
        headers: sent with every request.
        keep_alive: whether connections over TLS are reused; plain ones are fresh each time.
        bytes_max: the largest answer that is taken in.
        carrier: what carries the exchanges; None: a connection to the origin.
    """

    def __init__(
        self,
        origin: str,
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        keep_alive: bool = True,
        bytes_max: int = ANSWER_BYTES_MAX,
        carrier: Carrier | None = None,
    ) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise WireError(
                f"not an http address: {parts.scheme or 'no scheme'}",
                "write it as http://HOST:PORT",
            )
        self.origin = f"{parts.scheme}://{parts.hostname}" + (
            f":{parts.port}" if parts.port else ""
        )
        self._base = origin.rstrip("/")
        self._tls = parts.scheme == "https"
        self._basic = basic
        self._headers = {"accept-encoding": "identity", **(headers or {})}
        self._keep_alive = keep_alive
        self._bytes_max = bytes_max
        self._carrier = carrier

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            await carrier.aclose()

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> Answer:
        """Send a request and take in the whole answer. `json` None sends no body.

        Raises:
            WireDeadlineError: nothing complete within `timeout_s`.
            WireTooLargeError: the answer is too large.
            WireError: no connection, or a broken answer.
        """
        if json is not None:
            content = json_text.dumps(json).encode()
            headers = {"content-type": "application/json", **(headers or {})}
        ask = self._ask(method, path, headers, content, timeout_s, timeout_s)
        try:
            async with asyncio.timeout(timeout_s), self._carry().exchange(ask) as reply:
                self._must_be_plain(reply)
                body = bytearray()
                async for chunk in reply.chunks:
                    body += chunk
                    if len(body) > self._bytes_max:
                        raise self._too_large(reply)
                return Answer(status=reply.status, headers=reply.headers, body=bytes(body))
        except TimeoutError as error:
            raise self._late(timeout_s) from error
        except (BrokenError, OSError) as error:
            raise self._broken(error) from error

    @asynccontextmanager
    async def events(
        self,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        silence_s: float,
        open_s: float = CONNECT_S,
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """Open a stream of server-sent events; iterate over what the context gives.

        The iteration ends when the server ends the stream.

        Raises:
            WireDeadlineError: not opened within `open_s`, or nothing came for `silence_s`.
            WireError: no connection, not an event stream, or it broke.
        """
        wanted = {"accept": "text/event-stream", "cache-control": "no-store", **(headers or {})}
        ask = self._ask("GET", path, wanted, None, open_s, silence_s)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(open_s):
                    reply = await stack.enter_async_context(self._carry().exchange(ask))
            except TimeoutError as error:
                raise self._late(open_s) from error
            except (BrokenError, OSError) as error:
                raise self._broken(error) from error
            kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
            self._must_be_plain(reply)
            if reply.status != _OK or kind != "text/event-stream":
                raise WireError(
                    f"{self.origin} answered {reply.status} {kind or 'without a type'}"
                    " where an event stream was expected"
                )
            yield self._events(reply, silence_s)

    async def _events(self, reply: Reply, silence_s: float) -> AsyncIterator[ServerSentEvent]:
        parser = SseParser()
        try:
            async for chunk in reply.chunks:
                for event in parser.feed(chunk):
                    yield event
        except TimeoutError as error:
            raise self._late(silence_s) from error
        except (BrokenError, OSError) as error:
            raise self._broken(error) from error

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        connect_s: float,
        silence_s: float,
    ) -> Ask:
        return Ask(
            method=method,
            url=self._base + path,
            headers={**self._headers, **(headers or {})},
            content=content,
            connect_s=connect_s,
            silence_s=silence_s,
        )

    def _carry(self) -> Carrier:
        if self._carrier is None:
            if self._tls:
                from palingenesis.wire.tls import TlsHttp

                self._carrier = TlsHttp(self._basic, keep_alive=self._keep_alive)
            else:
                from palingenesis.wire.plain import PlainHttp

                self._carrier = PlainHttp(self._basic)
        return self._carrier

    def _too_large(self, reply: Reply) -> WireTooLargeError:
        error = WireTooLargeError(f"{self.origin} answered more than {self._bytes_max} bytes")
        error.headers = reply.headers
        return error

    def _late(self, seconds: float) -> WireDeadlineError:
        return WireDeadlineError(f"{self.origin} did not answer within {seconds:g} s")

    def _broken(self, error: BrokenError | OSError) -> WireError:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return WireError(f"{self.origin} cannot be reached: {why or type(error).__name__}")

    def _must_be_plain(self, reply: Reply) -> None:
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise WireError(f"{self.origin} answered something compressed, which was not asked for")
