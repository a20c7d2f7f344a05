"""The one door, from outside: a socket and nothing else, because a command must start quickly.

HTTP/1.0 is all that one question over a socket of our own needs: the answer ends with the
connection. `http.client` would bring mail and TLS along, a third of the time that `status` takes.
"""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

from palingenesis.control.peer import is_ourselves, peer_pid
from palingenesis.control.wire_format import CHANGE_S_MAX, decode_error
from palingenesis.core.errors import DeadlineError, DeniedError, NotRunningError, PalingenesisError
from palingenesis.runtime.candidate import Preview, Shadow, ShadowOrder
from palingenesis.runtime.door import (
    SCHEMA_VERSION,
    Answer,
    Entrance,
    EventRow,
    Explanation,
    PolicyText,
    SessionStatus,
    Status,
)

_ANSWER_BYTES_MAX = 16 * 1024 * 1024
_OK = 200
_LINE_BYTES_MAX = 64 * 1024
_HEAD_LINES_MAX = 100
_START_HINT = "palingenesis daemon start"
_Query = Mapping[str, str | int | None]


class OtherVersionError(PalingenesisError):
    """The daemon speaks another version of the protocol: one of the two was replaced."""


class ControlClient:
    """Asks the daemon behind a socket.

    Every method raises the daemon's own errors as they were, and besides: NotRunningError (nobody
    answers), DeadlineError (no answer in time), DeniedError (the socket is not ours),
    OtherVersionError (the answer is not for us).

    Args:
        path: the control socket.
        timeout_s: longest silence that is borne.
        stream_s: the same while what happens is followed: a heartbeat comes every 15 s, and three
            missing ones mean that nobody is there.
    """

    def __init__(self, path: Path, *, timeout_s: float = 6.0, stream_s: float = 45.0) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._stream_s = stream_s

    def status(self) -> Status:
        """Everything at one glance."""
        return cast("Status", self._get("/v1/status"))

    def sessions(self) -> list[SessionStatus]:
        """All sessions, also those that are only observed."""
        return cast("list[SessionStatus]", self._get("/v1/sessions")["sessions"])

    def events(
        self,
        *,
        after: int = 0,
        since: str | None = None,
        session: str | None = None,
        kinds: Sequence[str] = (),
        limit: int = 100,
    ) -> list[EventRow]:
        """Journal entries, oldest first. `since` is RFC 3339; `kinds` as `session-stopped`."""
        query: _Query = {
            "after": after,
            "since": since,
            "session": session,
            "kind": ",".join(kinds) or None,
            "limit": limit,
        }
        return cast("list[EventRow]", self._get("/v1/events", query)["events"])

    def follow(
        self, *, after: int, session: str | None = None, kinds: Sequence[str] = ()
    ) -> Iterator[EventRow]:
        """Journal entries as they are written, until the daemon ends."""
        query: _Query = {"after": after, "session": session, "kind": ",".join(kinds) or None}
        with self._asked("GET", "/v1/events/stream", query) as answer:
            while line := answer.readline(_ANSWER_BYTES_MAX):
                if line.startswith(b"data: "):
                    yield cast("EventRow", json.loads(line[6:]))

    def explain(
        self, *, session: str | None = None, decision: int | None = None, limit: int = 1
    ) -> list[Explanation]:
        """Why decisions were made, oldest first."""
        query = {"session": session, "decision": decision, "limit": limit}
        return cast("list[Explanation]", self._get("/v1/explain", query)["decisions"])

    def command(self, name: str, session: str | None, by: str) -> Answer:
        """Give a command; returns once it is written down."""
        asked = {"command": name, "session": session, "by": by}
        return cast("Answer", self._post("/v1/commands", asked))

    def preview(self, path: str | None) -> Preview:
        """What adopting a policy file (None: the one in use) would do to what is pending."""
        return cast("Preview", self._post("/v1/preview", {"path": path}))

    def shadow(self, order: ShadowOrder, by: str, path: str | None = None) -> Shadow:
        """Start a candidate beside the policy in force, report on it, promote it, or stop it."""
        asked = {"order": order, "path": path, "by": by}
        return cast("Shadow", self._post("/v1/shadow", asked))

    def answer(self, question: str, by: str, *, yes: bool) -> Answer:
        """Answer a pending question; returns once it is written down."""
        asked = {"question": question, "answer": "yes" if yes else "no", "by": by}
        return cast("Answer", self._post("/v1/answers", asked))

    def reload(self, by: str) -> Answer:
        """Have configuration and policy read again."""
        return cast("Answer", self._post("/v1/reload", {"by": by}))

    def stop(self, by: str, *, agents: bool = False) -> None:
        """Have the daemon shut down, and its agents too if asked; returns at once."""
        self._post("/v1/stop", {"agents": agents, "by": by})

    def pid(self) -> int | None:
        """Whose socket it is, as the kernel knows it: also of a daemon that does not answer.

        None where nobody of ours listens, or the system does not tell.
        """
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout_s)
            connection.connect(str(self._path))
            if is_ourselves(connection):
                return peer_pid(connection)
        return None

    def open(self, session: str | None) -> Entrance:
        """How to attach a TUI."""
        return cast("Entrance", self._get("/v1/open", {"session": session}))

    def policy(self) -> PolicyText:
        """The policy in force."""
        return cast("PolicyText", self._get("/v1/policy"))

    def metrics(self, form: str) -> str:
        """All metrics, as text in one of `METRIC_FORMS`."""
        return str(self._get("/v1/metrics", {"form": form})["text"])

    def _get(self, path: str, query: _Query | None = None) -> dict[str, Any]:
        try:
            with self._asked("GET", path, query) as answer:
                return _document(answer)
        except _TurnedAwayError:  # in a crowd even a quick client may have to give way: once more
            with self._asked("GET", path, query) as answer:
                return _document(answer)

    def _post(self, path: str, asked: Mapping[str, object]) -> dict[str, Any]:
        with self._asked("POST", path, body=json.dumps(asked).encode()) as answer:
            return _document(answer)

    @contextmanager
    def _asked(
        self, method: str, path: str, query: _Query | None = None, body: bytes | None = None
    ) -> Iterator[BinaryIO]:
        said = {name: value for name, value in (query or {}).items() if value is not None}
        timeout_s = self._timeout_s if body is None else CHANGE_S_MAX + self._timeout_s
        target = f"{path}?{urlencode(said)}" if said else path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout_s)
                connection.connect(str(self._path))
                if not is_ourselves(connection):  # it could have us run what it likes: see `open`
                    raise DeniedError(
                        f"another user's program answers at {self._path}",
                        hint="set PALINGENESIS_RUNTIME_DIR to a folder of your own",
                    )
                connection.sendall(_question(method, target, body))
                if path.endswith("/stream"):
                    timeout_s = self._stream_s
                    connection.settimeout(timeout_s)
                with connection.makefile("rb") as answer:
                    if _status(answer) != _OK:
                        raise decode_error(_document(answer))
                    yield answer
        except TimeoutError as error:
            pid = self.pid()
            raise DeadlineError(
                f"the daemon{f' (pid {pid})' if pid else ''} did not answer within {timeout_s:g} s",
                hint="palingenesis daemon restart",
            ) from error
        except PermissionError as error:
            raise DeniedError(
                f"the control socket is not yours: {self._path}",
                hint="be the user who started the daemon, or set PALINGENESIS_STATE_DIR",
            ) from error
        except (ConnectionResetError, BrokenPipeError) as error:
            raise _TurnedAwayError("the daemon is not running", hint=_START_HINT) from error
        except (_BrokenAnswerError, OSError) as error:
            raise NotRunningError("the daemon is not running", hint=_START_HINT) from error


class _TurnedAwayError(NotRunningError):
    """The connection was closed before there was an answer."""


class _BrokenAnswerError(Exception):
    """What came is no HTTP."""


def _question(method: str, target: str, body: bytes | None) -> bytes:
    head = [f"{method} {target} HTTP/1.0", "host: localhost"]
    if body is not None:
        head += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("ascii") + (body or b"")


def _status(answer: BinaryIO) -> int:
    """The status of an answer, whose head is read by then."""
    words = answer.readline(_LINE_BYTES_MAX).split(None, 2)
    if not words:
        raise ConnectionResetError
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():  # noqa: PLR2004
        raise _BrokenAnswerError
    for _ in range(_HEAD_LINES_MAX):
        line = answer.readline(_LINE_BYTES_MAX)
        if line in (b"\r\n", b"\n"):
            return int(words[1])
        if not line.endswith(b"\n"):
            break
    raise _BrokenAnswerError


def _document(answer: BinaryIO) -> dict[str, Any]:
    try:
        document = json.loads(answer.read(_ANSWER_BYTES_MAX))
    except ValueError as error:
        raise PalingenesisError("the daemon's answer is not JSON") from error
    if not isinstance(document, dict):
        raise PalingenesisError("the daemon's answer is not a JSON object")
    if (theirs := document.get("schema_version")) != SCHEMA_VERSION:
        raise OtherVersionError(
            "the daemon is of another version than this command: it speaks version"
            f" {str(theirs)[:20]} of the control protocol, not {SCHEMA_VERSION}",
            hint="palingenesis daemon restart",
        )
    return document
