"""Spelling: single values of a policy file, read and written in their resolved form."""

from dataclasses import dataclass
from datetime import timedelta

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import Kind, parse_duration, show_duration
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.expressions import Reading, Scope, read_expression
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.lexing import quoted
from palingenesis.core.policy.read import Node, Scalar, place_in
from palingenesis.core.values import FactValue


def span_of(node: Node | None) -> timedelta | None:
    """A duration, or None where there is none (which the schema has said)."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    try:
        return parse_duration(node.text)
    except InvalidConfigError:
        return None


def duration_text(node: Node | None) -> str | None:
    """A duration in the one way it is written."""
    span = span_of(node)
    return None if span is None else show_duration(span)


@dataclass(frozen=True, slots=True)
class Resolved:
    """An expression with parameters written out, and what it was read as."""

    text: str
    reading: Reading


def resolve_expression(node: Node, scope: Scope, findings: Findings) -> Resolved | None:
    """Read an expression where it stands in the file; mistakes become diagnostics."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str | bool):
        return None
    reading = read_expression(node.text, scope)
    for mistake in reading.mistakes:
        place = place_in(findings.source, node, mistake.start, mistake.end)
        findings.add(mistake.code, mistake.message, place, mistake.help)
    text = node.text
    for start, end, name in reversed(reading.params):
        text = text[:start] + literal(*scope.params[name]) + text[end:]
    return Resolved(
        " ".join(text.split()) if "'" not in text and '"' not in text else text, reading
    )


def literal(kind: Kind, value: FactValue) -> str:
    """Write a value the way an expression would."""
    return quoted(value) if isinstance(value, str) else show_literal(kind, value)
