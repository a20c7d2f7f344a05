"""Times of day and dates inside a message to a person: `resets Aug 3, 7am (Europe/Zurich)`.

Such a text names no instant by itself: it is the first one of that name after the record's time,
in the zone that it names. Zone data are handed in; without a zone the text is the machine's own
time, and without data about that, UTC, and the answer says that it was assumed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from palingenesis.core.stops.instants import month_of

Zones = Callable[[str], tzinfo | None]
"""Time-zone data from outside: IANA name ("" is the machine's own) to zone, None if unknown."""

_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = rf"{_MONTH} (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>[0-9]{{4}}))?(?:,| at)? "
_TIME = r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?(?: ?(?P<half>[ap])\.?m\b\.?)?"
_ZONE = r"(?: ?\(?(?P<zone>UTC|GMT|[A-Z][A-Za-z_]{1,30}(?:/[A-Za-z0-9_+-]{1,30}){1,2})\)?)?"
_LEAD = (
    r"\b(?:resets?|reset (?:at|on)|resets (?:at|on)|try again (?:at|on|after)|retry (?:at|after)"
    r"|available (?:again )?(?:at|on)|automatically at|until) "
)
_TEXT = re.compile(rf"{_LEAD}(?:{_DATE})?{_TIME}{_ZONE}", re.ASCII | re.IGNORECASE)
_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_NOON = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockText:
    """The instant that a text names."""

    at: datetime
    zone_assumed: bool
    """The text names no zone, or one without data."""


def clock_text(text: str, at: datetime, zones: Zones | None) -> ClockText | None:
    """The first time of day in a text, as its first occurrence after `at`; None if there is none.

    A dated one that lies up to a week back is answered as it is: that reset has passed.
    """
    found = _TEXT.search(text)
    if found is None:
        return None
    clock = _clock(found)
    if clock is None:
        return None
    zone, assumed = _zone(found["zone"] or "", zones)
    month = month_of(found["month"] or "")
    if month is None:
        candidates = _daily(at, zone, clock)
    else:
        years = (int(found["year"]),) if found["year"] else _years(at)
        candidates = _dated(years, month, int(found["day"]), clock, zone)
    best = _first(list(candidates), at)
    return None if best is None else ClockText(at=best, zone_assumed=assumed)


def _clock(found: "re.Match[str]") -> tuple[int, int] | None:
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), found["half"]
    if half is None and found["minute"] is None:
        return None  # a bare number is no time of day
    if half is not None:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half.lower() == "p" else 0)
    return hour, minute


def _zone(name: str, zones: Zones | None) -> tuple[tzinfo, bool]:
    if name.upper() in {"UTC", "GMT"}:
        return UTC, False
    found = zones(name) if zones is not None else None
    return (found, name == "") if found is not None else (UTC, True)


def _years(at: datetime) -> tuple[int, ...]:
    return (at.year - 1, at.year, at.year + 1)


def _daily(at: datetime, zone: tzinfo, clock: tuple[int, int]) -> Iterator[datetime]:
    try:
        today = at.astimezone(zone)
        days = [today + _DAY * shift for shift in (0, 1, 2)]
    except OverflowError:
        return
    for day in days:
        yield from _dated((day.year,), day.month, day.day, clock, zone)


def _dated(
    years: tuple[int, ...], month: int, day: int, clock: tuple[int, int], zone: tzinfo
) -> Iterator[datetime]:
    for year in years:
        try:
            local = datetime(year, month, day, *clock, tzinfo=zone)
            # When clocks go back the hour exists twice, when they go forward not at all: the later
            # reading is the safe one in both.
            yield max(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))
        except (ValueError, OverflowError):
            continue


def _first(candidates: list[datetime], at: datetime) -> datetime | None:
    """The first one after `at`, or one that has just passed, if the next is far off."""
    passed = [one for one in candidates if timedelta(0) <= at - one <= _WEEK]
    ahead = [one for one in candidates if one > at]
    if ahead and not (passed and min(ahead) - at > 40 * _WEEK):
        return min(ahead)
    return max(passed, default=None)
