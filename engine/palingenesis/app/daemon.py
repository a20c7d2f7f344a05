"""The daemon: everything of one run, wired together."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from palingenesis import __version__, shipped
from palingenesis.app.agents import Agents, Surroundings, make_agents
from palingenesis.app.candidates import Candidates
from palingenesis.app.front import About, Front
from palingenesis.app.hooks import ConfiguredHooks
from palingenesis.app.keeping import Keeping
from palingenesis.app.liveness import Liveness
from palingenesis.app.observing import Observing
from palingenesis.app.ours import at_work, globs, owned, remembered, to_look_for, under_way
from palingenesis.app.own_policy import guarded
from palingenesis.app.reconfiguring import (
    Adjustable,
    answer,
    warnings_of,
    why_an_agents_configuration,
)
from palingenesis.app.secrecy import clean
from palingenesis.app.toasting import Toasting
from palingenesis.channels.configured import make_channels
from palingenesis.control.server import ControlServer
from palingenesis.core.effects import Effect
from palingenesis.core.errors import BusyError, InvalidConfigError, PalingenesisError
from palingenesis.core.events import DaemonStarted, DaemonStopped, Event, PolicyAdopted, Ticked
from palingenesis.core.policy.build import build
from palingenesis.core.policy.renaming import renamed_ids, said_of
from palingenesis.core.safety import why_void
from palingenesis.journal import SqliteJournal
from palingenesis.processes.identity import boot_id
from palingenesis.processes.supervisor import Supervisor
from palingenesis.runtime import door
from palingenesis.runtime.bounded_file import may_be_there
from palingenesis.runtime.clock import SystemClock, SystemDice
from palingenesis.runtime.config import FLAG_ORIGIN, OWN_ORIGIN, Config, PolicyChoice, choose_policy
from palingenesis.runtime.config_watch import ConfigWatch
from palingenesis.runtime.dispatch import Dispatch
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.ports import Channel, Clock, Clocks, one_clock
from palingenesis.runtime.project_policy import file_in, projects_of
from palingenesis.runtime.recovery import recover
from palingenesis.runtime.reload import Answer, on_hangup
from palingenesis.runtime.watchkeeper import watch_all
from palingenesis.sensors.host import Host
from palingenesis.sensors.policy_file import PolicyFile
from palingenesis.sensors.work import FolderWork

log = logging.getLogger("palingenesis.daemon")

MakeAgents = Callable[[Surroundings], Agents]
"""`make_agents`, or something that makes other ones."""


class Daemon:
    """Everything of one run, wired together."""

    def __init__(
        self,
        *,
        config: Config,
        paths: Paths,
        choice: PolicyChoice,
        environ: Mapping[str, str],
        journal: SqliteJournal,
        clock: Clock | None = None,
        clocks: Clocks | None = None,
        make: MakeAgents = make_agents,
        supervisor: Supervisor | None = None,
    ) -> None:
        self._config = config
        self.keeps_level = False
        """Whether a flag has said how much is logged."""
        self._channels: list[Channel] = []
        self._hooks = ConfiguredHooks(config.hooks, environ, void=self._why_void)
        self._paths = paths
        self._choice = choice
        self._environ = environ
        self._journal = journal
        self._clock = clock or SystemClock()
        self._clocks = clocks or (one_clock if clock is not None else SystemClock().reading)
        self._dice = SystemDice()
        self._make = make
        self._keeping = Keeping(journal, config.journal, self._clock)
        self._renamed: tuple[str, ...] = ()
        """What there is to say about the ids of the rules that were adopted last."""
        self._sessions_before = 0
        self._stopping = asyncio.Event()
        self._ends_agents = False
        self._why_stopped = "asked to stop"
        self._supervisor = supervisor or Supervisor()
        recovered = recover(journal)
        if recovered.differing:
            log.warning("%d recorded turns would be decided otherwise now", recovered.differing)
        self.loop = Loop(
            world=recovered.world,
            policy=recovered.policy,
            candidate=recovered.candidate,
            journal=journal,
            clock=self._clock,
            clean=clean,
            clocks=self._clocks,
            emergency=self._keeping.emergency,
        )
        self._policy_file: PolicyFile | None = None
        self._observing = Observing(self.loop, journal, config, environ, clock=self._clock)
        self._liveness = Liveness(self._supervisor, self.loop)
        self.loop.pulse = self._liveness.pulse
        self.loop.seq = recovered.seq
        self._unordered = recovered.unordered
        self._broken = recovered.broken
        self._began = recovered.began
        self._at_start = to_look_for(recovered.world)

    async def run(self, server_url: str | None) -> None:
        """Run until stopped.

        Raises:
            PalingenesisError: it cannot begin.
        """
        loop, channels = self.loop, self._channels
        channels += make_channels(self._config, environ=self._environ, clock=self._clock)
        agents = self._make(self._surroundings(server_url))
        watch = self._config_watch(agents)
        policy_file = await self._adopt_policy(watch)
        front = self._front(policy_file, agents, watch)
        control, opened = ControlServer(front, self._paths.socket), asyncio.Event()
        self._listen_to_signals(policy_file)
        loop.attend(self._keeping.noticed)
        loop.attend(lambda *_: self._look_for_projects(policy_file))
        async with asyncio.TaskGroup() as tasks:
            dispatch = Dispatch(
                tasks=tasks,
                emit=loop.emit,
                actuator_of=agents.actuator_of,
                channels=channels,
                clock=self._clock,
                void=self._why_void,
                hooks=self._hooks,
            )
            host = Host(clock=self._clock, disk=self._paths.state)
            running = [
                tasks.create_task(loop.run(dispatch)),
                tasks.create_task(control.serve(opened)),
                tasks.create_task(self._keeping.watch(channels)),
                tasks.create_task(self._observing.watch()),
                tasks.create_task(Toasting(loop, agents.integrated, self._clock).watch()),
                *watch_all(tasks, self._clock, {policy_file: self._say}),
                *watch_all(tasks, self._clock, dict.fromkeys((host, *agents.sensors), loop.emit)),
            ]
            for effect in list(loop.world.open.values()):
                if effect.id in self._unordered:
                    dispatch.drop(effect, "it had been decided otherwise when it happened")
                else:
                    dispatch.take_up(effect)
            await opened.wait()
            self._liveness.reconciled()
            loop.emit(Ticked(at=self._clock.now()))
            log.info("watching; policy %s (%s)", self._policy_path(), self._policy_origin())
            await self._stopping.wait()
            dispatch.rest()  # she said stop, and events still wait to be taken
            self._supervisor.stopping()
            control.close()
            await self._farewell(agents)
            for task in (*running, *_others(tasks)):
                task.cancel()

    def _surroundings(self, server_url: str | None) -> Surroundings:
        return Surroundings(
            config=self._config,
            state=self._paths.state,
            environ=self._environ,
            work=FolderWork(backups=self._paths.backups, globs=globs(self._config)),
            clock=self._clock,
            dice=self._dice,
            server_url=server_url,
            at_work=lambda agent: self._at_start.get(agent, ()),
            remembered=lambda: remembered(self.loop.world, still=bool(self.loop.journal_trouble)),
            under_way=lambda agent: under_way(self.loop.world, agent),
            believed=lambda agent: at_work(self.loop.world, agent),
            owned=lambda: owned(self.loop.world),
            void=self._why_void,
        )

    def _front(self, policy_file: PolicyFile, agents: Agents, watch: ConfigWatch) -> Front:
        return Front(
            loop=self.loop,
            journal=self._journal,
            clock=self._clock,
            about=About(
                since=self._clock.now(),
                policy_path=self._policy_path,
                policy_origin=self._policy_origin,
                policy_text=lambda: policy_file.text,
                policy_read_from=lambda: policy_file.read_from,
                instead_of=lambda: self._guarded.instead_of,
                channels=lambda: tuple(channel.name for channel in self._channels),
                journal_bytes_max=lambda: self._keeping.bytes_max,
                warnings=lambda: (
                    *warnings_of(watch),
                    *self._journal.told(),
                    *self._observing.warnings(),
                ),
            ),
            reload=lambda: self._liveness.reloading(self._reload(policy_file, watch)),
            candidates=Candidates(
                loop=self.loop,
                journal=self._paths.journal,
                clock=self._clock,
                policy_path=self._policy_path,
                projects=self._projects,
                trusted=self._paths.trusted_policies,
                own=self._choice.path or self._paths.policy_file,
                reload=lambda: self._liveness.reloading(self._reload(policy_file, watch)),
            ),
            agents=agents,
            stop=self.stop,
            metrics=self._observing.text,
        )

    def stop(self, agents: bool = False, why: str = "asked to stop") -> None:  # noqa: FBT001, FBT002 - a callback's argument
        """Let `run` come to its end; `agents`: end the managed server too."""
        self._ends_agents = agents
        self._end(why)

    def _end(self, why: str) -> None:
        self._why_stopped = why
        self._stopping.set()

    # ── the policy ────────────────────────────────────────────────────────────────────────────

    def _policy_path(self) -> Path:
        """The file that decides now: the person's own as soon as there is one, though it may go."""
        own = self._choice.path or self._paths.policy_file
        was_own = self._policy_file is not None and self._policy_file.is_own
        if self._choice.path or was_own or may_be_there(own):
            return own
        return self._choice.file(shipped.policy())

    def _policy_origin(self) -> str:
        """Who says that this file decides; a policy of her own needs nobody to say so."""
        is_own = self._choice.path is None and self._policy_path() == self._paths.policy_file
        return OWN_ORIGIN if is_own else self._choice.origin

    def _projects(self) -> tuple[str, ...]:
        """The directories that our sessions work in; they may have policies of their own."""
        return projects_of(self.loop.world)

    def _project_files(self) -> tuple[Path, ...]:
        files = tuple(file_in(directory) for directory in self._projects())
        return (*files, self._paths.trusted_policies) if files else ()

    def _say(self, event: Event) -> None:
        """Hand in what the policy file has to say, under the name of the file that says it."""
        if isinstance(event, PolicyAdopted):
            name = self._policy_path().stem
            event = replace(event, name=name, resolved={**event.resolved, "name": name})
            pairs = renamed_ids(self.loop.policy, build(event.resolved))
            self._renamed = tuple(said_of(*pair) for pair in pairs)
            for said in self._renamed:
                log.warning("%s", said)
        self.loop.emit(event)

    def _choose(self, config: Config) -> None:
        """Let the short-hands choose anew, where they choose the policy."""
        if self._choice.path is None:
            chosen = choose_policy(flag=None, environ={}, config=config, paths=self._paths)
            origin = chosen.origin if chosen.path is None else self._choice.origin
            made = chosen.short_hands
            self._choice = replace(self._choice, short_hands=made, origin=origin)
        self._config = config

    def _config_watch(self, agents: Agents) -> ConfigWatch:
        adjustable = Adjustable(
            channels=self._channels,
            hooks=self._hooks,
            keeping=self._keeping,
            agents=agents,
            observing=self._observing,
            environ=self._environ,
            clock=self._clock,
            keeps_level=self.keeps_level,
            choose=self._choose,
        )
        return ConfigWatch(
            config=self._config,
            paths=self._paths,
            environ=self._environ,
            clock=self._clock,
            emit=self.loop.emit,
            apply=adjustable.follow,
            why_not=lambda: why_an_agents_configuration(self._paths, self.loop.world),
        )

    async def _adopt_policy(self, watch: ConfigWatch) -> PolicyFile:
        """Begin with the policy file; when it is bad, with the last good one, if there is one."""
        world, path = self.loop.world, self._choice.path
        compiler = self._guarded = guarded(
            self._paths,
            place=self._policy_path,
            projects=self._projects,
            world=lambda: self.loop.world,
            mode=lambda: self._config.policy_mode,
        )
        policy_file = self._policy_file = PolicyFile(
            path or self._paths.policy_file,
            compiler=compiler,
            clock=self._clock,
            current=world.policy,
            stale=bool(world.policy_problems),
            fallback=None if path else lambda: self._choice.file(shipped.policy()),
            more=self._project_files,
            marks=lambda: (self._config.policy_mode,),
        )
        policy_file.beside = watch
        path = self._policy_path()
        said: list[Event] = []
        verdict = await policy_file.check(said.append)
        named_now = self._choice.origin == FLAG_ORIGIN
        if verdict.answer in {Answer.REFUSED, Answer.BUSY} and (named_now or not world.policy):
            # A compiler that was too slow says nothing about the policy: try again later.
            kind: type[PalingenesisError] = BusyError if verdict.passing else InvalidConfigError
            error = kind(
                f"the policy {path} cannot be used", f"palingenesis policy validate {path}"
            )
            error.problems = verdict.problems  # type: ignore[attr-defined]
            raise error
        reading = self._clocks()
        started = DaemonStarted(
            at=self._clock.now() if reading is None else reading.at,
            version=__version__,
            seed=self._dice.token(),
            boot_id=boot_id(),
            pid=os.getpid(),
            booted_at=reading.booted_at if reading is not None else None,
        )
        compiler.on_guard = True
        for event in (started, *self._keeping.mended(self.loop.world, began=self._began), *said):
            if isinstance(event, PolicyAdopted):
                self.loop.policy = build(event.resolved)
            await self.loop.take(event)
        if self._broken is not None:
            await self.loop.hold_safe(self._broken)
        if (held := self.loop.world.safe_hold) is not None:
            log.critical("palingenesis holds itself, only watching: %s (%s)", held.what, held.where)
        return policy_file

    async def _reload(self, policy_file: PolicyFile, watch: ConfigWatch) -> door.Answer:
        look = await watch.look(asked=True)
        self._renamed = tuple[str, ...]()
        return answer(look, await policy_file.check(self._say), self._renamed)

    # ── while it runs ─────────────────────────────────────────────────────────────────────────

    def _why_void(self, effect: Effect) -> str:
        return why_void(self.loop.world, effect) or self.loop.overtaken(effect)

    def _look_for_projects(self, policy_file: PolicyFile) -> None:
        """Sessions came or went: their projects may have a policy."""
        count = len(self.loop.world.sessions)
        if count != self._sessions_before:
            self._sessions_before = count
            policy_file.nudge()

    def _listen_to_signals(self, policy_file: PolicyFile) -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            why = f"asked to stop by {number.name}"
            running.add_signal_handler(number, self._end, why)
        on_hangup(policy_file.nudge)

    async def _farewell(self, agents: Agents) -> None:
        """Leave the agents alive, and the world where the next run finds it."""
        stopped = DaemonStopped(at=self._clock.now(), why=self._why_stopped)
        with contextlib.suppress(TimeoutError, PalingenesisError):
            async with asyncio.timeout(5):
                await self.loop.submit(stopped)
        self._keeping.remember(self.loop.seq, self.loop.world)
        if agents.managed is not None and self._ends_agents:
            await agents.managed.stop()
        elif agents.managed is not None:
            agents.managed.leave()


def _others(tasks: asyncio.TaskGroup) -> frozenset["asyncio.Task[object]"]:
    """Effects under way: their outcomes are found out by the next run."""
    return frozenset(tasks._tasks)  # noqa: SLF001
