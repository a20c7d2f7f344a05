"""The scripted provider: a language model that says what it is told, or breaks as it is told.

It speaks OpenAI's and Anthropic's streaming APIs on a loopback port, so that a real OpenCode can
be driven through a rate limit, an outage or a full context window without an account.
"""

import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

from palingenesis.demo import http11
from palingenesis.demo.dialects import AnthropicMessages, Dialect, OpenAiChat
from palingenesis.demo.replies import Cut, Reply, Stall, Status, StreamError, Text, Tool, Usage
from palingenesis.runtime.ports import Clock

SIDE_MODELS = frozenset({"scripted-small", "scripted-claude-small"})
"""Models that write titles: they are answered beside the script and never consume it."""

STALL_S_MAX = 24 * 3600.0
BEFORE_BREAKING_S = 0.2
"""A break in the middle waits this long, so that the client has read what came before."""


@dataclass(slots=True, kw_only=True)
class ModelRequest:
    """One request for an answer, as the provider really received it."""

    at: datetime
    path: str
    model: str
    session: str
    """The session that OpenCode names in its `x-session-id` header; empty when it does not."""
    messages: tuple[tuple[str, str], ...]
    """(role, text) of everything but the system prompt."""
    tools: tuple[str, ...]
    streams: bool
    side: bool
    headers: Mapping[str, str]
    """As received, without the keys."""
    reply: Reply | None = None
    ended: str = ""
    """How it ended: `finished`, `json`, `status 429`, `error`, `reset`, `closed`, `eof`,
    `client gone`; empty while it is open."""
    ended_at: datetime | None = None

    @property
    def message_count(self) -> int:
        """How many messages the model saw, without the system prompt."""
        return len(self.messages)

    @property
    def last_user_text(self) -> str:
        """The last thing a person said; empty when nobody said anything."""
        return next((text for role, text in reversed(self.messages) if role == "user"), "")


Respond = Callable[[ModelRequest], Reply | None]
"""Chooses a reply by the request; None leaves it to the script."""


@dataclass(slots=True)
class Script:
    """What the provider will answer: by the request, else in order, else the default."""

    replies: deque[Reply] = field(default_factory=deque)
    default: Reply = field(default_factory=Text)
    respond: Respond | None = None

    def next(self, request: ModelRequest) -> Reply:
        """The reply to this request; a scripted one is used up."""
        chosen = self.respond(request) if self.respond else None
        if chosen is not None:
            return chosen
        return self.replies.popleft() if self.replies else self.default


class Provider:
    """The scripted provider, within an event loop: `async with Provider(clock) as provider`."""

    def __init__(
        self, clock: Clock, *, port: int = 0, side_models: frozenset[str] = SIDE_MODELS
    ) -> None:
        self.requests: list[ModelRequest] = []
        self.script = Script()
        self._clock = clock
        self._port = port
        self._side_models = side_models
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()
        self._released = asyncio.Event()
        self._calls = 0

    @property
    def port(self) -> int:
        """The loopback port; chosen by the system unless one was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL for both APIs."""
        return f"http://127.0.0.1:{self._port}/v1"

    def add(self, *replies: Reply) -> None:
        """Append replies to the script."""
        self.script.replies.extend(replies)

    def release(self) -> None:
        """Let every stalled reply go on; each ends well."""
        self._released.set()
        self._released = asyncio.Event()

    def reset(self) -> None:
        """Forget the script and the requests, and release what stalls."""
        self.script = Script()
        self.requests.clear()
        self.release()

    async def accept(self) -> None:
        """Listen (again) on the port."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._port, limit=http11.LINE_BYTES_MAX
            )
            self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Stop listening and drop every connection: clients see a refused connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.accept()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything."""
        await self.refuse()

    # -- one connection --------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while (request := await http11.read_request(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, http11.BadRequestError):
            pass  # the client's side is broken: there is nobody to tell
        except asyncio.CancelledError:
            pass  # refuse() closes us; the stream's own callback expects a task that ended
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(
        self, request: http11.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; whether the connection stays."""
        if request.path.endswith("/models"):
            return await _send(writer, http11.response(200, _MODELS))
        if not request.path.endswith(("/chat/completions", "/messages")):
            error = {"error": {"message": f"there is no {request.path}"}}
            return await _send(writer, http11.response(404, error))

        body = request.data()
        received = self._received(request, body)
        reply = Text(text="Scripted title") if received.side else self.script.next(received)
        received.reply = reply
        self.requests.append(received)
        self._calls += 1
        try:
            return await _Exchange(
                received, reply, self._dialect(request.path, received, reply), self._clock
            ).run(reader, writer, self._released)
        except ConnectionError:
            received.ended = "client gone"
            return False
        finally:
            received.ended = received.ended or "client gone"
            received.ended_at = self._clock.now()

    def _dialect(self, path: str, received: ModelRequest, reply: Reply) -> Dialect:
        usage = reply.usage if isinstance(reply, Text | Tool) else Usage()
        now = self._clock.now()
        call = f"{int(now.timestamp() * 1000):x}{self._calls:04x}"
        if path.endswith("/messages"):
            return AnthropicMessages(model=received.model, usage=usage, call=call)
        return OpenAiChat(
            model=received.model, usage=usage, call=call, epoch_s=int(now.timestamp())
        )

    def _received(self, request: http11.Request, body: http11.Json) -> ModelRequest:
        model = str(body.get("model", ""))
        return ModelRequest(
            at=self._clock.now(),
            path=request.path,
            model=model,
            session=request.headers.get("x-session-id", ""),
            messages=tuple(
                (str(message.get("role", "")), _text(message.get("content")))
                for message in body.get("messages", [])
                if message.get("role") != "system"
            ),
            tools=tuple(_tool_name(tool) for tool in body.get("tools") or ()),
            streams=bool(body.get("stream")),
            side=model in self._side_models,
            headers={
                name: text
                for name, text in request.headers.items()
                if name not in {"authorization", "x-api-key"}
            },
        )


class _Exchange:
    """One request and its scripted reply."""

    def __init__(
        self, received: ModelRequest, reply: Reply, dialect: Dialect, clock: Clock
    ) -> None:
        self._received = received
        self._reply = reply
        self._dialect = dialect
        self._clock = clock

    async def run(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        released: asyncio.Event,
    ) -> bool:
        """Play the reply; whether the connection stays."""
        reply = self._reply
        await self._clock.sleep(getattr(reply, "header_delay_s", 0.0))
        if isinstance(reply, Status):
            headers = {name: self._header(text) for name, text in reply.headers.items()}
            self._received.ended = f"status {reply.status}"
            return await _send(writer, http11.response(reply.status, reply.body, headers))
        if isinstance(reply, Cut) and reply.how == "reset":
            return self._reset(writer)
        if isinstance(reply, Stall) and reply.text is None and await _is_gone(reader, released):
            return self._end("client gone", stays=False)
        text = reply.text or ""
        if not self._received.streams:
            self._received.ended = "json"
            return await _send(writer, http11.response(200, self._dialect.whole(text)))

        await self._begin(writer, text)
        if isinstance(reply, Stall) and reply.text is not None and await _is_gone(reader, released):
            return self._end("client gone", stays=False)
        return await self._finish(writer)

    async def _begin(self, writer: asyncio.StreamWriter, text: str) -> None:
        headers = {
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            "transfer-encoding": "chunked",
        }
        for name, value in getattr(self._reply, "headers", {}).items():
            headers[name] = self._header(value)
        await _send(writer, http11.head(200, headers))
        for frame in self._dialect.start():
            await _send(writer, http11.chunk(frame))
        for piece in re.findall(r"\S+\s*|\s+", text):
            await _send(writer, http11.chunk(self._dialect.delta(piece)))
            await self._clock.sleep(getattr(self._reply, "chunk_delay_s", 0.0))

    async def _finish(self, writer: asyncio.StreamWriter) -> bool:
        frames: list[str] = []
        ended = "finished"
        match self._reply:
            case Cut(how="reset_mid"):
                await self._clock.sleep(BEFORE_BREAKING_S)
                return self._reset(writer)
            case Cut(how="close_mid"):
                await self._clock.sleep(BEFORE_BREAKING_S)
                return self._end("closed", stays=False)
            case Cut():
                ended = "eof"
            case StreamError(body=body):
                frames, ended = [self._dialect.error(body)], "error"
            case Tool(name=name, arguments=arguments):
                frames = [*self._dialect.tool(name, arguments), *self._dialect.finish("tool")]
            case Text(finish=reason):
                frames = self._dialect.finish(reason)
            case _:
                frames = self._dialect.finish("stop")
        for frame in frames:
            await _send(writer, http11.chunk(frame))
        await _send(writer, http11.LAST_CHUNK)
        return self._end(ended, stays=True)

    def _reset(self, writer: asyncio.StreamWriter) -> bool:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return self._end("reset", stays=False)

    def _end(self, how: str, *, stays: bool) -> bool:
        self._received.ended = how
        return stays

    def _header(self, text: str) -> str:
        date = re.fullmatch(r"\{http_date\+(\d+)\}", text)
        if date is None:
            return text
        return format_datetime(self._clock.now() + timedelta(seconds=int(date[1])), usegmt=True)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> bool:
    writer.write(data)
    await writer.drain()
    return True


async def _is_gone(reader: asyncio.StreamReader, released: asyncio.Event) -> bool:
    """Wait until the client hangs up (True) or the provider is released (False)."""

    async def hangs_up() -> None:
        with suppress(ConnectionError):  # a reset is a way to hang up
            await reader.read(1)

    async def is_released() -> None:
        await released.wait()

    async with asyncio.timeout(STALL_S_MAX):
        return await _first(hangs_up(), is_released()) == 0


async def _first(*waits: Coroutine[Any, Any, None]) -> int:
    """Which of these ended first; the others are cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait) for wait in waits]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = next(place for place, task in enumerate(tasks) if task.done())
        for task in tasks:
            task.cancel()
    return ended


def _text(content: object) -> str:
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict))
        return " ".join(str(part.get("text") or part.get("content") or "") for part in parts)
    return "" if content is None else str(content)


def _tool_name(tool: http11.Json) -> str:
    return str(tool.get("name") or tool.get("function", {}).get("name", ""))


_MODELS = {"object": "list", "data": [{"id": "scripted-big", "object": "model"}]}
