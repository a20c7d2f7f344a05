"""Plain calls to an OpenCode server, and waiting for what they bring about."""

import base64
import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from tests.live.listener import Json

Found = TypeVar("Found")

POLL_S = 0.03
SETTLED_S = 0.6
"""How long a session is idle before its turn counts as ended: idle comes twice after an error."""


class ServerCalls:
    """What can be asked of the server on a loopback port."""

    def __init__(self, port: int = 0, password: str | None = None) -> None:
        self.port = port
        self.password = password
        self.settled_s = SETTLED_S
        self._directories: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def is_healthy(self) -> bool:
        """Whether the server answers."""
        try:
            return self.api("GET", "/global/health", timeout_s=5.0)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    # -- requests --------------------------------------------------------------------------

    def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        directory: Path | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
    ) -> tuple[int, Any]:
        """One request; returns the status and the JSON (or the text, or None)."""
        status, _, value = self.exchange(
            method, path, body, directory=directory, headers=headers, timeout_s=timeout_s
        )
        return status, value

    def exchange(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        directory: Path | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
    ) -> tuple[int, dict[str, str], Any]:
        """One request; returns the status, the headers (lower-case) and the JSON or text."""
        sent = {**self.authorization(), **(headers or {})}
        if directory is not None:
            sent["x-opencode-directory"] = quote(str(directory))
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["content-type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            raw = response.read()
            received = {name.lower(): text for name, text in response.getheaders()}
            return response.status, received, _value(raw)
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Any:
        """GET, which must answer 200."""
        status, value = self.api("GET", path, **options)
        assert status == 200, f"GET {path} -> {status} {value!r}"
        return value

    def post(self, path: str, body: object = None, **options: Any) -> Any:
        """POST, which must answer 200 or 204."""
        status, value = self.api("POST", path, {} if body is None else body, **options)
        assert status in (200, 204), f"POST {path} -> {status} {value!r}"
        return value

    def authorization(self) -> dict[str, str]:
        """The header that opens the server, if it has a password."""
        if self.password is None:
            return {}
        token = base64.b64encode(f"opencode:{self.password}".encode()).decode()
        return {"authorization": f"Basic {token}"}

    # -- sessions --------------------------------------------------------------------------

    def new_session(self, *, directory: Path | str | None = None, **fields: object) -> str:
        """Create a session; returns its id."""
        return str(self.post("/session", fields, directory=directory)["id"])

    def prompt_async(
        self, session: str, text: str, *, model: str | None = None, **fields: object
    ) -> None:
        """Say something and return at once."""
        self.post(f"/session/{session}/prompt_async", _prompt(text, model, fields))

    def prompt(
        self, session: str, text: str, *, model: str | None = None, **fields: object
    ) -> Json:
        """Say something and wait for the turn's end; returns the assistant's message."""
        value = self.post(
            f"/session/{session}/message", _prompt(text, model, fields), timeout_s=120.0
        )
        assert isinstance(value, dict)
        return value

    def rerun(self, session: str, **fields: object) -> None:
        """Let the session go on without a word: a message without parts."""
        self.post(f"/session/{session}/prompt_async", {"parts": [], **fields})

    def abort(self, session: str) -> None:
        """End the running turn."""
        self.post(f"/session/{session}/abort")

    def session(self, session: str) -> Json:
        """The session itself."""
        value = self.get(f"/session/{session}")
        assert isinstance(value, dict)
        return value

    def messages(self, session: str, *, limit: int | None = None) -> list[Json]:
        """The messages, oldest first; with a limit the newest so many."""
        query = "" if limit is None else f"?limit={limit}"
        return list(self.get(f"/session/{session}/message{query}"))

    def status(self, session: str | None = None, *, directory: Path | str | None = None) -> Json:
        """The live status of every session, or of one: `{"type": "idle"}` when it is absent."""
        if session is not None and directory is None:
            directory = self._directory_of(session)
        everything: Json = self.get("/session/status", directory=directory)
        if session is None:
            return everything
        one = everything.get(session, {"type": "idle"})
        assert isinstance(one, dict)
        return one

    def _directory_of(self, session: str) -> str:
        """Live statuses are told per directory."""
        if session not in self._directories:
            self._directories[session] = self.session(session)["directory"]
        return self._directories[session]

    def permissions(self) -> list[Json]:
        """What waits for a permission."""
        return list(self.get("/permission"))

    def reply_permission(self, permission: str, reply: str, message: str | None = None) -> None:
        """Answer `once`, `always` or `reject`."""
        body = {"reply": reply} | ({} if message is None else {"message": message})
        self.post(f"/permission/{permission}/reply", body)

    def questions(self) -> list[Json]:
        """What waits for an answer."""
        return list(self.get("/question"))

    def reply_question(self, question: str, answers: Sequence[Sequence[str]]) -> None:
        """Answer each of the questions with its chosen labels."""
        self.post(f"/question/{question}/reply", {"answers": [list(labels) for labels in answers]})

    def wait_for_status(self, session: str, kind: str, timeout_s: float = 30.0) -> Json:
        """Wait until the session is `busy`, `retry` or `idle`; returns that status."""
        return wait_until(
            lambda: found if (found := self.status(session))["type"] == kind else None,
            timeout_s,
            f"{session} {kind}",
        )

    def wait_for_end(self, session: str, timeout_s: float = 60.0) -> Json:
        """Wait until the last turn has really ended; returns the assistant's message.

        Really: it is completed, and the session has been idle for a while. A prompt between
        the two idles that follow an error would never be answered.
        """
        quiet_since = time.monotonic()

        def ended() -> Json | None:
            nonlocal quiet_since
            last = self.messages(session, limit=1)
            is_over = bool(last) and "completed" in last[0]["info"]["time"]
            if not is_over or self.status(session)["type"] != "idle":
                quiet_since = time.monotonic()
            return last[0] if time.monotonic() - quiet_since >= self.settled_s else None

        return wait_until(ended, timeout_s, f"the end of the turn in {session}")


def wait_until(
    condition: Callable[[], Found | None], timeout_s: float = 15.0, what: str = "the condition"
) -> Found:
    """Ask every 30 ms until the answer is true; returns it."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(POLL_S)
    return found


def _prompt(text: str, model: str | None, fields: Mapping[str, object]) -> Json:
    body: Json = {"parts": [{"type": "text", "text": text}], **fields}
    if model is not None:
        provider, _, name = model.partition("/")
        body["model"] = {"providerID": provider, "modelID": name}
    return body


def _value(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
