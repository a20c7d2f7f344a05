"""Every command that a page or the README shows is one that there is, with options that it has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from palingenesis.surfaces.cli.program import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(?:console|bash|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:palingenesis|palin) [^`\n]+)`")
ENDS = re.compile(r"\s(?:[|&;<>]|#|\d?>)|\)")
"""Where a command ends and the shell, or a remark, goes on."""
OURS = re.compile(r"\bpalin(?:genesis)? ")
PLACEHOLDERS = {"…", "..."}


def shown(page: Path) -> Iterator[str]:
    """The commands of ours that a page shows, as they would be typed."""
    text = page.read_text(encoding="utf-8")
    typed = [line for block in BLOCK.findall(text) for line in typed_in(block)]
    for line in [*typed, *INLINE.findall(text)]:
        for found in OURS.finditer(line):
            yield ENDS.split(f"{line[found.start() :]} ")[0].strip()


def typed_in(block: str) -> list[str]:
    """Its lines after a prompt; all of them where there is none."""
    lines = block.splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")] or lines


def words_of(command: str) -> list[str]:
    return [word for word in shlex.split(command)[1:] if word not in PLACEHOLDERS]


def problem(words: list[str]) -> str:
    """What is wrong with a command; empty: there is such a command, with such options."""
    group: click.Command = cli
    while isinstance(group, click.Group):
        while words and words[0] in {"--debug", "--version", "--help", "-h"}:
            words = words[1:]
        if not words:
            return ""
        inner = group.get_command(click.Context(group), words[0])
        if inner is None:
            return f"there is no command '{words[0]}'"
        group, words = inner, words[1:]
    known = {name for option in group.params for name in [*option.opts, *option.secondary_opts]}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return ", ".join(sorted(f"no option {name}" for name in given - known - {"--help", "-h"}))


SHOWN = [(str(page.relative_to(ROOT)), one) for page in PAGES for one in dict.fromkeys(shown(page))]


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=str)
def test_a_command_that_is_shown_is_one_that_there_is(page: str, command: str):
    assert problem(words_of(command)) == ""


def test_many_are_shown():
    assert len(SHOWN) > 200
