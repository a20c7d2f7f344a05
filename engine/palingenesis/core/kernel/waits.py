"""How long a wait takes: a server's own time, a ladder, a span; jitter from a seed; caps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import fraction
from palingenesis.core.plans import Backoff, Wait
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.values import Stop

_ZERO: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a wait ends, and why then."""

    deadline: datetime
    because: str


def deadline_of(wait: Wait, stop: Stop | None, start: datetime, *, tries: int, seed: str) -> Until:
    """When the wait that began at `start` ends.

    A time the server named is a floor: the wait never ends before it, unless that time is
    implausible for its scope (the classifier says so) or lies beyond the cap; then it is probed
    earlier. Jitter only ever adds.
    """
    named = _named(stop, start)
    if wait.until is not None and named is not None:
        base, because = named, "the time the server named"
    else:
        span, because = _span(wait, tries)
        base = start + span
        if named is not None and named > base:
            base, because = named, "the time the server named"
    base += wait.jitter * fraction(seed, "jitter")
    cap = start + min(wait.longest or WAIT_MAX, WAIT_MAX)
    if base > cap:
        base, because = cap, f"a probe: no wait is longer than {show_duration(cap - start)}"
    return Until(deadline=base, because=because)


def _named(stop: Stop | None, start: datetime) -> datetime | None:
    if stop is None or stop.retry_at is None or stop.evidence.get("implausible"):
        return None
    return max(stop.retry_at, start)


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
