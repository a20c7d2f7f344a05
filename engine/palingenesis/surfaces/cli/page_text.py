"""A page of the reference as a terminal shows it: its Markdown without the marks.

Only what those pages use: headings, paragraphs, lists, tables, fenced blocks, links, code.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from textwrap import fill
from typing import Final

import click

_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_RULE: Final = re.compile(r"^\|[\s:|-]+\|$")
_CELL: Final = re.compile(r"(?<!\\)\|")
_ITEM: Final = re.compile(r"^(- |\d+\. )")


def as_text(page: str, width: int) -> str:
    """The page, wrapped."""
    return "\n".join(_blocks(page.splitlines(), width)).strip("\n") + "\n"


def _blocks(lines: list[str], width: int) -> Iterator[str]:
    fenced = False

    def kind(line: str) -> str:
        nonlocal fenced
        if line.startswith("```"):
            fenced = not fenced
            return "fence"
        if fenced:
            return "code"
        if not line.strip():
            return "gap"
        if line.startswith("#"):
            return "heading"
        if line.startswith("|"):
            return "table"
        return "item" if _ITEM.match(line) else "prose"

    for name, group in groupby(lines, key=kind):
        block = list(group)
        match name:
            case "gap":
                yield ""
            case "heading":
                yield from (click.style(line.lstrip("# "), bold=True) for line in block)
            case "code":
                yield from (f"    {line}" for line in block)
            case "table":
                yield from _table(block, width)
            case "item":
                yield from (_wrapped(line, width, "  ", "    ") for line in block)
            case "prose":
                yield _wrapped(" ".join(block), width, "", "")
            case _:  # a fence itself
                pass


def _table(rows: list[str], width: int) -> Iterator[str]:
    """Each row as its first cell and what is said about it, side by side or below."""
    names, *cells = [
        [_bare(cell) for cell in _CELL.split(row.strip().strip("|"))]
        for row in rows
        if not _RULE.match(row)
    ]
    first = max((len(row[0]) for row in cells), default=0)
    beside = first <= width // 3
    for row in cells:
        more = (f" ({name}: {cell})" for name, cell in zip(names[2:], row[2:], strict=True) if cell)
        told = row[1] + "".join(more)
        if beside:
            lead = " " * (first + 4)
            yield fill(told, width, initial_indent=f"  {row[0]:{first}}  ", subsequent_indent=lead)
        else:
            yield fill(row[0], width, initial_indent="  ", subsequent_indent="  ")
            yield fill(told, width, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _wrapped(text: str, width: int, lead: str, rest: str) -> str:
    return fill(
        _bare(text),
        width,
        initial_indent=lead,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _bare(text: str) -> str:
    said = _LINK.sub(r"\1", text.strip()).replace("\\|", "|")
    return said.replace("`", "").replace("**", "")
