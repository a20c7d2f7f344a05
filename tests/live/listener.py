"""Records a server's events, in a thread."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

STOP_S_MAX = 10.0


class Listener:
    """Records a stream of server-sent events in a thread; `events` are the payloads in order."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        self.events: list[Json] = []
        self.ended = False
        self._changed = threading.Condition()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self._path = path
        self._headers = {"accept": "text/event-stream", **headers}
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def wait_for(
        self, is_it: Callable[[Json], object], *, since: int = 0, timeout_s: float = 30.0
    ) -> Json:
        """The first event after `since` (a `mark`) that is it."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            place = since
            while True:
                while place < len(self.events):
                    if is_it(self.events[place]):
                        return self.events[place]
                    place += 1
                left = deadline - time.monotonic()
                seen = [event["type"] for event in self.events[-12:]]
                assert not self.ended, f"the stream ended; last seen {seen}"
                assert left > 0, f"no such event in {timeout_s} s; last seen {seen}"
                self._changed.wait(left)

    def mark(self) -> int:
        """A place to wait `since`: take it before you act."""
        with self._changed:
            return len(self.events)

    def of(self, session: str, *, since: int = 0) -> list[Json]:
        """The events of one session, without the copies for synchronisation."""
        return [
            event
            for event in self.events[since:]
            if event.get("properties", {}).get("sessionID") == session
        ]

    def close(self) -> None:
        """Hang up."""
        if (connected := self._connection.sock) is not None:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        self._thread.join(STOP_S_MAX)
        self._connection.close()

    def _record(self) -> None:
        try:
            self._connection.request("GET", self._path, headers=self._headers)
            response = self._connection.getresponse()
            with response:
                buffer = b""
                while data := response.read1(65536):
                    buffer += data
                    *blocks, buffer = buffer.split(b"\n\n")
                    for block in blocks:
                        self._take(block)
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            with self._changed:
                self.ended = True
                self._changed.notify_all()

    def _take(self, block: bytes) -> None:
        data = b"\n".join(
            line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")
        )
        if not data:
            return
        event = json.loads(data)
        with self._changed:
            self.events.append(event.get("payload", event))
            self._changed.notify_all()
