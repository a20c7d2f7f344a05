"""The one door, from inside: HTTP over a Unix socket, for the same user only.

Theory of operation: uvicorn's HTTP/1.1 protocol is used without its server, whose main loop wakes
ten times a second. Each connection serves one request and is closed; so a deadline for the
request's head, one for its body and one for the answer bound everything that a client can do.
When all places are taken, the oldest connection that we wait for gives way: one that has not
asked yet, or does not take its answer. Nobody is kept out, and nothing under way is given up.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from palingenesis.control import wire_format
from palingenesis.control.binding import bind, identity
from palingenesis.control.peer import is_ourselves
from palingenesis.control.routes import make_app
from palingenesis.runtime.door import Door

if TYPE_CHECKING:
    from socket import socket

_FAREWELL_S = 2.0
_ANSWERED_S_MAX = wire_format.CHANGE_S_MAX + wire_format.ANSWER_S_MAX
"""A client that does not take its answer is let go after this."""


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
        self._state = ServerState()
        self._places: OrderedDict[_OneRequest, None] = OrderedDict()
        self._config = Config(
            make_app(door, self._closing),
            http=_OneRequest,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=wire_format.HEAD_BYTES_MAX,
        )
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        self._config.load()

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

    def _connection(self) -> "_OneRequest":
        return _OneRequest(self._config, self._state, self._places, self._head_s_max)

    def _remove(self, ours: tuple[int, int] | None) -> None:
        if ours is not None and identity(self.path) == ours:
            self.path.unlink(missing_ok=True)

    async def _say_farewell(self) -> None:
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_FAREWELL_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_FAREWELL_S)
        for connection in list(self._state.connections):
            with contextlib.suppress(AttributeError):
                connection.transport.abort()


class _OneRequest(H11Protocol):
    """A connection of one request, from the same user, asked in time."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        places: "OrderedDict[_OneRequest, None]",
        head_s_max: float,
    ) -> None:
        super().__init__(config, server_state, {})
        self._places = places
        self._head_s_max = head_s_max
        self._deadline: asyncio.TimerHandle | None = None
        self._refused = False
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not is_ourselves(transport.get_extra_info("socket")) or not self._find_place():
            self._refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self._places[self] = None
        self._deadline = self.loop.call_later(self._head_s_max, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if not self._asked and self._has_asked():
            self._asked = True
            self._stop_the_clock()
            if not self.scope["path"].endswith("/stream"):
                self._deadline = self.loop.call_later(_ANSWERED_S_MAX, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Say that it is no request; one that has begun to be answered is only let go."""
        if self._has_asked():
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._refused:
            return
        self._places.pop(self, None)
        self._stop_the_clock()
        super().connection_lost(exc)

    def gives_way(self) -> bool:
        """Whether it is the client that we wait for, and not the other way round."""
        if not self._has_asked():
            return True
        return self.cycle.more_body or self.cycle.response_complete or self.flow.write_paused

    def _has_asked(self) -> bool:
        cycle: object = self.cycle  # None until the head of a request is complete
        return cycle is not None

    def _find_place(self) -> bool:
        if len(self._places) < wire_format.CLIENTS_MAX:
            return True
        slow = next((one for one in self._places if one.gives_way()), None)
        if slow is None:
            return False
        del self._places[slow]
        slow.transport.abort()
        return True

    def _stop_the_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
