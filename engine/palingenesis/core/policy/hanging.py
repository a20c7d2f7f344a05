"""Hanging: the values of facts under the expression that asked about them.

    stop.reason == 'overloaded' and episode.attempts >= 2
    │                               │
    │                               1
    'overloaded'

Plain text in, plain lines out; what is too long is broken after an operand of `and` or `or`.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from palingenesis.core.policy.terms import AllOf, AnyOf, Named, Term, parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value to hang under the character of an expression where its fact begins."""

    start: int
    shown: str
    brief: str = ""
    """The same in short, where `shown` is too long."""


def hang(
    text: str, marks: Sequence[Mark], *, cuts: Sequence[int] = (), width: int
) -> list[str] | None:
    """The expression with its values under it; None: it does not fit into `width` columns.

    Args:
        text: the expression.
        marks: its values.
        cuts: where a line may end, see `cuts_of`.
        width: columns there are.
    """
    text = "".join(char if char.isprintable() else " " for char in text)
    rows: list[str] = []
    for start, end in _broken(text, cuts, width):
        line = text[start:end]
        begin = start + len(line) - len(line.lstrip())  # the blank after the last line's end
        inside = [
            replace(mark, start=mark.start - begin) for mark in marks if begin <= mark.start < end
        ]
        hung = _hung(text[begin:end].rstrip(), inside)
        if any(columns(row) > width for row in hung):
            hung = _hung(hung[0], [_shortened(mark) for mark in inside])
        if any(columns(row) > width for row in hung):
            return None
        rows += hung
    return rows


def cuts_of(term: Term, text: str) -> tuple[int, ...]:
    """Where a long expression may be broken: after each operand, with the brackets it closes."""
    found = set()
    if isinstance(term, AllOf | AnyOf):
        for inner in term.terms:
            end = inner.end
            while end < len(text) and text[end] in " )" and text[end:].lstrip().startswith(")"):
                end += 1
            found.add(end)
    if not isinstance(term, Named):
        for inner in parts(term):
            found.update(cuts_of(inner, text))
    return tuple(sorted(found))


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _broken(text: str, cuts: Sequence[int], width: int) -> list[tuple[int, int]]:
    """Spans of the lines: as few as fit; one without a cut may be too long."""
    ends = [*(cut for cut in cuts if 0 < cut < len(text)), len(text)]
    lines: list[tuple[int, int]] = []
    start = previous = 0
    for end in ends:
        if previous > start and columns(text[start:end].strip()) > width:
            lines.append((start, previous))
            start = previous
        previous = end
    return [*lines, (start, len(text))]


def _hung(line: str, marks: Sequence[Mark]) -> list[str]:
    """One line, the bars, and a row for each value, the last one first."""
    if not marks:
        return [line]
    places = sorted({mark.start: mark for mark in marks}.values(), key=lambda mark: mark.start)
    cols = [columns(line[: mark.start]) for mark in places]
    rows = [line, _bars(cols)]
    for index in range(len(places) - 1, -1, -1):
        before = _bars(cols[:index])
        rows.append(f"{before:<{cols[index]}}{places[index].shown}")
    return rows


def _shortened(mark: Mark) -> Mark:
    return replace(mark, shown=mark.brief or mark.shown)


def _bars(cols: Sequence[int]) -> str:
    row = ""
    for col in cols:
        row = f"{row:<{col}}│"
    return row
