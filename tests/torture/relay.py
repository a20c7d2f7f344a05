"""A relay before an OpenCode server that takes the time between a last look and a prompt."""

import asyncio
import re
import time
from contextlib import suppress

_REQUEST = re.compile(rb"(GET|POST) /session/(ses_\w+)/(message|prompt_async)[? ]")


class Relay:
    """Forwards every connection to a port of this machine, and notes windows."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._looked_at: dict[bytes, float] = {}
        self._server: asyncio.Server | None = None
        self.windows_s: list[float] = []
        """From the answer to the last look at a session's messages until a prompt to it."""

    async def listen(self) -> int:
        """Open a port; returns it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        looking: list[bytes] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(reader, there[1], looking))
            group.create_task(self._answer(there[0], writer, looking))

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, looking: list[bytes]
    ) -> None:
        while data := await _read(reader):
            if (found := _REQUEST.match(data)) is not None:
                method, session, what = found.groups()
                if (method, what) == (b"GET", b"message"):
                    looking.append(session)
                elif what == b"prompt_async" and session in self._looked_at:
                    self.windows_s.append(time.monotonic() - self._looked_at[session])
            writer.write(data)
            with suppress(ConnectionError):
                await writer.drain()
        writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, looking: list[bytes]
    ) -> None:
        while data := await _read(reader):
            while looking:
                self._looked_at[looking.pop()] = time.monotonic()
            writer.write(data)
            with suppress(ConnectionError):
                await writer.drain()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What comes next; nothing at the end, however it comes."""
    with suppress(ConnectionError):
        return await reader.read(65536)
    return b""
