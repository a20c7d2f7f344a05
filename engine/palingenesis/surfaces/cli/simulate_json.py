"""A night as JSON, for programs: its timeline, its summary. Spans are in seconds, money in dollars.

`schema_version` counts changes that a reader of the document would notice.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from palingenesis.simulation.performance import Performance
    from palingenesis.simulation.summary import SessionSummary, Summary


def document(played: "Performance", summary: "Summary") -> dict[str, Any]:
    """The whole night."""
    from palingenesis.simulation.timeline import told

    names: dict[str, str] = {id_: cast.name for cast in played.casts for id_ in cast.line}
    lines = [
        {
            "at": line.at.isoformat(),
            "word": line.word,
            "rule": line.rule,
            "text": line.text,
            "session": names.get(line.session or ""),
        }
        for line in told(played.past)
    ]
    first = summary.sessions[0]
    return {
        "schema_version": 1,
        "lines": lines,
        "status": first.status,
        "why": first.why,
        "summary": plain_summary(summary),
        "ok": summary.is_good,
    }


def plain_summary(summary: "Summary") -> dict[str, Any]:
    """The morning summary."""
    counts = {
        name: getattr(summary, name)
        for name in (
            *("saves", "handed_over", "prompts", "reruns", "new_sessions", "restarts"),
            *("interrupts", "snapshots", "steps"),
        )
    }
    return {
        "start": summary.start.isoformat(),
        "end": summary.end.isoformat(),
        "sessions": [_session(one) for one in summary.sessions],
        "stops": dict(summary.stops),
        **counts,
        **_times(summary),
        "tokens": round(summary.tokens),
        "cost": round(summary.cost, 4),
        "at_risk": round(summary.at_risk, 4),
        "lost": round(summary.lost, 4),
        "notifications": dict(summary.notifications),
        "rails": dict(summary.rails),
        "breaches": [
            {"at": one.at.isoformat(), "name": one.name, "text": one.text}
            for one in summary.breaches
        ],
        "expectations": [
            {"key": one.key, "expected": one.expected, "found": one.found, "holds": one.holds}
            for one in summary.findings
        ],
    }


def _session(one: "SessionSummary") -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "status": one.status,
        "why": one.why,
        **_times(one),
        "conversations": one.conversations,
        "steps": one.steps,
        "steps_total": one.steps_total,
        "tokens": round(one.tokens),
        "cost": round(one.cost, 4),
    }


def _times(of: "Summary | SessionSummary") -> dict[str, float]:
    return {
        "worked_s": _seconds(of.worked),
        "waited_s": _seconds(of.waited),
        "stood_s": _seconds(of.stood),
    }


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)
