"""The morning: what a stretch of the journal was worth, what was decided, and what was odd.

A pure fold over entries that came before (to know what was under way) and entries of the stretch.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.counting import Written, before_each, counted
from palingenesis.core.effects import Effect, Notify
from palingenesis.core.events import Event
from palingenesis.core.plans import word_of
from palingenesis.core.savings import Savings
from palingenesis.core.values import SessionId
from palingenesis.core.world import Decision
from palingenesis.runtime.lanes import Lane, Lanes
from palingenesis.runtime.oddities import Odd, Oddities

LOOK_BACK: Final = timedelta(days=8)
"""How long before the stretch something may have begun: the longest wait there is."""
_LISTED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One save."""

    at: datetime
    session: SessionId
    reason: str
    waited: timedelta
    rule: str
    decision: int
    """Number of the decision by which it went on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A stop that was given to a person, and why."""

    at: datetime
    session: SessionId
    reason: str
    rule: str
    why: str
    decision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What one rule decided."""

    rule: str
    times: int
    sessions: int
    plan: str
    """Of its newest decision, in words."""
    why: str
    decision: int
    at: datetime


@dataclass(slots=True)
class Day:
    """One local day."""

    day: date
    stops: Counter[str] = field(default_factory=Counter)
    saves: int = 0
    handed_over: int = 0
    won: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened to a session at one instant: `stop`, `save`, `handed`, `person`."""

    at: datetime
    session: SessionId
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """All of it."""

    since: datetime
    until: datetime
    savings: Savings
    """Of this stretch alone."""
    lanes: Sequence[Lane]
    marks: Sequence[Mark]
    saves: Sequence[Saved]
    handed: Sequence[Handed]
    rules: Sequence[Ruled]
    odd: Sequence[Odd]
    days: Sequence[Day]
    """Also the few before the stretch that had to be read."""
    notices: Sequence[tuple[datetime, str, str]]
    """When, how loud, what."""
    entries: int


class Reading:
    """Folds a stretch: `take_all`, then `done`."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.lanes = Lanes(since)
        self._savings = Savings()
        self._odd = Oddities()
        self._marks: list[Mark] = []
        self._saves: list[Saved] = []
        self._handed: list[Handed] = []
        self._rules: dict[str, Ruled] = {}
        self._ruled: dict[str, set[SessionId]] = {}
        self._last: dict[SessionId, Decision] = {}
        self._days: dict[date, Day] = {}
        self._notices: list[tuple[datetime, str, str]] = []
        self._entries = 0
        self.last = since
        """When the newest entry happened: after now, where a clock was set back."""

    def take_all(self, entries: Iterable[Written]) -> None:
        """Entries, oldest first; of those before the stretch only what was under way matters."""
        has_begun = False
        for event, decisions, ordered in entries:
            if not has_begun and event.at < self.since:
                before, self._savings = (
                    self._savings,
                    counted(self._savings, event, decisions, ordered),
                )
                self._day(event.at, before, self._savings)
                self.lanes.take(event, decisions, ordered)
                self._remember(decisions)
                self._odd.seen(event)
                continue
            if not has_begun:
                has_begun, self._savings = True, begun_anew(self._savings, self.since)
            self.take(event, decisions, ordered)
        if not has_begun:
            self._savings = begun_anew(self._savings, self.since)

    def take(self, event: Event, decisions: Sequence[Decision], ordered: Sequence[Effect]) -> None:
        """One entry of the stretch."""
        self.last = max(self.last, event.at)
        self._entries += 1
        before = self._savings
        self._savings = counted(before, event, decisions, ordered)
        self._day(event.at, before, self._savings)
        self.lanes.take(event, decisions, ordered)
        self._odd.take(event, decisions, ordered)
        if isinstance(event, events.PersonPrompted):
            self._mark(event.at, event.session, "person", "the person spoke to it")
        for decision, then in before_each(before, event, decisions):
            self._decided(decision, then)
        for effect in ordered:
            if isinstance(effect, Notify) and len(self._notices) < _LISTED:
                text = f"{effect.title}: {effect.message}" if effect.title else effect.message
                self._notices.append((event.at, effect.severity.value, text))
        self._remember(decisions)

    def done(self, until: datetime) -> Morning:
        """The stretch is over."""
        return Morning(
            since=self.since,
            until=until,
            savings=self._savings,
            lanes=self.lanes.ended(until),
            marks=self._marks,
            saves=self._saves,
            handed=self._handed,
            rules=sorted(self._rules.values(), key=lambda one: (-one.times, one.rule)),
            odd=self._odd.told(),
            days=self._every_day(until),
            notices=self._notices,
            entries=self._entries,
        )

    def _decided(self, decision: Decision, before: Savings) -> None:
        session = decision.session
        if session is None:
            return
        if decision.kind == "verified" and session in before.troubled:
            trouble = before.troubled[session]
            self._saves.append(
                Saved(
                    at=decision.at,
                    session=session,
                    reason=trouble.reason,
                    waited=max(decision.at - trouble.since, timedelta(0)),
                    rule=decision.rule,
                    decision=self._last[session].id if session in self._last else decision.id,
                )
            )
            self._mark(decision.at, session, "save", f"works again after {trouble.reason}")
        if decision.kind != "decided":
            return
        reason = str(decision.facts.get("stop.reason", "unknown"))
        if decision.event == "stopped":
            self._mark(decision.at, session, "stop", f"{reason}: {decision.rule}")
        self._rule(decision, session)
        if word_of(decision.plan[-1]) == "attention" if decision.plan else False:
            self._handed.append(
                Handed(
                    at=decision.at,
                    session=session,
                    reason=reason,
                    rule=decision.rule,
                    why=decision.why,
                    decision=decision.id,
                )
            )
            self._mark(decision.at, session, "handed", f"handed over: {decision.rule}")

    def _rule(self, decision: Decision, session: SessionId) -> None:
        known = self._rules.get(decision.rule)
        sessions = self._ruled.setdefault(decision.rule, set())
        sessions.add(session)
        self._rules[decision.rule] = Ruled(
            rule=decision.rule,
            times=known.times + 1 if known else 1,
            sessions=len(sessions),
            plan=", then ".join(word_of(step) for step in decision.plan),
            why=decision.why,
            decision=decision.id,
            at=decision.at,
        )

    def _remember(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            if decision.session is not None and decision.kind == "decided":
                self._last[decision.session] = decision

    def _mark(self, at: datetime, session: SessionId, kind: str, text: str) -> None:
        if len(self._marks) < _LISTED * 5:
            self._marks.append(Mark(at=at, session=session, kind=kind, text=text))

    def _day(self, at: datetime, before: Savings, after: Savings) -> None:
        if before is after:
            return
        day = self._days.setdefault(at.astimezone().date(), Day(at.astimezone().date()))
        day.stops.update(
            {
                reason: count - before.stops.get(reason, 0)
                for reason, count in after.stops.items()
                if count > before.stops.get(reason, 0)
            }
        )
        day.saves += after.saves - before.saves
        day.handed_over += after.handed_over - before.handed_over
        day.won += after.won - before.won

    def _every_day(self, until: datetime) -> list[Day]:
        """Also the ones on which nothing happened."""
        last, found = until.astimezone().date(), []
        day = min([self.since.astimezone().date(), *self._days])
        while day <= last:
            found.append(self._days.get(day) or Day(day))
            day += timedelta(days=1)
        return found


def begun_anew(found: Savings, since: datetime) -> Savings:
    """Nothing is counted yet; what is under way is remembered."""
    return replace(
        Savings(),
        since=since,
        troubled=found.troubled,
        winning=found.winning,
        asked=found.asked,
        under_way=found.under_way,
    )
