"""Turns one OpenCode server into events, for as long as we live.

Theory of operation: the stream tells at once, and polling repairs what the stream missed. Both
feed the same fold (life.py), so that what is known twice is told once. A poll whose answer was
overtaken by a signal is ignored. An idle is a question, not an answer: the transcript says
whether it is the final one, and why. The end of the process is seen through its pidfd, and ends
everything that was believed of its sessions. Only the stops that it left in its storage are told;
of the others the kernel knows whom it had seen at work.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import Self

from palingenesis.assistants.opencode.book import Book
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.errands import Errands
from palingenesis.assistants.opencode.life import Activity
from palingenesis.assistants.opencode.pacing import QUIET_FACTOR, Pace, Pulse, Rounds
from palingenesis.assistants.opencode.polling import look_into
from palingenesis.assistants.opencode.prompts import Prompts
from palingenesis.assistants.opencode.running import Running, Server
from palingenesis.assistants.opencode.settling import Settling
from palingenesis.assistants.opencode.signals import Disposed, Signal
from palingenesis.assistants.opencode.versions import is_beyond, is_supported
from palingenesis.core import events
from palingenesis.core.errors import (
    AssistantDeniedError,
    AssistantError,
    AssistantUnreachableError,
    PalingenesisError,
    PassingError,
)
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import AgentId, DownCause, SessionId
from palingenesis.processes.exits import Exit
from palingenesis.runtime.ports import Clock, Emit, Work

ASSISTANT = "opencode"
LISTED_MAX = 100
_RECENT = timedelta(hours=24)
_DIRECTORIES_MAX = 20
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_PATIENCE = 3
_PATIENCE_S = 8.0
"""So many attempts to reach it again, and so long, before it is told to be out of reach.

Its process lives, or its end is seen at once; and who is told to be out of reach is restarted.
"""
_RETRY_START_S = 30.0
_MOMENT_S = 0.1


def nobody(_agent: AgentId | None) -> Collection[SessionId]:
    """Nobody is taken to be at work."""
    return ()


class OpenCodeSensor:
    """Watches one agent.

    Args:
        agent: our name for it.
        server: where it lives.
        work: reads the documents of a session's work.
        clock: what time it is.
        pace: how often we look; it may change meanwhile.
        supervised: the sessions that were at work as far as the kernel knows; asked when the
            server is first reached, to find out what became of them while we were away.
        believed: the sessions of an agent that whoever decides takes to be at work now. Where we
            know of no work, one of us has missed something, and they are asked about again.
        quiet: sessions that the actuator is summarising: their idle is no stop.
        zones: time-zone data, see `core.stops.times`.
    """

    def __init__(
        self,
        agent: AgentId,
        server: Server,
        work: Work,
        clock: Clock,
        *,
        pace: Pace | None = None,
        supervised: Callable[[], Collection[SessionId]] = tuple,
        believed: Callable[[AgentId], Collection[SessionId]] = nobody,
        quiet: Collection[str] = (),
        zones: Zones | None = None,
    ) -> None:
        self._agent = agent
        self._server = server
        self._clock = clock
        self._pace = pace or Pace()
        self._supervised = supervised
        self._believed = believed
        self._book = Book(agent, clock.now)
        self._settling = Settling(agent, self._book, work, clock, quiet=quiet, zones=zones)
        self._emit: Emit = _nobody
        self._told_down = False
        self._was_reached = False
        self._left: Running | None = None
        """Whom we live with, or lived with when we broke; None: its end was told."""

    @property
    def name(self) -> str:
        """See `ports.Sensor`."""
        return self._agent

    def share(self, prompts: Prompts) -> Self:
        """Go by what others have told, too, who watch programs with the same sessions."""
        self._book.share(prompts)
        return self

    async def watch(self, emit: Emit) -> None:
        """See `ports.Sensor`."""
        self._emit = emit
        self._book.tell(emit)
        self._settling.tell(emit)
        if self._left is not None:  # begun anew after a mistake: it may have ended meanwhile
            await self._tell_end_of(self._left)
        attempt, out_s = 0, 0.0
        while True:
            try:
                running = await self._server.up()
            except PalingenesisError as error:
                # A trouble of our own says nothing about the agent, which may be at work.
                if not isinstance(error, PassingError) or out_s >= _PATIENCE_S:
                    self._tell_down(error)
                pause_s = min(_RETRY_START_S, _pause(attempt) * 5)
                await self._clock.sleep(pause_s)
                attempt, out_s = attempt + 1, out_s + pause_s
                continue
            attempt, out_s = 0, 0.0
            await self._live_with(running)

    # ── one process of the server ──

    async def _tell_end_of(self, left: Running) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT_S):
                ended = await self._server.gone(left)
            await self._tell_exit(left, ended)

    async def _live_with(self, running: Running) -> None:
        self._left = running
        self._tell_up(running)  # also one that has died by now: its end is its own
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch_server(running))
            ended = await self._server.gone(running)
            watching.cancel()
        await self._tell_exit(running, ended)

    def _tell_up(self, running: Running) -> None:
        self._told_down = False
        self._emit(
            events.AgentUp(
                at=self._clock.now(),
                agent=self._agent,
                assistant=ASSISTANT,
                way=self._server.way,
                version=running.version,
                supported=is_supported(running.version),
                started_at=running.began_at,
                pid=running.identity.pid if running.identity is not None else None,
                detail=running.detail,
                ends_itself=running.ends_itself,
            )
        )

    async def _tell_exit(self, running: Running, ended: Exit) -> None:
        watched = tuple(self._book.watched.values())
        seen = [w.id for w in watched if w.is_at_work or w.life.blocks or w.is_untold]
        at_work = tuple(dict.fromkeys((*seen, *self._believed(self._agent))))
        ending = await self._server.why_gone(running, ended, at_work)
        self._book.all_stopped(at_work)
        for session, stop in ending.stops.items():
            if (known := self._book.watched.get(session)) is not None:
                self._settling.tell_last(known, stop)
        self._told_down, self._left = True, None
        self._emit(
            events.AgentDown(
                at=self._clock.now(),
                agent=self._agent,
                cause=ending.cause,
                exit_code=ended.code,
                signal=ended.signal,
                detail=ending.detail,
            )
        )

    def _tell_down(self, error: PalingenesisError) -> None:
        if self._told_down:
            return
        self._told_down = True
        self._book.all_in_doubt()
        denied = isinstance(error, AssistantDeniedError)
        self._emit(
            events.AgentDown(
                at=self._clock.now(),
                agent=self._agent,
                cause=DownCause.REFUSED if denied else DownCause.UNREACHABLE,
                detail=f"{error.message}; {error.hint}" if error.hint else error.message,
                assistant=ASSISTANT,
                way=self._server.way,
            )
        )

    # ── its stream, again and again ──

    async def _watch_server(self, running: Running) -> None:
        failures, out_s = 0, 0.0
        time = asyncio.get_running_loop().time
        async with running.client() as client:
            while True:
                began, since_s = self._clock.now(), time()
                try:
                    if is_beyond(running.version):
                        await self._watch_health(client)
                    else:
                        await self._watch_stream(running, client)
                except AssistantError as error:
                    if self._clock.now() - began >= _LONG:
                        failures, out_s, since_s = 0, 0.0, time()
                    failures, out_s = failures + 1, out_s + time() - since_s
                    is_lost = failures >= _PATIENCE and out_s >= _PATIENCE_S
                    if is_lost or isinstance(error, AssistantDeniedError):
                        self._tell_down(error)
                await self._clock.sleep(_pause(failures))
                out_s += _pause(failures)

    async def _watch_health(self, client: OpenCode) -> None:
        """All that is done with a server whose interface is another one."""
        while True:
            await client.version()
            await self._clock.sleep(self._pace.interval_s * QUIET_FACTOR)

    async def _watch_stream(self, running: Running, client: OpenCode) -> None:
        broken: AssistantError | None = None
        async with client.signals() as stream:
            if self._told_down:
                self._tell_up(running)
            async with asyncio.TaskGroup() as group:
                rounds = Rounds(self._pace)
                errands = Errands(group, self._settling, self._book, client, running, rounds)
                reconciling = group.create_task(self._reconcile(running, client, errands))
                try:
                    pulse = Pulse(self._pace, self._clock)
                    take = partial(self._take, errands=errands)
                    broken = await pulse.heard_out(stream, take, client)
                except AssistantError as error:
                    broken = error
                finally:
                    reconciling.cancel()
                    errands.cut_off()
        raise broken or AssistantUnreachableError(f"{client.origin} ended the stream")

    def _take(self, signal: Signal, errands: Errands) -> None:
        if isinstance(signal, Disposed):
            errands.rounds.hasten()
        for errand in self._book.take(signal):
            errands.run(errand)

    # ── reconciliation ──

    async def _reconcile(self, running: Running, client: OpenCode, errands: Errands) -> None:
        is_first = True
        while True:
            soon = is_first  # what was under way while we were away comes to light in a moment
            try:
                await self._look(running, client, errands, is_first=is_first)
                is_first = False
            except AssistantError:
                pass  # the stream will tell whether it is gone; we ask again
            busy = any(watched.is_at_work for watched in self._book.watched.values())
            await errands.rounds.rest(is_busy=busy or soon)

    async def _look(
        self, running: Running, client: OpenCode, errands: Errands, *, is_first: bool
    ) -> None:
        expected = await self._list(running, client) if is_first else []
        self._doubt(errands)
        for stranger in self._book.strangers():
            errands.identify(stranger)
        at_work = [w for w in self._book.watched.values() if w.is_at_work or w.life.blocks]
        for watched in at_work:
            self._book.look_at_tools(watched)
            if watched.history_read:
                self._settling.look_at_work(watched)
            elif not watched.history_too_large:
                errands.learn(watched)
        in_doubt = [w for w in self._book.watched.values() if w.life.activity is Activity.UNKNOWN]
        for directory in dict.fromkeys([*self._book.directories([*at_work, *in_doubt]), *expected]):
            found = await look_into(self._book, client, directory, supervised=self._supervised)
            for errand in found:
                errands.run(errand)

    def _doubt(self, errands: Errands) -> None:
        for session in self._believed(self._agent):
            watched = self._book.watched.get(session)
            rests = watched is None or watched.life.activity is Activity.IDLE
            if rests and not errands.ask_about(session):
                self._book.doubt(session)

    async def _list(self, running: Running, client: OpenCode) -> list[str]:
        """List the sessions; returns the directories where somebody may be at work."""
        tells = running.directories
        listed = await client.sessions(limit=LISTED_MAX) if tells is None else ()
        known = {info.id: info for info in listed}
        for info in reversed(listed):
            self._book.list_session(info)
        if not self._was_reached:
            for session in self._supervised():
                found = known.get(session) or await client.session(session)
                if found is None:
                    self._emit(events.SessionGone(at=self._clock.now(), session=session))
                else:
                    self._book.list_session(found)
                    self._book.expect(session, found)
        self._was_reached = True
        self._book.suspect(listed)
        if tells is not None:
            return list(tells())
        if not running.adopted:
            return []  # it was started a moment ago: nobody works there yet
        recently = self._clock.now() - _RECENT
        recent = [i.directory for i in listed if i.updated and i.updated > recently and i.directory]
        return list(dict.fromkeys(recent))[:_DIRECTORIES_MAX]


_LONG = timedelta(seconds=30)


def _pause(attempt: int) -> float:
    return _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)]


def _nobody(_event: events.Event) -> None:
    raise AssertionError("a sensor that tells nobody")
