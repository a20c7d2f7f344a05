"""A connection that stays after its one request: lines in, lines out."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from palingenesis.runtime.linking import LINE_BYTES_MAX

_UNREAD_MAX: Final = 4 * 1024 * 1024
"""So much may wait to be read; then the other side has to wait."""
_UNSENT_MAX: Final = 4 * 1024 * 1024
"""Whoever does not take this much is gone for us."""


class SocketLink:
    """See `runtime.linking.Link`; fed by the connection that it lives on."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._rest = bytearray()
        self._lines: deque[bytes] = deque()
        self._unread = 0
        self._searched = 0
        self._ended = False
        self._paused = False
        self._arrived = asyncio.Event()

    def feed(self, data: bytes) -> None:
        """Take in what came."""
        self._rest += data
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            self._lines.append(bytes(self._rest[:end]))
            self._unread += end
            del self._rest[: end + 1]
            self._searched = 0
        self._searched = len(self._rest)
        if self._searched > LINE_BYTES_MAX:
            self.close()
        if self._unread > _UNREAD_MAX and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._arrived.set()

    def end(self) -> None:
        """Nothing comes any more."""
        self._ended = True
        self._arrived.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """See `Link`."""
        while True:
            while self._lines:
                line = self._lines.popleft()
                self._unread -= len(line)
                if self._paused and self._unread <= _UNREAD_MAX // 2:
                    self._paused = False
                    self._transport.resume_reading()
                yield line
            if self._ended:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def say(self, line: bytes) -> None:
        """See `Link`."""
        if self._ended or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _UNSENT_MAX:
            self.close()
            return
        self._transport.write(line + b"\n")

    def close(self) -> None:
        """See `Link`."""
        self._transport.abort()
