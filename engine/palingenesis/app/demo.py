"""The demo: one night in fast motion, with the daemon as it is and an OpenCode of its own.

Theory of operation. Daemon, scripted provider and story share one event loop; the OpenCode server
is a child process, started and restarted by the same code as ever. The daemon's clock jumps
whenever nothing is under way; the assistant's does not (see demo.jumping_clock). Everything lies in
a temporary home, and nothing of it outlives the night.
"""

import asyncio
import contextlib
import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from palingenesis.app.agents import Agents, Surroundings, make_agents
from palingenesis.app.conducting import Conductor
from palingenesis.app.daemon import Daemon
from palingenesis.assistants.opencode.executable import ask_version, find_executable
from palingenesis.assistants.opencode.server import Launch, ManagedServer
from palingenesis.assistants.opencode.versions import is_supported, what_is_wrong
from palingenesis.core.errors import DeadlineError, PalingenesisError
from palingenesis.core.savings import Savings
from palingenesis.core.values import Status
from palingenesis.core.world import World
from palingenesis.demo.jumping_clock import JumpingClock, NightActuator, NightSensor, NightWork
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.demo.provider import Provider
from palingenesis.demo.story import Ending, Expectation, Story, evening, judged, prompts_in
from palingenesis.demo.telling import Told
from palingenesis.journal import SqliteJournal
from palingenesis.journal.lock import lock
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.config import Config, DaemonConfig, OpenCodeConfig, PolicyChoice
from palingenesis.runtime.paths import Paths

STAND_IN = (sys.executable, "-m", "palingenesis.demo.stand_in")
NIGHT_S_MAX = 150.0
"""Real seconds that a night may take with everything around it."""

_CONFIG = Config(
    daemon=DaemonConfig(check_interval=timedelta(seconds=1)),
    opencode=OpenCodeConfig(serve_port=0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays OpenCode tonight."""

    is_real: bool
    version: str
    program: str
    why: str = ""
    """Why it is not the real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What is left of a night."""

    cast: Cast
    began_at: datetime
    ended_at: datetime
    took_s: float
    savings: Savings
    prompts_by_people: int
    prompts_by_us: int
    """Both counted at the provider."""
    requests: int
    needs_a_person: tuple[tuple[str, str], ...]
    """(title, why)."""
    expectations: tuple[Expectation, ...]
    kept_in: Path | None

    @property
    def is_good(self) -> bool:
        """Whether the night ended as it should."""
        return all(one.holds for one in self.expectations)


class Show(Protocol):
    """Where the night is watched."""

    def begins(self, cast: Cast, at: datetime, home: Path) -> None:
        """Who plays, when, and where."""
        ...

    def line(self, told: Told) -> None:
        """One more line."""
        ...


def run_demo(
    *, environ: Mapping[str, str], executable: str | None, show: Show, keeps: bool, debug: bool
) -> Morning:
    """Play a night.

    Args:
        environ: where the real OpenCode is looked for.
        executable: the program that the person configured, if she did.
        show: where it is watched while it runs.
        keeps: leave the folder of the night where it is.
        debug: show what the daemon logs.

    Raises:
        KeyboardInterrupt: the person interrupted it; everything is cleaned up.
        PalingenesisError: it could not be played.
    """
    root = Path(tempfile.mkdtemp(prefix="palingenesis-demo-")).resolve()
    try:
        with _logging(debug=debug):
            return asyncio.run(_Night(root, environ, executable, show, keeps=keeps).play())
    finally:
        if not keeps:
            shutil.rmtree(root, ignore_errors=True)


class _Night:
    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        executable: str | None,
        show: Show,
        *,
        keeps: bool,
    ) -> None:
        self._root = root
        self._environ = environ
        self._executable = executable
        self._show = show
        self._keeps = keeps
        self._real = SystemClock()
        self._clock = JumpingClock(self._real, begins=evening(self._real.now()))
        self._home = OpenCodeHome(root / "world")
        self._story = Story(self._home.project)
        self._server: ManagedServer | None = None

    async def play(self) -> Morning:
        """Play the night, and clean up whatever happens."""
        began, began_at = self._real.now(), self._clock.now()
        _end_on_signals()
        try:
            async with asyncio.timeout(NIGHT_S_MAX), Provider(self._real) as provider:
                provider.script.respond = self._story.respond
                self._home.build(provider.url, {"compaction": {"auto": False}})
                cast = await asyncio.to_thread(self._choose)
                self._show.begins(cast, began_at, self._root)
                ending, world = await self._live(cast, provider)
        except TimeoutError as error:
            raise DeadlineError(
                f"the night did not end within {NIGHT_S_MAX:g} s",
                "see what happened with: palingenesis --debug demo --keep",
            ) from error
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        took_s = (self._real.now() - began).total_seconds()
        return self._morning(cast, began_at, took_s, ending, world)

    def _choose(self) -> Cast:
        """The real OpenCode if there is one that was tested; else the stand-in, and why."""
        try:
            program = str(find_executable(self._executable, self._environ))
            version = ask_version((program,), self._environment())
        except PalingenesisError as error:
            return self._stand_in(error.message)
        if not is_supported(version):
            return self._stand_in(what_is_wrong(version))
        return Cast(is_real=True, version=version, program=program)

    def _stand_in(self, why: str) -> Cast:
        version = ask_version(STAND_IN, self._environment())
        return Cast(is_real=False, version=version, program=" ".join(STAND_IN), why=why)

    def _environment(self) -> dict[str, str]:
        """What the server inherits; also what it unpacks for itself stays in the night's folder."""
        folder = self._root / "tmp"
        folder.mkdir(exist_ok=True)
        return self._home.environment({"TMPDIR": str(folder)})

    # ── the daemon ────────────────────────────────────────────────────────────────────────────

    async def _live(self, cast: Cast, provider: Provider) -> tuple[Ending, World]:
        paths = Paths(
            state=self._root / "state",
            config=self._root / "config",
            runtime=self._root / "run",
            cache=self._root / "cache",
        )
        paths.prepare()
        with lock(paths.state), contextlib.closing(SqliteJournal.open(paths.journal)) as journal:
            daemon = Daemon(
                config=_CONFIG,
                paths=paths,
                choice=PolicyChoice(path=None, origin="shipped"),
                environ=self._environment(),
                journal=journal,
                clock=self._clock,
                make=self._maker(cast),
            )
            try:
                return await self._beside(daemon, provider), daemon.loop.world
            finally:
                if self._server is not None:
                    await asyncio.shield(self._server.stop(grace_s=1.0))

    async def _beside(self, daemon: Daemon, provider: Provider) -> Ending:
        """Let the daemon run while the story happens; whichever ends first ends the other."""
        conductor = Conductor(
            story=self._story,
            directory=str(self._home.project),
            provider=provider,
            clock=self._clock,
            real=self._real,
            say=self._show.line,
        )
        daemon.loop.attend(conductor.written)
        try:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(daemon.run(None))
                playing = group.create_task(conductor.play(daemon.loop, lambda: self._server))
                await asyncio.wait({running, playing}, return_when=asyncio.FIRST_COMPLETED)
                daemon.stop()
                playing.cancel()
        except BaseExceptionGroup as errors:
            raise _first_of(errors) from None
        if playing.cancelled():
            raise asyncio.CancelledError  # a signal asked the daemon to stop
        return playing.result()

    def _maker(self, cast: Cast) -> Callable[[Surroundings], Agents]:
        """Make the agents as ever, but in real time and with tonight's program."""

        def make(around: Surroundings) -> Agents:
            assert around.clock is self._clock, "the daemon lives by the night's clock"
            launch = Launch(
                state=around.state,
                directory=self._home.project,
                environ=around.environ,
                executable=cast.program if cast.is_real else None,
                command=() if cast.is_real else STAND_IN,
                port=0,
            )
            made = make_agents(
                replace(
                    around,
                    work=NightWork(around.work, self._clock),
                    clock=self._real,
                    launch=launch,
                    observes=False,  # the person's own programs are none of its business
                )
            )
            self._server = made.managed
            return replace(
                made,
                managed=None,  # in the morning it is ended, not left to the next daemon
                sensors=tuple(NightSensor(one, self._clock) for one in made.sensors),
                actuators={
                    agent: NightActuator(one, self._clock) for agent, one in made.actuators.items()
                },
            )

        return make

    # ── the morning ───────────────────────────────────────────────────────────────────────────

    def _morning(
        self, cast: Cast, began_at: datetime, took_s: float, ending: Ending, world: World
    ) -> Morning:
        prompts = prompts_in(ending.requests)
        ours = sum(1 for prompt in prompts if prompt.is_ours)
        sessions = world.sessions.values()
        return Morning(
            cast=cast,
            began_at=began_at,
            ended_at=self._clock.now(),
            took_s=took_s,
            savings=ending.savings,
            prompts_by_people=len(prompts) - ours,
            prompts_by_us=ours,
            requests=len(ending.requests),
            needs_a_person=tuple(
                (one.title, one.outlook) for one in sessions if one.status is Status.ATTENTION
            ),
            expectations=judged(ending),
            kept_in=self._root if self._keeps else None,
        )


def _first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that a person is told, out of however many groups it comes in."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


def _end_on_signals() -> None:
    """Until the daemon has its own handlers: a signal cancels the night, and so cleans up."""
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)


@contextlib.contextmanager
def _logging(*, debug: bool) -> Iterator[None]:
    """Show what the daemon logs, or keep it to itself."""
    handler = logging.StreamHandler(sys.stderr) if debug else logging.NullHandler()
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO if debug else logging.CRITICAL)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
