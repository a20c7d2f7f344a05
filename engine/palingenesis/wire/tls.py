"""HTTP over TLS, for what is told to people: the only door to httpx.

Importing httpx imports its own command line too, and with it rich and pygments wherever these
happen to be installed: 5 MB in a process that stays. httpx lets it be absent, and here it is.
"""

import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from palingenesis.wire.exchange import Ask, BrokenError, Reply, merged

_COMMAND_LINE: Final = "httpx._main"

_IS_FIRST: Final = "httpx" not in sys.modules
if _IS_FIRST:
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]  # to Python: there is none
try:
    import httpx
finally:
    if _IS_FIRST:
        del sys.modules[_COMMAND_LINE]

_WORDS = {
    "ConnectError": "nobody listens there, or there is no such host",
    "RemoteProtocolError": "what answers there does not speak HTTP",
}


class TlsHttp:
    """Carries exchanges with one origin over TLS; reuses its connections."""

    def __init__(self, basic: tuple[str, str] | None, *, keep_alive: bool) -> None:
        # httpx writes complete URLs, webhook secrets included, at INFO.
        logging.getLogger("httpx").setLevel(logging.CRITICAL)
        logging.getLogger("httpcore").setLevel(logging.CRITICAL)
        self._client = httpx.AsyncClient(
            auth=basic,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(
                max_connections=16, max_keepalive_connections=4 if keep_alive else 0
            ),
        )

    @asynccontextmanager
    async def exchange(self, ask: Ask) -> AsyncIterator[Reply]:
        """See `Carrier`."""
        with _told():
            async with self._client.stream(
                ask.method,
                ask.url,
                content=ask.content,
                headers=dict(ask.headers),
                timeout=httpx.Timeout(ask.connect_s, read=ask.silence_s),
            ) as response:
                yield Reply(
                    status=response.status_code,
                    headers=merged(response.headers.raw),
                    chunks=_chunks(response),
                )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    with _told():
        async for chunk in response.aiter_raw():
            yield chunk


@contextmanager
def _told() -> Iterator[None]:
    """What breaks in here is told in a line."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimeoutError from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise BrokenError(_why(error)) from error


def _why(error: Exception) -> str:
    # The text of an httpx error may hold the address; its class says enough.
    why, kind = error.__cause__ or error, type(error).__name__
    detail = why.strerror if isinstance(why, OSError) and why.strerror else ""
    return detail or _WORDS.get(kind, kind)
