"""Typing mistakes: the words of a policy that have a meaning, and one wrong character in one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from palingenesis.core.facts import EVENTS, FACTS
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.messages import placeholders
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, place_in, read

ALPHABET = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-.,:;'\"()[]{}&*!|>%@`$=+/?"
)
"""Whatever a finger can hit but '#': a line that became a comment is no longer there to be read."""

_WORDS = frozenset(
    {"event", "mode", "severity", "until", "if-missing", "override", "type", "position", "do"}
    | {"then", "days", "quiet", "continue", "without", "agent", "calendar", "default"}
)
_EXPRESSIONS = frozenset({"when", "for-condition"})
_MESSAGES = frozenset({"message", "title", "reason", "question"})
_NAME = re.compile(r"'(?P<text>[^']*)'|(?P<name>(?<![0-9])[A-Za-z_][A-Za-z0-9_.]*)")
_CLOSED = frozenset({*EVENTS, *(value for fact in FACTS.values() for value in fact.values)})


@dataclass(frozen=True, slots=True)
class Word:
    """A word with a meaning, by its place in the file."""

    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Keys, facts, functions, actions, enum values, names and keywords; no free text, no ids.

    A calendar that nothing names is meant where no calendar is named; another name changes nothing.
    """
    root, findings = read(text)
    assert root is not None
    return sorted(set(_walk(root, (), findings)), key=lambda word: (word.start, word.end))


def _walk(node: Node, path: tuple[str, ...], findings: Findings) -> Iterator[Word]:
    match node:
        case Table(entries=entries):
            for key, value in entries:
                if path != ("calendars",) or _is_named(key.text, findings.source.text):
                    yield Word(key.span.start, key.span.end)
                yield from _walk(value, (*path, key.text), findings)
        case Listing(items=items):
            for item in items:
                yield from _walk(item, path, findings)
        case Scalar():
            for start, end in _meant(node, path):
                span = place_in(findings.source, node, start, end)
                yield Word(span.start, span.end)


def _is_named(calendar: str, text: str) -> bool:
    return f"'{calendar}'" in text or f"calendar: {calendar}" in text


def _meant(node: Scalar, path: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """The parts of a value that have a meaning."""
    last = path[-1] if path else ""
    if last in _EXPRESSIONS or path[:1] == ("define",):
        for found in _NAME.finditer(node.text):
            if found["name"] or found["text"] in _CLOSED:
                yield found.span(str(found.lastgroup))
    elif last in _MESSAGES:
        for one in placeholders(node.text):
            yield one.start + 2, one.end - 1
    elif last in _WORDS and "params" not in path[:1] and not node.text[:1].isdigit():
        yield 0, len(node.text)


def with_typo(text: str, dice: Random, words: list[Word]) -> tuple[str, str]:
    """The text with one wrong character in one of its words, and what was done."""
    while True:
        word = dice.choice(words)
        at = dice.randrange(word.start, word.end)
        char = dice.choice(ALPHABET)
        new = dice.choice((
            text[:at] + text[at + 1 :],
            text[:at] + char + text[at:],
            text[: at + 1] + char + text[at + 1 :],
            text[:at] + char + text[at + 1 :],
            text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :],
        ))  # fmt: skip
        if new != text:
            line = text.count("\n", 0, at)
            shown = new.split("\n")[line : line + 1]
            return new, f"line {line + 1}: {text[word.start : word.end]!r} became: {shown}"
