"""A rehearsal told line by line: what happened, which rule spoke, what was done, what came."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.events import Event
from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Delegate, Wait
from palingenesis.core.values import Result, SessionId, Status
from palingenesis.core.world import Decision, World
from palingenesis.simulation.rehearsal import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a timeline."""

    at: datetime
    word: str
    """`stop`, `rule`, `wait`, `do`, `rail`, `end`, … at most eight letters."""
    rule: str
    text: str
    session: SessionId | None = None
    """Whom it is about, where it is about one session."""


def told(past: Iterable[Happening]) -> Iterator[Line]:
    """Tell a rehearsal."""
    for happening in past:
        yield from of_turn(
            happening.event,
            happening.turn.decisions,
            happening.turn.effects,
            happening.turn.world,
        )


def of_turn(
    event: Event, decisions: Iterable[Decision], ordered: Iterable[Effect], world: World
) -> Iterator[Line]:
    """Tell one turn of the kernel."""
    line = _of_event(event)
    if line is not None:
        yield line
    rules = {s.plan.decision: s.plan.rule for s in world.sessions.values() if s.plan is not None}
    for decision in decisions:
        rules[decision.id] = decision.rule
        yield from _of_decision(decision, event, world)
    for effect in ordered:
        yield _of_effect(effect, event.at, rules.get(effect.decision, ""))


def _of_event(event: Event) -> Line | None:
    match event:
        case events.SessionStopped():
            stop = event.stop
            said = f" ({stop.message})" if stop.message else ""
            retry = ""
            if stop.retry_at is not None:
                retry = f", again in {_span(stop.retry_at - event.at)}"
            how = "retries by itself" if stop.retrying else "stopped"
            return _line(event, "stop", f"{how}: {stop.reason}{retry}{said}")
        case events.SessionBlocked():
            return _line(event, "block", f"{event.block.kind}: {event.block.text}")
        case events.PersonPrompted():
            return _line(event, "person", "the person goes on by herself")
        case events.AgentDown():
            how = event.signal or (f"exit code {event.exit_code}" if event.exit_code else "")
            return _line(event, "down", f"{event.agent} {event.cause} {how}".rstrip())
        case events.AgentUp():
            return _line(event, "up", f"{event.agent} {event.version}, {event.way}")
        case events.EffectEnded() if event.result is not Result.OK:
            return _line(event, "outcome", f"{event.result}: {event.detail}")
        case _:
            return None


def _of_decision(decision: Decision, event: Event, world: World) -> Iterator[Line]:
    at = event.at
    if decision.kind in {"told", "candidate"}:
        return
    words = {
        "decided": "rule",
        "kept": "keep",
        "revised": "revise",
        "cancelled": "cancel",
        "refused": "rail",
        "commanded": "person",
        "verified": "works",
        "answered": "answer",
        "observed": "aside",
        "shadowed": "shadow",
        "hushed": "quiet",
    }
    text = decision.why
    if decision.kind == "decided" and decision.limited:
        text = f"limit reached: {text}"
    whom = decision.session
    yield Line(
        at=at,
        word=words.get(decision.kind, decision.kind),
        rule=decision.rule,
        text=text,
        session=whom,
    )
    session = world.sessions.get(decision.session) if decision.session else None
    if session is None or decision.kind not in {"decided", "revised"}:
        return
    plan = session.plan
    if session.status is Status.WAITING and plan is not None and plan.deadline is not None:
        waits = isinstance(plan.steps[plan.index], Wait | Delegate)
        if waits and plan.decision == decision.id:
            text = f"{_span(plan.deadline - at)}: {plan.because}"
            yield Line(at=at, word="wait", rule=decision.rule, text=text, session=whom)
    if session.status in {Status.ATTENTION, Status.STOOD_DOWN, Status.COMPLETED}:
        text = f"{session.status}: {session.outlook}"
        yield Line(at=at, word="end", rule=decision.rule, text=text, session=whom)


def _of_effect(effect: Effect, at: datetime, rule: str) -> Line:
    match effect:
        case effects.Notify():
            word, text = "tell", f"{effect.severity}: {effect.message}"
        case effects.Log():
            word, text = "log", effect.message
        case effects.Resume():
            how = f"with words: {effect.text}" if effect.words else "silently"
            word, text = "do", f"resume {how}"
        case _:
            word, text = "do", name_of(effect)
    return Line(at=at, word=word, rule=rule, text=text, session=getattr(effect, "session", None))


def _line(event: Event, word: str, text: str) -> Line:
    session = getattr(event, "session", None)
    return Line(at=event.at, word=word, rule="", text=text, session=session)


def _span(span: timedelta) -> str:
    seconds = max(span.total_seconds(), 0.0)
    return show_duration(timedelta(seconds=round(seconds) if seconds >= 1 else round(seconds, 1)))
