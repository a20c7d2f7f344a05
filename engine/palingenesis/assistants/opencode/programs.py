"""Which of the person's own programs let us in, from the first word of a plugin to their end."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.assistants.opencode.executable import database
from palingenesis.assistants.opencode.integrated import (
    AWAY_S_MAX,
    IntegratedProgram,
    how_it_ended,
)
from palingenesis.assistants.opencode.observed import agent_of, holds_sessions, read_command
from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.assistants.opencode.plugged import Plugged
from palingenesis.assistants.opencode.sensor import OpenCodeSensor, nobody
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.core import events
from palingenesis.core.errors import AssistantError, PalingenesisError
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import AgentId, SessionId, Way
from palingenesis.processes.finding import started_at
from palingenesis.processes.identity import Identity, identify
from palingenesis.processes.seeing import look_at
from palingenesis.runtime.linking import Caller, Join, Link
from palingenesis.runtime.ports import Actuator, Clock, Emit, Void, Work, stands
from palingenesis.runtime.watchkeeper import keep_watching

log = logging.getLogger("palingenesis.opencode")

_SAME_START: Final = timedelta(seconds=2)
"""The wall clock may have been set a little since a program was met."""
_TOAST_S: Final = 8.0

Sessions = Callable[[AgentId], Collection[SessionId]]
"""Sessions of an agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A program that let us in when we last ran."""

    pid: int
    started_at: datetime


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
    remembered: tuple[Remembered, ...] = ()
    """Who let us in when we last ran."""


class IntegratedPrograms:
    """Watches and acts upon the programs that our plugin runs in; a `Sensor`.

    Args:
        clock: what time it is.
        work: reads the documents of a session's work.
        data: the database that a program has of which nothing else is known.
        known: what else there is to know.
        pace: how often we look; it may change meanwhile.
        zones: time-zone data, see `core.stops.times`.
    """

    name = "plugins"

    def __init__(
        self,
        clock: Clock,
        work: Work,
        *,
        data: Path,
        known: Known,
        pace: Pace | None = None,
        zones: Zones | None = None,
    ) -> None:
        self._clock = clock
        self._work = work
        self._data = data
        self._pace = pace or Pace()
        self._known = known
        self._zones = zones
        self._programs: dict[Identity, IntegratedProgram] = {}
        self._actuators: dict[AgentId, Actuator] = {}
        self._quiet: dict[AgentId, set[str]] = {}
        self._unwatched: asyncio.Queue[IntegratedProgram] = asyncio.Queue()
        self._ended_unseen: list[Remembered] = []
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
        program = self._programs.get(found.identity)
        if program is None:
            command = read_command(found.command)
            program = self._add(
                found.identity,
                Storage(database(found.environment)),
                ends_itself=command is not None and command.is_run,
                says_farewell=command is not None and not command.is_run,
            )

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
        return self._actuators.get(agent)

    async def show(
        self, agent: AgentId, message: str, *, variant: str = "info", session: str | None = None
    ) -> None:
        """Say a few words in its screen, and show a session there; nobody relies on it."""
        program = next((one for one in self._programs.values() if one.agent == agent), None)
        if program is None or not program.is_plugged:
            return
        with contextlib.suppress(AssistantError):  # `opencode run` has no screen
            async with program.client() as client:
                if session is not None:
                    await client.select(session)
                await client.toast(message, title="palingenesis", variant=variant, show_s=_TOAST_S)

    # ── watching ──

    async def watch(self, emit: Emit) -> None:
        """See `ports.Sensor`."""
        async with asyncio.TaskGroup() as group:
            while self._ended_unseen:
                await self._tell_ended(self._ended_unseen.pop(), emit)
            for program in self._programs.values():  # begun anew after a mistake: all of them
                self._unwatched.put_nowait(program)
            watched: set[IntegratedProgram] = set()
            while True:
                program = await self._unwatched.get()
                if program not in watched:
                    watched.add(program)
                    group.create_task(self._look_after(program, emit))

    async def _look_after(self, program: IntegratedProgram, emit: Emit) -> None:
        sensor = OpenCodeSensor(
            program.agent,
            program,
            self._work,
            self._clock,
            pace=self._pace,
            supervised=lambda: self._known.supervised(program.agent),
            believed=self._known.believed,
            quiet=self._quiet[program.agent],
            zones=self._zones,
        )
        watching = asyncio.ensure_future(keep_watching(sensor, emit, self._clock))
        over = asyncio.ensure_future(program.over.wait())
        away = asyncio.ensure_future(program.away_for(AWAY_S_MAX))
        tasks = (watching, over, away)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._programs.pop(program.identity, None)
        self._actuators.pop(program.agent, None)
        if identify(program.identity.pid) == program.identity:
            log.info("the plugin in process %d is gone; it is observed", program.identity.pid)

    async def _tell_ended(self, one: Remembered, emit: Emit) -> None:
        """It ended while we did not run."""
        agent = agent_of(one.pid)
        ending = await how_it_ended(Storage(self._data), tuple(self._known.supervised(agent)))
        emit(
            events.AgentDown(
                at=self._clock.now(), agent=agent, cause=ending.cause, detail=ending.detail
            )
        )

    # ── how ──

    def _expect(self, one: Remembered) -> None:
        """Its plugin comes again in a moment, if it still runs."""
        identity = identify(one.pid)
        began = started_at(identity) if identity is not None else None
        if identity is None or began is None or abs(began - one.started_at) > _SAME_START:
            self._ended_unseen.append(one)
            return
        self._add(identity, Storage(self._data))

    def _add(self, identity: Identity, storage: Storage, **ends: bool) -> IntegratedProgram:
        program = IntegratedProgram(identity, self._clock, storage, **ends)
        quiet = self._quiet[program.agent] = set()
        self._programs[identity] = program
        self._actuators[program.agent] = OpenCodeActuator(
            program, self._work, self._clock, way=Way.INTEGRATED, quiet=quiet, void=self._known.void
        )
        self._unwatched.put_nowait(program)
        return program
