"""The report as JSON; `figures` of many people and machines can be added up."""

from datetime import datetime
from typing import Any

from palingenesis.core.savings import DEFINITIONS
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.lanes import Lane
from palingenesis.runtime.views import instant
from palingenesis.runtime.worth import savings_status
from palingenesis.surfaces.cli.report_reading import Told


def document(told: Told) -> dict[str, Any]:
    """Everything that the page shows; instants are RFC 3339 in UTC, spans are seconds."""
    morning = told.morning
    return {
        "schema_version": SCHEMA_VERSION,
        "labels": {"host": told.host, "user": told.user},
        "since": instant(morning.since),
        "until": instant(morning.until),
        "complete_since": _instant(told.complete_since),
        "damaged": told.damaged,
        "running": told.runs,
        "policy": told.policy,
        "figures": savings_status(morning.savings, morning.until),
        "total": savings_status(told.total, morning.until),
        "waiting": list(told.waiting),
        "sessions": [_lane(lane) for lane in morning.lanes],
        "saves": [
            {
                "at": instant(one.at),
                "session": one.session,
                "reason": one.reason,
                "waited_s": one.waited.total_seconds(),
                "rule": one.rule,
                "decision": one.decision,
            }
            for one in morning.saves
        ],
        "handed_over": [
            {
                "at": instant(one.at),
                "session": one.session,
                "reason": one.reason,
                "rule": one.rule,
                "why": one.why,
                "decision": one.decision,
            }
            for one in morning.handed
        ],
        **_rest(told),
        "definitions": dict(DEFINITIONS),
    }


def _rest(told: Told) -> dict[str, Any]:
    morning = told.morning
    return {
        "rules": [
            {
                "rule": one.rule,
                "times": one.times,
                "sessions": one.sessions,
                "plan": one.plan,
                "why": one.why,
                "decision": one.decision,
            }
            for one in morning.rules
        ],
        "odd": [
            {
                "kind": one.kind,
                "text": one.text,
                "at": instant(one.at),
                "times": one.times,
                "session": one.session,
            }
            for one in morning.odd
        ],
        "days": [
            {
                "day": one.day.isoformat(),
                "stops": dict(sorted(one.stops.items())),
                "saves": one.saves,
                "handed_over": one.handed_over,
                "saved_s": one.won.total_seconds(),
            }
            for one in morning.days
        ],
        "notices": [
            {"at": instant(at), "severity": severity, "text": text}
            for at, severity, text in morning.notices
        ],
    }


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "id": lane.session,
        "title": lane.title,
        "directory": lane.directory,
        "spans": [
            {
                "status": span.status.value,
                "start": instant(span.start),
                "end": instant(span.end),
                "why": span.why,
            }
            for span in lane.spans
        ],
    }


def _instant(at: datetime | None) -> str | None:
    return instant(at) if at is not None else None
