"""The OpenCode server that we run ourselves.

Theory of operation: a managed server is our child in a session of its own, so that it outlives
us; its record lets the next daemon adopt it. A server that was just started may accept a
connection and never answer it, so readiness is asked over fresh connections with short timeouts.
When a server dies, its tools live on; before the next one starts they are found by what they
inherited (the server's pid and password) and ended.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from palingenesis.assistants.opencode.client import OpenCode, denies_strangers
from palingenesis.assistants.opencode.executable import (
    ask_version,
    data_directory,
    find_executable,
    free_port,
    is_port_free,
    origin_of,
    program_stamp,
    server_environment,
)
from palingenesis.assistants.opencode.record import Record, RecordFile
from palingenesis.assistants.opencode.running import AtWork, Ending, Running
from palingenesis.assistants.opencode.versions import is_beyond, what_is_wrong
from palingenesis.core.errors import (
    AssistantDeniedError,
    AssistantError,
    AssistantUnreachableError,
    BusyError,
)
from palingenesis.core.values import Way
from palingenesis.processes.children import Child
from palingenesis.processes.exits import Exit, end, is_gone_within, wait_gone
from palingenesis.processes.finding import carrying, descendants, started_at
from palingenesis.processes.identity import Identity, is_alive
from palingenesis.runtime.ports import Clock, Dice
from palingenesis.wire.redaction import redact, remember

READY_S_MAX = 30.0
PROBE_S = 1.5
ADOPT_S_MAX = 10.0
TOOL_GRACE_S = 2.0
_BETWEEN_PROBES_S = 0.1
_TRIES = 2
_LOG_TOLD = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a managed server is started."""

    state: Path
    directory: Path
    """Its working directory, for sessions that name none."""
    environ: Mapping[str, str] = field(repr=False)
    executable: str | None = None
    command: Sequence[str] = ()
    """Instead of the executable: a program with leading arguments (a stand-in)."""
    hostname: str = "127.0.0.1"
    port: int = 4096
    settings: Mapping[str, object] = field(default_factory=dict)
    """Laid over the person's own configuration through OPENCODE_CONFIG_CONTENT."""

    @property
    def log(self) -> Path:
        """Where the server's two outputs go."""
        return self.state / "opencode-serve.log"

    def words(self) -> tuple[str, ...]:
        """The program and its leading arguments."""
        if self.command:
            return tuple(self.command)
        return (str(find_executable(self.executable, self.environ)),)


class ManagedServer:
    """The server that we run, one for a data directory.

    Args:
        launch: how it is started.
        clock: what waiting is measured with.
        dice: where its password comes from.
    """

    way = Way.MANAGED

    def __init__(self, launch: Launch, clock: Clock, dice: Dice) -> None:
        self._launch = launch
        self._clock = clock
        self._dice = dice
        self._data = data_directory(launch.environ)
        self._file = RecordFile(launch.state, self._data)
        self._child: Child | None = None
        self._running: Running | None = None
        self._by_us: set[Identity] = set()
        self._is_ending = False
        """Nobody is to prompt it any more, although it may still answer."""
        self._changing = asyncio.Lock()
        self._answers = asyncio.Event()

    @property
    def running(self) -> Running | None:
        """The server, if it runs and is not being ended."""
        now = None if self._is_ending else self._running
        return now if now is not None and now.identity and is_alive(now.identity) else None

    async def start(self) -> Running:
        """Adopt the server that we left running, or start one. Does nothing if it runs.

        Raises:
            BusyError: another daemon of ours runs one on the same data.
            AssistantError: no program, no readiness, no password protection.
        """
        async with self._changing:
            return await self._start()

    async def up(self) -> Running:
        """See `Server`. A dead server is not started again here: that is somebody's decision."""
        if self._running is None:
            return await self.start()
        while (running := self.running) is None:
            self._answers.clear()
            await self._answers.wait()
        return running

    async def gone(self, running: Running) -> Exit:
        """See `Server`."""
        assert running.identity is not None
        await wait_gone(running.identity)
        child = self._child
        return (
            await child.wait()
            if child is not None and child.pid == running.identity.pid
            else Exit()
        )

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        """See `Server`."""
        return Ending.of_server(ended, by_us=running.identity in self._by_us)

    async def restart(self, grace_s: float) -> Running:
        """See `Server`."""
        was = self.running
        async with self._changing:
            if (now := self.running) is not None and now is not was:
                return now  # started while we waited: somebody may be at work there by now
            await self._end(grace_s)
            return await self._start()

    async def stop(self, grace_s: float = 10.0) -> None:
        """End it and everything it started; its running turns are marked as aborted first."""
        async with self._changing:
            if self._running is None:
                self._take_up()
            await self._end(grace_s)
            self._file.unlock()

    def leave(self) -> None:
        """Let it live on without us; the next daemon adopts it."""
        if self._child is not None:
            self._child.leave()
        self._file.unlock()

    # ── starting ──

    async def _start(self) -> Running:
        if (running := self.running) is not None:
            return running
        self._file.lock()
        record = self._file.read()
        if record is not None and is_alive(record.identity) and record.data == str(self._data):
            adopted = await self._adopt(record)
            if adopted is not None:
                self._running = adopted
                self._answers.set()
                return adopted
            await self._end_processes(record.identity, grace_s=TOOL_GRACE_S)
        if record is not None:
            await end_orphans(record.identity.pid, record.password)
        self._running = await self._start_new(record)
        self._answers.set()
        return self._running

    async def _adopt(self, record: Record) -> Running | None:
        """The server that we left, if it answers; it may be busy, so it has some time for that."""
        deadline = asyncio.get_running_loop().time() + ADOPT_S_MAX
        async with OpenCode(record.origin, password=record.password, fresh=True) as client:
            while is_alive(record.identity) and asyncio.get_running_loop().time() < deadline:
                try:
                    version = await client.version(timeout_s=PROBE_S)
                    # We may have died between its start and this question.
                    if not await denies_strangers(record.origin, PROBE_S):
                        return None
                except AssistantDeniedError:
                    return None
                except AssistantError:
                    await self._clock.sleep(_BETWEEN_PROBES_S)
                    continue
                return self._as_running(record, version, adopted=True)
        return None

    async def _start_new(self, record: Record | None) -> Running:
        words = self._launch.words()
        program = program_stamp(words[0])
        if record is None or record.program != program:
            version = await asyncio.to_thread(ask_version, words, self._launch.environ)
            if is_beyond(version):
                raise AssistantError(
                    what_is_wrong(version) + "; starting it would convert its database for good",
                    'point [opencode] executable to a 1.x, or use mode = "observed"',
                )
        detail = ""
        for attempt in range(_TRIES):
            port, detail = self._choose_port(is_retry=attempt > 0)
            try:
                return await self._launch_on(port, words, program, detail)
            except PortTakenError:
                continue
        raise AssistantError(
            f"port {self._launch.port} is taken, and so was another one",
            "set [opencode] serve_port to a free port",
        )

    def _choose_port(self, *, is_retry: bool) -> tuple[int, str]:
        launch = self._launch
        if launch.port and not is_retry and is_port_free(launch.hostname, launch.port):
            return launch.port, ""
        port = free_port(launch.hostname)
        taken = f"port {launch.port} is taken by another program; using {port}"
        return port, taken if launch.port else ""

    async def _launch_on(
        self, port: int, words: Sequence[str], program: str, detail: str
    ) -> Running:
        launch = self._launch
        password = self._dice.token() + self._dice.token()  # 256 bits
        remember(password)
        origin = origin_of(launch.hostname, port)
        command = [*words, "serve", "--port", str(port), "--hostname", launch.hostname]
        environ = server_environment(launch.environ, password=password, settings=launch.settings)
        seen = launch.log.stat().st_size if launch.log.exists() else 0
        coming = Record(
            pid=0,
            start_ticks=0,
            boot_id="",
            origin=origin,
            password=password,
            data=str(self._data),
            version="",
            program=program,
        )
        self._file.write(coming)  # if we die now, the next daemon finds it by its password
        try:
            child = Child.start(command, cwd=launch.directory, env=environ, log=launch.log)
        except OSError as error:
            why = f"{(error.strerror or str(error)).lower()}: {error.filename}"
            raise AssistantError(f"cannot start {words[0]}: {why}") from error
        if child.identity is None:
            await child.wait()
            told = self._log_since(seen) or "it said nothing"
            raise AssistantError(f"opencode ended at once: {told}", f"see {launch.log}")
        self._child = child
        who = child.identity
        record = replace(coming, pid=who.pid, start_ticks=who.start_ticks, boot_id=who.boot_id)
        try:
            self._file.write(record)  # before it is ready: if we die now, it is still found
            version = await self._until_ready(child, record, seen)
        except BaseException:
            await asyncio.shield(self._end_processes(child.identity, grace_s=TOOL_GRACE_S))
            await child.wait()
            raise
        return self._as_running(record, version, adopted=False, detail=detail)

    async def _until_ready(self, child: Child, record: Record, log_seen: int) -> str:
        launch, last = self._launch, ""
        try:
            async with (
                asyncio.timeout(READY_S_MAX),
                OpenCode(record.origin, password=record.password, fresh=True) as client,
            ):
                while child.poll() is None:
                    try:
                        return await _protected_version(client)
                    except AssistantUnreachableError as error:
                        last = error.message  # also one lost answer of a server that is there
                    await self._clock.sleep(_BETWEEN_PROBES_S)
        except TimeoutError as error:
            raise AssistantError(
                f"opencode was not ready after {READY_S_MAX:g} s ({last})", f"see {launch.log}"
            ) from error
        told = self._log_since(log_seen)
        if "ServeError" in told or "EADDRINUSE" in told:
            raise PortTakenError
        raise AssistantError(
            f"opencode ended while it started ({child.exit}): {told or 'it said nothing'}",
            f"see {launch.log}",
        )

    def _as_running(
        self, record: Record, version: str, *, adopted: bool, detail: str = ""
    ) -> Running:
        remember(record.password)
        notes = (detail, what_is_wrong(version))
        return Running(
            origin=record.origin,
            version=version,
            started_at=started_at(record.identity) or self._clock.now(),
            password=record.password,
            identity=record.identity,
            adopted=adopted,
            detail="; ".join(note for note in notes if note),
        )

    def _log_since(self, start: int) -> str:
        try:
            with self._launch.log.open("rb") as file:
                file.seek(start)
                told = file.read(64 * 1024).decode(errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in told.splitlines() if line.strip()]
        return redact(" / ".join(lines))[-_LOG_TOLD:]

    # ── ending ──

    def _take_up(self) -> None:
        """Call the server that was left running ours again, although it was not yet adopted."""
        with contextlib.suppress(BusyError):
            self._file.lock()
            record = self._file.read()
            if record is not None and record.data == str(self._data) and is_alive(record.identity):
                self._running = self._as_running(record, record.version, adopted=True)

    async def _end(self, grace_s: float) -> None:
        record = self._file.read()
        identity = self._running.identity if self._running is not None else None
        if identity is None:
            return
        self._is_ending = True
        try:
            await self._end_running(identity, grace_s)
        finally:
            self._is_ending = False
            self._answers.set()  # who waits for an answer looks again
        if record is not None:
            await end_orphans(record.pid, record.password)
        self._file.forget()

    async def _end_running(self, identity: Identity, grace_s: float) -> None:
        self._by_us.add(identity)
        running = self._running
        if running is not None and is_alive(identity):
            async with running.client() as client:
                # Running turns are marked as aborted, so that nobody takes this for a crash.
                # If it hangs or is dying, it is ended anyway.
                with contextlib.suppress(AssistantError):
                    await client.dispose()
        await self._end_processes(identity, grace_s=grace_s)

    async def _end_processes(self, identity: Identity, *, grace_s: float) -> None:
        self._by_us.add(identity)
        tools = descendants(identity)
        await end(tools, grace_s=min(grace_s, TOOL_GRACE_S))
        await end([identity], grace_s=grace_s)
        if await is_gone_within(identity, 1.0) and self._child and self._child.pid == identity.pid:
            await self._child.wait()  # nothing of it is left behind


async def _protected_version(client: OpenCode) -> str:
    version = await client.version(timeout_s=PROBE_S)
    if await denies_strangers(client.origin, PROBE_S):
        return version
    raise AssistantError(
        "opencode answers without its password; it was ended again",
        "this version ignores OPENCODE_SERVER_PASSWORD: update opencode",
    )


class PortTakenError(AssistantError):
    """Somebody took the port between our look and the server's."""

    def __init__(self) -> None:
        super().__init__("the port was taken in the last moment")


async def end_orphans(pid: int, password: str) -> list[Identity]:
    """End the tools that a dead server of ours left behind; returns them.

    `pid` 0: it was about to be started when we died. Whoever carries its password is that server.
    """
    marks = {"OPENCODE_SERVER_PASSWORD": password}
    if pid:
        marks["OPENCODE_PID"] = str(pid)
    return await end(await asyncio.to_thread(carrying, marks), grace_s=TOOL_GRACE_S)
