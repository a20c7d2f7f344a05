"""A small OpenCode of our own making: it holds what a test put there, and answers from that.

It has no behaviour; `on_prompt` is where a test lets something happen.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, FactValue, SessionId
from palingenesis.runtime.ports import Handoff

Json = dict[str, Any]
AGENT = AgentId("opencode")
PLACE = "/home/anna/place"
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PASSWORD = "the password"


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def message_key(number: int) -> str:
    return f"msg_{0x100000000000 + number * 0x1000000:012x}ABCDEFGHIJKLMN"


def user(number: int, text: str = "go", **info: Any) -> Json:
    key = info.pop("id", message_key(number))
    return {
        "info": {
            "id": key, "sessionID": "ses_1", "role": "user",
            "time": {"created": ms(START) + number * 1000},
            "model": {"providerID": "p", "modelID": "m"}, **info,
        },
        "parts": [{"id": f"prt_{number}", "messageID": key, "type": "text", "text": text}],
    }  # fmt: skip


def answer(number: int, *, finish: str | None = "stop", text: str = "ok", **info: Any) -> Json:
    key = info.pop("id", message_key(number))
    created = ms(START) + number * 1000
    time = {"created": created, **({"completed": created + 500} if finish is not None else {})}
    return {
        "info": {
            "id": key, "sessionID": "ses_1", "role": "assistant", "time": time,
            "parentID": message_key(number - 1), "modelID": "m", "providerID": "p",
            "tokens": {"input": 100, "output": 10},
            **({"finish": finish} if finish else {}), **info,
        },
        "parts": [{"id": f"prt_{number}", "messageID": key, "type": "text", "text": text}],
    }  # fmt: skip


def refused(number: int, status: int = 401, message: str = "bad key") -> Json:
    error = {"name": "APIError", "data": {"message": message, "statusCode": status}}
    return answer(number, finish="error", text="", error=error)


class FakeOpenCode:
    """`async with` it; `origin` is where it listens."""

    def __init__(self, *, password: str | None = PASSWORD, version: str = "1.18.33") -> None:
        self.password = password
        self.version = version
        self.sessions: dict[str, Json] = {}
        self.messages: dict[str, list[Json]] = {}
        self.status: dict[str, Json] = {}
        self.permissions: list[Json] = []
        self.asked: list[tuple[str, str]] = []
        self.prompts: list[tuple[str, Json]] = []
        self.aborted: list[str] = []
        self.raw: dict[str, bytes] = {}
        """Raw answers by path, instead of what it would say."""
        self.on_prompt: Callable[[str, Json], None] = lambda _session, _body: None
        self.on_ask: Callable[[str], None] = lambda _path: None
        self.origin = ""
        self._streams: list[asyncio.StreamWriter] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", port)
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def vanish(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for writer in tuple(self._writers):
            writer.close()
        await asyncio.sleep(0.01)

    async def listened_to(self) -> None:
        """Wait until somebody listens to what happens."""
        async with asyncio.timeout(5):
            while not self._streams:
                await asyncio.sleep(0.001)

    def cut(self) -> None:
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    def session(self, key: str = "ses_1", **info: Any) -> None:
        self.sessions[key] = {
            "id": key, "directory": PLACE, "title": f"title of {key}", "version": self.version,
            "time": {"created": ms(START), "updated": ms(START)}, "cost": 0.5, **info,
        }  # fmt: skip
        self.messages.setdefault(key, [])

    def push(self, kind: str, **properties: Any) -> None:
        data = {
            "directory": PLACE,
            "payload": {"id": "evt", "type": kind, "properties": properties},
        }
        for stream in self._streams:
            stream.write(f"data: {json.dumps(data)}\n\n".encode())

    def busy(self, key: str = "ses_1") -> None:
        self.status[key] = {"type": "busy"}
        self.push("session.status", sessionID=key, status={"type": "busy"})

    def idle(self, key: str = "ses_1") -> None:
        self.status.pop(key, None)
        self.push("session.status", sessionID=key, status={"type": "idle"})
        self.push("session.idle", sessionID=key)

    # ── http ──

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                headers = dict(
                    line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
                )
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self._route(method, target, headers, body, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            if writer not in self._streams:
                self._writers.discard(writer)
                writer.close()

    async def _route(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        writer: asyncio.StreamWriter,
    ) -> bool:
        path = urlsplit(target).path
        self.asked.append((method, path))
        self.on_ask(path)
        if self.password is not None:
            good = base64.b64encode(f"opencode:{self.password}".encode()).decode().lower()
            if headers.get("authorization") != f"basic {good}":
                self._say(writer, 401, {"name": "Unauthorized"})
                return True
        if path in self.raw:
            writer.write(self.raw[path])
            return True
        if path == "/global/event":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            self._streams.append(writer)
            writer.write(b'data: {"payload":{"type":"server.connected","properties":{}}}\n\n')
            return False
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        status, said, more = self._answer(method, path, query, json.loads(body or b"null"))
        self._say(writer, status, said, more)
        return True

    def _say(self, writer: asyncio.StreamWriter, status: int, said: object, more: str = "") -> None:
        body = b"" if said is None else json.dumps(said).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[int, object, str]:
        match (method, path.strip("/").split("/")):
            case ("GET", ["global", "health"]):
                return 200, {"healthy": True, "version": self.version}, ""
            case ("GET", ["experimental", "session"]):
                return 200, list(self.sessions.values()), ""
            case ("GET", ["session", "status"]):
                return 200, self.status, ""
            case ("GET", ["permission"]):
                return 200, self.permissions, ""
            case ("GET", ["question"]):
                return 200, [], ""
            case ("GET", ["config", "providers"]):
                models = {"m": {"limit": {"context": 1000}}}
                return 200, {"providers": [{"id": "p", "models": models}]}, ""
            case ("POST", ["session"]):
                key = f"ses_new{len(self.sessions)}"
                self.session(key, title=body["title"], metadata=body["metadata"])
                return 200, self.sessions[key], ""
            case (_, ["session", key, *rest]) if key in self.sessions:
                return self._of_session(method, key, rest, query, body)
            case _:
                return 404, {"name": "NotFoundError", "data": {"message": "not found"}}, ""

    def _of_session(
        self, method: str, key: str, rest: list[str], query: Mapping[str, str], body: Any
    ) -> tuple[int, object, str]:
        match (method, rest):
            case ("GET", []):
                return 200, self.sessions[key], ""
            case ("GET", ["message"]):
                end = int(query.get("before", len(self.messages[key])))
                start = max(0, end - int(query.get("limit", "1000")))
                more = f"x-next-cursor: {start}\r\n" if start else ""
                return 200, self.messages[key][start:end], more
            case ("GET", ["todo"]):
                return 200, [{"content": "left", "status": "pending"}], ""
            case ("GET", ["children"]):
                return 200, [s for s in self.sessions.values() if s.get("parentID") == key], ""
            case ("POST", ["prompt_async"]):
                self.prompts.append((key, body))
                self.on_prompt(key, body)
                return 204, None, ""
            case ("POST", ["abort"]):
                self.aborted.append(key)
                self.idle(key)
                return 200, True, ""
            case ("POST", ["summarize"]):
                number = len(self.messages[key]) + 1
                self.messages[key].append(answer(number, summary=True))
                return 200, True, ""
            case _:
                return 404, {"name": "NotFoundError"}, ""


class QuickClock:
    """Time that passes only while somebody waits; a minute of it takes no time at all."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.stands = False
        """Whether everything happens in one moment, however long somebody waits in it."""

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        if not self.stands:
            self.at += timedelta(seconds=seconds)
        await asyncio.sleep(min(seconds, 0.01))


class FakeWork:
    """Nothing is bound, one handoff, backups in memory."""

    def __init__(
        self,
        handoff: Handoff | None = None,
        facts: Callable[[], Mapping[str, FactValue | None]] = lambda: {"work.state": "absent"},
    ) -> None:
        self.given = handoff
        self.now = facts
        self.kept: list[str] = []
        self.written: tuple[str, ...] = ()

    def facts(self, directory: str, written: Any) -> Mapping[str, FactValue | None]:
        self.written = tuple(written)
        return self.now()

    def handoff(
        self, directory: str, written: Any, *, source: str, todos: Any, last: str
    ) -> Handoff | None:
        return self.given

    def keep(self, session: SessionId, at: datetime, document: str) -> str:
        self.kept.append(document)
        return "/backups/1.md"


class Told:
    """What a sensor told; waits for more of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind: type, count: int = 1) -> Any:
        async with asyncio.timeout(5):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0.005)
        return self.of(kind)[count - 1]


Story = Callable[[FakeOpenCode], Awaitable[None]]


def play(story: Story, **options: Any) -> None:
    """Run a story with a fake OpenCode."""

    async def go() -> None:
        async with FakeOpenCode(**options) as fake:
            fake.session()
            await story(fake)

    asyncio.run(go())
