"""Watching a night: what is counted while it goes on, for the summary and the expectations.

A watch takes every turn, whoever plays the night: a closed loop, a rehearsal, or a test.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.counting import counted
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Policy
from palingenesis.core.savings import Savings
from palingenesis.core.step import Turn
from palingenesis.core.values import SessionId, Status
from palingenesis.core.world import Decision, Session, World
from palingenesis.simulation.invariants import Invariants

_AT_WORK: Final = frozenset({Status.WORKING, Status.VERIFYING})
_PENDING: Final = frozenset(
    {
        Status.BLOCKED,
        Status.STALLED,
        Status.DECIDING,
        Status.HOLDING,
        Status.WAITING,
        Status.ASKING,
        Status.ACTING,
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """A session was in one status from `start` to `end`."""

    status: Status
    start: datetime
    end: datetime
    outlook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Somebody was told something."""

    at: datetime
    severity: str
    title: str
    message: str
    session: SessionId | None
    rule: str


@dataclass(slots=True)
class _Lane:
    """One session's way through the night."""

    status: Status
    since: datetime
    outlook: str = ""
    spans: list[Span] = field(default_factory=list)


@dataclass
class Watch:
    """Counts one night."""

    policy: Policy
    start: datetime
    savings: Savings = field(default_factory=Savings)
    rules: Counter[str] = field(default_factory=Counter)
    """How often each rule decided."""
    rails: Counter[str] = field(default_factory=Counter)
    """How often each rail spoke, in words."""
    acted: Counter[str] = field(default_factory=Counter)
    """How often each kind of effect was ordered."""
    notices: list[Notice] = field(default_factory=list)
    prompts: list[tuple[datetime, SessionId]] = field(default_factory=list)
    """When each prompt or re-run was ordered, and to whom."""
    troubles: dict[str, list[datetime]] = field(default_factory=dict)
    """When sessions were `blocked` or `stopped`, as we were told."""
    lanes: dict[SessionId, _Lane] = field(default_factory=dict)
    world: World = field(default_factory=World)
    _objects: dict[SessionId, Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.invariants = Invariants(self.policy)

    def take(self, event: Event, turn: Turn) -> None:
        """Count one turn."""
        self.world = turn.world
        self.savings = counted(self.savings, event, turn.decisions, turn.effects)
        if isinstance(event, events.SessionBlocked | events.SessionStopped):
            what = "blocked" if isinstance(event, events.SessionBlocked) else "stopped"
            self.troubles.setdefault(what, []).append(event.at)
        for decision in turn.decisions:
            self._decided(decision)
        for effect in turn.effects:
            self._ordered(effect, event.at, turn.decisions)
        self.invariants.take(event, turn)
        for id_, session in turn.world.sessions.items():
            if self._objects.get(id_) is not session:
                self._objects[id_] = session
                self._moved(session, event.at)

    def _decided(self, decision: Decision) -> None:
        if decision.kind == "decided":
            self.rules[decision.rule] += 1
        elif decision.kind == "refused":
            _, colon, rail = decision.why.partition("Z: ")
            self.rails[rail if colon else decision.why] += 1

    def _ordered(self, effect: Effect, at: datetime, decisions: tuple[Decision, ...]) -> None:
        self.acted[name_of(effect)] += 1
        if isinstance(effect, effects.Resume | effects.Retry | effects.NewSession):
            self.prompts.append((at, effect.session))
        if not isinstance(effect, effects.Notify):
            return
        rule = next((d.rule for d in decisions if d.id == effect.decision), "")
        self.notices.append(
            Notice(
                at=at,
                severity=effect.severity.value,
                title=effect.title,
                message=effect.message,
                session=effect.session,
                rule=rule,
            )
        )

    def _moved(self, session: Session, at: datetime) -> None:
        lane = self.lanes.get(session.id)
        if lane is None:
            self.lanes[session.id] = _Lane(session.status, at, session.outlook)
            return
        if lane.status is session.status:
            lane.outlook = session.outlook or lane.outlook
            return
        _close(lane, at)
        lane.status, lane.since, lane.outlook = session.status, at, session.outlook

    def ended(self, at: datetime) -> None:
        """The night is over."""
        for lane in self.lanes.values():
            _close(lane, at)
            lane.since = at

    def status_at(self, session: SessionId, at: datetime) -> Status | None:
        """The status in which a session was at an instant; None: it was not there yet."""
        lane = self.lanes.get(session)
        if lane is None:
            return None
        found = [span.status for span in lane.spans if span.start <= at < span.end]
        return found[-1] if found else lane.status if at >= lane.since else None

    def spent(self, session: SessionId) -> "Spent":
        """Where the time of one session went."""
        worked = waited = stood = timedelta(0)
        lane = self.lanes.get(session)
        for span in lane.spans if lane is not None else ():
            length = span.end - span.start
            if span.status in _AT_WORK:
                worked += length
            elif span.status in _PENDING:
                waited += length
            elif span.status is Status.ATTENTION:
                stood += length
        return Spent(worked=worked, waited=waited, stood=stood)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Time at work · on the way back to work · standing until a person looks."""

    worked: timedelta = timedelta(0)
    waited: timedelta = timedelta(0)
    stood: timedelta = timedelta(0)


def _close(lane: _Lane, at: datetime) -> None:
    if at > lane.since:
        lane.spans.append(Span(lane.status, lane.since, at, lane.outlook))
