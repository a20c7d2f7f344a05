"""Manual pages from the commands themselves: what `--help` says, in the form that `man` reads.

One page for the whole, one for each command; a group's page has its commands as sections.
"""

import re
from collections.abc import Iterator
from typing import Final

import click

from palingenesis.surfaces.cli.command_words import command_of
from palingenesis.surfaces.cli.lazy import LazyGroup

PROGRAM: Final = "palingenesis"
_WIDE: Final = 100
_SHORT: Final = 25
"""A name that is no longer leaves room for more, left and right in a page's first line."""
_BARE: Final = "\b"
"""Click's mark in front of a paragraph whose lines are not to be joined."""


def page_names(cli: LazyGroup) -> tuple[str, ...]:
    """The commands that have a page of their own; the whole one's is the empty name."""
    return ("", *cli.list_commands(click.Context(cli)))


def page_of(cli: LazyGroup, name: str) -> str:
    """The page of one command, or with an empty name that of all of them, as roff.

    Raises:
        NoSuchCommand: none is named so.
    """
    context = click.Context(cli, info_name=PROGRAM, help_option_names=["-h", "--help"])
    if not name:
        return "\n".join([*_head(PROGRAM, "keep coding agents working"), *_whole(cli, context), ""])
    words = name.split(" ")
    command, inner = command_of(context, words)
    summary = command.get_short_help_str(_WIDE) if words[1:] else cli.summary(name)
    lines = _head("-".join([PROGRAM, *words]), summary.rstrip("."))
    lines += _command(command, inner, "SH")
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        lines += _inner(command, inner)
    lines += ['.SH "EXIT STATUS"', _escaped(f"{PROGRAM} help exit-codes tells what each means.")]
    above = ["-".join([PROGRAM, *words[:deep]]) for deep in range(len(words))]
    seen = ",\n".join(f".BR {_escaped(page)} (1)" for page in above)
    return "\n".join([*lines, ".SH SEE ALSO", seen, ""])


def _head(name: str, summary: str) -> list[str]:
    title = _escaped(name.upper())
    middle = f"{PROGRAM} manual" if len(name) <= _SHORT else ""
    return [
        f'.TH "{title}" "1" "" "{PROGRAM}" "{middle}"',
        ".ad l",
        ".nh",
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(summary)}",
    ]


def _whole(cli: LazyGroup, context: click.Context) -> list[str]:
    lines = [*_command(cli, context, "SH"), ".SH COMMANDS"]
    for title, section in cli.sections.items():
        lines.append(f'.SS "{_escaped(title)}"')
        for name, (_, summary) in section.items():
            lines += [".TP", f".BR {_escaped(f'{PROGRAM}-{name}')} (1)", _escaped(summary)]
    lines.append(".SH SEE ALSO")
    topics = "exit-codes, environment, formats"
    return [*lines, _escaped(f"{PROGRAM} help TOPIC, where TOPIC is one of: {topics}")]


def _inner(group: click.Group, context: click.Context) -> Iterator[str]:
    """The commands of a group as sections; those of a group in it behind it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        inner = click.Context(command, info_name=name, parent=context)
        yield f'.SS "{_escaped(inner.command_path)}"'
        yield from _command(command, inner, "PP")
        if isinstance(command, click.Group):
            yield from _inner(command, inner)


def _command(command: click.Command, context: click.Context, heading: str) -> list[str]:
    """Synopsis, description, options and examples; `heading` "PP" leaves the headings out."""
    as_section = heading == "SH"
    lines = [".SH SYNOPSIS"] if as_section else []
    usage = " ".join(command.collect_usage_pieces(context))
    lines.append(f"\\fB{_escaped(context.command_path)}\\fR {_escaped(usage)}".rstrip())
    lines.append(".SH DESCRIPTION" if as_section else ".PP")
    lines += _paragraphs(command.help or "")
    records = [
        record
        for param in command.get_params(context)
        if (record := param.get_help_record(context)) is not None
    ]
    if records:
        lines += [".SH OPTIONS"] if as_section else []
        for flags, told in records:
            lines += [".TP", f"\\fB{_escaped(flags)}\\fR", _escaped(told) or "\\&"]
    if command.epilog:
        lines += [".SH EXAMPLES"] if as_section else [".PP"]
        lines += _paragraphs(
            command.epilog.replace("Examples:\n", "") if as_section else command.epilog
        )
    return lines


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", _without_indent(text)):
        body = paragraph.strip("\n")
        if body.startswith(_BARE):
            kept = body.removeprefix(_BARE).strip("\n").splitlines()
            lines += [".PP", ".nf", *map(_escaped, kept), ".fi"]
        elif body.strip():
            lines += [".PP", _escaped(" ".join(body.split()))]
    return lines


def _without_indent(text: str) -> str:
    from inspect import cleandoc

    return cleandoc(text)


def _escaped(text: str) -> str:
    """A line as roff takes it: no escape, no request, hyphens that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def page_file(name: str) -> str:
    """The name of a page's file: `palingenesis-status.1`."""
    return f"{'-'.join(part for part in (PROGRAM, name) if part)}.1"
