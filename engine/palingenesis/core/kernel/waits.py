"""How long a wait takes: a server's own time, a ladder, a span; jitter from a seed; caps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import fraction
from palingenesis.core.plans import Backoff, Wait
from palingenesis.core.policy.calendars import Calendar
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.values import Source, Stop

_ZERO: Final = timedelta(0)
_NO_CALENDARS: Final[Mapping[str, Calendar]] = MappingProxyType({})
_NAMED: Final = "the time the server named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a wait ends, and why then."""

    deadline: datetime
    because: str
    source: Source = Source.POLICY


def deadline_of(
    wait: Wait,
    stop: Stop | None,
    start: datetime,
    *,
    tries: int,
    seed: str,
    calendars: Mapping[str, Calendar] = _NO_CALENDARS,
    awaited: bool = False,
    drift: timedelta = _ZERO,
) -> Until:
    """When the wait that began at `start` ends.

    A time the server named is a floor: the wait never ends before it, unless that time is
    implausible for its scope (the classifier says so) or lies beyond the cap; then it is probed
    earlier. Jitter only ever adds. `awaited`: the wait's condition is false, so this is how long
    it may take to come true. `drift`: how much later than named the reset came before.
    """
    longest = min(wait.longest or WAIT_MAX, WAIT_MAX)
    if awaited:
        return Until(deadline=start + longest, because=f"until {wait.condition}")
    base, because, source = _base(wait, stop, start, tries, calendars, drift)
    base += wait.jitter * fraction(seed, "jitter")
    cap = start + longest
    if base > cap:
        base, because = cap, f"a probe: no wait is longer than {show_duration(cap - start)}"
        source = Source.RAIL if longest == WAIT_MAX else Source.POLICY
    return Until(deadline=base, because=because, source=source)


def _base(
    wait: Wait,
    stop: Stop | None,
    start: datetime,
    tries: int,
    calendars: Mapping[str, Calendar],
    drift: timedelta,
) -> tuple[datetime, str, Source]:
    """When it ends but for jitter and cap."""
    named = named_by(stop, start, drift)
    of_server = f"{_NAMED}, and {show_duration(drift)}: so late it was before" if drift else _NAMED
    if wait.until == "calendar_end":
        calendar = calendars.get(wait.calendar or "")
        instant = calendar.ends(start) if calendar is not None else None
        because, source = f"the end of '{wait.calendar}'", Source.CALENDAR
    else:
        instant = named if wait.until is not None else None
        because, source = of_server, source_of(stop)
    if instant is None:
        span, because = _span(wait, tries)
        instant, source = start + span, Source.POLICY
    if named is not None and named > instant:
        return named, of_server, source_of(stop)
    return instant, because, source


def named_by(stop: Stop | None, start: datetime, drift: timedelta = _ZERO) -> datetime | None:
    """The instant that the server named, if that is plausible; never before `start`."""
    if stop is None or stop.retry_at is None or stop.evidence.get("implausible"):
        return None
    return max(stop.retry_at + drift, start)


def source_of(stop: Stop | None) -> Source:
    """What kind of time the server named."""
    if stop is None or not stop.evidence.get("reset_unchecked"):
        return Source.SERVER
    return Source.DATE


def _span(wait: Wait, tries: int) -> tuple[timedelta, str]:
    chosen: timedelta | Backoff | None = wait.span or wait.backoff or wait.otherwise
    if isinstance(chosen, Backoff):
        return rung(chosen, tries), f"try {tries + 1} of a growing wait"
    if chosen is None:
        return _ZERO, "no time was named"
    return chosen, "a fixed time"


def rung(ladder: Backoff, tries: int) -> timedelta:
    """The wait before try number `tries`, counted from 0: min(longest, first * factor ** n)."""
    longest_s = ladder.longest.total_seconds()
    span_s = ladder.first.total_seconds()
    for _ in range(min(tries, 200)):
        span_s *= ladder.factor
        if span_s >= longest_s:
            return ladder.longest
    return timedelta(seconds=min(span_s, longest_s))
