"""The events of the stand-in, and those who listen to them."""

import asyncio
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from palingenesis.demo.stand_in.shapes import Ids

Json = dict[str, Any]

WAITING_MAX = 100_000
"""Events that a listener may be behind; one that is further behind is dropped."""

DURABLE = frozenset(
    {"session.created", "session.updated", "session.deleted", "message.updated",
     "message.part.updated"}
)  # fmt: skip
"""Events that are copied as `sync`, with a sequence number per session."""


class Bus:
    """Hands every event, in the envelope of `/global/event`, to every listener."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._listeners: list[asyncio.Queue[Json | None]] = []
        self._sequences: dict[str, int] = {}

    def publish(self, kind: str, properties: Json, *, directory: str, project: str) -> None:
        """Tell everyone; the properties are copied as they are now."""
        payload = {"id": self._ids.new("evt"), "type": kind, "properties": properties}
        place = {"directory": directory, "project": project}
        self._hand_out({**place, "payload": payload})
        if kind in DURABLE:
            self._hand_out({**place, "payload": self._copy(payload)})

    def event(self, kind: str) -> Json:
        """An event of the server itself, for one listener."""
        return {"payload": {"id": self._ids.new("evt"), "type": kind, "properties": {}}}

    @contextmanager
    def listen(self) -> Iterator["asyncio.Queue[Json | None]"]:
        """A queue of events from now on; None in it ends the stream."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue(WAITING_MAX)
        self._listeners.append(queue)
        try:
            yield queue
        finally:
            self._listeners.remove(queue)

    def _hand_out(self, envelope: Json) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(copy.deepcopy(envelope))

    def _copy(self, payload: Json) -> Json:
        properties = payload["properties"]
        session = str(properties.get("sessionID", ""))
        self._sequences[session] = self._sequences.get(session, -1) + 1
        return {
            "type": "sync",
            "syncEvent": {
                "id": payload["id"],
                "type": f"{payload['type']}.1",
                "seq": self._sequences[session],
                "aggregateID": session,
                "data": properties,
            },
            "id": payload["id"],
        }
