"""Diagnostics: what is wrong with a policy, where, and the way out; and the text they point into.

Codes are stable: Y… is YAML, S… structure, E… expressions and texts, L… advice.
Lines and columns count from 1, columns in characters.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Grade(StrEnum):
    """How bad a diagnostic is. One error is enough to refuse a policy."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another place that belongs to a diagnostic."""

    message: str
    line: int
    col: int
    length: int
    file: str = ""
    """As in a `Diagnostic`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem: `help` is the way out, "" when there is none; `length` is in characters."""

    code: str
    severity: Grade = Grade.ERROR
    message: str
    help: str = ""
    line: int = 1
    col: int = 1
    length: int = 1
    related: tuple[Related, ...] = ()
    file: str = ""
    """The file it stands in; "": the one that was checked."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters of a source."""

    start: int
    end: int


_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML calls a line break."""


class Source:
    """A text, and the lines and columns of its characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def place(self, index: int) -> tuple[int, int]:
        """Line and column of a character, both from 1."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def length(self, span: Span) -> int:
        """How many characters of a span lie on its first line; at least one."""
        found = _BREAK.search(self.text, span.start, max(span.end, span.start))
        return max(1, (found.start() if found else span.end) - span.start)


def lines(text: str) -> list[str]:
    """Split a text where YAML breaks its lines."""
    return _BREAK.split(text)


@dataclass(slots=True)
class Findings:
    """Collects diagnostics about one source; at most `MOST` of them."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)
    refused: bool = False
    """Whether there was an error, even one that came after the last that is kept."""

    def add(
        self,
        code: str,
        message: str,
        span: Span,
        advice: str = "",
        *,
        severity: Grade = Grade.ERROR,
        related: Iterable[tuple[str, Span]] = (),
    ) -> None:
        """Note a problem at a span."""
        self.refused = self.refused or severity is Grade.ERROR
        if self.full:
            return
        line, col = self.source.place(span.start)
        one = Diagnostic(
            code=code,
            severity=severity,
            message=message,
            help=advice,
            line=line,
            col=col,
            length=self.source.length(span),
            related=tuple(self._related(text, place) for text, place in related),
        )
        if one not in self.found:
            self.found.append(one)

    def _related(self, message: str, span: Span) -> Related:
        line, col = self.source.place(span.start)
        return Related(message=message, line=line, col=col, length=self.source.length(span))

    def in_order(self) -> tuple[Diagnostic, ...]:
        """All of them, from the top of the file to its end."""
        return tuple(sorted(self.found, key=lambda one: (one.line, one.col, one.code)))

    @property
    def full(self) -> bool:
        """Whether nothing more is kept."""
        return len(self.found) >= MOST


MOST: Final = 200
"""More diagnostics than this help nobody."""
