"""Entries of the journal as log records: what happened, in one line, and in which trace."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from palingenesis.core import events, plans
from palingenesis.core.events import Event
from palingenesis.core.values import Result
from palingenesis.runtime.event_rows import event_row
from palingenesis.runtime.views import Written
from palingenesis.telemetry import naming
from palingenesis.telemetry.trace import Attributes, Place


class Severity(IntEnum):
    """How important a line is, in OpenTelemetry's numbers."""

    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    FATAL = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One log record."""

    at: datetime
    severity: Severity
    event: str
    """What kind of event: `palingenesis.session_stopped`."""
    body: str
    attributes: Attributes
    place: Place | None = None
    """Where the trouble is told that it belongs to."""


def line_of(entry: Written, place: Place | None) -> Line:
    """The line for an entry."""
    row = event_row(entry, {})
    named = {
        naming.SEQ: entry.seq,
        naming.SESSION: row["session"],
        naming.AGENT: row["agent"],
        naming.RULE: row["rule"],
        naming.EFFECT: ", ".join(row["effects"]),
    }
    return Line(
        at=entry.event.at,
        severity=_severity(entry),
        event=f"palingenesis.{row['kind'].replace('-', '_')}",
        body=_body(entry.event, row["summary"]) or row["kind"].replace("-", " "),
        attributes={name: value for name, value in named.items() if value},
        place=place,
    )


def session_of(entry: Written) -> str | None:
    """Whom an entry is about."""
    own = getattr(entry.event, "session", None)
    decided = (one.session for one in entry.decisions if one.session is not None)
    return own or next(decided, None)


def _body(event: Event, summary: str) -> str:
    """The line without what somebody wrote: a title, a question, an answer of a hook."""
    match event:
        case events.SessionSeen():
            return "seen"
        case events.SessionBlocked(block=block):
            return f"waits for a person: {block.kind}"
        case events.EffectEnded(effect=effect, result=result):
            return f"{effect}: {result}"
        case _:
            return summary


def _severity(entry: Written) -> Severity:
    given_up = any(
        one.kind == "decided" and one.plan and isinstance(one.plan[-1], plans.Attention)
        for one in entry.decisions
    )
    return Severity.ERROR if given_up else _of_event(entry.event)


def _of_event(event: Event) -> Severity:
    match event:
        case events.InvariantBroken():
            return Severity.FATAL
        case events.JournalMended() | events.WritingFailed():
            return Severity.ERROR
        case (
            events.SessionStopped()
            | events.SessionBlocked()
            | events.AgentDown()
            | events.SensorBroke()
            | events.PolicyRefused()
        ):
            return Severity.WARN
        case events.EffectEnded(result=Result.FAILED | Result.UNKNOWN):
            return Severity.WARN
        case events.FactsObserved() | events.SessionAlive() | events.Ticked():
            return Severity.DEBUG
        case _:
            return Severity.INFO
