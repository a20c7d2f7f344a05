"""Spans of time as servers write them: `6m0s`, `12ms`, `34.07s`, `19h 24m 10s`, `2 hours`."""

import re
from datetime import timedelta

LONGEST = timedelta(days=366)
"""Nothing that a server says about waiting is longer; beyond it is an error of the server."""

_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)
_PIECE = re.compile(
    r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*"
    r"(milliseconds?|millis|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)"
    r"(?![a-z])",
    re.ASCII | re.IGNORECASE,
)
_RUN = re.compile(
    rf"(?:{_PIECE.pattern}(?:\s*,?\s*(?:and\s+)?)?){{1,6}}",
    re.ASCII | re.IGNORECASE,
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def number(text: str) -> float | None:
    """A plain number: ASCII digits and at most one point; no sign, no underscore, no exponent."""
    stripped = text.strip(" \t")
    return float(stripped) if _NUMBER.fullmatch(stripped) else None


def span(text: str) -> timedelta | None:
    """The whole text as a span, or None when it is something else."""
    stripped = text.strip(" \t")[:80]
    found = _RUN.fullmatch(stripped)
    return _sum(found.group()) if found else None


def leading_span(text: str) -> timedelta | None:
    """The span that the text begins with, or None."""
    found = _RUN.match(text[:80])
    return _sum(found.group()) if found else None


def seconds(count: float) -> timedelta | None:
    """So many seconds; None when that is no sensible wait."""
    return timedelta(seconds=count) if 0 <= count <= LONGEST.total_seconds() else None


def _sum(text: str) -> timedelta | None:
    total = 0.0
    for amount, unit in _PIECE.findall(text):
        total += float(amount) * _factor(unit.lower())
    return seconds(total)


def _factor(unit: str) -> float:
    if unit in {"ms", "msec", "msecs", "millis"} or unit.startswith("millisecond"):
        return 0.001
    return _SECONDS[unit[0]]
