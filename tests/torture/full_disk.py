"""The real daemon on a disk that is full, or read-only: it watches, does nothing, and goes on.

    python -m tests.torture.full_disk --disk tmpfs
    python -m tests.torture.full_disk --disk library --error EROFS

A stand-in OpenCode works, and its answer is cut off when nothing can be written any more, so that
the policy would have it go on. The disk is either a small file system in memory, which is really
full (`tmpfs`: needs the right to mount), or the real one, where every write of the daemon to its
files fails with an error of the system (`library`, see preload.c). Some seconds later the disk is
as before.

While it lasts nothing may be asked of the assistant; `status` must answer and say why; and people
are told once. Afterwards the work must go on within ten seconds, by itself, with nothing twice and
nothing lost. A daemon that is started on such a disk must wait for room, and say so; one that has
no journal yet must say so in one line and end with 1.
"""

import argparse
import asyncio
import errno
import mmap
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from palingenesis.control.client import ControlClient
from palingenesis.core.effects import Effect
from palingenesis.core.record import effect_from_plain
from palingenesis.demo.provider import ModelRequest
from palingenesis.journal import ReadOnlyJournal
from palingenesis.journal.ballast import BALLAST_BYTES
from tests.torture.killing.judging import MARK, doubled
from tests.torture.killing.nights import NIGHTS
from tests.torture.killing.record import Journaled
from tests.torture.killing.stage import Stage
from tests.torture.preload import Arming, Mode, Report, compiled
from tests.torture.telling import commit

UP_S_MAX: Final = 60.0
AGAIN_S_MAX: Final = 10.0
LASTS_S: Final = 7.0
"""Longer than the five seconds after which people are told of it without its being written."""
WRITES: Final = ("pwrite", "pwrite64")
"""How SQLite, and the ballast, write to a file; logs and sockets go other ways."""
_NEVER: Final = 1 << 40
_WAITS: Final = "nothing is done until the journal can be written"
NIGHT: Final = NIGHTS["cut-off"]


class Disk(Protocol):
    """Where the daemon keeps its state."""

    environment: Mapping[str, str]
    """What its daemon is started with."""

    def mount(self, state: Path) -> None:
        """Put it there, with what is there already."""

    def fill(self) -> None:
        """From now on nothing can be written."""

    def free(self) -> None:
        """From now on it can."""

    def unmount(self) -> None:
        """Take it away."""


class SmallDisk:
    """A file system in memory that is really full."""

    environment: Mapping[str, str] = {}

    def __init__(self, mib: int = 12) -> None:
        self._mib = mib
        self._state = Path()

    def mount(self, state: Path) -> None:
        self._state = state
        beside = state.with_name("state.before")
        state.rename(beside)
        state.mkdir(mode=0o700)
        options = f"size={self._mib}m,mode=0700"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(state)]
        subprocess.run(command, check=True, capture_output=True, timeout=10)
        shutil.copytree(beside, state, dirs_exist_ok=True)
        shutil.rmtree(beside)

    def fill(self) -> None:
        with (self._state / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    def free(self) -> None:
        (self._state / "filler").unlink(missing_ok=True)

    def unmount(self) -> None:
        # Lazily: the assistant's server, which lives on, has its log there.
        command = ["umount", "--lazy", str(self._state)]
        subprocess.run(command, check=True, capture_output=True, timeout=10)


class FailingWrites:
    """The disk as it is, but every write of the daemon to its files can be made to fail."""

    def __init__(self, folder: Path, error: int) -> None:
        self._report = Report(folder / "disk")
        arming = Arming(
            report=self._report.path, mode=Mode.FAIL_ON, at=_NEVER, error=error, names=WRITES
        )
        self.environment: Mapping[str, str] = arming.environment(compiled(folder))
        with self._report.path.open("r+b") as file:
            self._room = mmap.mmap(file.fileno(), 0)

    def mount(self, state: Path) -> None:
        assert state.is_dir()

    def fill(self) -> None:
        self._count(_NEVER)

    def free(self) -> None:
        self._count(0)

    def unmount(self) -> None:
        self._room.close()
        self._report.close()

    def _count(self, number: int) -> None:
        """How many writes there seem to have been: those beyond the limit fail."""
        size = struct.calcsize("@l")
        self._room[size : 2 * size] = struct.pack("@l", number)


@dataclass
class Told:
    """How it went."""

    problems: list[str] = field(default_factory=list)
    why: str = ""
    """What `status` gave as the reason."""
    again_s: float = 0.0
    """From the moment that there was room until the assistant was asked to go on."""
    notices: list[str] = field(default_factory=list)
    start: str = ""
    """What a daemon said that was started on the full disk."""
    first_start: str = ""
    """What one said there that had no journal yet, after its exit code."""
    on_reserve: bool = False
    """That the disk is full was written into the room of the ballast."""


class Trial:
    """One daemon, one disk, one night."""

    def __init__(self, stage: Stage, disk: Disk) -> None:
        self.told = Told()
        self._stage = stage
        self._disk = disk
        self._journal = Journaled(stage.state / "journal.db")
        self._daemon: asyncio.subprocess.Process | None = None
        self._read = 0

    async def play(self) -> Told:
        """Play the night, and judge it."""
        stage = self._stage
        await stage.set_up(policy=NIGHT.policy, opencode=NIGHT.opencode)
        await stage.make_ready({})
        self._disk.mount(stage.state)
        try:
            await self._night()
            await self._begin_on_a_full_disk()
        except TimeoutError:
            self.told.problems.append(f"it did not come to its end: {self._where()}")
        finally:
            await self._stop()
            self._journal.close()
            self._disk.unmount()
        return self.told

    async def _night(self) -> None:
        stage = self._stage
        stage.answer_with(*NIGHT.replies)
        await self._start()
        session = str((await stage.api("POST", "/session", {}))["id"])
        body = {"parts": [{"type": "text", "text": NIGHT.asked[0][0]}]}
        await stage.api("POST", f"/session/{session}/prompt_async", body)
        await self._until(lambda: self._journal.has("SessionWorking", session=session))
        await self._until(self._has_ballast)
        self._disk.fill()
        stage.clock.gate.set()
        await self._until(lambda: self._ended() == 1)
        await self._watch_while_full()
        self._disk.free()
        began = time.monotonic()
        await self._until(lambda: self._ended() == len(NIGHT.asked), AGAIN_S_MAX)
        self.told.again_s = time.monotonic() - began
        await self._until(lambda: "done" in self._journal.rules and not self._journal.open)
        await self._stop()
        self._judge()

    async def _watch_while_full(self) -> None:
        client = ControlClient(self._stage.folder / "run" / "control.sock", timeout_s=5)
        until = time.monotonic() + LASTS_S
        while time.monotonic() < until:
            journal = (await asyncio.to_thread(client.status))["journal"]
            self.told.why = self.told.why if journal["ok"] else journal["detail"]
            if len(self._asked()) > 1:
                self.told.problems.append("the assistant was asked while nothing could be written")
                return
            await asyncio.sleep(0.1)
        if not self.told.why:
            self.told.problems.append("status did not say that nothing can be written")

    async def _begin_on_a_full_disk(self) -> None:
        """A daemon that has a journal waits for room; one that has none says what is wrong."""
        self._disk.fill()
        self._daemon = process = await self._spawn()
        await self._until(lambda: process.returncode is not None or _WAITS in self._new_log())
        lines = [line for line in self._new_log().splitlines() if _WAITS in line]
        self.told.start = lines[-1].partition(f"{_WAITS}: ")[2] if lines else ""
        self._disk.free()
        await self._until(lambda: self._journal.is_up(process.pid))
        await self._stop()
        self._journal.close()
        for file in self._stage.state.glob("journal.*"):
            file.unlink()
        self._disk.fill()
        process = await self._spawn()
        async with asyncio.timeout(UP_S_MAX):
            code = await process.wait()
        said = self._new_log()
        self.told.first_start = f"{code}: {' / '.join(said.splitlines())}"
        if code != 1 or "error: cannot open the journal" not in said or "mistake" in said:
            self.told.problems.append(f"started for the first time: {self.told.first_start}")

    def _judge(self) -> None:
        told = self.told
        # The judge looks at the file by a descriptor of its own. To close that would drop the lock
        # of our connection (fcntl(2)), and the next daemon could remove the log under it.
        self._journal.close()
        with ReadOnlyJournal.open(self._stage.state / "journal.db") as journal:
            told.problems += [f"the journal is not sound: {it}" for it in journal.problems()]
        asked = [(one.last_user_text, one.ended) for one in self._asked()]
        if asked != list(NIGHT.asked):
            told.problems.append(f"asked {asked} instead of {list(NIGHT.asked)}")
        sent: dict[str, int] = {}
        for conversation in self._stage.conversations():
            for message in conversation["messages"]:
                key = str(message["info"]["id"])
                if MARK in key:
                    sent[key] = sent.get(key, 0) + 1
        orders: list[Effect] = [effect_from_plain(it) for it in self._journal.ordered.values()]
        told.problems += doubled(Counter(sent), orders)
        told.notices = [str(one["message"]) for one in self._stage.told.notices]
        about_it = [one for one in told.notices if "written" in one or "disk" in one]
        if len(about_it) != 1 or sorted({*told.notices} - {*about_it}) != list(NIGHT.told):
            told.problems.append(f"people were told {told.notices}")
        told.on_reserve = self._journal.has("WritingFailed")
        if "Traceback" in self._log():
            told.problems.append("the log has a traceback")

    # ── inside ────────────────────────────────────────────────────────────────────────────────

    async def _spawn(self) -> asyncio.subprocess.Process:
        log = self._stage.folder / "daemon.log"
        self._read = len(self._log())
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "palingenesis", "daemon", "run",
                cwd=self._stage.home.home,
                env={**self._stage.environment(), **self._disk.environment,
                     "PYTHONPATH": ":".join(sys.path)},
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    async def _start(self) -> None:
        self._daemon = process = await self._spawn()
        await self._until(lambda: self._journal.is_up(process.pid))

    async def _stop(self) -> None:
        if self._daemon is None:
            return
        process, self._daemon = self._daemon, None
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(UP_S_MAX):
            await process.wait()
        self._journal.look()

    async def _until(self, condition: Callable[[], object], seconds: float = UP_S_MAX) -> None:
        async with asyncio.timeout(seconds):
            while True:
                self._journal.look()
                if condition():
                    return
                await asyncio.sleep(0.02)

    def _asked(self) -> list[ModelRequest]:
        return [one for one in self._stage.provider.requests if not one.side]

    def _ended(self) -> int:
        return sum(bool(one.ended) for one in self._asked())

    def _has_ballast(self) -> bool:
        file = self._stage.state / "journal.ballast"
        return file.exists() and file.stat().st_size == BALLAST_BYTES

    def _log(self) -> str:
        log = self._stage.folder / "daemon.log"
        return log.read_text("utf-8", errors="replace") if log.exists() else ""

    def _new_log(self) -> str:
        """What the daemon that was started last has said."""
        return self._log()[self._read :]

    def _where(self) -> str:
        asked = [(one.last_user_text, one.ended) for one in self._asked()]
        events = [kind for kind, _ in self._journal.events[-5:]]
        return f"asked {asked}, last events {events}, log {self._log().splitlines()[-4:]}"


async def tried(disk: Disk, folder: Path) -> Told:
    """Set the stage, and play."""
    async with Stage(folder / "stage") as stage:
        return await Trial(stage, disk).play()


def can_mount() -> bool:
    """Whether a file system can be mounted here."""
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False, timeout=10
        )
        if made.returncode == 0:
            subprocess.run(["umount", folder], check=True, capture_output=True, timeout=10)
    return made.returncode == 0


def main(arguments: list[str] | None = None) -> int:
    """Fill the disk, and say how it went; returns the exit code."""
    asked = _parser().parse_args(arguments)
    problems = list[str]()
    for number in range(asked.count):
        with tempfile.TemporaryDirectory(prefix="full-disk-") as name:
            folder = Path(name)
            error = getattr(errno, asked.error)
            disk = SmallDisk() if asked.disk == "tmpfs" else FailingWrites(folder, error)
            told = asyncio.run(tried(disk, folder))
        print(f"disk: {asked.disk}, {asked.error}; {number + 1} of {asked.count}")
        print(f"  {datetime.now(UTC).date()}, commit {commit()}")
        print(f"  status said: {told.why}")
        print(f"  that it is full was written into the ballast's room: {told.on_reserve}")
        print(f"  people were told: {told.notices}")
        print(f"  it went on {told.again_s:.1f} s after there was room")
        print(f"  started on such a disk it waited: {told.start}")
        print(f"  started there for the first time it ended with {told.first_start}")
        problems += told.problems
    for problem in problems:
        print(f"VIOLATED: {problem}")
    if problems:
        print(f"again: python -m tests.torture.full_disk --disk {asked.disk} --error {asked.error}")
    return int(bool(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--disk", choices=("tmpfs", "library"), default="library")
    parser.add_argument("--error", choices=("ENOSPC", "EROFS", "EIO", "EDQUOT"), default="ENOSPC")
    parser.add_argument("--count", type=int, default=1, help="how often")
    return parser


if __name__ == "__main__":
    sys.exit(main())
