"""The adapter of the modelled assistant: a `Sensor` and an `Actuator`, as OpenCode's are.

It asks for freshness before it acts, sends with keys, finds out by the key what became of them,
and tells what it sees once. Nothing in it survives the daemon.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from palingenesis.assistants.opencode.offers import OPENCODE
from palingenesis.core import effects, events
from palingenesis.core.contract import Offers
from palingenesis.core.errors import JournalError
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    Result,
    SessionId,
    Stop,
    StopReason,
    Way,
)
from palingenesis.runtime.ports import Emit, Outcome, Void
from tests.torture.night.doors import Doors, SilentError, UnreachableError
from tests.torture.night.house import House, Stopped
from tests.torture.night.requests import View, moved_on

AGENT = AgentId("opencode")
_HAD_ENDED = "its turn had come to an end before the server died"
_AT_ONCE = timedelta(seconds=1)
_ABORTED_WITHIN = timedelta(seconds=2)
_WORDS = frozenset({"context_exhausted", "output_limit", "completed", "crash", "user_abort"})


class ServerDoor:
    """The agent's process, as its adapter starts, adopts and ends it."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._changing = asyncio.Lock()
        self._answers = asyncio.Event()
        self.reached = False

    @property
    def running(self) -> bool:
        server = self._doors.house.server
        return self.reached and server.up and self._doors.house.now >= server.ready_at

    async def up(self) -> bool:
        """Adopt or start it at first; later wait until somebody has started it again."""
        if not self.reached:
            async with self._changing:
                return await self._start()
        while not self.running:
            self._answers.clear()
            await self._answers.wait()
        return True

    async def restart(self) -> bool:
        async with self._changing:
            house = self._doors.house
            if house.server.up:
                self._doors.boundary("end before")
                house.die("SIGTERM", by_us=True)
                self._doors.boundary("end after")
            return await self._start()

    async def stop(self) -> None:
        async with self._changing:
            self._doors.boundary("end before")
            self._doors.house.die("SIGTERM", by_us=True)
            self._doors.boundary("end after")

    async def _start(self) -> bool:
        house = self._doors.house
        if not house.server.up:
            self._doors.boundary("spawn before")
            house.spawn()
            self._doors.boundary("spawn after")
        pid = house.server.pid
        while house.server.up and house.server.pid == pid and house.now < house.server.ready_at:
            await self._doors.sleep(0.5)
        if not house.server.up or house.server.pid != pid:
            return False
        self.reached = True
        self._answers.set()
        return True


@dataclass(slots=True)
class _Told:
    """What was told of one session."""

    working: bool = False
    stop: str = ""
    persons: set[str] = field(default_factory=set)
    block: str = ""
    alive_at: datetime | None = None


@dataclass
class Sensor:
    """Tells what happens at the assistant."""

    doors: Doors
    server: ServerDoor
    tasks: asyncio.TaskGroup
    at_start: Collection[SessionId]
    believed: Callable[[], Collection[SessionId]] = tuple
    """Who is taken to be at work now."""
    quiet: set[str] = field(default_factory=set)
    _emit: Emit = lambda _event: None
    _told: dict[str, _Told] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _is_first: bool = True

    async def watch(self, emit: Emit) -> None:
        self._emit = emit
        attempt = 0
        while True:
            if not await self.server.up():
                self._down(DownCause.UNREACHABLE, "it does not come up", None)
                await self.doors.sleep(min(30.0, 0.5 * 2**attempt))
                attempt += 1
                continue
            attempt = 0
            await self._live()

    async def _live(self) -> None:
        server, now = self.doors.house.server, self.doors.now()
        self._gone.clear()
        pid = server.pid
        self._emit(
            events.AgentUp(
                at=now,
                agent=AGENT,
                assistant="opencode",
                way=Way.MANAGED,
                version="1.18.33",
                supported=True,
                started_at=self.doors.house.instant(server.started),
                pid=pid,
            )
        )
        await self._ask_again(lambda: self._look(first=self._is_first))
        self._is_first = False
        if self.doors.house.server.pid == pid and self.doors.house.server.up:
            await self._gone.wait()
        by_us = self.doors.house.server.by_us
        for told in self._told.values():
            told.working, told.block = False, ""
        self._down(DownCause.STOPPED if by_us else DownCause.EXITED, "", "SIGKILL")

    def _down(self, cause: DownCause, detail: str, signal: str | None) -> None:
        at = self.doors.now()
        self._emit(
            events.AgentDown(
                at=at,
                agent=AGENT,
                cause=cause,
                signal=signal,
                detail=detail,
                assistant="opencode",
                way=Way.MANAGED,
            )
        )

    async def _ask_again(self, ask: Callable[[], Any]) -> None:
        for _ in range(4):
            try:
                await ask()
            except (SilentError, UnreachableError):
                await self.doors.sleep(5.0)
                continue
            return

    async def _look(self, *, first: bool) -> None:
        """Compare everything with what was told."""
        for view in await self.doors.request("list"):
            self._seen_session(view.id, view.title)
            told = self._of(view.id)
            if view.doing in {"work", "retry", "blocked"} and not told.working:
                self._working(view.id)
            if view.doing == "blocked" and told.block != view.block:
                self._blocked(view.id, view.block)
            expected = first and SessionId(view.id) in self.at_start
            if view.id in self.believed() and not told.working:
                expected, told.stop = True, ""
            if view.doing in {"rest", "retry"} and (told.working or expected):
                self._tell_stop(view)

    # ── signals ──

    def take(self, kind: str, session: str, data: str) -> None:
        """A signal of the stream."""
        if session in self.quiet and kind in {"busy", "idle"}:
            return
        told, at, id_ = self._of(session), self.doors.now(), SessionId(session)
        match kind:
            case "new":
                self._seen_session(session, "")
            case "busy":
                self._working(session)
            case "alive":
                self._working(session)
                self._alive(session)
            case "turn":
                self._emit(events.SessionProgressed(at=at, session=id_, what="turn"))
            case "person":
                if data not in told.persons:
                    told.persons.add(data)
                    self._emit(events.PersonPrompted(at=at, session=id_, message=data))
            case "asked":
                self._blocked(session, data)
            case "answered":
                if told.block == data:
                    told.block = ""
                    self._emit(events.SessionUnblocked(at=at, session=id_, block=data))
            case _:
                self.tasks.create_task(self._settle(session))

    def gone(self) -> None:
        """The process has ended."""
        self._gone.set()

    def poll(self) -> None:
        """Something may have been missed."""
        if self.server.running and not self._is_first:
            self.tasks.create_task(self._ask_again(lambda: self._look(first=False)))

    async def _settle(self, session: str) -> None:
        async def ask() -> None:
            view = await self.doors.request("look", session)
            if view is not None and view.doing in {"rest", "retry"}:
                self._tell_stop(view)

        await self._ask_again(ask)

    # ── telling ──

    def _of(self, session: str) -> _Told:
        return self._told.setdefault(session, _Told())

    def _seen_session(self, session: str, title: str) -> None:
        if session in self._seen:
            return
        self._seen.add(session)
        at = self.doors.now()
        self._emit(
            events.SessionSeen(
                at=at,
                session=SessionId(session),
                agent=AGENT,
                title=title or session,
                directory=f"/work/{session}",
                created=at,
            )
        )

    def _working(self, session: str) -> None:
        told = self._of(session)
        if told.working:
            return
        told.working, told.stop, told.alive_at = True, "", None
        at = self.doors.now()
        self._emit(events.SessionWorking(at=at, session=SessionId(session), agent=AGENT))

    def _alive(self, session: str) -> None:
        told, at = self._of(session), self.doors.now()
        if told.alive_at is None or abs(at - told.alive_at) >= timedelta(seconds=10):
            told.alive_at = at
            self._emit(events.SessionAlive(at=at, session=SessionId(session), what="text"))

    def _blocked(self, session: str, block: str) -> None:
        told, at = self._of(session), self.doors.now()
        if told.block == block:
            return
        told.block = block
        asked = Block(id=block, kind=BlockKind.PERMISSION, text="rm?", tool="bash", since=at)
        self._emit(
            events.SessionBlocked(at=at, session=SessionId(session), agent=AGENT, block=asked)
        )

    def _tell_stop(self, view: View) -> None:
        stop, told = view.stop, self._of(view.id)
        if stop is None or stop.key == told.stop or view.id in self.quiet:
            return
        told.stop, told.working = stop.key, False
        at, id_ = self.doors.now(), SessionId(view.id)
        if not stop.retrying:
            self._tell_persons(view)
        left = view.done < view.total
        facts = {
            "work.state": "valid",
            "work.done": not left,
            "agent.retrying": stop.retrying,
            "session.context_used": 0.3,
            "session.cost": round(0.1 * view.progress, 2),
        }
        self._emit(events.FactsObserved(at=at, session=id_, facts=facts))
        self._emit(
            events.SessionStopped(
                at=at, session=id_, agent=AGENT, stop=_stop_of(stop, self.doors.house)
            )
        )

    def _tell_persons(self, view: View) -> None:
        """What the person wrote before the stop is told before it; what is old is only known."""
        persons, told = [said.id for said in view.said if said.who == "person"], self._of(view.id)
        if persons and told.persons and persons[-1] not in told.persons:
            said = next(said for said in reversed(view.said) if said.who == "person")
            at = min(self.doors.now(), self.doors.house.instant(said.wall))
            self._emit(
                events.PersonPrompted(at=at, session=SessionId(view.id), message=persons[-1])
            )
        told.persons.update(persons)


def _stop_of(stop: Stopped, house: House) -> Stop:
    retry_at = None
    if stop.retry_after_s is not None:
        retry_at = house.instant(round(stop.wall + stop.retry_after_s, 3))
    elif stop.reset_at is not None:
        retry_at = house.instant(round(stop.reset_at + (0 if stop.dated else stop.offset), 3))
    return Stop(
        key=stop.key,
        reason=StopReason(stop.reason),
        message=f"the provider says {stop.reason}",
        retry_at=retry_at,
        retrying=stop.retrying,
        attempt=stop.attempt or None,
        words=stop.reason in _WORDS,
        evidence={"reset_unchecked": True} if stop.dated else {},
    )


@dataclass
class Actuator:
    """Carries effects out."""

    doors: Doors
    server: ServerDoor
    void: Void
    quiet: set[str]
    aborting: dict[str, datetime] = field(default_factory=dict)
    """Interrupts whose abort may have been sent, though its answer did not come: when it was."""
    left_at: dict[str, str] = field(default_factory=dict)
    """Where our latest abort left a session."""
    fresh: bool = True
    keyed: bool = True
    offers: Offers = OPENCODE[Way.MANAGED]

    async def perform(self, effect: effects.Effect) -> Outcome:
        try:
            match effect:
                case effects.Restart():
                    ok = await self.server.restart()
                    return _ok("restarted") if ok else _failed("it does not come up")
                case effects.Stop():
                    await self.server.stop()
                    return _ok("stopped")
                case effects.Resume() | effects.Retry() | effects.NewSession():
                    return await self._go_on(effect)
                case effects.Interrupt():
                    return await self._interrupt(effect)
                case effects.Snapshot():
                    view = await self._ask("look", effect.session)
                    if view is None:
                        return _superseded("the session was deleted")
                    path = self.doors.keep(effect.session, "")
                    return Outcome(result=Result.OK, data={"path": path})
                case _:
                    return _failed(f"{type(effect).__name__} is nothing it can do")
        except (SilentError, UnreachableError) as error:
            return Outcome(result=Result.UNKNOWN, detail=f"no answer: {error}")
        except JournalError as error:
            return _failed(error.message)

    async def reconcile(self, effect: effects.Effect) -> Outcome | None:
        if isinstance(effect, effects.Interrupt | effects.Snapshot | effects.Stop):
            return None
        try:
            async with asyncio.timeout(45.0):
                if not await self.server.up():
                    return Outcome(result=Result.UNKNOWN, detail="it does not come up")
            match effect:
                case effects.Restart():
                    return _ok("it answers")
                case effects.Resume() | effects.Retry():
                    return await self._sent_before(effect)
                case effects.NewSession():
                    return await self._found(effect)
                case _:
                    return None
        except (SilentError, UnreachableError, TimeoutError) as error:
            return Outcome(result=Result.UNKNOWN, detail=f"no answer: {error}")

    async def _ask(self, what: str, *args: Any) -> Any:
        if not self.server.running:
            async with asyncio.timeout(45.0):
                if not await self.server.up():
                    raise UnreachableError(what)
        return await self.doors.request(what, *args)

    # ── going on ──

    async def _go_on(self, effect: effects.Resume | effects.Retry | effects.NewSession) -> Outcome:
        if not isinstance(effect, effects.NewSession) and self.keyed:
            sent = await self._sent_before(effect)
            if sent is not None:
                return sent
        view = await self._ask("look", effect.session, effect.id)
        if view is None:
            return _superseded("the session was deleted")
        if self.fresh and (why := _stale(view, effect.stop, self.doors.house, effect.alive_at)):
            if why == _HAD_ENDED:
                self.doors.house.later(5.0, "poll")  # whoever is believed at work is asked about
            return _superseded(why)
        if why := self._void(effect):
            return _failed(why)
        if view.doing != "retry":
            return await self._send(effect)
        self.quiet.add(effect.session)
        try:
            await self._ask("abort", effect.session, effect.id, True)
            await self.doors.sleep(1.0)
            return await self._send(effect)
        finally:
            self.quiet.discard(effect.session)

    async def _send(self, effect: effects.Resume | effects.Retry | effects.NewSession) -> Outcome:
        if why := self._void(effect):
            return _failed(why)
        key = effect.id if self.keyed else ""
        if not isinstance(effect, effects.NewSession):
            await self._ask("prompt", effect.session, key, effect.stop)
            return _ok("taken")
        if (done := await self._found(effect)) is not None and self.keyed:
            return done
        self.doors.handoff(effect.session)
        found = await self._ask("find", key, effect.session, effect.stop) if key else None
        new = found[0] if found is not None else None
        if new is None:
            new = await self._ask("create", key, effect.session, effect.stop)
        await self._ask("prompt", new, key, "")
        return Outcome(result=Result.OK, detail="created", data={"session": new})

    def _void(self, effect: effects.Effect) -> str:
        return self.void(effect) if self.fresh else ""

    async def _sent_before(self, effect: effects.Resume | effects.Retry) -> Outcome | None:
        view = await self._ask("look", effect.session, effect.id)
        if view is None or not view.key_seen:
            return None
        return _ok("it had been sent before") if view.doing != "rest" or view.key_answered else None

    async def _found(self, effect: effects.NewSession) -> Outcome | None:
        found = await self._ask("find", effect.id, effect.session, effect.stop)
        if found is None or not found[1]:
            return None
        return Outcome(result=Result.OK, detail="created before", data={"session": found[0]})

    async def _interrupt(self, effect: effects.Interrupt) -> Outcome:
        view = await self._ask("look", effect.session, effect.id)
        if view is None:
            return _superseded("the session was deleted")
        if effect.stop and (why := _is_over(view, effect.stop, self.doors.house)):
            return _superseded(why)
        if _is_hers(view, effect, self.doors.house):
            return _superseded("somebody has prompted it since")
        here = view.stop.key if view.stop is not None else ""
        known = bool(here) and self.left_at.get(effect.session) == here
        ours = known or self._has_ended(effect.id, view)
        if view.doing == "rest" and not ours:
            since = view.stop.wall if view.stop is not None else None
            idle = self.doors.house.instant(since).isoformat() if since is not None else ""
            itself = {"by_itself": "yes"} if _ended_by_itself(view) else {}
            cut_off = {"cut_off": "yes"} if view.stop and view.stop.reason == "crash" else {}
            again = {"again": "yes"} if effect.id in self.aborting else {}
            data = {"idle_since": idle} | itself | cut_off | again | _stands_at(view)
            return Outcome(result=Result.OK, detail="it was idle", data=data)
        if why := self._void(effect):
            return _failed(why)
        self.aborting.setdefault(effect.id, self.doors.now())
        if view.doing != "rest":
            await self._ask("abort", effect.session, effect.id, False)
        after = await self._ask("look", effect.session, effect.id)
        stands = _stands_at(after)
        self.left_at[effect.session] = stands.get("stop", "")
        return Outcome(result=Result.OK, detail="interrupted", data=stands)

    def _has_ended(self, order: str, view: View) -> bool:
        """Whether the abort of that order, whose answer did not come, has made it rest."""
        sent = self.aborting.get(order)
        if sent is None or view.stop is None:
            return sent is not None
        return self.doors.house.instant(view.stop.wall) - sent <= _ABORTED_WITHIN


def _is_hers(view: View, effect: effects.Interrupt, house: House) -> bool:
    """Whether a person began the newest turn after the order to end it."""
    newest = next((said for said in reversed(view.said) if said.who == "person"), None)
    if effect.ordered is None or newest is None:
        return False
    since, now = house.instant(newest.wall), house.instant(house.wall)
    if view.doing != "rest" and effect.ordered > now:
        return True  # the clock was set back since the order
    return effect.ordered < since <= now


def _stands_at(view: View | None) -> dict[str, str]:
    return {"stop": view.stop.key} if view is not None and view.stop is not None else {}


def _stale(view: View, stop: str, house: House, alive_at: datetime | None = None) -> str:
    if view.doing == "work":
        return "the session works again"
    if view.block:
        return "a permission waits for a person"
    down = _wall_of(stop, house)
    if down is not None and view.stop and view.stop.wall <= down and _ended_by_itself(view):
        return _HAD_ENDED
    aborted = view.stop if view.stop and view.stop.reason == "user_abort" else None
    if aborted and alive_at and house.instant(aborted.wall) < alive_at - _AT_ONCE:
        return _HAD_ENDED
    return moved_on(view, stop, down)


def _is_over(view: View, stop: str, house: House) -> str:
    """Why the retry of its own that was decided about is not to be ended."""
    if why := _stale(view, stop, house):
        return why
    if view.doing == "retry":
        assert view.stop is not None, "a retry is a stop"
        same = view.stop.key.partition(":")[2] == stop.partition(":")[2]
        return "" if same else "it was refused once more, and waits anew"
    return "its own retry has come to an end by itself" if _ended_by_itself(view) else ""


def _ended_by_itself(view: View) -> bool:
    stop = view.stop
    return view.doing == "rest" and stop is not None and stop.reason not in {"user_abort", "crash"}


def _wall_of(stop: str, house: House) -> float | None:
    if not stop.startswith("down:"):
        return None
    at = datetime.strptime(stop[5:-1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    return (at - house.begins).total_seconds()


def _ok(detail: str) -> Outcome:
    return Outcome(result=Result.OK, detail=detail)


def _failed(detail: str) -> Outcome:
    return Outcome(result=Result.FAILED, detail=detail)


def _superseded(detail: str) -> Outcome:
    return Outcome(result=Result.SUPERSEDED, detail=detail)
