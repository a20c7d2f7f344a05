"""The daemon as its surfaces see it: the `Door`, on top of the loop and the journal."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from palingenesis import __version__
from palingenesis.app.answering import answer
from palingenesis.app.candidates import Candidates
from palingenesis.app.ours import open_in
from palingenesis.core import commands, events
from palingenesis.core.commands import Command
from palingenesis.core.effects import Effect, Notify
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.policy.build import digest_of
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import Result, SessionId
from palingenesis.core.world import SafeHold, Session, World
from palingenesis.journal import SqliteJournal, entry_to_plain
from palingenesis.runtime import candidate, door, touched, views
from palingenesis.runtime.considering import Recomputing
from palingenesis.runtime.event_rows import Ordered, event_row
from palingenesis.runtime.inbox import RESTRAINING
from palingenesis.runtime.kinds import classes_of
from palingenesis.runtime.limits import limits
from palingenesis.runtime.linking import Caller, Join
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.policy_status import policy_status
from palingenesis.runtime.ports import Clock, Entry
from palingenesis.runtime.worth import savings_status

_LOOKED_BACK: Final = 5_000
"""How many entries are searched for decisions and their outcomes."""
_TOGETHER: Final = "all are paused, and no session can be resumed alone"
_STUCK: Final = "acting goes on by itself once writing works again; give the command then"
_HEARD: Final = (
    "heard, and written down before anything else as soon as that is possible; until then nothing "
    "is sent to any session, but a daemon that ends before forgets it"
)

Reload = Callable[[], Awaitable[door.Answer]]


class Agents(Protocol):
    """The ways into the agents, and out of them to us."""

    def entrance(self, session: str | None, directory: str) -> door.Entrance:
        """How the person's own TUI gets into the server."""
        ...

    def admit(self, caller: Caller) -> Join:
        """How to live with a program of hers that wants to let us in."""
        ...


_COMMANDS: Final[Mapping[door.CommandName, type[commands.SessionCommand]]] = {
    "pause": commands.Hold,
    "resume": commands.Release,
    "abort": commands.Abort,
    "skip": commands.Skip,
    "new-session": commands.Renew,
    "enrol": commands.Enrol,
    "detach": commands.Detach,
}
_RESTRAINING: Final = frozenset({"pause", "resume", "abort", "detach", "act-again"})
"""Commands that can be given in safe hold: none of them begins anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is not in the world."""

    since: datetime
    policy_path: Callable[[], Path]
    policy_origin: Callable[[], str]
    policy_text: Callable[[], str]
    """The policy in force as it was written; "" when nobody knows any more."""
    policy_read_from: Callable[[], str]
    """And where it was read from; "" when an earlier run has read it."""
    instead_of: Callable[[], Mapping[str, object] | None]
    """What the policy itself says of its mode, where the configuration overrides it."""
    channels: Callable[[], tuple[str, ...]]
    journal_bytes_max: Callable[[], int]
    warnings: Callable[[], tuple[str, ...]]


class Front:
    """Answers surfaces. Reads the world; changes it only by events."""

    def __init__(
        self,
        *,
        loop: Loop,
        journal: SqliteJournal,
        clock: Clock,
        about: About,
        reload: Reload,
        candidates: Candidates,
        agents: Agents,
        stop: Callable[[bool, str], None],
        metrics: Callable[[str], str],
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._clock = clock
        self._about = about
        self._reload = reload
        self._candidates = candidates
        self._agents = agents
        self._stop = stop
        self._metrics = metrics
        self._recomputing = Recomputing(journal.policy)
        self._delivered_at: datetime | None = None
        self._undelivered = 0
        self._notices = _notices_among(loop.world.open.values())
        self._written = asyncio.Event()
        self._ordered = Ordered(loop.world.open.values(), journal.ordered)
        loop.attend(self._noticed)

    def status(self) -> door.Status:
        """See `Door`."""
        world, loop, now = self._loop.world, self._loop, self._clock.now()
        trouble = loop.journal_trouble
        return {
            "schema_version": door.SCHEMA_VERSION,
            "running": True,
            "at": views.instant(now),
            "pid": os.getpid(),
            "version": __version__,
            "since": views.instant(self._about.since),
            "paused": world.paused,
            "safe_hold": touched.safe_hold(world),
            "rails": touched.rails(world, now),
            "policy": self._policy(),
            "agents": touched.agents(world, now),
            "sessions": views.supervised(world, now),
            "limits": limits(world, now),
            "notifications": {
                "channels": list(self._about.channels()),
                "pending": views.pending_notices(world),
                "failed": self._undelivered,
                "last": views.instant(self._delivered_at) if self._delivered_at else None,
            },
            "journal": {
                "seq": loop.seq,
                "ok": not trouble,
                "detail": trouble,
                "bytes": self._bytes(),
                "bytes_max": self._about.journal_bytes_max(),
                "waiting": loop.waiting,
                "removed": self._removed(),
            },
            "savings": savings_status(world.savings, now),
            "warnings": [*self._about.warnings(), *views.warnings(world)],
        }

    def _bytes(self) -> int:
        with suppress(JournalError):  # status tells the trouble beside it
            return self._journal.bytes_on_disk()
        return 0

    def _policy(self) -> door.PolicyStatus:
        about = self._about
        decides, origin = str(about.policy_path()), about.policy_origin()
        read_from = about.policy_read_from()
        return policy_status(self._loop.world, decides=decides, origin=origin, read_from=read_from)

    def _removed(self) -> door.RemovedStatus | None:
        with suppress(JournalError):  # status tells the trouble beside it
            if removed := self._journal.removed():
                return {
                    "entries": removed.entries,
                    "through": removed.through,
                    "at": views.instant(removed.at),
                    "until": views.instant(removed.until),
                }
        return None

    def sessions(self) -> Sequence[door.SessionStatus]:
        """See `Door`."""
        now = self._clock.now()
        sessions = self._loop.world.sessions.values()
        return [views.session_status(session, now) for session in sessions]

    def events(
        self,
        *,
        after: int,
        since: datetime | None,
        session: str | None,
        kinds: Collection[str],
        limit: int,
    ) -> Sequence[door.EventRow]:
        """See `Door`."""
        newest = after == 0
        found = list(
            self._journal.entries(
                after,
                since=since,
                session=session,
                kinds=classes_of(kinds),
                limit=limit,
                newest_first=newest,
            )
        )
        ordered = reversed(found) if newest else iter(found)
        return [
            event_row(views.decoded(one), entry_to_plain(one), self._ordered) for one in ordered
        ]

    async def changed(self, after: int) -> None:
        """See `Door`."""
        while self._loop.seq <= after:
            self._written.clear()
            await self._written.wait()

    def explain(
        self, *, session: str | None, decision: int | None, limit: int
    ) -> Sequence[door.Explanation]:
        """See `Door`."""
        newest = islice(self._journal.entries(session=session, newest_first=True), _LOOKED_BACK)
        removed = self._journal.removed()
        return views.explanations(
            [*newest][::-1],
            self._recomputing,
            session=session,
            decision=decision,
            limit=limit,
            removed_at=removed.at if removed is not None else None,
        )

    async def command(self, name: door.CommandName, session: str | None, by: str) -> door.Answer:
        """See `Door`."""
        held = self._loop.world.safe_hold
        if held is not None and name not in _RESTRAINING:
            raise PalingenesisError(
                f"palingenesis holds itself, so '{name}' is not done",
                "palingenesis daemon act-again",
            )
        command = self._command(name, session)
        event = events.CommandGiven(at=self._clock.now(), command=command, by=by)
        trouble = self._loop.journal_trouble
        if trouble and isinstance(command, RESTRAINING) and not self._loop.lives_on_reserve:
            self._loop.emit(event)
            return {"ok": True, "message": f"{name}: {_HEARD}: {trouble}"}
        if trouble and not isinstance(command, RESTRAINING):
            raise JournalError(
                f"'{name}' cannot be written down, so it is not done: {trouble}", _STUCK
            )
        turn = await self._loop.submit(event)
        if name == "act-again":
            return {"ok": True, "message": _acting(held, turn.world)}
        still = "; palingenesis holds itself, nothing is sent" if turn.world.safe_hold else ""
        if session is None:
            return {"ok": True, "message": f"{name}: all sessions{still}"}
        known = turn.world.sessions.get(SessionId(session))
        if known is None:
            raise _unknown(session)  # deleted in this very moment
        became = f"{known.title or known.id} is {known.status.replace('_', ' ')}{still}"
        return {"ok": True, "message": f"{name}: {became}"}

    async def preview(self, path: str | None) -> candidate.Preview:
        """See `Door`."""
        return await self._candidates.preview(path)

    async def shadow(
        self, order: candidate.ShadowOrder, path: str | None, by: str
    ) -> candidate.Shadow:
        """See `Door`."""
        if order != "report" and (trouble := self._loop.journal_trouble):
            raise JournalError(f"'{order}' cannot be written down, so it is not done: {trouble}")
        if order != "report":
            await self._note(f"shadow {order}", by)
        return await self._candidates.shadow(order, path)

    async def answer(self, question: str, by: str, *, yes: bool) -> door.Answer:
        """See `Door`."""
        return await answer(self._loop, self._clock.now(), question, by, yes=yes)

    async def reload(self, by: str) -> door.Answer:
        """See `Door`."""
        await self._note("reload", by)
        return await self._reload()

    def stop(self, by: str, *, agents: bool) -> None:
        """See `Door`."""
        self._stop(agents, f"asked to stop by {by}")

    async def _note(self, what: str, by: str) -> None:
        """Leave the line of an order to the daemon itself, before it is carried out."""
        event = events.CommandGiven(at=self._clock.now(), command=commands.Order(what=what), by=by)
        if self._loop.journal_trouble:
            self._loop.emit(event)  # written down as soon as anything can be
        else:
            await self._loop.submit(event)

    def open(self, session: str | None) -> door.Entrance:
        """See `Door`."""
        directory = ""
        if session is not None:
            known = self._loop.world.sessions.get(SessionId(session))
            if known is None:
                raise _unknown(session)
            directory = known.directory
            self._must_not_be_open(known)
        return self._agents.entrance(session, directory)

    def _must_not_be_open(self, session: Session) -> None:
        """One session never has two owners that live."""
        agent = open_in(self._loop.world, session)
        if agent is None:
            return
        raise PalingenesisError(
            f"{session.title or session.id} is open in your own OpenCode (process {agent.pid})",
            "go on there; once it has ended, this opens it on the managed server",
        )

    def admit(self, caller: Caller) -> Join:
        """See `Door`."""
        return self._agents.admit(caller)

    def metrics(self, form: str) -> str:
        """See `Door`."""
        return self._metrics(form)

    def policy(self) -> door.PolicyText:
        """See `Door`."""
        world, policy = self._loop.world, self._loop.policy
        return {
            "name": world.policy_name,
            "digest": world.policy,
            "alone": _alone(policy, instead_of=self._about.instead_of()),
            "path": str(self._about.policy_path()),
            "file": self._policy()["path"],
            "origin": self._about.policy_origin(),
            "source": self._about.policy_text(),
            "resolved": policy.resolved,
        }

    def _command(self, name: door.CommandName, session: str | None) -> Command:
        if name == "act-again":
            return commands.ActAgain()
        if name == "greeted":
            return commands.Greeted()
        kind = _COMMANDS[name]
        if session is None:
            if kind is commands.Hold:
                return commands.Hold()
            if kind is commands.Release:
                return commands.Release()
            raise PalingenesisError(f"{name} needs a session", "palingenesis sessions")
        if SessionId(session) not in self._loop.world.sessions:
            raise _unknown(session)
        if kind is commands.Release and self._loop.world.paused:
            raise PalingenesisError(_TOGETHER, "palingenesis resume")
        return kind(session=SessionId(session))

    def _noticed(self, _seq: int, entry: Entry, _world: World) -> None:
        self._written.set()
        self._ordered.take(entry.effects)
        self._notices |= _notices_among(entry.effects)
        event = entry.event
        if isinstance(event, events.EffectEnded) and event.effect in self._notices:
            self._notices.discard(event.effect)
            if event.result is not Result.OK:
                self._undelivered += 1
            elif event.data:
                self._delivered_at = event.at


def _notices_among(effects: Iterable[Effect]) -> set[str]:
    return {effect.id for effect in effects if isinstance(effect, Notify)}


def _acting(held: SafeHold | None, now: World) -> str:
    """What came of the command to act again."""
    if now.safe_hold is not None:
        return "palingenesis holds itself again"
    if held is None:
        return "palingenesis does not hold itself"
    return "palingenesis acts again" + (", but is paused" if now.paused else "")


def _unknown(session: str) -> PalingenesisError:
    return PalingenesisError(f"no session '{session[:80]}'", "palingenesis sessions")


def _alone(policy: Policy, *, instead_of: Mapping[str, object] | None) -> str:
    """The digest of the file's policy: without what projects and the configuration ask for."""
    put_on = {"overlays"} | ({"mode"} if instead_of is not None else set())
    if not put_on & {*policy.resolved}:
        return policy.digest
    own = {key: value for key, value in policy.resolved.items() if key not in put_on}
    return digest_of({**own, **(instead_of or {})})
