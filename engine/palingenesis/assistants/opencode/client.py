"""OpenCode's HTTP interface, V1: the calls that we need, each with a deadline and a typed error.

A 200 proves nothing here: an unknown path answers with the web page. So every answer's type is
checked, and what cannot be JSON is an error of its own.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote, urlencode

from palingenesis.assistants.opencode.listings import (
    read_limits,
    read_permissions,
    read_questions,
    read_sessions,
    read_statuses,
)
from palingenesis.assistants.opencode.messages import Large, Todo, leave_out, read_todos
from palingenesis.assistants.opencode.signals import (
    Asked,
    Busy,
    Retry,
    SessionSummary,
    Signal,
    read_payload,
    read_summary,
)
from palingenesis.assistants.opencode.untrusted import text
from palingenesis.core.errors import (
    AssistantDeniedError,
    AssistantGarbageError,
    AssistantRefusedError,
    AssistantSilentError,
    AssistantTooLargeError,
    AssistantUnreachableError,
    WireDeadlineError,
    WireError,
    WireTooLargeError,
)
from palingenesis.wire.exchange import Carrier
from palingenesis.wire.http import Answer, Wire
from palingenesis.wire.redaction import redact_to
from palingenesis.wire.sse import ServerSentEvent

USER_NAME = "opencode"
HEARTBEAT_S = 10.0
"""So often a server says on its stream that it lives."""
HEARTBEAT_SILENCE_S = 25.0
"""Two missing heartbeats and some patience: the stream is dead."""
SESSIONS_MAX = 300
_OLDER = "x-next-cursor"
_PAGE = 200
_PAGES_MAX = 500
_SMALLER = 4
"""So many times smaller is the page that is asked for instead of one that is too large."""
_READ = 4096


class OpenCode:
    """A client of one OpenCode server.

    Every call may raise an AssistantError: unreachable, silent (then it is not known whether it
    was acted on), denied, refused (with the HTTP status), garbage.

    Args:
        origin: `http://127.0.0.1:PORT`.
        password: None when the server has none.
        timeout_s: for calls that answer from memory; the others have their own.
        carrier: carries the requests; None: HTTP to the origin.
    """

    def __init__(
        self,
        origin: str,
        *,
        password: str | None = None,
        username: str = USER_NAME,
        timeout_s: float = 10.0,
        fresh: bool = False,
        carrier: Carrier | None = None,
    ) -> None:
        basic = (username, password) if password is not None else None
        try:
            self._wire = Wire(origin, basic=basic, keep_alive=not fresh, carrier=carrier)
        except WireError as error:
            raise AssistantUnreachableError(error.message, error.hint) from error
        self.origin = self._wire.origin
        self._timeout_s = timeout_s
        self._limits: Mapping[str, Mapping[tuple[str, str], int]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    # ── the server ──

    async def version(self, *, timeout_s: float | None = None) -> str:
        """The version of a healthy server."""
        health = await self._call("GET", "/global/health", timeout_s=timeout_s)
        found = text(health, "version")
        if not found:
            raise AssistantGarbageError(
                f"{self.origin} is healthy but tells no version", "is this OpenCode?"
            )
        return found

    async def dispose(self, *, timeout_s: float = 5.0) -> None:
        """End every running turn cleanly (they are marked as aborted); the server lives on."""
        await self._call("POST", "/global/dispose", timeout_s=timeout_s)

    @asynccontextmanager
    async def signals(
        self, *, silence_s: float = HEARTBEAT_SILENCE_S
    ) -> AsyncIterator[AsyncIterator[Signal]]:
        """The stream of everything that happens in every directory of this server."""
        try:
            async with self._wire.events("/global/event", silence_s=silence_s) as events:
                yield _read_signals(events)
        except WireDeadlineError as error:
            raise AssistantSilentError(error.message) from error
        except WireError as error:
            raise AssistantUnreachableError(error.message, error.hint) from error

    # ── sessions ──

    async def sessions(self, *, limit: int = SESSIONS_MAX) -> tuple[SessionSummary, ...]:
        """The newest sessions of all projects, as the database knows them; what can be read."""
        query = urlencode({"limit": limit})
        return read_sessions(await self._list(f"/experimental/session?{query}"))

    async def every_session(self) -> tuple[SessionSummary, ...]:
        """The same, or an error when one of them cannot be read: it may be the one in question."""
        listed = await self._list(f"/experimental/session?{urlencode({'limit': SESSIONS_MAX})}")
        found = read_sessions(listed)
        if len(found) < len(listed):
            raise AssistantGarbageError(f"{self.origin} listed sessions in no known shape")
        return found

    async def session(self, session: str) -> SessionSummary | None:
        """One session; None: there is none of that id."""
        found = await self.raw_session(session)
        return read_summary(found) if found is not None else None

    async def raw_session(self, session: str) -> Mapping[str, object] | None:
        """One session with everything that OpenCode says about it (its cost, …)."""
        try:
            found = await self._call("GET", f"/session/{quote(session)}")
        except AssistantRefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        if not isinstance(found, dict):
            raise AssistantGarbageError(f"{self.origin} described a session in no known shape")
        return found

    async def create(
        self,
        directory: str,
        *,
        title: str,
        metadata: Mapping[str, object],
        model: str | None = None,
    ) -> SessionSummary:
        """Create an empty session. `model` is `provider/model`."""
        body: dict[str, object] = {"title": title, "metadata": dict(metadata)}
        if model is not None:
            provider, _, name = model.partition("/")
            body["model"] = {"providerID": provider, "id": name}
        created = read_summary(await self._call("POST", "/session", body, directory=directory))
        if created is None:
            raise AssistantGarbageError(f"{self.origin} created a session without an id")
        return created

    async def children(self, session: str) -> tuple[SessionSummary, ...]:
        """The session's subagents."""
        return read_sessions(await self._list(f"/session/{quote(session)}/children"))

    async def messages(
        self, session: str, *, limit: int | None = None, large: Large = Large.RAISED
    ) -> list[Mapping[str, object]]:
        """The newest `limit` messages, or all of them, oldest first, as raw `{info, parts}`.

        Raises:
            AssistantTooLargeError: one is too large, and `large` does not let it be left out.
        """
        pages: list[list[Mapping[str, object]]] = []
        before, size, left = "", limit or _PAGE, limit
        for _ in range(_PAGES_MAX):
            size = size if left is None else min(size, left)
            try:
                page, before = await self._page(session, size, before)
                before = before if page else ""
            except AssistantTooLargeError as error:
                if size > 1:
                    size = max(1, size // _SMALLER)
                    continue
                if large is Large.RAISED or not (pages or large is Large.NAMED):
                    raise
                page = [leave_out(error.older)] if large is Large.NAMED else []
                before = error.older if large is not Large.ENDS else ""
            pages.append(page)
            left = left - max(len(page), 1) if left is not None else None
            size = min(size * 2, _PAGE)  # the others may be small again
            if not before or (left is not None and left <= 0):
                break
        return [message for page in reversed(pages) for message in page]

    async def toast(self, message: str, *, title: str, variant: str, show_s: float) -> None:
        """Show a few words in the screen that belongs to this server, if there is one."""
        shown_ms = round(show_s * 1000)
        body = {"title": title, "message": message, "variant": variant, "duration": shown_ms}
        await self._call("POST", "/tui/show-toast", body)

    async def select(self, session: str) -> None:
        """Have the screen that belongs to this server show that session."""
        await self._call("POST", "/tui/select-session", {"sessionID": session})

    async def todos(self, session: str) -> tuple[Todo, ...]:
        """The session's own list."""
        return read_todos(await self._list(f"/session/{quote(session)}/todo"))

    async def prompt(
        self,
        session: str,
        *,
        message_id: str | None = None,
        parts: Sequence[Mapping[str, object]] = (),
        model: str | None = None,
    ) -> None:
        """Hand a prompt over; no parts re-run what is unanswered. 204 says accepted, no more."""
        body: dict[str, object] = {"parts": [dict(part) for part in parts]}
        if message_id is not None:
            body["messageID"] = message_id
        if model is not None:
            provider, _, name = model.partition("/")
            body["model"] = {"providerID": provider, "modelID": name}
        await self._call("POST", f"/session/{quote(session)}/prompt_async", body)

    async def abort(self, session: str) -> None:
        """End the running turn, or the wait for a retry; harmless when there is none."""
        await self._call("POST", f"/session/{quote(session)}/abort")

    async def summarize(self, session: str, *, model: str, timeout_s: float) -> None:
        """Summarise the conversation to make room; returns when it is done."""
        provider, _, name = model.partition("/")
        body = {"providerID": provider, "modelID": name}
        path = f"/session/{quote(session)}/summarize"
        await self._call("POST", path, body, timeout_s=timeout_s)

    # ── what happens now, in one directory ──

    async def statuses(self, directory: str) -> Mapping[str, Busy | Retry]:
        """Who works in this directory; who is absent is idle."""
        found = await self._call("GET", "/session/status", directory=directory)
        if not isinstance(found, dict):
            raise AssistantGarbageError(f"{self.origin} told in no known shape who works")
        return read_statuses(found, directory=directory)

    async def asked(self, directory: str) -> tuple[Asked, ...]:
        """The permissions and questions that wait for a person in this directory."""
        permissions = await self._list("/permission", directory=directory)
        questions = await self._list("/question", directory=directory)
        asked = (
            *read_permissions(permissions, directory=directory),
            *read_questions(questions, directory=directory),
        )
        if len(asked) < len(permissions) + len(questions) or any(not one.session for one in asked):
            raise AssistantGarbageError(f"{self.origin} told in no known shape what waits")
        return asked

    async def limits(self, directory: str) -> Mapping[tuple[str, str], int]:
        """Context windows in tokens by (provider, model); asked once per directory."""
        if directory not in self._limits:
            found = await self._call("GET", "/config/providers", directory=directory)
            self._limits = {**self._limits, directory: read_limits(found)}
        return self._limits[directory]

    # ── how it is asked ──

    async def _page(
        self, session: str, limit: int, before: str
    ) -> tuple[list[Mapping[str, object]], str]:
        query = urlencode({"limit": limit, **({"before": before} if before else {})})
        answer = await self._answer("GET", f"/session/{quote(session)}/message?{query}")
        found = self._json(answer)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise AssistantGarbageError(f"{self.origin} listed messages in no known shape")
        return found, answer.headers.get(_OLDER, "")

    async def _list(self, path: str, *, directory: str = "") -> list[object]:
        found = await self._call("GET", path, directory=directory)
        if not isinstance(found, list):
            place = path.partition("?")[0]
            raise AssistantGarbageError(f"{self.origin}{place} answered no list")
        return found

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        directory: str = "",
        timeout_s: float | None = None,
    ) -> object:
        answer = await self._answer(method, path, body, directory=directory, timeout_s=timeout_s)
        return None if answer.status == HTTPStatus.NO_CONTENT else self._json(answer)

    async def _answer(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        directory: str = "",
        timeout_s: float | None = None,
    ) -> Answer:
        headers = {"x-opencode-directory": quote(directory)} if directory else None
        try:
            answer = await self._wire.request(
                method, path, json=body, headers=headers, timeout_s=timeout_s or self._timeout_s
            )
        except WireDeadlineError as error:
            raise AssistantSilentError(error.message, error.hint) from error
        except WireTooLargeError as error:
            large = AssistantTooLargeError(error.message, error.hint)
            large.older = error.headers.get(_OLDER, "")
            raise large from error
        except WireError as error:
            raise AssistantUnreachableError(error.message, error.hint) from error
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise AssistantDeniedError(
                f"{self.origin} does not accept our password",
                "set OPENCODE_SERVER_PASSWORD to the password that this server was started with",
            )
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise AssistantRefusedError(
                f"{self.origin}{path.partition('?')[0]} answered {answer.status}: {_said(answer)}",
                status=answer.status,
            )
        return answer

    def _json(self, answer: Answer) -> Any:
        if answer.content_type != "application/json":
            raise AssistantGarbageError(
                f"{self.origin} answered {answer.content_type or 'something without a type'}"
                " instead of JSON",
                "is this an OpenCode server of version 1?",
            )
        try:
            return answer.json()
        except WireError as error:
            raise AssistantGarbageError(f"{self.origin}: {error.message}") from error


async def _read_signals(events: AsyncIterator[ServerSentEvent]) -> AsyncIterator[Signal]:
    try:
        async for event in events:
            try:
                payload = json.loads(event.data)
            except (ValueError, RecursionError):
                continue  # one event that cannot be read; reconciliation finds what it said
            if (signal := read_payload(payload)) is not None:
                yield signal
    except WireDeadlineError as error:
        raise AssistantSilentError(error.message) from error
    except WireError as error:
        raise AssistantUnreachableError(error.message, error.hint) from error


async def denies_strangers(origin: str, timeout_s: float) -> bool:
    """Whether a server turns those away who have no password.

    Raises:
        AssistantError: it does not say.
    """
    async with OpenCode(origin, fresh=True) as stranger:
        try:
            await stranger.version(timeout_s=timeout_s)
        except AssistantDeniedError:
            return True
    return False


def _said(answer: Answer) -> str:
    try:
        body = answer.json()
    except WireError:
        return redact_to(answer.body[:_READ].decode(errors="replace"), 100).strip()
    said = text(body, "data", "message") or text(body, "message") or text(body, "name")
    return redact_to(said, 200)
