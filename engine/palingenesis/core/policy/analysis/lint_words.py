"""Lint of words: names that nothing uses, old words, and messages that tell too much."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from palingenesis.core.plans import Attention, Notify, Step, Wait
from palingenesis.core.policy.analysis.deeds import courses
from palingenesis.core.policy.analysis.places import At, Remark
from palingenesis.core.policy.diagnostics import Diagnostic, Findings, Grade, Span
from palingenesis.core.policy.messages import placeholders
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.read import Listing, Node, Scalar, Table

_SECTIONS: Final = {"params": "parameter", "define": "condition", "calendars": "calendar"}
_TELLS_MUCH: Final = frozenset({"stop.message", "block.text", "action.error"})
"""Facts that quote what a provider, a tool or the assistant wrote."""


def old_words(policy: Policy) -> Iterator[Remark]:
    """L140: words that have a better one now."""
    for rule in policy.rules:
        for course in courses(rule):
            for step in course.steps:
                if isinstance(step, Wait) and step.until == "reset":
                    yield Remark(
                        code="L140",
                        severity=Grade.NOTE,
                        message=f"rule '{rule.id}': 'until: reset' is an old word",
                        help="write 'until: retry_after'; both mean the time the server named",
                        at=At(rule=rule, key="do"),
                    )


def tells_much(policy: Policy) -> Iterator[Remark]:
    """L151: a message quotes text from outside to named channels."""
    for rule in policy.rules:
        for course in courses(rule):
            for step in course.steps:
                quoted = sorted(_quoted(step) & _TELLS_MUCH)
                if quoted and isinstance(step, Notify) and step.channels:
                    to = ", ".join(step.channels)
                    yield Remark(
                        code="L151",
                        severity=Grade.NOTE,
                        message=f"rule '{rule.id}' sends ${{{quoted[0]}}} to {to}: "
                        "it may quote your code or your prompt",
                        help="leave it out where the channel is not your own; "
                        "'palingenesis explain' shows it on this machine",
                        at=At(rule=rule, key="do"),
                    )


def _quoted(step: Step) -> set[str]:
    texts: tuple[str, ...] = ()
    match step:
        case Notify(message=message, title=title):
            texts = (message, title)
        case Attention(reason=reason):
            texts = (reason,)
        case _:
            pass
    return {one.name for text in texts for one in placeholders(text)}


# ── names that nothing uses ───────────────────────────────────────────────────────────────────


def unused(root: Table, findings: Findings, others: Mapping[str, str]) -> Iterator[Diagnostic]:
    """L150: what the file defines and neither it nor a file that it extends uses."""
    texts = [*_texts(root), *others.values()]
    for section, called in _SECTIONS.items():
        table = root.get(section)
        entries = table.entries if isinstance(table, Table) else ()
        if section == "calendars" and len(entries) == 1 and _UNNAMED.intersection(texts):
            continue  # a single calendar need not be named
        for key, _ in entries:
            if not any(_uses(section, key.text, text) for text in texts):
                yield _unused(called, key, findings)


_UNNAMED: Final = frozenset({"hold", "drop", "calendar_end"})
"""Values that ask a calendar without naming it."""


def _unused(called: str, key: Scalar, findings: Findings) -> Diagnostic:
    place = findings.source.place(key.span.start)
    return Diagnostic(
        code="L150",
        severity=Grade.WARNING,
        message=f"nothing uses the {called} '{key.text}'",
        help="remove it, or check how the name is written where it should be used",
        line=place.line,
        col=place.col,
        length=findings.source.length(Span(key.span.start, key.span.end)),
    )


def _uses(section: str, name: str, text: str) -> bool:
    word = re.escape(name)
    if section == "params":
        return re.search(rf"\bparams\.{word}\b", text) is not None
    if section == "define":
        return re.search(rf"(?<![\w.]){word}(?![\w.])", text) is not None
    return re.search(rf"""['"]{word}['"]|(?:\A|calendar: *){word}(?!\w)""", text) is not None


def _texts(node: Node) -> Iterator[str]:
    """Every value of a document, without its keys."""
    match node:
        case Scalar(text=text):
            yield text
        case Listing(items=items):
            for item in items:
                yield from _texts(item)
        case Table(entries=entries):
            for key, value in entries:
                if key.text not in {"why", "doc", "id"}:
                    yield from _texts(value)
