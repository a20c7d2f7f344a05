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
from collections.abc import Mapping
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
from palingenesis.runtime.clock import SystemClock
from tests.live.bench import free_port, wait_until

START_S_MAX = 60.0


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
        return [str(notice["data"]["message"]) for notice in self.notices]

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

    def start(self) -> None:
        """Start the daemon and wait until it and its OpenCode answer."""
        log = (self.root / "daemon.log").open("ab")
        with log:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", "palingenesis", "daemon", "run", *self._flags],
                env=self.environment(),
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._is_up, START_S_MAX, "the daemon and its agent")
        self._remember_processes()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon; its agents live on."""
        assert self.daemon is not None
        self._remember_processes()
        self.daemon.send_signal(number)
        return self.daemon.wait(15)

    def _is_up(self) -> bool:
        if self.daemon is not None and self.daemon.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log()[-3000:]}")
        try:
            status = self.control.status()
        except PalingenesisError:
            return False
        return any(agent["up"] for agent in status["agents"])

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
        wait_until(
            lambda: self.status_of(id_) in statuses,
            timeout_s,
            lambda: f"{' or '.join(statuses)}; it is {self.session(id_)}",
        )
        return self.session(id_)

    def decisions(self, id_: str | None = None) -> list[dict[str, Any]]:
        """Everything decided so far, oldest first."""
        return [dict(one) for one in self.control.explain(session=id_, decision=None, limit=100)]

    def rules(self, id_: str) -> list[str]:
        return [one["rule"] for one in self.decisions(id_) if one["kind"] == "decided"]

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

    def agent_pid(self) -> int:
        (agent,) = [a for a in self.control.status()["agents"] if a["way"] == "managed"]
        assert agent["pid"] is not None
        return int(agent["pid"])

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
