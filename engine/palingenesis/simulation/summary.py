"""The morning summary: what a night came to, for people and for programs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from palingenesis.core.values import Status
from palingenesis.simulation.expecting import Finding, findings
from palingenesis.simulation.invariants import Breach
from palingenesis.simulation.performance import Cast, Performance
from palingenesis.simulation.watching import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """What became of one session; new sessions that carried it on are part of it."""

    name: str
    title: str
    status: str
    why: str = ""
    worked: timedelta = timedelta(0)
    waited: timedelta = timedelta(0)
    stood: timedelta = timedelta(0)
    """Time in which a person would have had to look."""
    conversations: int = 1
    steps: int | None = None
    """Steps that are completed; None without a work document."""
    steps_total: int | None = None
    tokens: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of the night. Money is in dollars."""

    start: datetime
    end: datetime
    sessions: tuple[SessionSummary, ...]
    stops: Mapping[str, int]
    """Stops that were decided about, by reason."""
    saves: int
    handed_over: int
    worked: timedelta
    waited: timedelta
    stood: timedelta
    prompts: int
    """Prompts that were ordered, re-runs without words included."""
    reruns: int
    new_sessions: int
    restarts: int
    interrupts: int
    snapshots: int
    steps: int
    tokens: float
    cost: float
    at_risk: float
    """Dollars that turns cost which we began while nobody looked."""
    lost: float
    """Dollars that turns cost which came to nothing."""
    notifications: Mapping[str, int]
    """By severity."""
    rails: Mapping[str, int]
    """Rails that spoke, in words."""
    breaches: tuple[Breach, ...]
    findings: tuple[Finding, ...] = ()
    turns: int = 0
    expected_breaches: tuple[str, ...] = field(default=())

    @property
    def is_good(self) -> bool:
        """Whether all expectations hold and no invariant is broken unexpectedly."""
        unexpected = [one for one in self.breaches if one.name not in self.expected_breaches]
        return not unexpected and all(finding.holds for finding in self.findings)


def summary_of(played: Performance) -> Summary:
    """Sum a night up."""
    watch = played.watch
    sessions = tuple(_session(cast, played) for cast in played.casts)
    times = [watch.spent(id_) for cast in played.casts for id_ in cast.line]
    total = _added(times)
    prices = {cast.name: _price(cast) for cast in played.casts}
    severities = Counter(notice.severity for notice in watch.notices)
    acted = watch.acted
    return Summary(
        start=played.start,
        end=played.end,
        sessions=sessions,
        stops=dict(sorted(watch.savings.stops.items())),
        saves=watch.savings.saves,
        handed_over=watch.savings.handed_over,
        worked=total.worked,
        waited=total.waited,
        stood=total.stood,
        prompts=len(watch.prompts),
        reruns=watch.savings.reruns,
        new_sessions=acted["new-session"],
        restarts=acted["restart"],
        interrupts=acted["interrupt"],
        snapshots=acted["snapshot"],
        steps=sum(cast.steps - cast.steps_before for cast in played.casts),
        tokens=sum(cast.tokens for cast in played.casts),
        cost=sum(cast.tokens * prices[cast.name] for cast in played.casts),
        at_risk=sum(cast.at_risk * prices[cast.name] for cast in played.casts),
        lost=sum(cast.lost * prices[cast.name] for cast in played.casts),
        notifications=dict(sorted(severities.items())),
        rails=dict(sorted(watch.rails.items())),
        breaches=tuple(watch.invariants.broken),
        findings=findings(played),
        turns=played.turns,
        expected_breaches=tuple(played.scenario.expect.get("broken", ())),
    )


def _price(cast: Cast) -> float:
    return (cast.part.price if cast.part is not None else 0.0) / 1e6


def _added(times: list[Spent]) -> Spent:
    return Spent(
        worked=sum((one.worked for one in times), timedelta(0)),
        waited=sum((one.waited for one in times), timedelta(0)),
        stood=sum((one.stood for one in times), timedelta(0)),
    )


def _session(cast: Cast, played: Performance) -> SessionSummary:
    session = played.world.sessions.get(cast.line[-1])
    spent = _added([played.watch.spent(id_) for id_ in cast.line])
    work = cast.part.work if cast.part is not None else None
    return SessionSummary(
        name=cast.name,
        title=cast.title,
        status=(session.status if session is not None else Status.DISCOVERING).value,
        why=session.outlook if session is not None else "",
        worked=spent.worked,
        waited=spent.waited,
        stood=spent.stood,
        conversations=len(cast.line),
        steps=cast.steps if work is not None else None,
        steps_total=work.steps if work is not None else None,
        tokens=cast.tokens,
        cost=cast.tokens * _price(cast),
    )
