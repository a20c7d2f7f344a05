"""The person's own OpenCode programs, which listen on no port: seen from outside, never touched.

Theory of operation: a program is found among her processes and its end is seen through a pidfd.
Its sessions are those of its directory that the database saw change since it started. Whether one
works can only be told from its messages, and a turn that seems to have ended may be between two
steps: a stop is told when two looks in a row find the same one. Whose doing its end was, is told
by the signal that ended it, where the system tells, and else by the last message: whether it
could still finish what it was doing.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from palingenesis.assistants.opencode.command_line import Program, read_command
from palingenesis.assistants.opencode.ending import NEWEST, how_it_ended
from palingenesis.assistants.opencode.executable import ask_version, database
from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.assistants.opencode.reading import Owner, stop_of
from palingenesis.assistants.opencode.sensor import nobody
from palingenesis.assistants.opencode.storage import Row, Storage
from palingenesis.assistants.opencode.transcript import (
    JUST_NOW,
    Transcript,
    first_words,
    read_transcript,
)
from palingenesis.assistants.opencode.versions import is_supported, what_is_wrong
from palingenesis.core import events
from palingenesis.core.errors import AssistantError
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import AgentId, SessionId, Stop, StopReason, Way
from palingenesis.processes.exits import Exit, wait_gone
from palingenesis.processes.finding import Found, Lookout
from palingenesis.processes.identity import Identity
from palingenesis.processes.seeing import when_started
from palingenesis.runtime.bounded_file import may_be_there
from palingenesis.runtime.ports import Clock, Emit
from palingenesis.wire.redaction import redact_to

NAMES = ("opencode", "opencode.exe", ".opencode")
_ALIVE_EVERY = timedelta(seconds=10)
GRACE_S = 10.0
"""So long after its start a program may still be loading our plugin."""


@dataclass(slots=True)
class _Seen:
    """One session of a program."""

    row: Row
    is_working: bool = False
    maybe: Stop | None = None
    """The stop that one look found; a second one has to find it too."""
    told: str = ""
    person: str = ""
    changed_ms: int = 0
    alive_at_ms: int = 0


@dataclass(slots=True)
class _Watch:
    """One program under observation."""

    found: Found
    program: Program
    agent: AgentId
    storage: Storage
    sessions: dict[str, _Seen] = field(default_factory=dict)

    @property
    def directories(self) -> tuple[str, ...]:
        """Where it works: as given, and with links resolved."""
        place = Path(self.found.directory, self.program.project)
        return tuple(dict.fromkeys((str(place), str(place.resolve()))))

    @property
    def began_at(self) -> datetime:
        """When it was started, by the wall clock as it is now: that may have been set since."""
        return when_started(self.found.identity) or self.found.started_at


def never(_found: Found) -> bool:
    """Whether a program has our plugin: none has."""
    return False


def nobodys(_identity: Identity) -> bool:
    """Whether somebody else watches a program: nobody does."""
    return False


class ObservedSensor:
    """Watches every OpenCode program of this person that has no port; a `Sensor`.

    Args:
        clock: what time it is.
        pace: how often we look; it may change meanwhile.
        owned: sessions of our own servers, which share the database: not told here.
        under_way: sessions of one of them in which something may have been under way.
        data: only programs with this database are hers in our sense; one in a container or with
            another home lives in another world. None: all.
        zones: time-zone data, see `core.stops.times`.
        claimed: programs that let us in through our plugin: not told here, as long as they do.
        may_let_in: whether a program has our plugin; it gets time to let us in, before it is told.
    """

    name = "programs"

    def __init__(
        self,
        clock: Clock,
        *,
        pace: Pace | None = None,
        owned: Callable[[], Collection[SessionId]] = tuple,
        under_way: Callable[[AgentId], Collection[SessionId]] = nobody,
        data: Path | None = None,
        zones: Zones | None = None,
        claimed: Callable[[Identity], bool] = nobodys,
        may_let_in: Callable[[Found], bool] = never,
    ) -> None:
        self._clock = clock
        self._claimed = claimed
        self._may_let_in = may_let_in
        self._data = data
        self._pace = pace or Pace()
        self._owned = owned
        self._under_way = under_way
        self._zones = zones
        self._emit: Emit = _nobody
        self._watched: dict[Identity, _Watch] = {}
        self._lookout = Lookout(NAMES)
        self._began_at = clock.now()
        """What she said before that may have been told by whoever watched then."""
        self._prompts: dict[SessionId, str] = {}
        """Her latest message in each session, as far as it is known, in whatever program."""

    async def watch(self, emit: Emit) -> None:
        """See `ports.Sensor`."""
        self._emit = emit
        self._watched.clear()  # begun anew after a mistake: all of them
        self._lookout = Lookout(NAMES)
        async with asyncio.TaskGroup() as group:
            while True:
                for found in await self._look_around():
                    program = read_command(found.command)
                    if program is None or found.identity in self._watched:
                        continue
                    if self._claimed(found.identity):
                        continue
                    if "OPENCODE_PID" in found.environment:
                        continue  # an agent's own tool, not a program of the person
                    if self._data is not None and database(found.environment) != self._data:
                        continue
                    group.create_task(self._observe(found, program))
                await self._clock.sleep(self._pace.interval_s)

    async def _look_around(self) -> list[Found]:
        """Who may be new. A thread costs more than a glance at few processes does."""
        lookout = self._lookout
        if not lookout.is_due():
            return []
        quick = lookout.is_quick()
        pids = lookout.glance() if quick else await asyncio.to_thread(lookout.glance)
        return await asyncio.to_thread(lookout.closely, pids) if pids else []

    async def _observe(self, found: Found, program: Program) -> None:
        """One program, from now to its end, or until it lets us in."""
        watch = _Watch(
            found=found,
            program=program,
            agent=agent_of(found.identity.pid),
            storage=Storage(database(found.environment)),
        )
        self._watched[found.identity] = watch
        living = asyncio.ensure_future(self._live_with(watch))
        ending = asyncio.ensure_future(wait_gone(found.identity))
        try:
            await asyncio.wait((living, ending), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                living.result()  # raises what it broke with, if it did
        finally:
            living.cancel()
            ending.cancel()
            await asyncio.gather(living, ending, return_exceptions=True)
        if not ending.cancelled() and not self._claimed(found.identity):
            await self._tell_down(watch, ending.result())
        del self._watched[found.identity]

    def _grace_left_s(self, found: Found) -> float:
        """How long it still has time to let us in, before its sessions are told as only seen."""
        if not self._may_let_in(found):
            return 0.0
        age_s = (self._clock.now() - found.started_at).total_seconds()
        return min(max(GRACE_S - age_s, 0.0), GRACE_S)

    async def _live_with(self, watch: _Watch) -> None:
        """Look at it again and again, until it lets us in."""
        identity = watch.found.identity
        await self._clock.sleep(self._grace_left_s(watch.found))
        if self._claimed(identity):
            return
        up = await self._up_of(watch)
        if self._claimed(identity):
            return  # while it said its version
        self._emit(up)
        while not self._claimed(identity):
            await self._look(watch)
            await self._clock.sleep(self._pace.interval_s)

    # ── a look ──

    async def _look(self, watch: _Watch) -> None:
        try:
            rows = await asyncio.to_thread(self._rows, watch)
            for row in rows:
                await self._look_at(watch, row)
        except AssistantError:
            return  # not there yet, or locked for longer than we wait; the next look tells

    def _rows(self, watch: _Watch) -> list[Row]:
        if not may_be_there(watch.storage.path):
            return []
        others = {
            session
            for other in self._watched.values()
            if other is not watch
            for session in other.sessions
        }
        owned = set(self._owned())
        rows = watch.storage.sessions_since(watch.began_at, watch.directories)
        named = watch.program.session
        if named and all(row.info.id != named for row in rows):
            rows += [row for row in (watch.storage.session(named),) if row is not None]
        return [row for row in rows if row.info.id not in others and row.info.id not in owned]

    async def _look_at(self, watch: _Watch, row: Row) -> None:
        seen = watch.sessions.get(row.info.id)
        session = SessionId(row.info.id)
        if seen is None or seen.row.info.title != row.info.title:
            self._emit(
                events.SessionSeen(
                    at=self._clock.now(),
                    session=session,
                    agent=watch.agent,
                    title=redact_to(row.info.title, 200),
                    directory=row.info.directory,
                    created=row.info.created,
                )
            )
        if seen is None:
            seen = watch.sessions[row.info.id] = _Seen(row=row)
        seen.row = row
        raw = await asyncio.to_thread(watch.storage.messages, row.info.id, NEWEST)
        transcript = read_transcript(raw)
        self._tell_person(watch, seen, session, transcript)
        at = self._clock.now()
        owner = Owner(server_started=watch.began_at)
        stop = stop_of(transcript, at=at, owner=owner, zones=self._zones)
        if stop is None and transcript.last_id:
            self._tell_working(watch, seen, session)
        elif stop is not None and (seen.is_working or self._is_unheard(watch, seen, stop)):
            self._maybe_tell_stop(watch, seen, session, stop)

    def _is_unheard(self, watch: _Watch, seen: _Seen, stop: Stop) -> bool:
        """Whether a turn of its own ended while nobody looked, for all that is known."""
        if stop.key == seen.told or stop.reason is StopReason.CRASH:
            return False  # while it lives, a crash is an earlier program's
        return seen.row.info.id in self._under_way(watch.agent)

    def _tell_person(
        self, watch: _Watch, seen: _Seen, session: SessionId, transcript: Transcript
    ) -> None:
        said = transcript.person
        if said is None:
            return
        at = self._clock.now()
        if not seen.person:
            since = max(watch.began_at, self._began_at, at - JUST_NOW)
            is_new = first_words(transcript, self._prompts.get(session, ""), since) is not None
            at = min(at, said.created or at)  # a command since then is newer
        else:
            is_new = said.id > seen.person
        if is_new:
            self._emit(events.PersonPrompted(at=at, session=session, message=said.id))
        seen.person = max(seen.person, said.id)
        self._prompts[session] = max(self._prompts.get(session, ""), said.id)

    def _tell_working(self, watch: _Watch, seen: _Seen, session: SessionId) -> None:
        at = self._clock.now()
        seen.maybe = None
        if not seen.is_working:
            seen.is_working, seen.told = True, ""
            self._emit(events.SessionWorking(at=at, session=session, agent=watch.agent))
        at_ms = int(at.timestamp() * 1000)
        changed = seen.row.updated_ms != seen.changed_ms
        every_ms = _ALIVE_EVERY // timedelta(milliseconds=1)
        if changed and abs(at_ms - seen.alive_at_ms) >= every_ms:  # a clock may be set back
            seen.changed_ms, seen.alive_at_ms = seen.row.updated_ms, at_ms
            self._emit(events.SessionAlive(at=at, session=session, what="step"))

    def _maybe_tell_stop(self, watch: _Watch, seen: _Seen, session: SessionId, stop: Stop) -> None:
        if seen.maybe is None or seen.maybe.key != stop.key:
            seen.maybe = stop
            return
        seen.is_working, seen.maybe, seen.told = False, None, stop.key
        self._tell_stop(watch, session, stop)

    def _tell_stop(self, watch: _Watch, session: SessionId, stop: Stop) -> None:
        at = self._clock.now()
        self._emit(events.SessionStopped(at=at, session=session, agent=watch.agent, stop=stop))

    # ── the program itself ──

    async def _up_of(self, watch: _Watch) -> events.AgentUp:
        found = watch.found
        try:
            version = await asyncio.to_thread(ask_version, [found.executable], found.environment)
        except AssistantError:
            version = ""  # the program was replaced or removed while it runs
        return events.AgentUp(
            at=self._clock.now(),
            agent=watch.agent,
            assistant="opencode",
            way=Way.OBSERVED,
            version=version or "unknown",
            supported=is_supported(version),
            started_at=found.started_at,
            pid=found.identity.pid,
            detail=what_is_wrong(version) if version else "",
            ends_itself=watch.program.is_run,
        )

    async def _tell_down(self, watch: _Watch, ended: Exit) -> None:
        """A program that could still finish, or mark its turn as aborted, was ended by her.

        One that was met in an earlier life of ours may end before it was looked at in this one.
        """
        at_work = dict.fromkeys(SessionId(key) for key, s in watch.sessions.items() if s.is_working)
        at_work |= dict.fromkeys(self._under_way(watch.agent))
        ending = await how_it_ended(
            watch.storage,
            tuple(at_work),
            self._clock.now(),
            ended=ended,
            ends_itself=watch.program.is_run,
            began=watch.began_at,
            zones=self._zones,
        )
        for session, stop in ending.stops.items():
            self._tell_stop(watch, session, stop)
        self._emit(
            events.AgentDown(
                at=self._clock.now(), agent=watch.agent, cause=ending.cause, detail=ending.detail
            )
        )


def agent_of(pid: int) -> AgentId:
    """What a program of the person's own is called, in whatever way we see it."""
    return AgentId(f"opencode-{pid}")


def _nobody(_event: events.Event) -> None:
    raise AssertionError("a sensor that tells nobody")
