"""The plugin's end of a connection, played by a test."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

Line = dict[str, Any]


class Plugin:
    """A `Link` to which a test says what the plugin would say."""

    def __init__(self) -> None:
        self.asked: list[Line] = []
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.answers: Callable[[Line], Line | None] = lambda _ask: None
        self.closed = False

    async def lines(self) -> AsyncIterator[bytes]:
        while (line := await self.said.get()) is not None:
            yield line

    def say(self, line: bytes) -> None:
        ask = json.loads(line)
        self.asked.append(ask)
        if (answer := self.answers(ask)) is not None:
            self.tell({"answer": ask["ask"], **answer})

    def close(self) -> None:
        self.closed = True
        self.said.put_nowait(None)

    def tell(self, *documents: object) -> None:
        for document in documents:
            self.said.put_nowait(json.dumps(document).encode())

    def end(self) -> None:
        self.said.put_nowait(None)


def json_answer(value: object, status: int = 200, **more: str) -> Line:
    body = json.dumps(value)
    return {"status": status, "type": "application/json", "body": body, **more}


async def settled() -> None:
    """Let whoever has something to do go on."""
    for _ in range(20):
        await asyncio.sleep(0)
