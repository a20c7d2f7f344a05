"""Instants as servers write them: HTTP dates, RFC 3339, seconds and milliseconds since 1970.

Every function answers None for whatever it cannot read, and none raises.
"""

import re
from datetime import UTC, datetime, timedelta

from palingenesis.core.stops.durations import number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = r"(?P<day>[0-9]{1,2})"
_MONTH = r"(?P<month>[a-z]{3})"
_YEAR = r"(?P<year>[0-9]{4})"
_SHORT_YEAR = r"(?P<year>[0-9]{2})"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_HTTP_DATES = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        rf"[a-z]{{3}}, {_DAY} {_MONTH} {_YEAR} {_CLOCK} (?:GMT|UTC)",
        rf"[a-z]{{6,9}}, {_DAY}-{_MONTH}-{_SHORT_YEAR} {_CLOCK} (?:GMT|UTC)",
        rf"[a-z]{{3}} {_MONTH} {{1,2}}{_DAY} {_CLOCK} {_YEAR}",
    )
)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_FIRST_EPOCH_S = 1_000_000_000  # 2001; a wait is never that long
_FIRST_EPOCH_MS = 100_000_000_000  # read as seconds, that would be the year 5138
_TWO_DIGIT_YEARS = 100


def month_of(name: str) -> int | None:
    """1 to 12 for an English name of a month, whole or shortened to three letters or more."""
    short = name.lower()[:3]
    return _MONTHS.index(short) + 1 if short in _MONTHS else None


def http_date(text: str, at: datetime) -> datetime | None:
    """The three forms of RFC 9110 §5.6.7, always in GMT; `at` tells a short year's century."""
    for pattern in _HTTP_DATES:
        found = pattern.fullmatch(text.strip(" \t")[:40])
        if found:
            month = month_of(found["month"])
            year = int(found["year"])
            if len(found["year"]) == 2:  # noqa: PLR2004
                year = _century(year, at)
            clock = (int(found["hour"]), int(found["minute"]), min(int(found["second"]), 59))
            return None if month is None else moment(year, month, int(found["day"]), clock)
    return None


def rfc3339(text: str) -> datetime | None:
    """`2026-11-21T02:16:17Z` and its kin; without an offset it is UTC."""
    found = _RFC3339.fullmatch(text.strip(" \t")[:40])
    return None if found is None else _iso(found.group())


def find_rfc3339(text: str) -> datetime | None:
    """The first instant of that form inside a text."""
    found = _RFC3339.search(text)
    return None if found is None else _iso(found.group())


def epoch(text: str) -> datetime | None:
    """Seconds or milliseconds since 1970, told apart by their size; None for a short number."""
    count = number(text)
    return None if count is None or count < _FIRST_EPOCH_S else of_epoch(count)


def of_epoch(count: float) -> datetime | None:
    """An instant from seconds or milliseconds since 1970, told apart by their size."""
    if not count > 0:
        return None
    in_seconds = count / 1000 if count >= _FIRST_EPOCH_MS else count
    return later(_EPOCH, timedelta(seconds=in_seconds)) if in_seconds < _FIRST_EPOCH_MS else None


def later(at: datetime, span: timedelta) -> datetime | None:
    """`at` plus a span; None beyond the calendar."""
    try:
        return at + span
    except OverflowError:
        return None


def moment(year: int, month: int, day: int, clock: tuple[int, int, int]) -> datetime | None:
    """An instant in UTC; None for a day or hour that does not exist."""
    try:
        return datetime(year, month, day, *clock, tzinfo=UTC)
    except ValueError:
        return None


def _century(short: int, at: datetime) -> int:
    """RFC 9110: a year that seems more than 50 years ahead is the most recent one of that name."""
    year = at.year - at.year % _TWO_DIGIT_YEARS + short
    return year - _TWO_DIGIT_YEARS if year > at.year + 50 else year


def _iso(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text.upper())
        aware = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
