"""The one door, from inside: HTTP over a Unix socket, for the same user only.

Each connection serves one request and is closed; `one_request` says what keeps a client from
keeping others out.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from palingenesis.control import wire_format
from palingenesis.control.binding import bind, identity
from palingenesis.control.one_request import OneRequest, Places
from palingenesis.control.routes import make_handler
from palingenesis.runtime.door import Door

if TYPE_CHECKING:
    from socket import socket

_FAREWELL_S = 2.0


class ControlServer:
    """Serves a `Door` at a socket path until it is closed.

    Args:
        door: what is served.
        path: where the socket is made; its folder must exist and be ours alone.
        head_s_max: how long a client may take to ask.
    """

    def __init__(
        self, door: Door, path: Path, *, head_s_max: float = wire_format.HEAD_S_MAX
    ) -> None:
        self.path = path
        self._head_s_max = head_s_max
        self._closing = asyncio.Event()
        self._places = Places()
        self._handler = make_handler(door, self._closing)

    async def serve(self, opened: asyncio.Event | None = None) -> None:
        """Serve until `close` is called or the task is cancelled; then remove the socket.

        Args:
            opened: set as soon as clients can connect.

        Raises:
            BusyError: another daemon answers at the path.
            PalingenesisError: the socket cannot be made.
        """
        listening: socket = bind(self.path)
        ours = identity(self.path)
        try:
            loop = asyncio.get_running_loop()
            server = await loop.create_unix_server(self._connection, sock=listening)
        except BaseException:
            listening.close()
            self._remove(ours)
            raise
        try:
            if opened is not None:
                opened.set()
            await self._closing.wait()
        finally:
            self._closing.set()
            server.close()
            self._remove(ours)
            await self._say_farewell()

    def close(self) -> None:
        """Begin to close: no new clients; running answers have two seconds."""
        self._closing.set()

    def _connection(self) -> OneRequest:
        return OneRequest(self._handler, self._places, self._head_s_max)

    def _remove(self, ours: tuple[int, int] | None) -> None:
        if ours is not None and identity(self.path) == ours:
            with suppress(OSError):  # what is left there, the next daemon finds dead and removes
                self.path.unlink()

    async def _say_farewell(self) -> None:
        for connection in list(self._places.taken):
            connection.close_if_idle()
        for connection in list(self._places.linked):
            connection.abort()
        tasks = set(self._places.answering)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_FAREWELL_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_FAREWELL_S)
        for connection in list(self._places.taken):
            connection.abort()
