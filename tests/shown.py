"""What a page shows of a terminal, and when a line that came out is the one that is shown."""

import re
from collections.abc import Iterable
from pathlib import Path

LEFT_OUT = "…"
"""A line of a page that stands for lines that it does not show."""
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(page: Path) -> list[tuple[str, list[str]]]:
    """What the page types after `$ `, in its order, each with the lines that it shows."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    parts = (block.removeprefix("$ ").splitlines() for block in blocks if block.startswith("$ "))
    return [(lines[0], [line for line in lines[1:] if line != LEFT_OUT]) for lines in parts]


def shape(line: str) -> str:
    """A line without what differs from one run to the next: numbers, times, folders, sessions."""
    line = re.sub("The night shift|Scripted title", "TITLE", line)
    line = re.sub(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ [A-Z][a-z]{2}\b", "DAY", line)
    line = re.sub(r"(?<!\S)/\S*/", "FOLDER/", line)
    line = re.sub(r"\bses_\w+", "SESSION", line)
    line = re.sub(r"\b(?=\w*\d)(?=\w*[a-f])[0-9a-f]{6,}\b", "HASH", line)
    line = re.sub(r"\d+(?: min \d+)? (?:s|min)\b", "SPAN", line)
    return re.sub(r"\s+", " ", re.sub(r"[\d.:-]*\d", "N", line)).strip()


def missing(shown: Iterable[str], seen: Iterable[str]) -> list[str]:
    """The lines that are shown and did not come out, in this order."""
    came_out = [shape(line) for line in seen]
    lost = []
    for line in shown:
        if shape(line) in came_out:
            del came_out[: came_out.index(shape(line)) + 1]
        else:
            lost.append(line)
    return lost
