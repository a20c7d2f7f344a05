"""A night: the real daemon in a process of its own, its managed OpenCode, a scripted provider.

Tests read what the provider really received, what the journal says, and what people were told.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import psutil

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import PalingenesisError
from palingenesis.demo.hosting import RunningProvider
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.demo.provider import ModelRequest
from palingenesis.runtime.clock import SystemClock
from tests.live.bench import free_port, wait_until

START_S_MAX = 180.0
QUIET_S = 3.0
"""How long nothing may happen before a test believes that nothing will."""

DEFAULT_POLICY = Path(__file__).parents[2] / "policies" / "default.yaml"

TAKES_OVER_SOON = (
    ("<= 5m", "<= 2s"),
    ("delegate: {until: 5m}", "delegate: {until: 2s}"),
    ("jitter: 1m", "jitter: 1s"),
)
"""Changes to the default policy: what it does after 5 minutes, it does after 2 seconds."""


def default_policy(*changes: tuple[str, str]) -> str:
    """The default policy with other numbers in it."""
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"the default policy has no {old!r}"
        text = text.replace(old, new)
    return text


class Told(ThreadingHTTPServer):
    """A webhook's receiving end: remembers what people were told."""

    def __init__(self) -> None:
        notices: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                notices.append(json.loads(self.rfile.read(length)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.notices = notices
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def texts(self) -> list[str]:
        """What was told. A notice that is sent again, as after a crash of ours, keeps its key."""
        told = {str(one["data"]["key"]): str(one["data"]["message"]) for one in self.notices}
        return list(told.values())

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Night:
    """Everything between a policy and its morning; leaves no process behind."""

    def __init__(
        self,
        opencode: Path,
        *,
        policy: str | None = None,
        config: Mapping[str, Any] | None = None,
        check_interval: str = "2s",
        daemon_starts: bool = True,
        flags: tuple[str, ...] = (),
    ) -> None:
        self._opencode = opencode
        self._policy = policy
        self._config = config or {}
        self._check_interval = check_interval
        self._daemon_starts = daemon_starts
        self._flags = flags
        self._processes: dict[int, psutil.Process] = {}
        self.daemon: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __enter__(self) -> Self:
        self.root = Path(tempfile.mkdtemp(prefix="palin-"))
        self.provider = RunningProvider(SystemClock()).__enter__()
        self.told = Told()
        try:
            self.home = OpenCodeHome(self.root / "world")
            self.home.build(self.provider.url, self._config)
            self.project = self.home.project
            self._write_files()
            if self._daemon_starts:
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
        if error is not None:
            print(self.log()[-6000:])
        self._remember_processes()
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait(10)
        for process in self._processes.values():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._end_strays()
        psutil.wait_procs(list(self._processes.values()), timeout=5)
        self.told.close()
        self.provider.__exit__(kind, error, trace)
        shutil.rmtree(self.root, ignore_errors=True)

    # ── the daemon ────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def policy_file(self) -> Path:
        return self.root / "config" / "policy.yaml"

    def environment(self) -> dict[str, str]:
        return self.home.environment(
            {
                "PALINGENESIS_STATE_DIR": str(self.state),
                "PALINGENESIS_CONFIG_DIR": str(self.root / "config"),
                "PALINGENESIS_RUNTIME_DIR": str(self.root / "run"),
                "PATH": os.environ["PATH"],
            }
        )

    def start(
        self, *, until_agent_up: bool = True, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the daemon and wait until it answers, and its OpenCode too."""
        log = (self.root / "daemon.log").open("ab")
        with log:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", "palingenesis", "daemon", "run", *self._flags],
                env={**self.environment(), **(environment or {})},
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_up(agent_too=until_agent_up)
        self._remember_processes()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon; its agents live on."""
        assert self.daemon is not None
        self._remember_processes()
        self.daemon.send_signal(number)
        return self.daemon.wait(15)

    def wait_until_up(self, *, agent_too: bool = True) -> None:
        """Wait until the daemon answers, and its agent, too."""
        wait_until(lambda: self._is_up(agent_too), START_S_MAX, "the daemon and its agent")

    def _is_up(self, agents_too: bool) -> bool:
        if self.daemon is not None and self.daemon.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log()[-3000:]}")
        try:
            status = self.control.status()
        except PalingenesisError:
            return False
        ours = [agent for agent in status["agents"] if agent["way"] != "observed"]
        return not agents_too or any(agent["up"] for agent in ours)

    @property
    def control(self) -> ControlClient:
        return ControlClient(self.root / "run" / "control.sock")

    def log(self) -> str:
        path = self.root / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def palin(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        return subprocess.run(
            [sys.executable, "-m", "palingenesis", *words],
            env=self.environment(),
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    # ── its sessions ──────────────────────────────────────────────────────────────────────────

    def session(self, id_: str) -> dict[str, Any]:
        found = [s for s in self.control.sessions() if s["id"] == id_]
        return dict(found[0]) if found else {}

    def status_of(self, id_: str) -> str:
        return str(self.session(id_).get("status", ""))

    def wait_for(self, id_: str, *statuses: str, timeout_s: float = 30.0) -> dict[str, Any]:
        self.wait(
            lambda: self.status_of(id_) in statuses,
            timeout_s,
            lambda: f"{id_} being {' or '.join(statuses)}",
        )
        return self.session(id_)

    def decisions(self, id_: str | None = None) -> list[dict[str, Any]]:
        """Everything decided so far, oldest first."""
        return [dict(one) for one in self.control.explain(session=id_, decision=None, limit=100)]

    def rules(self, id_: str) -> list[str]:
        """The rules that decided about it, in their order."""
        return [one["rule"] for one in self.decisions(id_) if one["kind"] == "decided"]

    def clock_steps(self) -> list[str]:
        """How the clock was set, as `events` tells it."""
        rows = self.control.events(since=None, session=None, limit=1000)
        return [str(row["summary"]) for row in rows if row["kind"] == "clock-stepped"]

    def alarms(self) -> list[str]:
        """What people were told, without the good news."""
        return [text for text in self.told.texts() if not text.startswith("Done:")]

    def wait_for_rules(self, id_: str, *rules: str, timeout_s: float = 30.0) -> None:
        """Wait until so many rules have decided about it; they must be these, in this order."""
        self.wait(
            lambda: len(self.rules(id_)) >= len(rules),
            timeout_s,
            lambda: f"the rules {rules}",
        )
        assert self.rules(id_) == list(rules), self.story()

    def wait_for_requests(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until the provider has been asked so often; not more."""
        self.wait(
            lambda: len(self.provider.requests) >= count,
            timeout_s,
            lambda: f"{count} requests; there are {len(self.provider.requests)}",
        )
        assert len(self.provider.requests) == count, self.story()

    def wait_for_told(self, words: str, timeout_s: float = 10.0) -> str:
        """Wait until people were told something with these words; returns all of it."""
        self.wait(
            lambda: any(words in text for text in self.told.texts()),
            timeout_s,
            lambda: f"people being told {words!r}; they were told {self.told.texts()}",
        )
        return next(text for text in self.told.texts() if words in text)

    def claim_quiet(self, seconds: float = QUIET_S) -> None:
        """Nothing is asked of the provider, decided or told for a while."""

        def seen() -> tuple[int, int, int]:
            decided = len(self.decisions()) if self._daemon_lives() else 0
            return len(self.provider.requests), decided, len(self.told.notices)

        before, until = seen(), time.monotonic() + seconds
        while time.monotonic() < until:
            assert seen() == before, self.story()
            time.sleep(0.1)

    def asked(self, id_: str) -> list[ModelRequest]:
        """What the provider was really asked for that session."""
        return [request for request in self.provider.requests if request.session == id_]

    def wait(
        self,
        condition: Callable[[], object],
        timeout_s: float,
        what: Callable[[], str],
        *,
        every_s: float = 0.05,
    ) -> None:
        """Wait for a condition; when it does not come, tell the whole night."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (
                f"waited {timeout_s:g} s for {what()}\n{self.story()}"
            )
            time.sleep(every_s)

    def now(self) -> datetime:
        """The time by the wall's clock."""
        return SystemClock().now()

    def story(self) -> str:
        """The night so far, for the message of a failed test."""
        asked = [
            f"{one.at:%H:%M:%S.%f} {one.session} {one.last_user_text[:60]!r} -> {one.ended}"
            for one in self.provider.requests
        ]
        if not self._daemon_lives():
            return "\n".join(["the daemon is down", *asked])
        sessions = [
            f"{one['id']} {one['status']} {one['for']} {one['rails']}"
            for one in self.control.sessions()
        ]
        events = self.palin("events").stdout.splitlines()
        return "\n".join([*events, *asked, *sessions, *self.told.texts()])

    def _daemon_lives(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is None

    # ── OpenCode, past the daemon: what the person does ───────────────────────────────────────

    def begin(self, text: str, **fields: object) -> str:
        """The person opens a session and prompts it."""
        id_ = str(self.api("POST", "/session", {})["id"])
        self.prompt(id_, text, **fields)
        return id_

    def prompt(self, id_: str, text: str, **fields: object) -> None:
        body = {"parts": [{"type": "text", "text": text}], **fields}
        self.api("POST", f"/session/{id_}/prompt_async", body)

    def messages(self, id_: str) -> list[Any]:
        return list(self.api("GET", f"/session/{id_}/message"))

    def api(self, method: str, path: str, body: object = None) -> Any:
        entrance = self.control.open(None)
        host, _, port = entrance["url"].partition("://")[2].partition(":")
        secret = base64.b64encode(f"opencode:{entrance['password']}".encode()).decode()
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            headers = {
                "authorization": f"Basic {secret}",
                "content-type": "application/json",
                "x-opencode-directory": str(self.project),
            }
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            raw = connection.getresponse().read()
        finally:
            connection.close()
        return json.loads(raw) if raw else None

    def agent_pid(self, *, of_any: bool = False) -> int | None:
        """The managed server's process; None while there is none, if that is asked for."""
        (agent,) = [a for a in self.control.status()["agents"] if a["way"] == "managed"]
        pid = agent["pid"]
        assert of_any or pid is not None, f"no server runs\n{self.story()}"
        return pid

    def settle(self) -> None:
        """OpenCode swallows a prompt in the second after the end of a turn."""
        time.sleep(1.0)

    def has_passed(self, instant_: str) -> bool:
        """Whether that instant of a status is over."""
        return self.now() > instant(instant_)

    def kill_agent(self) -> int:
        """SIGKILL to the server only; its tools live on, as they really do. Returns its pid."""
        pid = self.agent_pid()
        assert pid is not None
        self.send(pid, signal.SIGKILL)
        return pid

    def send(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one process of this night."""
        self._remember_processes()
        os.kill(pid, number)

    # ── files and processes ───────────────────────────────────────────────────────────────────

    def _write_files(self) -> None:
        folder = self.root / "config"
        folder.mkdir(mode=0o700)
        (folder / "config.toml").write_text(
            f"""[daemon]
check_interval = "{self._check_interval}"
log_level = "debug"

[opencode]
executable = "{self._opencode}"
serve_port = {self.port}

[notifications]
webhook_url = "{self.told.url}"
"""
        )
        (folder / "config.toml").chmod(0o600)
        if self._policy is not None:
            self.policy_file.write_text(self._policy)
            self.policy_file.chmod(0o600)

    def _end_strays(self) -> None:
        """Whatever carries this home in its environment was started by this night."""
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self.home.home):
                    process.kill()
                    self._processes[process.pid] = process
            except psutil.Error:
                continue

    def _remember_processes(self) -> None:
        """All that the daemon started, so that nothing outlives the test."""
        roots = [self.daemon.pid] if self.daemon is not None else []
        for pid in [*roots, *self._processes]:
            try:
                process = psutil.Process(pid)
                found = process.children(recursive=True)
            except psutil.NoSuchProcess:
                continue
            self._processes |= {child.pid: child for child in found}


def instant(text: str) -> datetime:
    """An instant as the control socket says it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def alive(pids: Iterable[int]) -> list[int]:
    """Those of the processes that still run."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.Error:
            continue
    return found
