"""One run of a night: the daemon lives, dies where it is told to, comes back, and is judged."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from palingenesis.assistants.opencode.ids import is_ours
from palingenesis.control.client import ControlClient
from palingenesis.control.wire_format import UsageError
from palingenesis.core.errors import PalingenesisError
from palingenesis.demo.provider import ModelRequest
from tests.torture.killing.judging import Evidence, problems_of
from tests.torture.killing.night import Night
from tests.torture.killing.record import Journaled
from tests.torture.killing.stage import LOOK_S, Stage
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import Arming, Mode, Report

NIGHT_S_MAX = 150.0
UP_S_MAX = 20.0
QUIET_S = 0.25
AGAIN_S = 0.2
"""After so long one that has ended by itself is started again, as a service manager does it."""
SETTLED_S = 0.3
"""How long a daemon that has its agent in sight again is given to do something wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Where a daemon dies: before or after its n-th boundary."""

    at: int
    mode: Mode

    def __str__(self) -> str:
        return f"{'before' if self.mode is Mode.KILL_BEFORE else 'after'}:{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The deaths of one run: the first in the night, the second while it recovers."""

    first: Blow | None = None
    second: Blow | None = None
    long_quiet: bool = False
    """Watch for some seconds more whether anything happens a second time."""


class TooSlowError(Exception):
    """The machine was so slow that the night became another one: it shows nothing."""


@dataclass(slots=True, kw_only=True)
class Told:
    """How a run went."""

    void: bool = False
    """It was too slow to mean anything."""

    problems: list[str] = field(default_factory=list)
    boundaries: int = 0
    kills: list[str] = field(default_factory=list)
    """The calls at which it was killed."""
    faults: int = 0
    """Calls that failed."""
    recoveries_s: list[float] = field(default_factory=list)
    """From a start after a kill until the agent was in sight again."""
    windows_s: list[float] = field(default_factory=list)
    """From the last freshness check until the prompt."""


class Run:
    """One run, on one stage. What a night's script needs is here."""

    limit_s = NIGHT_S_MAX

    def __init__(self, stage: Stage, zygote: Zygote, night: Night, plan: Plan) -> None:
        self.stage = stage
        self.told = Told()
        self.sessions: list[str] = []
        self.server_kills = 0
        self._zygote = zygote
        self._night = night
        self._plan = plan
        self.journal = Journaled(stage.state / "journal.db")
        self._pid = 0
        self._started_at = 0.0
        self._stopping = False
        self._report: Report | None = None
        self._reports = 0

    async def play(self) -> Told:
        """Play the night to its end and judge it."""
        await self.stage.make_ready(self._night.files)
        keeper = asyncio.create_task(self._keep())
        try:
            async with asyncio.timeout(self.limit_s):
                playing = asyncio.create_task(self._play())
                await asyncio.wait({playing, keeper}, return_when=asyncio.FIRST_COMPLETED)
                if keeper.done():
                    playing.cancel()
                    with suppress(asyncio.CancelledError):
                        await playing
                    keeper.result()
                await playing
                await self._stop(keeper)
        except TimeoutError:
            self.told.problems.append(f"the night did not end: {self._where()}")
        except TooSlowError:
            self.told.void = True
        except (AssertionError, RuntimeError) as error:
            self.told.problems.append(f"{error}: {self._where()}")
        finally:
            await self._end(keeper)
        if not self.told.void:
            self.told.problems += problems_of(self._night, self._evidence())
        self.journal.close()
        self.stage.take_over()
        return self.told

    # ── what a night's script needs ───────────────────────────────────────────────────────────

    def watch(self, pid: int) -> None:
        """Look at a daemon that somebody else has started."""
        self._pid = pid

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition about the journal or the provider; the night's limit ends it."""
        while True:
            self.journal.look()
            if condition():
                return
            await asyncio.sleep(LOOK_S)

    async def is_up(self) -> None:
        """Wait until the daemon that lives now has its agent in sight."""
        await self.until(lambda: self._pid and self.journal.is_up(self._pid))

    async def begin(self, text: str, *, directory: str | None = None) -> str:
        """The person opens a session and prompts it; from now on boundaries count.

        Returns when the daemon has seen it at work, which makes it ours to look after.
        """
        session = await self.open_session(text)
        await self.until(lambda: self.journal.has("SessionWorking", session=session))
        self.stage.clock.gate.set()
        return session

    async def open_session(self, text: str) -> str:
        """The person opens a session and prompts it."""
        await self.is_up()
        self.counts()
        session = str((await self.stage.api("POST", "/session", {}))["id"])
        self.sessions.append(session)
        await self.say(session, text)
        return session

    def counts(self) -> None:
        """From now on boundaries count."""
        if self._report is not None:
            self._report.switch_on()

    async def say(self, session: str, text: str) -> None:
        """The person prompts a session."""
        body = {"parts": [{"type": "text", "text": text}]}
        await self.stage.api("POST", f"/session/{session}/prompt_async", body)

    async def decided(self, count: int) -> None:
        """Wait until so many rules have decided, and everything ordered has an outcome."""
        await self.until(lambda: len(self.journal.rules) >= count and not self.journal.open)

    async def sleep(self, seconds: float) -> None:
        """Let time pass, in which nothing may happen."""
        await asyncio.sleep(seconds)

    def claim(self, *, was_in_time: bool) -> None:
        """End a night that the machine was too slow for.

        Raises:
            TooSlowError: it was.
        """
        if not was_in_time:
            raise TooSlowError

    def now(self) -> datetime:
        """The time by the provider's clock."""
        return self.stage.clock.now()

    def ours_before(self, instant: datetime) -> bool:
        """Whether a prompt of ours had reached the server by then, whenever it was answered."""
        return any(
            is_ours(message["info"]["id"])
            and message["info"]["time"]["created"] <= instant.timestamp() * 1000
            for conversation in self.stage.conversations()
            for message in conversation["messages"]
        )

    def asked(self) -> list[ModelRequest]:
        """What the provider was asked for, without titles."""
        return [one for one in self.stage.provider.requests if not one.side]

    async def command(self, ask: Callable[[ControlClient], Any]) -> Any:
        """Give a command, again and again until a daemon has confirmed it.

        Raises:
            UsageError: no daemon will ever understand it.
        """
        client = ControlClient(self.stage.folder / "run" / "control.sock", timeout_s=5)
        while True:
            try:
                return await asyncio.to_thread(ask, client)
            except UsageError:
                raise
            except PalingenesisError:
                await asyncio.sleep(LOOK_S * 3)

    async def ask(self) -> None:
        """Ask the daemon how it is; one that is not there does not say."""
        client = ControlClient(self.stage.folder / "run" / "control.sock", timeout_s=2)
        with suppress(PalingenesisError):
            await asyncio.to_thread(client.status)

    async def kill_server(self) -> None:
        """The server dies, and nobody said why."""
        self.server_kills += 1
        server = self.stage.servers()
        assert len(server) == 1, f"{len(server)} servers"
        os.kill(server[0].pid, signal.SIGKILL)

    # ── the daemon ────────────────────────────────────────────────────────────────────────────

    async def _keep(self) -> None:
        """Start the daemon, again and again, until it ends because it was asked to."""
        for number in count():
            self._pid, ended = await self._zygote.start(
                environ=self.stage.environment(),
                folder=self.stage.home.home,
                log=self.stage.folder / "daemon.log",
                arming=self._armed(number),
                executable=self.stage.compiler,
            )
            self._started_at = time.monotonic()
            status = await ended
            self._count()
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                if len(self.told.kills) == 1:
                    await asyncio.sleep(self._night.away_s)
            elif self._has_ended(os.waitstatus_to_exitcode(status)):
                return
            else:
                await asyncio.sleep(AGAIN_S)

    def _has_ended(self, code: int) -> bool:
        """Whether it is not started again; it ended by itself, or because it was asked to."""
        if self._stopping:
            return True
        raise RuntimeError(f"the daemon ended by itself with {code}")

    def _armed(self, number: int) -> Arming | None:
        """What happens to the start of that number, counted from 0."""
        blow = {0: self._plan.first, 1: self._plan.second}.get(number)
        if blow is None and number:
            return None
        report = self._reporting(is_on=bool(number) or self._night.counts_from_the_start)
        if blow is None:
            return Arming(report=report)
        return Arming(report=report, mode=blow.mode, at=blow.at)

    def _reporting(self, *, is_on: bool) -> Path:
        """Where the daemon that is started now counts."""
        self._reports += 1
        self._report = Report(self.stage.folder / f"report{self._reports}")
        if is_on:
            self._report.switch_on()
        return self._report.path

    def _count(self) -> None:
        if self._report is None:
            return
        if self._report.hits:
            self.told.kills.append(self._report.name)
        if not self.told.boundaries:
            self.told.boundaries = self._report.count
        self._report.close()
        self._report = None

    async def _play(self) -> None:
        self.stage.answer_with(*self._night.replies)
        recovery = asyncio.create_task(self._watch_recovery())
        try:
            await self._night.play(self)
            await self._be_quiet()
        finally:
            recovery.cancel()

    async def _watch_recovery(self) -> None:
        """Measure how soon a daemon that was killed has its agent in sight again."""
        measured: set[int] = set()
        while True:
            await self.until(lambda: self._pid not in measured and self.journal.is_up(self._pid))
            if self.told.kills:
                self.told.recoveries_s.append(time.monotonic() - self._started_at)
            measured.add(self._pid)

    async def _be_quiet(self) -> None:
        """A second time would come now: wait for it, for longer where we may have died last."""
        await self.is_up()
        if self.told.kills:
            await asyncio.sleep(max(0.0, self._started_at + SETTLED_S * 2 - time.monotonic()))
        await asyncio.sleep(2.5 if self._plan.long_quiet else QUIET_S)
        await self.until(lambda: not self.journal.open)

    async def _stop(self, keeper: "asyncio.Task[None]") -> None:
        """Ask it to end; one that was killed while it ended comes back and is asked again."""
        self._stopping = True
        asked = 0
        while not keeper.done():
            if self._pid != asked:
                await self.is_up()
                await self.until(lambda: not self.journal.open or keeper.done())
                asked = self._pid
                with suppress(ProcessLookupError):
                    os.kill(asked, signal.SIGTERM)
            await asyncio.sleep(LOOK_S)
        keeper.result()

    async def _end(self, keeper: "asyncio.Task[None]") -> None:
        self._stopping = True
        keeper.cancel()
        with suppress(asyncio.CancelledError, RuntimeError):
            await keeper
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self.journal.look()

    # ── the morning ───────────────────────────────────────────────────────────────────────────

    def _evidence(self) -> Evidence:
        return Evidence(
            journal=self.journal,
            asked=self.asked(),
            told=list(self.stage.told.notices),
            conversations=self.stage.conversations(),
            sessions=list(self.sessions),
            hooked=len(self.stage.hooked.read_text().splitlines())
            if self.stage.hooked.exists()
            else 0,
            servers=len(self.stage.servers()),
            kills=len(self.told.kills),
            faults=self.told.faults,
        )

    def _where(self) -> str:
        log = self.stage.folder / "daemon.log"
        said = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
        return (
            f"rules {self.journal.rules}, open {self.journal.open},"
            f" last events {[kind for kind, _ in self.journal.events[-5:]]},"
            f" asked {[(r.last_user_text, r.ended) for r in self.stage.provider.requests]},"
            f" log {said}"
        )
