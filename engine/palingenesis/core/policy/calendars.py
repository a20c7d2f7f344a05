"""Calendars: named weekly windows in a named time zone, right on the days the clocks change.

Theory of operation: the core opens no file, so a zone comes in as plain data, the instants at which
its distance from UTC changes. The resolved policy carries that table; a decision of last year comes
out the same although a country has changed its rules since.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A time zone: `offsets[n]` is its distance from UTC, in seconds, from `changes[n]` on.

    `changes` are seconds since 1970 UTC, ascending; before the first one the first offset holds.
    """

    name: str
    changes: tuple[int, ...]
    offsets: tuple[int, ...]

    def local(self, at: datetime) -> datetime:
        """The naive wall-clock time there at an instant."""
        return at.astimezone(UTC).replace(tzinfo=None) + self._offset(at.timestamp())

    def instants(self, wall: datetime) -> tuple[datetime, ...]:
        """The instants, ascending, at which its clocks show a naive time: none, one, or two."""
        naive = wall.replace(tzinfo=UTC)
        spans = sorted({timedelta(seconds=offset) for offset in self.offsets}, reverse=True)
        found = (naive - span for span in spans)
        return tuple(at for at in found if self.local(at) == wall)

    def first_at_or_after(self, wall: datetime) -> datetime:
        """The first instant at which its clocks show `wall`, or the end of a gap around it."""
        found = self.instants(wall)
        if found:
            return found[0]
        guess = wall.replace(tzinfo=UTC) - timedelta(seconds=max(self.offsets))
        after = bisect_right(self.changes, int(guess.timestamp()))
        return datetime.fromtimestamp(self.changes[min(after, len(self.changes) - 1)], UTC)

    def _offset(self, stamp: float) -> timedelta:
        index = bisect_right(self.changes, stamp) - 1
        return timedelta(seconds=self.offsets[max(index, 0)])


UTC_ZONE = Zone(name="UTC", changes=(0,), offsets=(0,))

Zones = Callable[[str], Zone | None]
"""Looks a zone up by its IANA name, "" being the machine's own; None: there is no such zone."""


def only_utc(name: str) -> Zone | None:
    """The `Zones` of a caller that has no time-zone data."""
    return UTC_ZONE if name in {"", "UTC"} else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A weekly window: on each of `days` (0 is Monday) from `start` to `end`, local time.

    When `end` is not after `start`, the window ends on the following day.
    """

    name: str
    days: frozenset[int]
    start: time
    end: time
    zone: Zone

    def covers(self, at: datetime) -> bool:
        """Whether the window is open at an instant."""
        return self.ends(at) is not None

    def ends(self, at: datetime) -> datetime | None:
        """When the window that is open at an instant closes; None: it is not open."""
        today = self.zone.local(at).date()
        for day in (today - timedelta(days=1), today):
            if day.weekday() not in self.days:
                continue
            last = day if self.end > self.start else day + timedelta(days=1)
            opens = self.zone.first_at_or_after(datetime.combine(day, self.start))
            closes = self.zone.first_at_or_after(datetime.combine(last, self.end))
            if opens <= at < closes:
                return closes
        return None

    def opens(self, at: datetime) -> datetime | None:
        """When the window opens next, at or after an instant; None: it has no days."""
        today = self.zone.local(at).date()
        for ahead in range(9):
            day = today + timedelta(days=ahead)
            if day.weekday() in self.days:
                start = self.zone.first_at_or_after(datetime.combine(day, self.start))
                if start >= at:
                    return start
        return None


def within_key(calendar: str) -> str:
    """The name under which the kernel hands in whether a window is open: `within(quiet)`."""
    return f"within({calendar})"
