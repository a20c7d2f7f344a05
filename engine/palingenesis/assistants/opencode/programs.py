"""Which of the person's own programs let us in, from the first word of a plugin to their end."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.assistants.opencode.command_line import holds_sessions, read_command
from palingenesis.assistants.opencode.executable import database
from palingenesis.assistants.opencode.integrated import AWAY_S_MAX, IntegratedProgram
from palingenesis.assistants.opencode.missing import Remembered
from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.assistants.opencode.plugged import Plugged
from palingenesis.assistants.opencode.prompts import Prompts
from palingenesis.assistants.opencode.sensor import OpenCodeSensor, nobody
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.core.errors import AssistantError, PalingenesisError
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import AgentId, SessionId, Way
from palingenesis.processes.identity import Identity, identify
from palingenesis.processes.seeing import Found, look_at
from palingenesis.runtime.linking import Caller, Join, Link
from palingenesis.runtime.ports import Actuator, Clock, Emit, Void, Work, stands
from palingenesis.runtime.watchkeeper import keep_watching

log = logging.getLogger("palingenesis.opencode")

_TOAST_S: Final = 8.0

Sessions = Callable[[AgentId], Collection[SessionId]]
"""Sessions of an agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What whoever decides knows about these programs and their sessions."""

    supervised: Sessions = nobody
    """Those that we looked after when we last ran."""
    believed: Sessions = nobody
    """Those that are taken to be at work now."""
    void: Void = stands
    """Why an effect must not be carried out any more."""
    served: Callable[[], Collection[Identity]] = tuple
    """The processes of servers that we reach in another way: not let in here."""
    remembered: Collection[Remembered] = ()
    """Programs that lived when we last ran."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LetIn:
    """A program that lets us in, and through what it is acted upon."""

    program: IntegratedProgram
    actuator: Actuator
    quiet: set[str]
    """The sessions whose idle is our own doing."""


class IntegratedPrograms:
    """Watches and acts upon the programs that our plugin runs in; a `Sensor`.

    Args:
        clock: what time it is.
        work: reads the documents of a session's work.
        known: what else there is to know.
        prompts: hers that were told, by whoever watches a program of hers.
        pace: how often we look; it may change meanwhile.
        zones: time-zone data, see `core.stops.times`.
    """

    name = "plugins"

    def __init__(
        self,
        clock: Clock,
        work: Work,
        *,
        known: Known,
        prompts: Prompts | None = None,
        pace: Pace | None = None,
        zones: Zones | None = None,
    ) -> None:
        self._clock = clock
        self._work = work
        self._pace = pace or Pace()
        self._known = known
        self._prompts = prompts or Prompts()
        self._zones = zones
        self._programs: dict[Identity, _LetIn] = {}
        self._unwatched: asyncio.Queue[_LetIn] = asyncio.Queue()
        for one in known.remembered:
            self._expect(one)

    # ── who is let in ──

    def admit(self, caller: Caller) -> Join:
        """How to live with the plugin of that process.

        Raises:
            PalingenesisError: it is none that we let in.
        """
        found = look_at(caller.pid)
        if found is None:
            raise PalingenesisError(f"process {caller.pid} is none of this user")
        if found.identity in self._known.served():
            raise PalingenesisError("that server is reached in another way already")
        if "OPENCODE_PID" in found.environment:
            raise PalingenesisError("that is an agent's own tool, not a program of the person")
        if not holds_sessions(found.command):
            raise PalingenesisError("that command has no sessions of its own")
        program = (self._programs.get(found.identity) or self._add(found)).program

        async def join(link: Link) -> None:
            plugged = Plugged(link)
            plugged.directories = caller.directories
            log.info("OpenCode in process %d lets us in", caller.pid)
            await program.live(plugged)

        return join

    def claims(self, identity: Identity) -> bool:
        """Whether that process lets us in, so that nobody else has to watch it."""
        return identity in self._programs

    def actuator_of(self, agent: AgentId) -> Actuator | None:
        """Through what such a program is acted upon."""
        one = self._of(agent)
        return one.actuator if one is not None else None

    async def show(
        self, agent: AgentId, message: str, *, variant: str = "info", session: str | None = None
    ) -> None:
        """Say a few words in its screen, and show a session there; nobody relies on it."""
        one = self._of(agent)
        if one is None or not one.program.is_plugged:
            return
        with contextlib.suppress(AssistantError):  # `opencode run` has no screen
            async with one.program.client() as client:
                if session is not None:
                    await client.select(session)
                await client.toast(message, title="palingenesis", variant=variant, show_s=_TOAST_S)

    # ── watching ──

    async def watch(self, emit: Emit) -> None:
        """See `ports.Sensor`."""
        async with asyncio.TaskGroup() as group:
            for one in self._programs.values():  # begun anew after a mistake: all of them
                self._unwatched.put_nowait(one)
            watched: set[_LetIn] = set()
            while True:
                one = await self._unwatched.get()
                if one not in watched:
                    watched.add(one)
                    group.create_task(self._look_after(one, emit))

    async def _look_after(self, one: _LetIn, emit: Emit) -> None:
        program = one.program
        sensor = OpenCodeSensor(
            program.agent,
            program,
            self._work,
            self._clock,
            pace=self._pace,
            supervised=lambda: self._known.supervised(program.agent),
            believed=self._known.believed,
            quiet=one.quiet,
            zones=self._zones,
        ).share(self._prompts)
        watching = asyncio.ensure_future(keep_watching(sensor, emit, self._clock))
        over = asyncio.ensure_future(program.over.wait())
        away = asyncio.ensure_future(program.away_for(AWAY_S_MAX))
        tasks = (watching, over, away)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # At once: a plugin that comes again from now on is another one's to look after.
            self._programs.pop(program.identity, None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if identify(program.identity.pid) == program.identity:
            log.info("the plugin in process %d is gone; it is observed", program.identity.pid)

    # ── how ──

    def _expect(self, one: Remembered) -> None:
        """Its plugin comes again in a moment, if it still runs."""
        found = look_at(one.pid)
        if one.way is Way.INTEGRATED and found is not None and one.is_started(found.started_at):
            self._add(found, adopted=True)

    def _add(self, found: Found, *, adopted: bool = False) -> _LetIn:
        command = read_command(found.command)
        program = IntegratedProgram(
            found.identity,
            self._clock,
            Storage(database(found.environment)),
            adopted=adopted,
            ends_itself=command is not None and command.is_run,
            says_farewell=command is not None and not command.is_run,
            zones=self._zones,
        )
        quiet: set[str] = set()
        actuator = OpenCodeActuator(
            program, self._work, self._clock, way=Way.INTEGRATED, quiet=quiet, void=self._known.void
        )
        one = _LetIn(program=program, actuator=actuator, quiet=quiet)
        self._programs[found.identity] = one
        self._unwatched.put_nowait(one)
        return one

    def _of(self, agent: AgentId) -> _LetIn | None:
        """The newest of that name: a process may have the number of one that ended just now."""
        ours = (one for one in reversed(self._programs.values()) if one.program.agent == agent)
        return next(ours, None)
