"""Checking the options of `wait`: which go together, and that no wait lasts for ever."""

from collections.abc import Collection

from palingenesis.core.facts import did_you_mean, show_duration
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.read import Node, Scalar, Table
from palingenesis.core.policy.spelling import span_of
from palingenesis.core.policy.steps import ACTIONS, LONGEST_WAIT


def check_wait(key: Scalar, table: Table | None, findings: Findings) -> None:
    """Check what the schema cannot say about a wait; `key` is the word itself."""
    if table is None:
        return
    _check_else(key, table, findings)
    _check_calendar(table, findings)
    for node in _spans(table):
        check_span("a wait", node, findings)


def check_span(what: str, node: Node | None, findings: Findings) -> None:
    """Refuse a time that is longer than any wait."""
    span = span_of(node)
    if node is not None and span is not None and span > LONGEST_WAIT:
        waited = f"{what} of" if what == "a wait" else f"waiting for {what} for"
        message = f"{waited} {show_duration(span)} is longer than 8d"
        advice = "write 8d; then it is tried again" if what == "a wait" else "write 8d at most"
        findings.add("S014", message, node.span, advice)


def is_misspelt(action: str, table: Table | None, names: Collection[str]) -> bool:
    """Whether an unknown option of an action, which is told anyway, means one of these."""
    keys = [key.text for key, _ in table.entries] if table is not None else []
    known = ACTIONS[action].options
    return any(key not in known and did_you_mean(key, names) != "" for key in keys)


def _check_else(key: Scalar, table: Table, findings: Findings) -> None:
    other, until = table.key("else"), table.get("until")
    waits = until is not None or table.get("for-condition") is not None
    if other is not None and not waits and not is_misspelt("wait", table, ("until",)):
        advice = "'else' says how long when 'until' names no instant"
        findings.add("S012", "'else' without 'until'", other.span, advice)
    if until is not None and other is None and not _is_calendar_end(until):
        advice = "add 'else: 5h' or 'else: {backoff: {first: 15m, max: 1h}}'"
        message = "'until' without 'else': the server may name no instant"
        findings.add("S012", message, key.span, advice)


def _check_calendar(table: Table, findings: Findings) -> None:
    calendar = table.key("calendar")
    if calendar is not None and not _is_calendar_end(table.get("until")):
        message = "'calendar' without 'until: calendar_end'"
        findings.add("S012", message, calendar.span, "add the one or remove the other")


def _is_calendar_end(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.text == "calendar_end"


def _spans(table: Table) -> list[Node]:
    """Every duration that a wait may last."""
    found = [table.get(name) for name in ("for", "else", "max")]
    other = table.get("else")
    for backoff in (
        table.get("backoff"),
        other.get("backoff") if isinstance(other, Table) else None,
    ):
        if isinstance(backoff, Table):
            found += [backoff.get("first"), backoff.get("max")]
    return [node for node in found if node is not None]
