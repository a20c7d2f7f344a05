"""Episodes of trouble as traces: stop, decision, wait, effect, verified work.

Theory of operation. A trace begins with the stop of a session that asks for something, and ends
with verified work, with the stop being handed or taken over, or with the session. Its spans are
told as soon as they have ended, the whole episode last, so a wait of days holds nothing back. All
of it is read from the journal's entries, with their instants: it may run behind, and it may begin
in the middle. `since` says from which entry on it has to be read again to know what is open.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.plans import word_of
from palingenesis.core.values import Result, SessionId
from palingenesis.core.world import Decision
from palingenesis.runtime.views import Written
from palingenesis.telemetry import naming
from palingenesis.telemetry.trace import Attributes, Note, Place, Span, beginning

_OPEN_MAX: Final = 500
"""Episodes that are followed at once; the oldest one is let go."""
_STOPS_MAX: Final = 500
_NOTES_MAX: Final = 50
_DECISIONS_MAX: Final = 200
_WAITED: Final = timedelta(seconds=1)
"""A shorter pause before an effect is no wait."""
_ACTS = (
    effects.Resume | effects.Retry | effects.NewSession | effects.Compact | effects.Interrupt
    | effects.Restart
)  # fmt: skip
_NOTED: Final = frozenset(
    {"kept", "revised", "cancelled", "refused", "commanded", "answered", "moved", "hushed"}
)


@dataclass(kw_only=True)
class _Episode:
    """One that is open."""

    place: Place
    seq: int
    began: datetime
    about: dict[str, str | int | float | bool]
    mark: datetime
    """When the last thing happened that a wait may follow."""
    rule: str = ""
    waited: timedelta = timedelta(0)
    attempts: int = 0
    decisions: list[int] = field(default_factory=list)
    ordered: dict[str, tuple[Effect, datetime]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


class Episodes:
    """Follows the journal, entry by entry, and tells the spans that end with it."""

    def __init__(self) -> None:
        self._open: dict[SessionId, _Episode] = {}
        self._stops: dict[SessionId, events.SessionStopped] = {}

    @property
    def since(self) -> int | None:
        """The first entry of what is open; None: nothing is."""
        return min((one.seq for one in self._open.values()), default=None)

    def place_of(self, session: str | None) -> Place | None:
        """Where a session's trouble is told; None: it has none."""
        found = self._open.get(SessionId(session)) if session else None
        return found.place if found is not None else None

    def take(self, entry: Written) -> Iterator[Span]:
        """The spans that end with this entry."""
        yield from self._happened(entry.event)
        for decision in entry.decisions:
            if decision.session is not None:
                yield from self._decided(entry.seq, decision.session, decision)
        for effect in entry.effects:
            yield from self._ordered(effect, entry.event.at)

    # ── what happened ─────────────────────────────────────────────────────────────────────────

    def _happened(self, event: Event) -> Iterator[Span]:
        match event:
            case events.SessionStopped():
                self._stops.pop(event.session, None)
                self._stops[event.session] = event
                if len(self._stops) > _STOPS_MAX:
                    del self._stops[next(iter(self._stops))]
            case events.EffectEnded():
                yield from self._ended(event)
            case events.PersonPrompted():
                yield from self._close(event.session, event.at, "taken_over")
            case events.SessionGone():
                yield from self._close(event.session, event.at, "gone")
            case events.CommandGiven(
                command=commands.Abort(session=session)
                | commands.Detach(session=session)
                | commands.Skip(session=session)
                | commands.Renew(session=session)
            ):
                yield from self._close(session, event.at, "taken_over")
            case events.ClockStepped():
                self._shift(event.by)
            case _:
                pass

    def _ended(self, event: events.EffectEnded) -> Iterator[Span]:
        for session, episode in list(self._open.items()):
            found = episode.ordered.pop(event.effect, None)
            if found is None:
                continue
            effect, since = found
            failed = event.result in {Result.FAILED, Result.UNKNOWN}
            yield Span(
                place=episode.place.child(effect.id),
                parent=episode.place.span,
                name=f"effect {naming.word(effect)}",
                began=since,
                ended=max(event.at, since),
                attributes={**episode.about, **naming.of_effect(effect, event)},
                calls=True,
                failure=(event.detail or event.result.value) if failed else "",
            )
            if isinstance(effect, _ACTS):
                episode.mark = event.at
            heir = event.data.get("session", "")
            if isinstance(effect, effects.NewSession) and heir and event.result is Result.OK:
                self._inherit(session, SessionId(heir), event.at)

    def _inherit(self, session: SessionId, heir: SessionId, at: datetime) -> None:
        """Its trouble goes on in the session that continues it."""
        episode = self._open.pop(session)
        note = Note(at=at, name="new session", attributes={naming.SESSION: heir})
        episode.notes = [*episode.notes, note][-_NOTES_MAX:]
        episode.about[naming.SESSION] = heir
        self._open[heir] = episode

    def _shift(self, by: timedelta) -> None:
        """What is open goes with a clock that was set: its spans would be as much too long."""
        for episode in self._open.values():
            episode.began += by
            episode.mark += by
            episode.ordered = {
                name: (effect, at + by) for name, (effect, at) in episode.ordered.items()
            }

    # ── what was decided ──────────────────────────────────────────────────────────────────────

    def _decided(self, seq: int, session: SessionId, decision: Decision) -> Iterator[Span]:
        episode = self._open.get(session)
        if decision.kind == "verified" and episode is not None:
            yield self._part(episode, "verify", episode.mark, decision.at, f"v{decision.id}")
            yield from self._close(session, decision.at, "verified")
            return
        if decision.kind in _NOTED and episode is not None:
            self._note(episode, decision)
            return
        if decision.kind != "decided":
            return
        last = decision.plan[-1] if decision.plan else None
        if episode is None:
            if decision.event != "stopped" or isinstance(last, plans.StandDown | plans.Finish):
                return  # it asked for nothing
            episode = self._begin(seq, session, decision)
        yield from self._told(episode, session, decision)
        if isinstance(last, plans.Attention):
            yield from self._close(session, decision.at, "handed_over", last.reason)
        elif isinstance(last, plans.StandDown | plans.Finish):
            outcome = "finished" if isinstance(last, plans.Finish) else "stood_down"
            yield from self._close(session, decision.at, outcome)

    def _begin(self, seq: int, session: SessionId, decision: Decision) -> _Episode:
        stopped = self._stops.get(session)
        began = min(stopped.at, decision.at) if stopped is not None else decision.at
        episode = _Episode(
            place=beginning(f"{decision.seed}:{session}"),
            seq=seq,
            began=began,
            about=naming.of_stop(session, decision),
            mark=decision.at,
        )
        if len(self._open) >= _OPEN_MAX:
            del self._open[next(iter(self._open))]
        self._open[session] = episode
        return episode

    def _told(self, episode: _Episode, session: SessionId, decision: Decision) -> Iterator[Span]:
        stopped = self._stops.get(session)
        if decision.event == "stopped":
            began = min(stopped.at, decision.at) if stopped is not None else decision.at
            more = naming.of_evidence(stopped, decision)
            yield self._part(episode, "stop", began, decision.at, f"s{decision.id}", more)
        episode.rule, episode.mark = decision.rule, decision.at
        episode.decisions = [*episode.decisions, decision.id][-_DECISIONS_MAX:]
        words = ", ".join(map(word_of, decision.plan))
        told = {**naming.of_decision(decision), naming.PLAN: words}
        yield self._part(episode, "decide", decision.at, decision.at, f"d{decision.id}", told)

    def _note(self, episode: _Episode, decision: Decision) -> None:
        note = Note(at=decision.at, name=decision.kind, attributes=naming.of_decision(decision))
        episode.notes = [*episode.notes, note][-_NOTES_MAX:]

    # ── what was ordered ──────────────────────────────────────────────────────────────────────

    def _ordered(self, effect: Effect, at: datetime) -> Iterator[Span]:
        for episode in self._open.values():
            if effect.decision not in episode.decisions:
                continue
            if isinstance(effect, _ACTS):
                if at - episode.mark >= _WAITED:
                    episode.waited += at - episode.mark
                    more = {naming.RULE: episode.rule}
                    yield self._part(episode, "wait", episode.mark, at, f"w{effect.id}", more)
                episode.attempts += not isinstance(effect, effects.Interrupt)
                episode.mark = at
            episode.ordered[effect.id] = (effect, at)

    # ── the end ───────────────────────────────────────────────────────────────────────────────

    def _close(
        self, session: SessionId, at: datetime, outcome: str, failure: str = ""
    ) -> Iterator[Span]:
        episode = self._open.pop(session, None)
        if episode is None:
            return
        failed = outcome == "handed_over"
        wrong = {naming.ERROR: episode.about[naming.REASON]} if failed else {}
        yield Span(
            place=episode.place,
            name="episode",
            began=episode.began,
            ended=max(at, episode.began),
            attributes={
                **episode.about,
                **wrong,
                naming.OUTCOME: outcome,
                naming.ATTEMPTS: episode.attempts,
                naming.WAITED: round(episode.waited.total_seconds(), 3),
            },
            notes=tuple(episode.notes),
            failure=(failure or "a person has to look") if failed else "",
        )

    def _part(
        self,
        episode: _Episode,
        name: str,
        began: datetime,
        ended: datetime,
        key: str,
        more: Attributes | None = None,
    ) -> Span:
        return Span(
            place=episode.place.child(key),
            parent=episode.place.span,
            name=name,
            began=min(began, ended),
            ended=ended,
            attributes={**episode.about, **(more or {})},
        )


def spans_of(entries: Iterable[Written]) -> list[Span]:
    """The spans of a whole stretch of the journal."""
    episodes = Episodes()
    return [span for entry in entries for span in episodes.take(entry)]
