"""Where in the text of config.toml a table or a key stands: for messages, and for `--origin`."""

import re
from collections.abc import Sequence

_TABLE = re.compile(r"\s*\[\s*([A-Za-z0-9_.\-]+)\s*\]")
_KEY = re.compile(r"(\s*)([A-Za-z0-9_.\-]+)\s*=")


def find_places(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Line and column of every plainly written table and key; quoted keys are not found."""
    places: dict[tuple[str, ...], tuple[int, int]] = {}
    table: Sequence[str] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _TABLE.match(line):
            table = found[1].split(".")
            places.setdefault(tuple(table), (number, found.start(1) + 1))
        elif found := _KEY.match(line):
            key = (*table, *found[2].split("."))
            places.setdefault(key, (number, found.start(2) + 1))
    return places
