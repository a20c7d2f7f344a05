"""The door's paths: each reads its arguments, asks the `Door`, and answers in JSON."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from palingenesis.control.asking import (
    Answer,
    ClientLeftError,
    Handler,
    Request,
    Stream,
    Switch,
)
from palingenesis.control.joining import Joining
from palingenesis.control.rate import Rate
from palingenesis.control.wire_format import (
    ANSWER_S_MAX,
    BODY_BYTES_MAX,
    CHANGE_S_MAX,
    EVENTS_MAX,
    HEARTBEAT_S,
    ORDERS_AT_ONCE,
    ORDERS_PER_S,
    READERS_MAX,
    STREAMS_MAX,
    UsageError,
    encode_error,
    http_status,
)
from palingenesis.core.errors import BusyError, DeadlineError, PalingenesisError
from palingenesis.runtime.candidate import ORDERS
from palingenesis.runtime.door import (
    COMMANDS,
    FOR_ALL,
    METRIC_FORMS,
    SCHEMA_VERSION,
    CommandName,
    Door,
)

_SEQ_MAX = 2**63 - 1
_DIGITS_MAX = 19
_BY_MAX = 80

_STOPS: frozenset[CommandName] = frozenset({"pause", "abort", "detach"})
"""Counted apart: however much is ordered, a person's stop gets through."""


def make_handler(door: Door, closing: asyncio.Event) -> Handler:
    """What answers every request; streams end when `closing` is set."""
    routes = _Routes(door, closing)
    read: dict[str, Handler] = {
        "/v1/status": _guarded(routes.status),
        "/v1/sessions": _guarded(routes.sessions),
        "/v1/events": _guarded(routes.events),
        "/v1/events/stream": _guarded(routes.stream),
        "/v1/explain": _guarded(routes.explain),
        "/v1/open": _guarded(routes.open),
        "/v1/policy": _guarded(routes.policy),
        "/v1/metrics": _guarded(routes.metrics),
        "/v1/agents/opencode": _guarded(Joining(door).answer),
    }
    change: dict[str, Handler] = {
        "/v1/commands": _guarded(routes.command, CHANGE_S_MAX),
        "/v1/answers": _guarded(routes.answer, CHANGE_S_MAX),
        "/v1/reload": _guarded(routes.reload, CHANGE_S_MAX),
        "/v1/preview": _guarded(routes.preview, CHANGE_S_MAX),
        "/v1/shadow": _guarded(routes.shadow, CHANGE_S_MAX),
        "/v1/stop": _guarded(routes.stop),
    }

    async def answer(request: Request) -> Answer | Stream | Switch:
        table = change if request.method == "POST" else read
        handler = table.get(request.path)
        if handler is not None and request.method in {"GET", "HEAD", "POST"}:
            return await handler(request)
        known = request.path in read or request.path in change
        return _refusal(
            UsageError("the control door has no such path"), status=405 if known else 404
        )

    return answer


class _Routes:
    """One method for each path."""

    def __init__(self, door: Door, closing: asyncio.Event) -> None:
        self._door = door
        self._closing = closing
        self._streams = 0
        self._readers = 0
        self._reading = asyncio.Lock()
        self._stops = Rate(ORDERS_AT_ONCE, ORDERS_PER_S)
        self._others = Rate(ORDERS_AT_ONCE, ORDERS_PER_S)

    async def status(self, _request: Request) -> Answer:
        return _answer(self._door.status())

    async def sessions(self, _request: Request) -> Answer:
        return _answer({"sessions": list(self._door.sessions())})

    async def events(self, request: Request) -> Answer:
        after = _number(request, "after", 0, _SEQ_MAX)
        since = _instant(request, "since")
        session = request.query.get("session") or None
        kinds = _kinds(request)
        limit = _number(request, "limit", 100, EVENTS_MAX)

        def read() -> Answer:
            rows = self._door.events(
                after=after, since=since, session=session, kinds=kinds, limit=limit
            )
            return _answer({"events": list(rows)})

        return await self._in_turn(read)

    async def stream(self, request: Request) -> Stream:
        if self._streams >= STREAMS_MAX:
            raise BusyError(f"{STREAMS_MAX} clients follow the events already")
        after = _number(request, "after", 0, _SEQ_MAX)
        session = request.query.get("session") or None
        return Stream(pieces=self._follow(after, session, _kinds(request)))

    async def explain(self, request: Request) -> Answer:
        asked = request.query.get("decision")
        session = request.query.get("session") or None
        decision = _number(request, "decision", 0, _SEQ_MAX) if asked else None
        limit = _number(request, "limit", 1, EVENTS_MAX)

        def read() -> Answer:
            told = self._door.explain(session=session, decision=decision, limit=limit)
            return _answer({"decisions": list(told)})

        return await self._in_turn(read)

    async def _in_turn(self, read: Callable[[], Answer]) -> Answer:
        """Read from the journal one after another, and leave as much time as each one took.

        A long read holds up everything else in the daemon; a crowd of them would hold it for long.
        """
        if self._readers >= READERS_MAX:
            raise BusyError(f"{READERS_MAX} clients read the journal already")
        self._readers += 1
        try:
            async with self._reading:
                loop = asyncio.get_running_loop()
                began = loop.time()
                answer = read()
                await asyncio.sleep(loop.time() - began)
                return answer
        finally:
            self._readers -= 1

    async def open(self, request: Request) -> Answer:
        return _answer(self._door.open(request.query.get("session") or None))

    async def policy(self, _request: Request) -> Answer:
        return _answer(self._door.policy())

    async def metrics(self, request: Request) -> Answer:
        form = request.query.get("form", "prometheus")
        if form not in METRIC_FORMS:
            raise UsageError("no such form", hint=f"one of: {', '.join(METRIC_FORMS)}")
        return _answer({"text": self._door.metrics(form)})

    async def command(self, request: Request) -> Answer:
        asked = await _document(request)
        name, session, by = asked.get("command"), asked.get("session"), _by(asked)
        if name not in COMMANDS:
            raise UsageError("no such command", hint=f"one of: {', '.join(COMMANDS)}")
        if not (session is None or isinstance(session, str)):
            raise UsageError("'session' is a text")
        if not session and name not in FOR_ALL:
            raise UsageError(f"'{name}' needs a session")
        self._count(self._stops if name in _STOPS else self._others)
        return _answer(await self._door.command(_command(name), session or None, by))

    async def answer(self, request: Request) -> Answer:
        asked = await _document(request)
        question, word, by = asked.get("question"), asked.get("answer"), _by(asked)
        if not isinstance(question, str) or not question:
            raise UsageError("'question' is a text")
        if word not in {"yes", "no"}:
            raise UsageError("'answer' is yes or no")
        self._count(self._others)
        return _answer(await self._door.answer(question[:80], by, yes=word == "yes"))

    async def reload(self, request: Request) -> Answer:
        by = _by(await _document(request))
        self._count(self._others)
        return _answer(await self._door.reload(by))

    async def preview(self, request: Request) -> Answer:
        asked = await _document(request)
        self._count(self._others)
        return _answer(await self._door.preview(_path(asked)))

    async def shadow(self, request: Request) -> Answer:
        asked = await _document(request)
        path = _path(asked)
        order = next((known for known in ORDERS if known == asked.get("order")), None)
        if order is None:
            raise UsageError("no such order", hint=f"one of: {', '.join(ORDERS)}")
        if (order == "start") is (path is None):
            raise UsageError("a 'path' is given to start, and to nothing else")
        self._count(self._others)
        return _answer(await self._door.shadow(order, path, _by(asked)))

    async def stop(self, request: Request) -> Answer:
        document = await _document(request)
        self._door.stop(_by(document), agents=document.get("agents") is True)
        return _answer({"ok": True, "message": "stopping"})

    def _count(self, rate: Rate) -> None:
        if not rate.allows(asyncio.get_running_loop().time()):
            raise BusyError(
                f"too many orders: {ORDERS_AT_ONCE} at once, and {ORDERS_PER_S:g} a second",
                hint="something gives orders in a loop; palingenesis events shows which ones",
            )

    async def _follow(
        self, after: int, session: str | None, kinds: frozenset[str]
    ) -> AsyncGenerator[bytes, None]:
        self._streams += 1
        closed = asyncio.ensure_future(self._closing.wait())
        try:
            yield b": hello\n\n"
            while not closed.done():
                rows = self._door.events(after=after, since=None, session=None, kinds=(), limit=100)
                for row in rows:
                    after = max(after, row["seq"])
                    if session not in (None, row["session"]) or row["kind"] not in (
                        kinds or {row["kind"]}
                    ):
                        continue
                    text = json.dumps(row, ensure_ascii=True, separators=(",", ":"))
                    yield f"id: {row['seq']}\nevent: entry\ndata: {text}\n\n".encode()
                if rows:
                    continue
                changed = asyncio.ensure_future(self._door.changed(after))
                try:
                    done, _ = await asyncio.wait(
                        {closed, changed}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    changed.cancel()
                if changed in done:
                    changed.result()
                elif closed not in done:
                    yield b": still here\n\n"
        finally:
            closed.cancel()
            self._streams -= 1


def _guarded(handler: Handler, limit_s: float = ANSWER_S_MAX) -> Handler:
    """The handler with a time limit, and with every error as an answer."""

    async def answer(request: Request) -> Answer | Stream | Switch:
        try:
            async with asyncio.timeout(limit_s):
                return await handler(request)
        except TimeoutError:
            return _refusal(
                DeadlineError(f"no answer within {limit_s:g} s", "see palingenesis status")
            )
        except ClientLeftError:
            return Answer(status=400, body=b"")
        except PalingenesisError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001  a mistake in one answer must not end the daemon
            return _refusal(
                PalingenesisError(f"a mistake in palingenesis: {type(error).__name__}: {error}"),
                status=500,
            )

    return answer


def _answer(document: Mapping[str, Any]) -> Answer:
    return _json({"schema_version": SCHEMA_VERSION, **document}, 200)


def _json(document: Mapping[str, Any], status: int) -> Answer:
    """In ASCII: whatever is in a journal, half of a surrogate pair too, can travel as escapes."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return Answer(status=status, body=text.encode("ascii"))


def _refusal(error: PalingenesisError, status: int | None = None) -> Answer:
    return _json(encode_error(error), status or http_status(error))


async def _document(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UsageError("the body must be application/json")
    body = bytearray()
    async with asyncio.timeout(ANSWER_S_MAX):
        async for chunk in request.body:
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise UsageError(f"the body is larger than {BODY_BYTES_MAX // 1024} KiB")
    try:
        document = json.loads(body, parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode()  # half of a pair is no text
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise UsageError("the body is not a JSON object")
    return document


def _no_number(name: str) -> None:
    raise ValueError(name)


def _by(asked: Mapping[str, Any]) -> str:
    """Who asks, in her own words: the socket lets in nobody but the daemon's user."""
    by = asked.get("by", "somebody at the control door")
    if not isinstance(by, str) or not by.strip():
        raise UsageError("'by' says who asks")
    return by[:_BY_MAX]


def _kinds(request: Request) -> frozenset[str]:
    """The kinds of events that are meant, such as `session-stopped`; empty: all."""
    return frozenset(kind for kind in request.query.get("kind", "").split(",") if kind)


def _path(asked: Mapping[str, Any]) -> str | None:
    """An absolute path to a policy, where one is given."""
    path = asked.get("path")
    if path is None:
        return None
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise UsageError("'path' is the whole path of a file")
    return path


def _command(name: object) -> CommandName:
    return next(known for known in COMMANDS if known == name)


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX and int(text) <= most):
        raise UsageError(f"'{name}' is a whole number from 0 to {most}")
    return int(text)


def _instant(request: Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        at = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        instant = at = datetime.min  # noqa: DTZ901  no offset: refused below
    if instant.tzinfo is None:
        raise UsageError(f"'{name}' is an instant such as 2026-01-31T22:00:00Z")
    return at
