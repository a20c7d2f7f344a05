"""Where in the text of config.toml a table or a key stands: for messages, and for `--origin`."""

import re
from collections.abc import Sequence

_WORD = r"(?:[A-Za-z0-9_\-]+|\"[^\"\\\n]*\"|'[^'\n]*')"
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"(\s*)({_DOTTED})\s*=")
_PART = re.compile(_WORD)


def find_places(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Line and column of every table and key; those within inline tables are not found."""
    places: dict[tuple[str, ...], tuple[int, int]] = {}
    table: Sequence[str] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _TABLE.match(line):
            table = _parts(found[1])
            places.setdefault(tuple(table), (number, found.start(1) + 1))
        elif found := _KEY.match(line):
            key = (*table, *_parts(found[2]))
            places.setdefault(key, (number, found.start(2) + 1))
    return places


def _parts(dotted: str) -> list[str]:
    return [found[0].strip("\"'") for found in _PART.finditer(dotted)]
