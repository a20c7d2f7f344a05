"""Daemons in a moment: one process that has imported everything, and forks for every start.

A start of the daemon costs half a second of imports; a fork of this process costs some
milliseconds, and from `palingenesis daemon run` on it is the daemon and nothing else. The library
of preload.c is loaded here and armed in the fork. What comes before the imports are over cannot be
killed this way; fresh processes are, in smaller numbers.
"""

import asyncio
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.torture.preload import Arming

MESSAGE_BYTES_MAX = 256 * 1024
START_S_MAX = 180.0
NEEDED = (
    "palingenesis.surfaces.cli.program",
    "palingenesis.surfaces.cli.daemon",
    "palingenesis.app.daemon",
    "palingenesis.wire.plain",
    "palingenesis.processes.beginning",
    "anyio._backends._asyncio",
    "watchfiles.main",
    "platformdirs.unix",
    "psutil",
    "simpleeval",
    "encodings.idna",
    "stringprep",
    "tomllib",
    "sqlite3",
    "concurrent.futures.thread",
    "encodings.ascii",
)


class Zygote:
    """The forking process, as its user sees it: `async with Zygote(library) as zygote`."""

    def __init__(self, library: Path, planted: str = "") -> None:
        self._library = library
        self._planted = planted
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._theirs = theirs
        self._process: asyncio.subprocess.Process | None = None
        self._born: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        """Start it and wait until it has imported everything."""
        loop = asyncio.get_running_loop()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.torture.killing.zygote", str(self._theirs.fileno()),
            self._planted,
            pass_fds=(self._theirs.fileno(),),
            env={**os.environ, "LD_PRELOAD": str(self._library)},
        )  # fmt: skip
        self._theirs.close()
        self._ours.setblocking(False)
        async with asyncio.timeout(START_S_MAX):
            await loop.sock_recv(self._ours, MESSAGE_BYTES_MAX)
        loop.add_reader(self._ours, self._heard)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it; what it forked lives on."""
        asyncio.get_running_loop().remove_reader(self._ours)
        self._ours.close()
        assert self._process is not None
        await self._process.wait()

    async def start(
        self, *, environ: Mapping[str, str], folder: Path, log: Path, arming: Arming | None,
        executable: Path,
    ) -> tuple[int, "asyncio.Future[int]"]:  # fmt: skip
        """Start a daemon; returns its pid, and what becomes its wait status.

        Args:
            environ: its whole environment.
            folder: the directory that it runs in.
            log: where both of its outputs go.
            arming: what happens at which boundary.
            executable: what it takes for its Python, to compile policies with.
        """
        self._number += 1
        asked = {
            "number": self._number,
            "environ": dict(environ),
            "folder": str(folder),
            "log": str(log),
            "executable": str(executable),
            "arming": None if arming is None else arming.plain(),
        }
        born = self._born[self._number] = asyncio.get_running_loop().create_future()
        self._ours.send(json.dumps(asked).encode())
        async with asyncio.timeout(START_S_MAX):
            pid = await born
        return pid, self._ended[pid]

    def _heard(self) -> None:
        data = self._ours.recv(MESSAGE_BYTES_MAX)
        told = json.loads(data) if data else {}
        pid = told.get("pid", 0)
        if "number" in told:
            self._ended[pid] = asyncio.get_running_loop().create_future()
            born = self._born.pop(told["number"])
            if not born.done():
                born.set_result(pid)
            else:  # nobody waits any more for a night that was given up
                os.kill(pid, signal.SIGKILL)
        elif pid:
            ended = self._ended.pop(pid)
            if not ended.done():  # nobody waits any more for a night that was given up
                ended.set_result(told["status"])


def main() -> None:
    """Be the zygote: import, say so, and fork for every message."""
    from tests.torture.killing.planted import PLANTED

    door = socket.socket(fileno=int(sys.argv[1]))
    del os.environ["LD_PRELOAD"]
    for name in NEEDED:
        importlib.import_module(name)
    if importlib.util.find_spec("sniffio") is None:
        # httpcore asks for it at every request; where it is missing, say so at once.
        sys.modules["sniffio"] = None  # type: ignore[assignment]
    if sys.argv[2]:
        PLANTED[sys.argv[2]]()
    gc.collect()
    gc.freeze()
    wakes, woken = socket.socketpair()
    wakes.setblocking(False)
    woken.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    door.send(b"{}")
    while True:
        ready, _, _ = select.select([door, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ended(door)
        if door in ready:
            asked = door.recv(MESSAGE_BYTES_MAX)
            if not asked:
                return
            _give_birth(door, json.loads(asked), (wakes, woken))


def _tell_ended(door: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        door.send(json.dumps({"pid": pid, "status": status}).encode())


def _give_birth(
    door: socket.socket, asked: dict[str, Any], bell: tuple[socket.socket, socket.socket]
) -> None:
    pid = os.fork()
    if pid:
        door.send(json.dumps({"number": asked["number"], "pid": pid}).encode())
        return
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for one in (door, *bell):
        one.close()
    code = 70
    try:
        code = _be_a_daemon(asked)
    finally:
        os._exit(code)


def _be_a_daemon(asked: dict[str, Any]) -> int:
    from palingenesis.surfaces.cli.program import run

    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["folder"])
    sys.executable = asked["executable"]
    sys.argv = ["palingenesis", "daemon", "run"]
    if asked["arming"] is not None:
        Arming.from_plain(asked["arming"]).arm()
    return int(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
