"""Diagnostics: what is wrong with a policy, where, and the way out; and the text they point into.

Codes are stable: Y… is YAML, S… structure, E… expressions and texts, L… advice.
Lines and columns count from 1, columns in characters.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a character stands: `file` is "" for the file that is checked."""

    file: str
    line: int
    col: int


class Source:
    """A text, and the files, lines and columns of its characters.

    Files that a policy extends are put behind its own text, so that one number, the index of a
    character, is a place in any of them.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        self._files = [(0, "")]

    def append(self, name: str, text: str) -> int:
        """Put another file behind what is there; the index of its first character."""
        first = len(self.text) + 1
        self.text = f"{self.text}\n{text}"
        self._files.append((first, name))
        self._starts += [first, *(first + found.end() for found in _BREAK.finditer(text))]
        return first

    def others(self) -> dict[str, str]:
        """The texts of the files that were put behind the first one."""
        ends = [first - 1 for first, _ in self._files[1:]] + [len(self.text)]
        named = zip(self._files[1:], ends[1:], strict=True)
        return {name: self.text[first:end] for (first, name), end in named}

    def place(self, index: int) -> Place:
        """Where a character stands."""
        first, file = self._files[bisect_right(self._files, (index, "\U0010ffff")) - 1]
        line = bisect_right(self._starts, index)
        above = bisect_right(self._starts, first) - 1
        return Place(file=file, line=line - above, col=index - self._starts[line - 1] + 1)

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
        place = self.source.place(span.start)
        one = Diagnostic(
            code=code,
            severity=severity,
            message=message,
            help=advice,
            line=place.line,
            col=place.col,
            length=self.source.length(span),
            related=tuple(self._related(text, other) for text, other in related),
            file=place.file,
        )
        if one not in self.found:
            self.found.append(one)

    def add_at(self, one: Diagnostic, file: str) -> None:
        """Note a problem of another file, which was found there."""
        self.refused = self.refused or one.severity is Grade.ERROR
        if not self.full:
            self.found.append(replace(one, file=file))

    def _related(self, message: str, span: Span) -> Related:
        place = self.source.place(span.start)
        length = self.source.length(span)
        return Related(
            message=message, line=place.line, col=place.col, length=length, file=place.file
        )

    def in_order(self) -> tuple[Diagnostic, ...]:
        """All of them, from the top of the file to its end; those of other files after that."""
        return tuple(sorted(self.found, key=lambda one: (one.file, one.line, one.col, one.code)))

    @property
    def full(self) -> bool:
        """Whether nothing more is kept."""
        return len(self.found) >= MOST


MOST: Final = 200
"""More diagnostics than this help nobody."""
