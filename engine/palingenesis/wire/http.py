"""HTTP as the rest of the house speaks it: the only door to httpx.

What every request gets here, whether its caller thinks of it or not: no proxy and no netrc from
the environment, no redirects, a deadline for the whole exchange, a cap on the answer's size, and
errors that name the origin and never the path, because a webhook's path is its secret. Nothing
compressed is taken in: a kilobyte of it can mean a gigabyte.
"""

import asyncio
import json as json_text
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from palingenesis.core.errors import WireDeadlineError, WireError
from palingenesis.wire.sse import ServerSentEvent, SseParser

if TYPE_CHECKING:
    from palingenesis.wire.lean import httpx

ANSWER_BYTES_MAX = 16 * 1024 * 1024
CONNECT_S = 5.0

_WORDS = {
    "ConnectError": "nobody listens there, or there is no such host",
    "RemoteProtocolError": "what answers there does not speak HTTP",
}


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
    """A client for one origin; reuses its connections. Close it, or use it in `async with`.

    Args:
        origin: `http://127.0.0.1:4096`, or a complete address for a single-purpose endpoint.
        basic: user name and password.
        headers: sent with every request.
        keep_alive: False opens a fresh connection for each request (readiness probes).
        bytes_max: the largest answer that is taken in.
    """

    def __init__(
        self,
        origin: str,
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        keep_alive: bool = True,
        bytes_max: int = ANSWER_BYTES_MAX,
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
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

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
            WireError: no connection, a broken answer, or one that is too large.
        """
        from palingenesis.wire.lean import httpx

        if json is not None:
            content = json_text.dumps(json).encode()
            headers = {"content-type": "application/json", **(headers or {})}
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._open().stream(
                    method,
                    self._base + path,
                    content=content,
                    headers=headers,
                    timeout=httpx.Timeout(timeout_s),
                ) as response,
            ):
                _must_be_plain(response, self.origin)
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > self._bytes_max:
                        raise WireError(f"{self.origin} answered more than {self._bytes_max} bytes")
                return Answer(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=bytes(body),
                )
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self._late(error, timeout_s) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
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
        from palingenesis.wire.lean import httpx

        client = self._open()
        request = client.build_request(
            "GET",
            self._base + path,
            headers={"accept": "text/event-stream", "cache-control": "no-store", **(headers or {})},
            timeout=httpx.Timeout(open_s, read=silence_s),
        )
        try:
            async with asyncio.timeout(open_s):
                response = await client.send(request, stream=True)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self._late(error, open_s) from error
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) from error
        try:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            _must_be_plain(response, self.origin)
            if response.status_code != httpx.codes.OK or kind != "text/event-stream":
                raise WireError(
                    f"{self.origin} answered {response.status_code} {kind or 'without a type'}"
                    " where an event stream was expected"
                )
            yield self._events(response, silence_s)
        finally:
            await response.aclose()

    async def _events(
        self, response: "httpx.Response", silence_s: float
    ) -> AsyncIterator[ServerSentEvent]:
        from palingenesis.wire.lean import httpx

        parser = SseParser()
        try:
            async for chunk in response.aiter_raw():
                for event in parser.feed(chunk):
                    yield event
        except httpx.TimeoutException as error:
            raise self._late(error, silence_s) from error
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise self._broken(error) from error

    def _open(self) -> "httpx.AsyncClient":
        if self._client is None:
            from palingenesis.wire.lean import PlainTransport, httpx

            # httpx writes complete URLs, webhook secrets included, at INFO.
            logging.getLogger("httpx").setLevel(logging.CRITICAL)
            logging.getLogger("httpcore").setLevel(logging.CRITICAL)
            limits = httpx.Limits(
                max_connections=16, max_keepalive_connections=4 if self._keep_alive else 0
            )
            self._client = httpx.AsyncClient(
                auth=self._basic,
                headers=self._headers,
                # A client for plain http never speaks TLS: nothing to prepare for it.
                transport=None if self._tls else PlainTransport(limits),
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(CONNECT_S),
                limits=limits,
            )
        return self._client

    def _late(self, error: BaseException, seconds: float) -> WireDeadlineError:
        kind = type(error).__name__
        return WireDeadlineError(f"{self.origin} did not answer within {seconds:g} s ({kind})")

    def _broken(self, error: BaseException) -> WireError:
        # The text of an httpx error may hold the address; its class says enough.
        why, kind = error.__cause__ or error, type(error).__name__
        detail = why.strerror if isinstance(why, OSError) and why.strerror else ""
        return WireError(f"{self.origin} cannot be reached: {detail or _WORDS.get(kind, kind)}")


def _must_be_plain(response: "httpx.Response", origin: str) -> None:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise WireError(f"{origin} answered something compressed, which was not asked for")
