"""Diagnostics of a policy as text for people: place, source line, caret, and the way out."""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.policy.compile import Compiled, compile_text
from palingenesis.core.policy.diagnostics import Diagnostic, Grade, Related, lines
from palingenesis.core.policy.model import Policy
from palingenesis.runtime.config import Config
from palingenesis.runtime.outside import outside_of
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.other_kinds import way_out
from palingenesis.surfaces.cli.wording import count_of


def report(compiled: Compiled, source: str | bytes, name: str) -> str:
    """Every diagnostic of a policy file, and a last line that sums up."""
    told = render(compiled.diagnostics, source, name, compiled.sources)
    return told + summary(compiled, name) + "\n"


def compile_here(
    text: str | bytes,
    path: Path | None,
    *,
    params: Mapping[str, str] = MappingProxyType({}),
    config: Config | None = None,
) -> Compiled:
    """Compile the policy in a file (None: one that was piped in) with all that this machine has.

    Channels and hooks are looked for in `config`; None: their names are not looked at.
    """
    around = outside_of(
        path,
        presets=shipped.presets(),
        environ=os.environ,
        channels=config.notifications.channels if config is not None else None,
        hooks=frozenset(config.hooks) if config is not None else None,
    )
    return compile_text(
        text,
        name=path.stem if path is not None else "stdin",
        schema=shipped.schema("policy").read_text(encoding="utf-8"),
        params=params,
        outside=around.outside,
    )


def usable(path: Path, hint: str) -> Policy:
    """The policy in a file; its problems are on stderr when it cannot be used.

    Raises:
        InvalidConfigError: it cannot be read (`hint` is the way out then), or cannot be used.
    """
    text = read_given(path, hint=hint)
    compiled = compile_here(text, path)
    if compiled.policy is None:
        told = render(compiled.diagnostics, text, str(path), compiled.sources)
        click.echo(told, err=True, nl=False)
        raise InvalidConfigError(f"the policy {path} cannot be used", hint=way_out(text, str(path)))
    return compiled.policy


def render(
    diagnostics: Iterable[Diagnostic],
    source: str | bytes,
    name: str,
    others: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Every diagnostic with its place, its source line, and the way out.

    Args:
        diagnostics: what `compile_text` found.
        source: the file.
        name: what to call it, as the person typed it.
        others: the texts of the files that it extends, by their names.
    """
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    files = {"": (name, lines(text.removeprefix("\ufeff")))}
    files |= {other: (other, lines(text)) for other, text in others.items()}
    return "".join(render_one(one, files) + "\n" for one in diagnostics)


Files = Mapping[str, tuple[str, list[str]]]
"""What to call a file that a diagnostic is about, and its lines."""


def render_one(one: Diagnostic, files: Files) -> str:
    """One diagnostic, several lines."""
    name, rows = files.get(one.file, (one.file, []))
    place = f"{name}:{one.line}:{one.col}"
    out = [f"{place}: {one.severity.value}[{one.code}]: {one.message}"]
    width = max(len(str(line)) for line in (one.line, *(other.line for other in one.related)))
    out += _excerpt(one.line, one.col, one.length, rows, width)
    for other in one.related:
        out += _related(other, files, width, elsewhere=other.file != one.file)
    if one.help:
        out.append(f"{' ' * width} = help: {one.help}")
    return "\n".join(out) + "\n"


def summary(compiled: Compiled, name: str) -> str:
    """One line: how many problems, or what the policy is."""
    grades = [one.severity for one in compiled.diagnostics]
    errors, warnings = grades.count(Grade.ERROR), grades.count(Grade.WARNING)
    if compiled.policy is None:
        counted = count_of(errors, "error")
        counted += f", {count_of(warnings, 'warning')}" if warnings else ""
        return f"{name}: {counted}; the daemon would keep its current policy"
    rules = count_of(len(compiled.policy.rules), "rule")
    noted = f" · {count_of(warnings, 'warning')}" if warnings else ""
    return f"{name}: valid · {rules}{noted} · sha256 {compiled.policy.digest[:6]}"


def _excerpt(line: int, col: int, length: int, rows: list[str], width: int) -> list[str]:
    if line > len(rows):
        return []
    row, start = _window(rows[line - 1], col - 1)
    before = "".join(_blank(char) for char in row[:start])
    marked = row[start : start + length]
    carets = "^" * max(1, min(sum(len(_blank(char)) for char in marked), _WIDEST))
    shown = row.replace("\t", " ")
    return [f"{' ' * width} |", f"{line:>{width}} | {shown}", f"{' ' * width} | {before}{carets}"]


_WIDEST = 160


def _window(row: str, start: int) -> tuple[str, int]:
    """The part of a very long line around a place, and where the place is in it."""
    row = "".join(char if char.isprintable() or char == "\t" else "�" for char in row)
    if len(row) <= _WIDEST:
        return row, start
    begin = max(0, start - _WIDEST // 4)
    return row[begin : begin + _WIDEST], start - begin


def _blank(char: str) -> str:
    """As many blanks as a terminal needs for a character."""
    if unicodedata.combining(char):
        return ""
    return "  " if unicodedata.east_asian_width(char) in {"W", "F"} else " "


def _related(other: Related, files: Files, width: int, *, elsewhere: bool) -> list[str]:
    name, rows = files.get(other.file, (other.file, []))
    excerpt = _excerpt(other.line, other.col, other.length, rows, width)
    if not excerpt:
        return []
    where = [f"{' ' * width} --> {name}:{other.line}:{other.col}"] if elsewhere else []
    return [*where, *excerpt[:2], f"{excerpt[2]} {other.message}"]
