"""Incidents: what a journal tells of one session, from the first stop of its trouble on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.values import SessionId
from palingenesis.core.world import Decision

SEPARATE: Final = timedelta(minutes=10)
"""So long without a decision, and what follows is another trouble."""
_PEACE: Final = timedelta(hours=1)
"""So long without a decision, and the incident is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One entry of the journal."""

    event: Event
    decisions: tuple[Decision, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`ours`: the session, those that it continues, and those that continue it."""

    ours: frozenset[SessionId]
    before: Sequence[Moment] = field(repr=False)
    moments: Sequence[Moment] = field(repr=False)


def lineage(moments: Iterable[Moment], session: SessionId) -> frozenset[SessionId]:
    """A session, those that it continues, and those that continue it."""
    heirs: list[tuple[SessionId, SessionId]] = []
    ordered: dict[str, effects.NewSession] = {}
    for moment in moments:
        for effect in moment.effects:
            if isinstance(effect, effects.NewSession):
                ordered[effect.id] = effect
        event = moment.event
        if isinstance(event, events.EffectEnded) and event.effect in ordered:
            new = event.data.get("session", "")
            if new:
                heirs.append((ordered[event.effect].session, SessionId(new)))
    found = {session}
    for _ in heirs:
        found |= {one for pair in heirs if found & set(pair) for one in pair}
    return frozenset(found)


def incidents(
    moments: Sequence[Moment], session: SessionId, *, decision: int | None = None
) -> Iterator[Incident]:
    """The incident that a decision (otherwise the last one) belongs to.

    First from where its trouble began, then from earlier and earlier troubles: what was counted
    before may matter.
    """
    ours = lineage(moments, session)
    decided = [
        index
        for index, moment in enumerate(moments)
        if any(one.kind == "decided" and one.session in ours for one in moment.decisions)
    ]
    meant = [
        index
        for index in decided
        if decision is None or any(one.id == decision for one in moments[index].decisions)
    ]
    if not meant:
        return
    until = _end(moments, [index for index in decided if index >= meant[-1]])
    for start in _starts(moments, [index for index in decided if index <= meant[-1]], ours):
        before = moments[:start]
        yield Incident(ours=ours, before=before, moments=moments[start:until])


def _end(moments: Sequence[Moment], decided: Sequence[int]) -> int:
    """Behind the last entry before the session has peace for a while."""
    last = decided[0]
    for index in decided[1:]:
        if moments[index].event.at - moments[last].event.at >= _PEACE:
            break
        last = index
    end = last
    limit = moments[last].event.at + SEPARATE
    while end < len(moments) and moments[end].event.at <= limit:
        end += 1
    return end


def _starts(
    moments: Sequence[Moment], decided: Sequence[int], ours: frozenset[SessionId]
) -> Iterator[int]:
    """Where the trouble began, and earlier troubles; with the person's word before each."""
    for place in range(len(decided) - 1, -1, -1):
        index = decided[place]
        before = moments[decided[place - 1]].event.at if place else None
        if before is not None and moments[index].event.at - before < SEPARATE:
            continue
        low = decided[place - 1] + 1 if place else 0
        prompted = (
            at
            for at in range(index, low - 1, -1)
            if isinstance(event := moments[at].event, events.PersonPrompted)
            and event.session in ours
        )
        yield next(prompted, index)
