"""Spelling: single values of a policy file, read and written in their resolved form."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import Kind, parse_duration, show_duration
from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.expressions import Reading, Scope, read_expression
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.lexing import UNCLOSED, quoted, with_single_blanks
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
        cut = mistake.help == UNCLOSED and _comment_after(node, findings) is not None
        findings.add(mistake.code, mistake.message, place, _CUT if cut else mistake.help)
    _check_comment(node, scope, findings)
    text = node.text
    for start, end, name in reversed(reading.params):
        text = text[:start] + literal(*scope.params[name]) + text[end:]
    return Resolved(with_single_blanks(text), reading)


_CUT: Final = "a ' #' starts a comment in YAML: quote the whole expression"
_COMMENT: Final = re.compile(r"[ \t]+(#)(.*)")


def _comment_after(node: Scalar, findings: Findings) -> "re.Match[str] | None":
    """The comment that ends a value which has no quotes around it."""
    return None if node.quoted else _COMMENT.match(findings.source.text, node.span.end)


def _check_comment(node: Scalar, scope: Scope, findings: Findings) -> None:
    """Refuse `a #and b`: with one character more it says something else, and looks like a typo."""
    comment = _comment_after(node, findings)
    if comment is None or not comment[2] or comment[2][0].isspace():
        return
    if read_expression(f"{node.text} {comment[2]}", scope).term is not None:
        message = "the rest of this expression is a comment"
        advice = "remove the '#', or put a blank behind it"
        findings.add("E021", message, Span(comment.start(1), comment.end()), advice)


def literal(kind: Kind, value: FactValue) -> str:
    """Write a value the way an expression would."""
    return quoted(value) if isinstance(value, str) else show_literal(kind, value)
