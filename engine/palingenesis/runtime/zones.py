"""Time zones as plain data: the one door to the system's time-zone database.

The core opens no file, so a zone is handed to it as the table of the instants at which its clocks
change, from 2020 to 2045. Rules that change later than a table was made are in the next one: a
policy is compiled anew whenever its file changes, and whenever the daemon starts.
"""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from palingenesis.core.policy.calendars import UTC_ZONE, Zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 2020, 2045
"""The years that a table covers; before and after them its first and last offset hold."""
_STRIDE_S = 3 * 24 * 60 * 60
"""Clocks that change twice within three days do not exist in these years."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_LOCALTIME = Path("/etc/localtime")


def zones_of(environ: Mapping[str, str]) -> "Lookup":
    """The `Zones` of this machine; `environ` may name its own zone (TZ)."""
    return Lookup(_own_name(environ))


class Lookup:
    """Looks a zone up by its IANA name; "" is the machine's own, UTC where that is not known."""

    def __init__(self, own: str) -> None:
        self.own = own

    def __call__(self, name: str) -> Zone | None:
        """The zone, or None: there is none of that name, or no time-zone data."""
        if name:
            return _table(name)
        return (_table(self.own) if self.own else None) or UTC_ZONE


def zone_names() -> Iterable[str]:
    """Every zone that the system knows."""
    from zoneinfo import available_timezones

    return sorted(available_timezones())


def _own_name(environ: Mapping[str, str]) -> str:
    named = environ.get("TZ", "").removeprefix(":")
    if named:
        return named.rpartition("zoneinfo/")[2] if named.startswith("/") else named
    target = os.path.realpath(_LOCALTIME)
    _, found, name = target.rpartition("/zoneinfo/")
    return name if found else _debian_name()


def _debian_name() -> str:
    try:
        return Path("/etc/timezone").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


@cache
def _table(name: str) -> Zone | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name == UTC_ZONE.name:
        return UTC_ZONE
    if len(name) > 100 or not _NAME.fullmatch(name):  # noqa: PLR2004 - no zone has such a name
        return None
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None
    first = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp())
    changes, offsets = [first], [_offset(zone, first)]
    for start in range(first, last, _STRIDE_S):
        end = start + _STRIDE_S
        if _offset(zone, end) != offsets[-1]:
            changes.append(_change(zone, start, end))
            offsets.append(_offset(zone, end))
    return Zone(name=name, changes=tuple(changes), offsets=tuple(offsets))


def _offset(zone: "ZoneInfo", at: int) -> int:
    span = datetime.fromtimestamp(at, zone).utcoffset()
    return int((span or timedelta(0)).total_seconds())


def _change(zone: "ZoneInfo", before: int, after: int) -> int:
    """The first second after `before` that has the offset of `after`."""
    wanted = _offset(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == wanted:
            after = middle
        else:
            before = middle
    return after
