"""Pieces: what can still be read of an expression that cannot be parsed as a whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword
from typing import Final


@dataclass(frozen=True, slots=True)
class Piece:
    """A part between two `and` or `or`, and where it begins in the Python text."""

    text: str
    start: int


_BETWEEN: Final = re.compile(r"\b(?:and|or)\b")
_NAME: Final = re.compile(r"(?<![\w.])([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)(\s*\()?", re.ASCII)


def pieces(python: str) -> Iterator[Piece]:
    """The parts of the Python text, without the brackets that belong to other parts."""
    start = 0
    for found in _BETWEEN.finditer(python):
        yield _piece(python[start : found.start()], start)
        start = found.end()
    yield _piece(python[start:], start)


def _piece(text: str, start: int) -> Piece:
    while text[:1].isspace() or (text[:1] == "(" and text.count("(") > text.count(")")):
        text, start = text[1:], start + 1
    while text[-1:].isspace() or (text[-1:] == ")" and text.count(")") > text.count("(")):
        text = text[:-1]
    return Piece(text, start)


def names_in(piece: Piece) -> Iterator[tuple[str, int, bool]]:
    """Every name in a piece, where it begins there, and whether it is called."""
    for found in _NAME.finditer(piece.text):
        if not iskeyword(found[1]):
            yield found[1], found.start(1), found[2] is not None
