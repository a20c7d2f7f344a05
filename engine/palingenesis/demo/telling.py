"""A night told live: what happened, which rule spoke and why, what was done, what came of it.

Every line comes from a journal entry. What a rehearsal tells is told alike (simulation.timeline);
a real night adds how effects ended, and what became of the work.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.plans import Delegate, Wait
from palingenesis.core.values import Result, SessionId, Status, StopReason
from palingenesis.core.world import Decision, Session, World
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.simulation.timeline import Line, of_turn

_Doing = effects.SessionEffect | effects.Restart | effects.Stop | effects.Run
_ENDS = frozenset({Status.ATTENTION, Status.STOOD_DOWN, Status.COMPLETED})
_OURS = frozenset({"do", "wait", "end"})
"""Words of a rehearsal that a real night tells in its own way."""
_INSTEAD = frozenset({"person", "idle"})
"""Turns with one of these words are told by us alone."""
_OF_AGENTS = frozenset({"up", "down"})
_MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of the night; `about` is the session's title, empty for an agent's lines."""

    at: datetime
    word: str
    text: str
    rule: str = ""
    about: str = ""


class Teller:
    """Turns written turns into lines; remembers what was said to tell only what is new."""

    def __init__(self) -> None:
        self._ordered: dict[str, Effect] = {}
        self._waits: dict[SessionId, datetime] = {}
        self._statuses: dict[SessionId, Status] = {}
        self._steps: dict[str, str] = {}
        self._aborting: frozenset[SessionId] = frozenset()

    def tell(
        self, event: Event, decisions: Sequence[Decision], ordered: Iterable[Effect], world: World
    ) -> list[Told]:
        """What one turn has to say, in order."""
        ordered = tuple(ordered)
        told = [*self._news(event, world)]
        if told and told[0].word in _INSTEAD:
            self._remember(ordered, world)
            return told
        ends = [*self._ends(world, event.at)]
        if isinstance(event, events.EffectEnded):
            told += ends  # an old session ends before its heir is told of
        titles = {one.session: _title(world, one.session) for one in decisions if one.session}
        about = _title(world, getattr(event, "session", None))
        about = about or next(iter(titles.values()), "")
        told += [
            _from(line, "" if line.word in _OF_AGENTS else about)
            for line in of_turn(event, decisions, ordered, world)
            if line.word not in _OURS
        ]
        if not isinstance(event, events.EffectEnded):
            told += ends
        told += self._new_waits(world, event.at)
        self._remember(ordered, world)
        return told

    def _remember(self, ordered: Iterable[Effect], world: World) -> None:
        self._ordered |= {effect.id: effect for effect in ordered}
        self._aborting = frozenset(one.id for one in world.sessions.values() if one.aborting)

    def _news(self, event: Event, world: World) -> Iterator[Told]:
        match event:
            case events.DaemonStarted():
                yield Told(at=event.at, word="start", text=f"the daemon runs, {event.version}")
            case events.PolicyAdopted():
                rules = len(event.resolved.get("rules", ()))
                text = f"policy {event.name} is in force: {rules} rules"
                yield Told(at=event.at, word="policy", text=text)
            case events.PersonPrompted():
                yield _about(world, event.session, event.at, "person", "the person prompts it")
            case events.SessionWorking() if not _is_our_doing(world, event.session):
                yield _about(world, event.session, event.at, "begins", "begins to work")
            case events.SessionStopped(stop=stop) if (
                event.session in self._aborting and stop.reason is StopReason.USER_ABORT
            ):
                text = "it is idle: our own interrupt, not a person's"
                yield _about(world, event.session, event.at, "idle", text)
            case events.FactsObserved() if event.session is not None:
                yield from self._work(world, event.session, event.at)
            case events.EffectEnded() if event.result is Result.OK:
                yield from self._outcome(event, world)
            case _:
                return

    def _work(self, world: World, session: SessionId, at: datetime) -> Iterator[Told]:
        facts = world.sessions[session].facts if session in world.sessions else {}
        done, total = facts.get("work.steps_completed"), facts.get("work.steps_total")
        if done is None or total is None:
            return
        text = f"its document has {done} of {total} steps done"
        step = facts.get("work.step")
        text += f"; next is {step}" if step else ""
        if self._steps.get(session) != text:
            self._steps[session] = text
            yield _about(world, session, at, "work", text)

    def _outcome(self, event: events.EffectEnded, world: World) -> Iterator[Told]:
        effect = self._ordered.pop(event.effect, None)
        if effect is None or isinstance(effect, effects.Notify | effects.Log):
            return
        session = None if isinstance(effect, effects.Restart | effects.Stop) else effect.session
        yield _about(world, session, event.at, "did", _done(effect, event))

    def _ends(self, world: World, at: datetime) -> Iterator[Told]:
        for session in world.sessions.values():
            before = self._statuses.get(session.id)
            self._statuses[session.id] = session.status
            if session.status in _ENDS and before is not session.status and session.supervised:
                text = _end(session)
                yield Told(at=at, word="end", text=text, about=plain(session.title, 48))

    def _new_waits(self, world: World, at: datetime) -> Iterator[Told]:
        for session in world.sessions.values():
            plan = session.plan
            if session.status is not Status.WAITING or plan is None or plan.deadline is None:
                self._waits.pop(session.id, None)
                continue
            timed = isinstance(plan.steps[plan.index], Wait | Delegate)
            if timed and self._waits.get(session.id) != plan.deadline:
                self._waits[session.id] = plan.deadline
                text = f"{say_span(plan.deadline - at)}: {plan.because}"
                yield Told(at=at, word="wait", text=text, about=plain(session.title, 48))


def _is_our_doing(world: World, session: SessionId) -> bool:
    """Whether we are setting a session to work just now: then "works again" will follow."""
    known = world.sessions.get(session)
    if known is not None and known.plan is not None:
        return True
    prompts = effects.Resume | effects.Retry | effects.NewSession
    return any(isinstance(effect, prompts) for effect in world.open.values())


def passed(at: datetime, span: timedelta) -> Told:
    """The line of a jump."""
    return Told(at=at, word="time", text=f"{say_span(span)} pass")


def _done(effect: _Doing, event: events.EffectEnded) -> str:
    match effect:
        case effects.Resume():
            how = f"with the words: {plain(effect.text, 120)}" if effect.words else "without a word"
            return f"resumed {how}"
        case effects.Retry():
            return "sent the last prompt again"
        case effects.NewSession():
            return f"new session, told what {event.data.get('handoff', 'is known')} says"
        case effects.Compact():
            return "summarised the conversation"
        case effects.Interrupt():
            return f"ended the assistant's own wait: {event.detail}"
        case effects.Snapshot():
            return f"backed the conversation up: {event.data.get('path', '')}"
        case effects.Restart():
            return f"started the server again: {plain(event.detail, 120)}"
        case effects.Stop():
            return "ended the server"
        case effects.Run():
            return f"ran the hook {plain(effect.hook, 60)}"
        case _:
            assert_never(effect)


def _end(session: Session) -> str:
    match session.status:
        case Status.COMPLETED if session.successor is not None:
            return "over: its work goes on in the new session"
        case Status.COMPLETED:
            return f"completed: {plain(session.outlook, 120)}"
        case Status.STOOD_DOWN:
            return plain(session.outlook, 120)
        case _:
            return f"a person has to look: {plain(session.outlook, 120)}"


def _from(line: Line, about: str) -> Told:
    return Told(
        at=line.at, word=line.word, text=plain(line.text, _MOST), rule=line.rule, about=about
    )


def _about(world: World, session: SessionId | None, at: datetime, word: str, text: str) -> Told:
    return Told(at=at, word=word, text=plain(text, _MOST), about=_title(world, session))


def _title(world: World, session: SessionId | None) -> str:
    known = world.sessions.get(session) if session is not None else None
    return plain(known.title, 48) if known is not None else ""
