"""Where nights are played: everything around the daemon, all of it alive while the daemon dies."""

import asyncio
import base64
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from palingenesis.assistants.opencode.executable import data_directory, free_port, program_stamp
from palingenesis.assistants.opencode.record import Record, RecordFile
from palingenesis.demo import http11
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.demo.provider import ModelRequest, Provider
from palingenesis.demo.replies import Reply, Stall
from palingenesis.processes.identity import Identity, identify, is_alive
from palingenesis.runtime.clock import SystemClock

Json = dict[str, Any]

GATED_S = 3600.0
"""A reply that is held back this long waits for its gate instead."""
READY_S_MAX = 120.0
LOOK_S = 0.01


class GatedClock(SystemClock):
    """Time as it is, except that whoever sleeps an hour waits until the gate is opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        if seconds == GATED_S:
            await self.gate.wait()
        else:
            await super().sleep(seconds)


class Told:
    """A webhook's receiving end: what people were told, with its keys."""

    def __init__(self) -> None:
        self.notices: list[Json] = []
        self._server: asyncio.Server | None = None

    async def listen(self) -> str:
        """Open the port; returns its address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    def close(self) -> None:
        """Close it."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await http11.read_request(reader)) is not None:
                self.notices.append(request.data()["data"])
                writer.write(http11.response(204))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the daemon was killed while it spoke
        finally:
            writer.close()


class Stage:
    """One home with all that is around a daemon: `async with Stage(folder) as stage`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = GatedClock()
        self.provider = Provider(self.clock)
        self.told = Told()
        self.home = OpenCodeHome(folder / "w")
        self.project = self.home.project
        self.server: Record | None = None
        self._started: list[asyncio.subprocess.Process] = []
        self._webhook = ""

    async def __aenter__(self) -> Self:
        """Open the ports and make the home."""
        self.folder.mkdir(mode=0o700, parents=True)
        await self.provider.accept()
        self._webhook = await self.told.listen()
        self.home.build(self.provider.url)
        self._write_programs()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End everything that was started here."""
        for identity in self.servers():
            os.kill(identity.pid, signal.SIGKILL)
        for process in self._started:  # what nobody has waited for stays open beyond our loop
            await process.wait()
        self.told.close()
        await self.provider.refuse()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def state(self) -> Path:
        """The daemon's state directory."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The daemon's configuration directory."""
        return self.folder / "config"

    @property
    def hooked(self) -> Path:
        """What the hook of a night writes a line to."""
        return self.folder / "hooked"

    @property
    def compiler(self) -> Path:
        """What daemons take for their Python: it remembers the policies that it has compiled."""
        return self.folder / "python"

    def environment(self) -> dict[str, str]:
        """The daemon's variables."""
        return self.home.environment(
            {
                "PALINGENESIS_STATE_DIR": str(self.state),
                "PALINGENESIS_CONFIG_DIR": str(self.config),
                "PALINGENESIS_RUNTIME_DIR": str(self.folder / "run"),
                "PATH": os.environ["PATH"],
            }
        )

    # ── between nights ────────────────────────────────────────────────────────────────────────

    async def set_up(self, *, policy: str, opencode: Mapping[str, Any]) -> None:
        """Prepare for the runs of one night: configuration, policy, a server of its own."""
        for identity in self.servers():
            os.kill(identity.pid, signal.SIGKILL)
        self.server = None
        shutil.rmtree(self.config, ignore_errors=True)
        self.config.mkdir(mode=0o700)
        self.home.build(self.provider.url, {"compaction": {"auto": False}, **opencode})
        (self.config / "config.toml").write_text(
            f"""[daemon]
check_interval = "5s"
log_level = "info"
[opencode]
executable = "{self.folder / "opencode"}"
serve_port = 0
[notifications]
webhook_url = "{self._webhook}"
[hooks.note]
argv = ["/bin/sh", "-c", "echo x >> {self.hooked}"]
"""
        )
        self.write_policy(policy)
        for file in self.config.iterdir():
            file.chmod(0o600)

    def write_policy(self, text: str) -> None:
        """Save the policy as an editor does."""
        beside = self.config / "policy.yaml.new"
        beside.write_text(text)
        beside.chmod(0o600)
        beside.rename(self.config / "policy.yaml")

    async def make_ready(self, files: Mapping[str, str]) -> None:
        """Forget the last run; begin with these files, and with a server that runs already."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(mode=0o700)
        self.hooked.unlink(missing_ok=True)
        for file in (self.folder / "compiled").glob("[0-9]*[0-9]"):
            if file.name.isdigit():
                file.unlink()
        shutil.rmtree(self.project / "docs", ignore_errors=True)
        for name, text in files.items():
            (self.project / name).write_text(text)
        await self._have_a_server()
        await self._forget_sessions()
        self.provider.reset()
        self.clock.gate.clear()
        self.told.notices.clear()
        self._record().write(self._known())

    def take_over(self) -> None:
        """After a run: the server that the daemon left is ours now; the others are ended."""
        left = self._record().read()
        self.server = left if left is not None and is_alive(left.identity) else None
        for identity in self.servers():
            if self.server is None or identity != self.server.identity:
                os.kill(identity.pid, signal.SIGKILL)

    def servers(self) -> list[Identity]:
        """The live servers of this home, whoever started them."""
        mark = f"HOME={self.home.home}".encode()
        found = []
        for place in Path("/proc").iterdir():
            if not place.name.isdigit():
                continue
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
                is_ours = b"serve" in words and mark in (place / "environ").read_bytes()
            except OSError:
                continue
            identity = identify(int(place.name)) if is_ours else None
            found += [identity] if identity is not None else []
        return found

    # ── the person ────────────────────────────────────────────────────────────────────────────

    async def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server, as the person's own program does."""
        server = self._known()
        port = int(server.origin.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        secret = base64.b64encode(f"opencode:{server.password}".encode()).decode()
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {secret}\r\n"
            f"x-opencode-directory: {self.project}\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + data)
            status, _, headers = await http11.read_response_head(reader)
            length = int(headers.get("content-length", "0"))
            answer = await reader.readexactly(length) if length else b""
        finally:
            writer.close()
        assert status < 400, f"{method} {path} answered {status}: {answer[:200]!r}"
        return json.loads(answer) if answer else None

    def answer_with(self, *replies: Reply) -> None:
        """Script the provider; its first reply waits until the gate is open."""
        waiting = list(replies)

        def choose(_request: ModelRequest) -> Reply | None:
            if not waiting:
                return None
            reply = waiting.pop(0)
            first = len(waiting) == len(replies) - 1
            if not first or isinstance(reply, Stall) or not hasattr(reply, "header_delay_s"):
                return reply
            return replace(reply, header_delay_s=GATED_S)

        self.provider.script.respond = choose

    # ── inside ────────────────────────────────────────────────────────────────────────────────

    def _known(self) -> Record:
        """The server that the last record names: the daemon may have started another one."""
        left = self._record().read()
        server = left or self.server
        assert server is not None, "no server runs"
        return server

    def _record(self) -> RecordFile:
        return RecordFile(self.state, data_directory(self.environment()))

    async def _have_a_server(self) -> None:
        if self.server is not None and is_alive(self.server.identity):
            return
        password, port = secrets.token_hex(32), free_port("127.0.0.1")
        program = self.folder / "opencode"
        process = await asyncio.create_subprocess_exec(
            str(program), "serve", "--port", str(port), "--hostname", "127.0.0.1",
            cwd=self.project,
            env={**self.home.environment({"PATH": os.environ["PATH"]}),
                 "OPENCODE_SERVER_PASSWORD": password},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._started.append(process)
        identity = identify(process.pid)
        assert identity is not None, "the stand-in ended at once"
        self.server = Record(
            pid=identity.pid, start_ticks=identity.start_ticks, boot_id=identity.boot_id,
            origin=f"http://127.0.0.1:{port}", password=password,
            data=str(data_directory(self.environment())), version="",
            program=program_stamp(str(program)),
        )  # fmt: skip
        await until(lambda: _listens(port), READY_S_MAX)

    async def _forget_sessions(self) -> None:
        for info in await self.api("GET", "/experimental/session"):
            await self.api("DELETE", f"/session/{info['id']}")

    def conversations(self) -> list[Json]:
        """The sessions as the server keeps them: `info`, `messages`."""
        folder = self.home.data / "stand-in"
        return [json.loads(file.read_text()) for file in sorted(folder.glob("ses_*.json"))]

    def _write_programs(self) -> None:
        _script(
            self.folder / "opencode",
            f'exec "{sys.executable}" -m palingenesis.demo.stand_in "$@"\n',
        )
        kept = self.folder / "compiled"
        kept.mkdir()
        # An answer depends on nothing but the arguments and the text: no policy here extends one.
        _script(
            self.compiler,
            f"""text={kept}/$$
cat > "$text"
set -- "$(cksum < "$text")-${{#4}}" "$@"
answer={kept}/$1
shift
if [ ! -s "$answer" ]; then
    "{sys.executable}" "$@" < "$text" > "$text.new" && mv "$text.new" "$answer"
fi
exec cat "$answer"
""",
        )


async def until(condition: Callable[[], object], seconds: float) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(LOOK_S)


def _listens(port: int) -> bool:
    """Whether somebody listens there (state 0A of proc(5)'s net/tcp)."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(f":{port:04X} 00000000:0000 0A" in line for line in lines)


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o700)
