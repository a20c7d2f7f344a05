"""The live bench: a scripted provider, an isolated home, and an OpenCode of our own between them.

`with Bench((executable,)) as bench` runs the real program, `Bench(STAND_IN)` the stand-in; tests
drive either through the same calls and look at `bench.provider.requests`, at the session's
messages, and at the events.
"""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil

from palingenesis.demo.hosting import RunningProvider
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.runtime.clock import SystemClock
from tests.live.calls import ServerCalls, wait_until
from tests.live.listener import Listener

Found = TypeVar("Found")

STAND_IN = (sys.executable, "-m", "palingenesis.demo.stand_in")
SCRIPTED_BIG = "scripted/scripted-big"
SCRIPTED_CLAUDE = "scripted-anthropic/scripted-claude"

START_S_MAX = 60.0
STOP_S_MAX = 10.0
SUBSCRIBED_S = 0.25


class Bench(ServerCalls):
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
        super().__init__(password=password)
        self.process: subprocess.Popen[bytes] | None = None
        self.returncode: int | None = None
        self._config = config or {}
        self._environment = dict(environment or {})
        self._starts = starts and program is not None
        self._listeners: list[Listener] = []
        self._spawned: list[subprocess.Popen[bytes]] = []
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
        for process in reversed(self._spawned):
            self._remember_descendants(process.pid)
            self._end(process, signal.SIGTERM)
        self.stop()
        for orphan in psutil.process_iter():
            if _home_of(orphan) == str(self.home.home):
                self._known[orphan.pid] = orphan
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

    def attach(self, port: int, password: str | None = None) -> None:
        """Send this bench's calls to a server that somebody else (a daemon) has started here."""
        assert self.process is None, "this bench has a server of its own"
        self.port, self.password = port, password
        wait_until(self.is_healthy, START_S_MAX, f"a healthy server on port {port}")

    def spawn(
        self,
        words: Sequence[str | Path],
        *,
        environment: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        log: str = "spawned.log",
    ) -> subprocess.Popen[bytes]:
        """Start another program (a daemon) in this home; it ends with the bench.

        What it prints goes to the file `log` below the home's root.
        """
        variables = self.home.environment({**self._environment, **(environment or {})})
        with (self.home.root / log).open("ab") as file:
            process = subprocess.Popen(
                [str(word) for word in words],
                cwd=cwd or self.project,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._spawned.append(process)
        return process

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
        self.returncode = self._end(process, sig)
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

    # -- events and waiting ----------------------------------------------------------------

    def listen(self, path: str = "/global/event") -> Listener:
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

    @property
    def _log_file(self) -> Path:
        return self.home.root / "server.log"

    def _end(self, process: subprocess.Popen[bytes], sig: signal.Signals) -> int:
        if process.poll() is None:
            process.send_signal(sig)
        try:
            return process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(STOP_S_MAX)

    def _is_healthy(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended ({self.process.returncode}): {self.log()}")
        return self.is_healthy()

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


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("HOME")
    except psutil.Error:
        return None


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
