"""The live bench: a scripted provider, an isolated home, and an OpenCode of our own between them.

`with Bench((executable,)) as bench` runs the real program, `Bench(STAND_IN)` the stand-in; tests
drive either through the same calls and look at `bench.provider.requests`, at the session's
messages, and at the events.
"""

import base64
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import psutil

from palingenesis.demo.hosting import RunningProvider
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.runtime.clock import SystemClock

Json = dict[str, Any]
Found = TypeVar("Found")

STAND_IN = (sys.executable, "-m", "palingenesis.demo.stand_in")
SCRIPTED_BIG = "scripted/scripted-big"
SCRIPTED_CLAUDE = "scripted-anthropic/scripted-claude"

POLL_S = 0.03
START_S_MAX = 60.0
STOP_S_MAX = 10.0
SUBSCRIBED_S = 0.25
SETTLED_S = 0.6
"""How long the events are silent before a session counts as settled: idle comes twice."""


class Bench:
    """Everything a live test needs; leaves no process behind.

    `program` is what starts OpenCode (None: the test brings its own server). `config` is laid
    over the configuration file; `environment` over the server's variables (None removes one).
    """

    def __init__(
        self,
        program: Sequence[str | Path] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        environment: Mapping[str, str | None] | None = None,
        password: str | None = None,
        starts: bool = True,
    ) -> None:
        self.program = None if program is None else tuple(str(word) for word in program)
        self.provider = RunningProvider(SystemClock())
        self.home = OpenCodeHome(Path(tempfile.mkdtemp(prefix="palingenesis-bench-")))
        self.password = password
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.returncode: int | None = None
        self._config = config or {}
        self._environment = dict(environment or {})
        self._starts = starts and program is not None
        self._listeners: list[Listener] = []
        self._known: dict[int, psutil.Process] = {}

    def __enter__(self) -> Self:
        try:
            self.provider.__enter__()
            self.home.build(self.provider.url, self._config)
            if self._starts:
                self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for listener in self._listeners:
            listener.close()
        self.stop()
        self._end_descendants()
        self.provider.__exit__(kind, error, trace)
        if kind is not None:
            sys.stderr.write(f"--- the server's log\n{self.log()[-4000:]}\n")
        self.home.remove()

    # -- the server ------------------------------------------------------------------------

    @property
    def project(self) -> Path:
        """The throwaway project."""
        return self.home.project

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self.process is not None
        return self.process.pid

    def environment(self) -> dict[str, str]:
        """The variables this bench starts a server with; a daemon under test wants them too."""
        variables = self.home.environment(self._environment)
        if self.password is not None:
            variables["OPENCODE_SERVER_PASSWORD"] = self.password
        return variables

    def start(self, *, port: int | None = None, cwd: Path | None = None) -> None:
        """Start `serve` and wait until it is healthy. A restart keeps the port."""
        assert self.program is not None, "this bench was made without a program"
        assert self.process is None, "the server is running"
        self.port = port or self.port or free_port()
        self.returncode = None
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "serve", "--port", str(self.port), "--hostname", "127.0.0.1"],
                cwd=cwd or self.project,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._is_healthy, START_S_MAX, "a healthy server")

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int | None:
        """End the server and every process it has started; returns its exit status."""
        self._remember_descendants()
        status = self.kill(sig)
        self._end_descendants()
        return status

    def kill(self, sig: signal.Signals = signal.SIGKILL) -> int | None:
        """Send the signal to the server only (its tools survive, as they really do) and wait."""
        process, self.process = self.process, None
        if process is None:
            return self.returncode
        self._remember_descendants(process.pid)
        if process.poll() is None:
            process.send_signal(sig)
        try:
            self.returncode = process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            self.returncode = process.wait(STOP_S_MAX)
        return self.returncode

    def log(self) -> str:
        """What the server has printed so far."""
        if not self._log_file.exists():
            return ""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def tools(self, words: str) -> list[int]:
        """The processes below the server whose command line has these words."""
        assert self.process is not None
        return [child.pid for child in _children(self.process.pid) if words in _command_line(child)]

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

    def status(self, session: str | None = None, *, directory: Path | None = None) -> Json:
        """The live status of every session, or of one: `{"type": "idle"}` when it is absent."""
        everything: Json = self.get("/session/status", directory=directory)
        if session is None:
            return everything
        one = everything.get(session, {"type": "idle"})
        assert isinstance(one, dict)
        return one

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

    # -- events and waiting ----------------------------------------------------------------

    def listen(self, path: str = "/global/event") -> "Listener":
        """Record the events from now on; returns when the stream has opened.

        OpenCode says `server.connected` a little before it really listens for events.
        """
        listener = Listener(self.port, path, self.authorization())
        self._listeners.append(listener)
        listener.wait_for(lambda event: event["type"] == "server.connected")
        time.sleep(SUBSCRIBED_S)
        return listener

    def wait_for_requests(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until the scripted models have been asked at least so often."""
        wait_until(
            lambda: len(self.provider.requests) >= count,
            timeout_s,
            f"{count} requests to the model",
        )

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
            return last[0] if time.monotonic() - quiet_since >= SETTLED_S else None

        return wait_until(ended, timeout_s, f"the end of the turn in {session}")

    @property
    def _log_file(self) -> Path:
        return self.home.root / "server.log"

    def _is_healthy(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended ({self.process.returncode}): {self.log()}")
        try:
            return self.api("GET", "/global/health", timeout_s=5.0)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _remember_descendants(self, pid: int | None = None) -> None:
        if pid is None and self.process is not None:
            pid = self.process.pid
        if pid is None:
            return
        for child in _children(pid):
            self._known[child.pid] = child

    def _end_descendants(self) -> None:
        """End every tool that was started by our server: psutil checks that it is still it."""
        for child in self._known.values():
            try:
                child.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(self._known.values(), timeout=STOP_S_MAX)
        self._known.clear()


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


def wait_until(
    condition: Callable[[], Found | None], timeout_s: float = 15.0, what: str = "the condition"
) -> Found:
    """Ask every 30 ms until the answer is true; returns it."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(POLL_S)
    return found


def free_port() -> int:
    """A port that nobody listens on; never OpenCode's own default."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port != 4096:
            return port


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and not only its remains."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


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
