"""What was odd in a stretch of the journal: rails, unknown outcomes, gaps, mishaps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from palingenesis.core import events
from palingenesis.core.effects import Effect, Notify
from palingenesis.core.events import Event
from palingenesis.core.facts import say_duration, show_duration
from palingenesis.core.values import DownCause, Result, SessionId
from palingenesis.core.world import Decision
from palingenesis.runtime.refusals import is_gone

_NAMED = 200
_NOT_WATCHED = timedelta(minutes=1)
_NOTHING_ODD = frozenset({DownCause.STOPPED, DownCause.ENDED, DownCause.DONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """Something odd, and how often it happened."""

    kind: str
    """`rail`, `limit`, `unknown`, `failed`, `agent`, `gap`, `clock`, `sensor`, `policy`,
    `journal`, `hold`, `notice`."""
    text: str
    at: datetime
    """When it happened last."""
    times: int = 1
    session: SessionId | None = None


class Oddities:
    """Collects them; the same one again is counted."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, SessionId | None], Odd] = {}
        self._notices: set[str] = set()
        self._ordered: dict[str, SessionId | None] = {}
        self._last: Event | None = None
        self._is_stopped = False

    def seen(self, event: Event) -> None:
        """An entry from before."""
        self._last = event
        if isinstance(event, events.DaemonStarted | events.DaemonStopped):
            # What came after its last word, such as the end of its server, unsays nothing.
            self._is_stopped = isinstance(event, events.DaemonStopped)

    def take(self, event: Event, decisions: Iterable[Decision], ordered: Iterable[Effect]) -> None:
        """One entry."""
        for kind, text, session in self._told(event):
            self._add(kind, text, event.at, session)
        for decision in decisions:
            if decision.kind == "refused":
                kind = "limit" if decision.limited else "rail"
                text = decision.why
                if text.startswith("not before "):
                    text = text.partition(": ")[2]
                self._add(kind, text, decision.at, decision.session)
        for effect in ordered:
            self._ordered[effect.id] = getattr(effect, "session", None)
            if isinstance(effect, Notify):
                self._notices.add(effect.id)
        self.seen(event)

    def told(self) -> Sequence[Odd]:
        """All of them, as they happened first."""
        return list(self._found.values())

    def _add(self, kind: str, text: str, at: datetime, session: SessionId | None) -> None:
        key = (kind, text, session)
        known = self._found.get(key)
        if known is None and len(self._found) >= _NAMED:
            return
        times = known.times + 1 if known else 1
        self._found[key] = Odd(kind=kind, text=text, at=at, times=times, session=session)

    def _told(self, event: Event) -> Iterable[tuple[str, str, SessionId | None]]:
        match event:
            case events.EffectEnded():
                yield from self._ended(event)
            case events.AgentDown() if event.cause not in _NOTHING_ODD:
                how = event.signal or (f"exit code {event.exit_code}" if event.exit_code else "")
                yield "agent", f"{event.agent} {event.cause} {how}".rstrip(), None
            case events.DaemonStarted():
                yield from self._gap(event)
            case events.MachineSlept():
                yield "clock", f"the machine slept for {say_duration(event.span)}", None
            case events.ClockStepped():
                way = "forward" if event.by > timedelta(0) else "back"
                yield "clock", f"the clock was set {way} by {say_duration(abs(event.by))}", None
            case events.SensorBroke():
                yield "sensor", f"{event.sensor} could not be watched: {event.detail}", None
            case _:
                yield from _of_ourselves(event)

    def _ended(self, event: events.EffectEnded) -> Iterable[tuple[str, str, SessionId | None]]:
        session = self._ordered.pop(event.effect, None)
        is_notice = event.effect in self._notices
        self._notices.discard(event.effect)
        if event.result is Result.UNKNOWN:
            kind = "notice" if is_notice else "unknown"
            yield kind, f"nobody knows whether it happened: {event.detail or event.effect}", session
        elif event.result is Result.FAILED:
            yield "notice" if is_notice else "failed", event.detail or event.effect, session

    def _gap(self, event: events.DaemonStarted) -> Iterable[tuple[str, str, SessionId | None]]:
        if self._last is None:
            return
        gap = event.at - self._last.at
        if self._is_stopped and gap > _NOT_WATCHED:
            yield "gap", f"nobody watched for {_rounded(gap)}: the daemon was stopped", None
        elif not self._is_stopped:
            span = f" for up to {_rounded(gap)}" if gap > _NOT_WATCHED else ""
            yield "gap", f"the daemon ended without a word{span}, and was started again", None


def _of_ourselves(event: Event) -> Iterable[tuple[str, str, SessionId | None]]:
    match event:
        case events.PolicyRefused():
            first = event.problems[0] if event.problems else ""
            how = "" if is_gone(event.problems) else " was refused"
            yield "policy", f"{event.name}{how}: {first}", None
        case events.JournalMended():
            yield "journal", event.what, None
        case events.WritingFailed():
            yield "journal", f"nothing could be written: {event.why}", None
        case events.WritingResumed():
            span = _rounded(event.at - event.since)
            yield "journal", f"nothing could be written for {span}: {event.why}", None
        case events.InvariantBroken():
            yield "hold", f"palingenesis held itself: {event.what} ({event.where})", None
        case _:
            return


def _rounded(span: timedelta) -> str:
    return show_duration(timedelta(seconds=round(max(span, timedelta(0)).total_seconds())))
