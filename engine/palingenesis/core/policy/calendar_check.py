"""Checking `calendars:` and time zones, and writing them in their resolved form.

The resolved form holds the table of every zone that is used, so that nobody has to look it up
again: the instants between 2020 and 2045 at which its clocks change. Outside these years the first
and the last offset hold.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from palingenesis.core.facts import did_you_mean
from palingenesis.core.policy.calendars import DAYS, Zone
from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.outside import Outside
from palingenesis.core.policy.read import Listing, Node, Scalar, Table

_EVERYWHERE: Final = "UTC"
_SURELY: Final = "Europe/London"
"""A zone that every time-zone database has."""


@dataclass(slots=True)
class Calendars:
    """The calendars of a policy and the zones that it uses, resolved."""

    names: frozenset[str] = frozenset()
    resolved: dict[str, Any] = field(default_factory=dict)
    zones: dict[str, Any] = field(default_factory=dict)
    zone: str = ""
    """The policy's own zone; "" unless it names one or has a calendar that needs it."""


def read_calendars(root: Table, outside: Outside, findings: Findings) -> Calendars:
    """Read `time-zone:` and `calendars:`."""
    found = Calendars()
    zones = _Zones(outside, findings, found.zones)
    own = root.get("time-zone")
    if isinstance(own, Scalar):
        found.zone = zones.named(own)
    table = root.get("calendars")
    if not isinstance(table, Table):
        return found
    found.names = frozenset(key.text for key, _ in table.entries)
    for key, node in table.entries:
        if isinstance(node, Table):
            place = node.get("time-zone")
            if place is None and not found.zone:
                found.zone = zones.local()
            zone = zones.named(place) if isinstance(place, Scalar) else found.zone
            found.resolved[key.text] = _calendar(node, zone, findings)
    return found


def with_days(found: Calendars, outside: Outside, findings: Findings) -> None:
    """Settle the policy's own zone, because something in it asks when a day begins."""
    if not found.zone:
        found.zone = _Zones(outside, findings, found.zones).local()


def _calendar(node: Table, zone: str, findings: Findings) -> dict[str, Any]:
    start, end = node.get("from"), node.get("to")
    if isinstance(start, Scalar) and isinstance(end, Scalar) and start.text == end.text:
        advice = "it ends a day later; write two days, or leave the calendar out"
        findings.add("S012", "the window begins when it ends", end.span, advice)
    days = node.get("days")
    named = [item.text for item in days.items if isinstance(item, Scalar)] if isinstance(
        days, Listing) else list(DAYS)  # fmt: skip
    return {
        "days": [day for day in DAYS if day in named],
        "from": start.text if isinstance(start, Scalar) else "",
        "to": end.text if isinstance(end, Scalar) else "",
        "zone": zone,
    }


class _Zones:
    """Looks zones up, keeps their tables, and says what is wrong."""

    def __init__(self, outside: Outside, findings: Findings, tables: dict[str, Any]) -> None:
        self.outside = outside
        self.findings = findings
        self.tables = tables

    def named(self, node: Scalar) -> str:
        """The zone that a policy names; UTC where that cannot be."""
        zone = self.outside.zones(node.text) if node.text else None
        if zone is None:
            message, advice = self._problem(node.text)
            self.findings.add("S016", message, node.span, advice)
            return _EVERYWHERE
        return self._keep(zone)

    def local(self) -> str:
        """The machine's own zone."""
        zone = self.outside.zones("")
        return _EVERYWHERE if zone is None else self._keep(zone)

    def _keep(self, zone: Zone) -> str:
        self.tables[zone.name] = {"changes": list(zone.changes), "offsets": list(zone.offsets)}
        return zone.name

    def _problem(self, name: str) -> tuple[str, str]:
        if self.outside.zones(_SURELY) is None:
            message = f"the time zone '{name[:60]}' cannot be looked up: there is no time-zone data"
            return message, "install the system's tzdata (or `pip install tzdata`), or write UTC"
        advice = did_you_mean(name, self.outside.zone_names()) or "as in Europe/Berlin or UTC"
        return f"unknown time zone '{name[:60]}'", advice


def calendar_of(
    node: Node | None, place: Span, calendars: frozenset[str], findings: Findings
) -> str | None:
    """The calendar that an option names, or the only one there is; None: neither."""
    if isinstance(node, Scalar):
        if node.text in calendars:
            return node.text
        advice = did_you_mean(node.text, calendars) or "declare it under 'calendars:'"
        findings.add("E020", f"unknown calendar '{node.text[:40]}'", node.span, advice)
        return None
    if node is not None:
        return None
    if len(calendars) == 1:
        return next(iter(calendars))
    if calendars:
        listed = ", ".join(sorted(calendars))
        message, advice = "it is not said which calendar is meant", f"name one of: {listed}"
    else:
        message, advice = "there is no calendar", "declare one under 'calendars:'"
    findings.add("E020", message, place, advice)
    return None
