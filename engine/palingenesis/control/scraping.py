"""A listener for Prometheus: one path that is read, on a port of this machine, and nothing else.

It has nothing of the control door but its way of serving: a request, its answer, the end, with a
deadline for each. Nobody is asked who she is, as at every such port: other users of this machine
can read the figures. A browser is kept out: a page from elsewhere whose name leads to this machine
names itself in `Host`, and is refused.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from palingenesis.control.asking import Answer, Request
from palingenesis.control.one_request import OneRequest, Places
from palingenesis.control.wire_format import HEAD_S_MAX
from palingenesis.core.errors import PalingenesisError

PATH: Final = "/metrics"
_HOME: Final = f'<html><body><a href="{PATH}">{PATH}</a></body></html>\n'.encode()


class Scraping:
    """Serves one text until it is cancelled.

    Args:
        text: makes it, for every request.
        media_type: what it is.
        host: an address of this machine.
        port: 0 takes a free one; `address` tells which.
    """

    def __init__(self, text: Callable[[], str], *, media_type: str, host: str, port: int) -> None:
        self._text = text
        self._media_type = media_type
        self._host = host
        self._port = port
        self._places = Places()
        self.address = ""
        """Where it listens, once it does: `http://127.0.0.1:9464/metrics`."""

    async def serve(self, opened: asyncio.Event | None = None) -> None:
        """Serve for ever.

        Raises:
            PalingenesisError: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._connection, self._host, self._port)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PalingenesisError(
                f"cannot listen for Prometheus at {self._host}:{self._port}: {reason}",
                "choose another port in [metrics] listen",
            ) from error
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.address = f"http://{host}:{server.sockets[0].getsockname()[1]}{PATH}"
        if opened is not None:
            opened.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for connection in list(self._places.taken):
                connection.abort()

    def _connection(self) -> OneRequest:
        return OneRequest(self._answer, self._places, HEAD_S_MAX, lets_in=lambda _: True)

    async def _answer(self, request: Request) -> Answer:
        if not _is_this_machine(request.headers.get("host", "")):
            return _said(403, "this is no name of this machine")
        if request.method not in {"GET", "HEAD"}:
            return _said(405, "there is nothing here but to read")
        if request.path == "/":
            return Answer(status=200, body=_HOME, media_type="text/html")
        if request.path != PATH:
            return _said(404, f"there is only {PATH}")
        return Answer(status=200, body=self._text().encode(), media_type=self._media_type)


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name in {"", "localhost"} or ip_address(name).is_loopback
    except ValueError:
        return False


def _said(status: int, text: str) -> Answer:
    return Answer(status=status, body=f"{text}\n".encode(), media_type="text/plain")
