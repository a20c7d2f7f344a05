"""What a sensor remembers of the sessions of one server, and what it tells about them.

Signals go in; events come out, coalesced; what needs a question to the server comes back as an
errand. Nothing here talks to anybody.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from palingenesis.assistants.opencode import life as lives
from palingenesis.assistants.opencode.families import Families
from palingenesis.assistants.opencode.life import Activity, Life, fold
from palingenesis.assistants.opencode.messages import Message
from palingenesis.assistants.opencode.prompts import Prompts
from palingenesis.assistants.opencode.signals import (
    Answered,
    Asked,
    Busy,
    Errored,
    Idle,
    MessageSeen,
    PartSeen,
    Retry,
    SessionDeleted,
    SessionInfo,
    SessionSummary,
    Signal,
)
from palingenesis.assistants.opencode.transcript import JUST_NOW
from palingenesis.assistants.opencode.watched import (
    Began,
    Errand,
    Identify,
    Settle,
    TellRetry,
    Watched,
)
from palingenesis.core import events
from palingenesis.core.safety import SIGNS_EVERY
from palingenesis.core.values import AgentId, Block, SessionId
from palingenesis.runtime.ports import Emit
from palingenesis.wire.redaction import redact_to

SPINNING = 5
"""So many answers in a row that came to nothing are worth a look."""
_UNHEARD = timedelta(seconds=10)
"""What was said so shortly before a process died may have been heard by nobody."""

_QUESTION_MAX = 8000
"""Characters of a question or a permission that are told; it comes from an agent."""


class Book:
    """All sessions of one server."""

    def __init__(self, agent: AgentId, now: Callable[[], datetime]) -> None:
        self._agent = agent
        self._now = now
        self._prompts = Prompts()
        self._emit: Emit = _nobody
        self._families = Families()
        self._listed: dict[str, tuple[str, str]] = {}
        self.watched: dict[str, Watched] = {}
        self._ended_at: datetime | None = None
        self._unheard_since: datetime | None = None
        """From then on until the last end; None: nobody is suspected."""
        self._at_work: frozenset[str] = frozenset()
        """Those that worked at an end since then."""

    def tell(self, emit: Emit) -> None:
        """From now on, tell this one."""
        self._emit = emit

    def share(self, prompts: Prompts) -> None:
        """Go by what others have told, too."""
        self._prompts = prompts

    # ── from the lists ──

    def list_session(self, info: SessionSummary) -> None:
        """A session exists. Told once, and again when its title or place changes."""
        self._families.name(info.id, info.parent)
        if info.parent is not None:
            self.watched.pop(info.id, None)
        elif (watched := self.watched.get(info.id)) is not None:
            watched.info = info
        seen = (info.title, info.directory)
        if self._listed.get(info.id) == seen:
            return
        self._listed[info.id] = seen
        self._emit(
            events.SessionSeen(
                at=self._now(),
                session=SessionId(info.id),
                agent=self._agent,
                title=redact_to(info.title, 200),
                directory=info.directory,
                parent=SessionId(info.parent) if info.parent else None,
                created=info.created,
            )
        )

    def strangers(self) -> list[str]:
        """All that must be asked about."""
        ours = dict.fromkeys((*self._families.waited_for, *self.watched))
        return [one for one in ours if not self._families.is_named(one)]

    def identify(self, session: str, info: SessionSummary | None) -> list[Errand]:
        """Who it is is known now; None: nobody can tell, and it counts as nobody's subagent."""
        if info is not None:
            self.list_session(info)
        if not self._families.is_named(session):
            self._families.name(session, None)
        return self._release()

    def expect(self, session: str, info: SessionSummary | None) -> Watched:
        """Watch a session of which it is not known whether it works."""
        return self._of(session, info, activity=Activity.UNKNOWN)

    # ── from the stream, and from polling ──

    def take(self, signal: Signal) -> list[Errand]:
        """Take a signal in; returns what should be asked now."""
        session = getattr(signal, "session", "")
        if not session:
            return []
        if isinstance(signal, SessionInfo):
            self.list_session(signal.info)
        errands = self._release()
        if (stranger := self._families.stranger(session)) is not None:
            is_first = self._families.hold(stranger, signal)
            return [*errands, Identify(stranger)] if is_first else errands
        watched = self._of(self.root(session), None, directory=signal.directory)
        if not isinstance(signal, SessionInfo):
            watched.signals += 1
            watched.moves += isinstance(signal, Busy | Idle | Retry | Errored | SessionDeleted)
            watched.asks += isinstance(signal, Asked | Answered)
        if self._is_out_of_order(watched, signal):
            watched.life = replace(watched.life, user="")
        self._learn(watched, signal)
        before = watched.life.activity
        watched.life, hints = fold(watched.life, signal)
        if before is Activity.RETRY and watched.life.activity is Activity.BUSY:
            hints = (lives.Working(), *hints)  # it tries again by itself
        for hint in hints:
            errands += self._follow(watched, hint)
        return errands

    def poll_idle(self, watched: Watched) -> list[Errand]:
        """A poll does not find it at work."""
        if watched.life.activity is Activity.IDLE:
            return []
        return self.take(Idle(session=watched.info.id, directory=watched.info.directory))

    def spoke(self, watched: Watched, said: Message) -> None:
        """A person's message is there; told once, and only when an earlier one is known."""
        if watched.person and said.id > watched.person:
            self._prompted(watched, said)
        watched.person = max(watched.person, said.id)

    def overheard(self, watched: Watched, said: Message) -> None:
        """A person's message was written while nobody listened."""
        watched.life = replace(watched.life, user=said.id)
        self._prompted(watched, said)

    def all_stopped(self, at_work: Iterable[str]) -> None:
        """The process behind all of them has ended: nobody works any more; nothing is told.

        Args:
            at_work: those that worked until then, as whoever decides knows by the end itself.
        """
        now = self._now()
        if self._unheard_since is None:
            self._unheard_since, self._at_work = now - _UNHEARD, frozenset()
            if self._ended_at is not None and self._unheard_since < self._ended_at <= now:
                self._unheard_since = self._ended_at  # who was touched before was looked at then
        self._ended_at, self._at_work = now, self._at_work.union(at_work)
        self._families.drop()
        for watched in self.watched.values():
            life = Life(session=watched.info.id, activity=Activity.IDLE, user=watched.life.user)
            watched.life, watched.alive_at = life, None

    def suspect(self, listed: Iterable[SessionSummary]) -> None:
        """After the end of an earlier process: what was said right before may be heard by nobody.

        Whoever was touched then, and is not known to have worked, is looked at.
        """
        if (since := self._unheard_since) is None:
            return
        self._unheard_since = None
        for info in listed:
            is_touched = info.updated is not None and info.updated >= since
            if is_touched and info.parent is None and info.id not in self._at_work:
                watched = self.expect(info.id, info)
                watched.unheard_since = watched.unheard_since or since
        for watched in self.watched.values():
            is_suspected = watched.unheard_since is not None and watched.id not in self._at_work
            if is_suspected and watched.life.activity is Activity.IDLE:
                watched.life = replace(watched.life, activity=Activity.UNKNOWN)

    def all_in_doubt(self) -> None:
        """The server is out of reach: whoever worked may go on working."""
        for watched in self.watched.values():
            if watched.is_at_work:
                watched.life = Life(session=watched.info.id, user=watched.life.user)
                watched.told = ""

    def doubt(self, session: SessionId) -> None:
        """Somebody takes this session to be at work, and we do not: find out anew."""
        watched = self.expect(session, None)
        watched.life, watched.told = replace(watched.life, activity=Activity.UNKNOWN), ""

    def cut_off(self, watched: Watched) -> None:
        """The question why it rests, or waits by itself, got no answer: find out anew."""
        if watched.life.activity in {Activity.IDLE, Activity.RETRY}:
            watched.life = replace(watched.life, activity=Activity.UNKNOWN, retry=None)

    def root(self, session: str) -> str:
        """Id of the session at the top of its family."""
        return self._families.root(session)

    def place_of(self, session: str) -> str:
        """The directory that it was listed with; "" when it was not."""
        return self._listed.get(session, ("", ""))[1]

    def directories(self, of: Iterable[Watched]) -> list[str]:
        """Where these sessions live, each once."""
        return list(dict.fromkeys(w.info.directory for w in of if w.info.directory))

    def look_at_tools(self, watched: Watched) -> None:
        """A tool or a subagent that runs is alive, however silent it is."""
        if watched.is_at_work and (watched.life.tools or watched.life.children):
            self._alive(watched, "tool" if watched.life.tools else "child", self._now())

    # ── how ──

    def _release(self) -> list[Errand]:
        """Take in what was held back of those who are known by now."""
        errands: list[Errand] = []
        for signal in self._families.release():
            errands += self.take(signal)
        return errands

    def _of(
        self,
        session: str,
        info: SessionSummary | None,
        *,
        activity: Activity = Activity.IDLE,
        directory: str = "",
    ) -> Watched:
        watched = self.watched.get(session)
        if watched is None:
            title, place = self._listed.get(session, ("", directory))
            watched = Watched(
                life=Life(session=session, activity=activity),
                info=info or SessionSummary(id=session, directory=place, title=title),
            )
            self.watched[session] = watched
        return watched

    def _prompted(self, watched: Watched, said: Message) -> None:
        """Told late, as of when she said it: what she commanded since then counts for more."""
        if self._prompts.is_told(watched.id, said.id):
            return
        self._prompts.note(watched.id, said.id)
        at = min(self._now(), said.created or self._now())
        self._emit(events.PersonPrompted(at=at, session=watched.id, message=said.id))

    def _is_out_of_order(self, watched: Watched, signal: Signal) -> bool:
        """Whether a new prompt has an older id than the last one: the clock was set back."""
        if not isinstance(signal, MessageSeen) or signal.session != watched.info.id:
            return False
        message = signal.message
        is_known = message.id in watched.messages or message.touched
        if message.role != "user" or is_known or message.created is None:
            return False
        return message.id < watched.life.user and abs(self._now() - message.created) < JUST_NOW

    def _learn(self, watched: Watched, signal: Signal) -> None:
        if isinstance(signal, MessageSeen) and signal.session == watched.info.id:
            message = signal.message
            if message.id not in watched.messages and message.role == "user" and message.ours:
                watched.alive_at = None  # the first sign of life after our prompt proves it
            watched.messages.add(message.id)
        elif isinstance(signal, PartSeen) and signal.part.tool is not None:
            watched.written |= dict.fromkeys(signal.part.tool.paths)

    def _follow(self, watched: Watched, hint: lives.Hint) -> list[Errand]:
        at = self._now()
        match hint:
            case lives.Working():
                watched.alive_at, watched.told, watched.answered = None, "", False
                if not watched.life.blocks:  # else it was found waiting for a person
                    self._emit(events.SessionWorking(at=at, session=watched.id, agent=self._agent))
                return [Began(watched)]
            case lives.Ended():
                return [Settle(watched)]
            case lives.Retrying(retry=retry):
                watched.answered = False
                return [TellRetry(watched, retry)]
            case lives.Spinning(hollow=hollow):
                return [Settle(watched)] if hollow % SPINNING == 0 else []
            case lives.Blocked(asked=asked):
                self._emit(
                    events.SessionBlocked(
                        at=at, session=watched.id, agent=self._agent, block=_block(asked, at)
                    )
                )
            case lives.Unblocked(id=block):
                self._emit(events.SessionUnblocked(at=at, session=watched.id, block=block))
            case lives.Alive(what=what):
                self._alive(watched, what, at)
            case lives.TurnCompleted():
                self._emit(events.SessionProgressed(at=at, session=watched.id, what="turn"))
            case lives.PersonSpoke(message=message):
                watched.alive_at, watched.answered = None, False
                watched.person = max(watched.person, message)
                self._prompts.note(watched.id, message)
                self._emit(events.PersonPrompted(at=at, session=watched.id, message=message))
            case lives.Gone():
                self.watched.pop(watched.info.id, None)
                self._emit(events.SessionGone(at=at, session=watched.id))
            case _:
                assert_never(hint)
        return []

    def _alive(self, watched: Watched, what: str, at: datetime) -> None:
        if what == "todo":
            self._emit(events.SessionProgressed(at=at, session=watched.id, what="todo"))
        is_answer = what != "step" and not watched.answered and watched.is_at_work
        # Either way: a clock that was set back must not silence it for hours.
        is_due = watched.alive_at is None or abs(at - watched.alive_at) >= SIGNS_EVERY
        if is_answer or is_due:
            watched.alive_at = at
            watched.answered |= is_answer
            self._emit(events.SessionAlive(at=at, session=watched.id, what=what))


def _block(asked: Asked, at: datetime) -> Block:
    return Block(
        id=asked.id,
        kind=asked.kind,
        text=redact_to(asked.text, _QUESTION_MAX),
        tool=asked.tool,
        since=at,
    )


def _nobody(_event: events.Event) -> None:
    raise AssertionError("a book that tells nobody")
