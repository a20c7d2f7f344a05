"""Expectations: what a scenario says the night has to come to, held against what it came to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from palingenesis.core.facts import show_duration
from palingenesis.core.values import SessionId, Status
from palingenesis.simulation.grammar import Given
from palingenesis.simulation.leaves import Count
from palingenesis.simulation.performance import Cast, Performance

_WELL: Final = frozenset({Status.WORKING, Status.VERIFYING, Status.COMPLETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One expectation, what was found, and whether it holds."""

    key: str
    expected: str
    found: str
    holds: bool


def findings(played: Performance) -> tuple[Finding, ...]:
    """Hold every expectation of the scenario against the night."""
    expect = played.scenario.expect
    return tuple(
        finding for key, value in expect.items() for finding in _CHECKS[key](key, value, played)
    )


_Check = Callable[[str, Any, Performance], Iterator[Finding]]


def _counted(number: Callable[[Performance], float]) -> _Check:
    """An expectation about one number."""

    def check(key: str, count: Count, played: Performance) -> Iterator[Finding]:
        found = number(played)
        yield _finding(key, str(count), f"{found:g}", holds=count.holds(found))

    return check


def _at_most(number: Callable[[Performance], float]) -> _Check:
    def check(key: str, most: float, played: Performance) -> Iterator[Finding]:
        found = number(played)
        yield _finding(key, f"at most {most:g}", f"{found:.2f}", holds=found <= most)

    return check


def _by_name(numbers: Callable[[Performance], Mapping[str, int]]) -> _Check:
    """An expectation about several numbers with names."""

    def check(key: str, counts: Mapping[str, Any], played: Performance) -> Iterator[Finding]:
        found = numbers(played)
        for name, (count, _) in counts.items():
            number = found.get(name, 0)
            yield _finding(f"{key}.{name}", str(count), str(number), holds=count.holds(number))

    return check


def _status(key: str, allowed: list[str], played: Performance) -> Iterator[Finding]:
    for cast in played.casts:
        yield _one_status(f"{key} of {cast.name}", allowed, cast, played)


def _sessions(key: str, named: Mapping[str, Any], played: Performance) -> Iterator[Finding]:
    casts = {cast.name: cast for cast in played.casts}
    for name, (allowed, _) in named.items():
        yield _one_status(f"{key}.{name}", allowed, casts[name], played)


def _one_status(key: str, allowed: list[str], cast: Cast, played: Performance) -> Finding:
    session = played.world.sessions.get(cast.line[-1])
    found = session.status.value if session is not None else "gone"
    return _finding(key, " or ".join(allowed), found, holds=found in allowed)


def _told(key: str, wanted: list[Given], played: Performance) -> Iterator[Finding]:
    for one in wanted:
        text, within = one.get("text", ""), one.get("within")
        told = [n for n in played.watch.notices if text in n.message or text in n.title]
        count: Count = one.get("times", Count(1, None))
        found = f"{len(told)} times"
        holds = count.holds(len(told))
        if within is not None:
            slowest = _slowest(
                played.watch.troubles.get(one.get("of", "blocked"), []), [n.at for n in told]
            )
            holds = holds and slowest is not None and slowest <= within
            found += "" if slowest is None else f", after {show_duration(slowest)} at most"
        expected = str(count) + (f" within {show_duration(within)}" if within is not None else "")
        yield _finding(f"{key} '{text}'", expected, found, holds=holds)


def _slowest(troubles: list[datetime], told: list[datetime]) -> timedelta | None:
    """How long the slowest notification took after its trouble; None: one was never told."""
    waits: list[timedelta] = []
    for trouble in troubles:
        after = [at - trouble for at in told if at >= trouble]
        if not after:
            return None
        waits.append(min(after))
    return max(waits, default=None)


def _done_by(key: str, by: datetime, played: Performance) -> Iterator[Finding]:
    for cast in played.casts:
        status = played.watch.status_at(cast.line[-1], by)
        found = status.value if status is not None else "not there"
        holds = status is Status.COMPLETED
        yield _finding(
            f"{key} {_clock(by, played)} of {cast.name}", "completed", found, holds=holds
        )


def _works_by(key: str, by: datetime, played: Performance) -> Iterator[Finding]:
    for cast in played.casts:
        status = _newest(cast, by, played)
        found = status.value if status is not None else "not there"
        holds = status in _WELL
        name = f"{key} {_clock(by, played)} of {cast.name}"
        yield _finding(name, "working or completed", found, holds=holds)


def _newest(cast: Cast, at: datetime, played: Performance) -> Status | None:
    """Status at an instant of the conversation that carried the session then."""
    found = (played.watch.status_at(id_, at) for id_ in reversed(cast.line))
    return next((status for status in found if status is not None), None)


def _spread(key: str, least: timedelta, played: Performance) -> Iterator[Finding]:
    names = {id_: cast.name for cast in played.casts for id_ in cast.line}
    first: dict[str, datetime] = {}
    for at, session in played.watch.prompts:
        first.setdefault(names.get(SessionId(session), session), at)
    apart = max(first.values()) - min(first.values()) if first else timedelta(0)
    holds = apart >= least
    yield _finding(key, f"at least {show_duration(least)}", show_duration(apart), holds=holds)


def _broken(key: str, names: list[str], played: Performance) -> Iterator[Finding]:
    """Expected breaches have to be there; others are told with the invariants."""
    broken = {breach.name for breach in played.watch.invariants.broken}
    for name in names:
        found = "broken" if name in broken else "kept"
        yield _finding(f"{key} {name}", "broken", found, holds=name in broken)


def _finding(key: str, expected: str, found: str, *, holds: bool) -> Finding:
    return Finding(key=key, expected=expected, found=found, holds=holds)


def _clock(at: datetime, played: Performance) -> str:
    return f"{played.scenario.zone.local(at):%H:%M}"


def _dollars(played: Performance) -> float:
    return sum(
        cast.tokens * (cast.part.price if cast.part is not None else 0.0) / 1e6
        for cast in played.casts
    )


_CHECKS: Final[Mapping[str, _Check]] = {
    "status": _status,
    "sessions": _sessions,
    "rules": _by_name(lambda played: played.watch.rules),
    "reasons": _by_name(lambda played: played.watch.savings.stops),
    "stops": _counted(lambda played: played.watch.savings.stopped),
    "prompts": _counted(lambda played: len(played.watch.prompts)),
    "new-sessions": _counted(lambda played: played.watch.acted["new-session"]),
    "restarts": _counted(lambda played: played.watch.acted["restart"]),
    "interrupts": _counted(lambda played: played.watch.acted["interrupt"]),
    "snapshots": _counted(lambda played: played.watch.acted["snapshot"]),
    "notifications": _counted(lambda played: len(played.watch.notices)),
    "saves": _counted(lambda played: played.watch.savings.saves),
    "handed-over": _counted(lambda played: played.watch.savings.handed_over),
    "steps": _counted(lambda played: sum(c.steps - c.steps_before for c in played.casts)),
    "rails": _counted(lambda played: sum(played.watch.rails.values())),
    "tokens": _at_most(lambda played: sum(cast.tokens for cast in played.casts)),
    "cost": _at_most(_dollars),
    "told": _told,
    "done-by": _done_by,
    "works-by": _works_by,
    "spread": _spread,
    "broken": _broken,
}
