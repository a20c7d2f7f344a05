"""Diagnostics of a policy as text for people: place, source line, caret, and the way out."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.policy.compile import Compiled, compile_text
from palingenesis.core.policy.diagnostics import Diagnostic, Grade, Related, lines
from palingenesis.core.policy.model import Policy
from palingenesis.surfaces.cli.given_file import read_given


def report(compiled: Compiled, source: str | bytes, name: str) -> str:
    """Every diagnostic of a policy file, and a last line that sums up."""
    return render(compiled.diagnostics, source, name) + summary(compiled, name) + "\n"


def usable(path: Path, hint: str) -> Policy:
    """The policy in a file; its problems are on stderr when it cannot be used.

    Raises:
        InvalidConfigError: it cannot be read (`hint` is the way out then), or cannot be used.
    """
    text = read_given(path, hint=hint)
    schema = shipped.schema("policy").read_text(encoding="utf-8")
    compiled = compile_text(text, name=path.stem, schema=schema)
    if compiled.policy is None:
        click.echo(render(compiled.diagnostics, text, str(path)), err=True, nl=False)
        raise InvalidConfigError(
            f"the policy {path} cannot be used", hint=f"palingenesis policy validate {path}"
        )
    return compiled.policy


def render(diagnostics: Iterable[Diagnostic], source: str | bytes, name: str) -> str:
    """Every diagnostic with its place, its source line, and the way out.

    Args:
        diagnostics: what `compile_text` found.
        source: the file.
        name: what to call it, as the person typed it.
    """
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    rows = lines(text.removeprefix("\ufeff"))
    return "".join(render_one(one, rows, name) + "\n" for one in diagnostics)


def render_one(one: Diagnostic, rows: list[str], name: str) -> str:
    """One diagnostic, several lines; `rows` are the lines of the file."""
    place = f"{name}:{one.line}:{one.col}"
    out = [f"{place}: {one.severity.value}[{one.code}]: {one.message}"]
    width = max(len(str(line)) for line in (one.line, *(other.line for other in one.related)))
    out += _excerpt(one.line, one.col, one.length, rows, width)
    for other in one.related:
        out += _related(other, rows, width)
    if one.help:
        out.append(f"{' ' * width} = help: {one.help}")
    return "\n".join(out) + "\n"


def summary(compiled: Compiled, name: str) -> str:
    """One line: how many problems, or what the policy is."""
    grades = [one.severity for one in compiled.diagnostics]
    errors, warnings = grades.count(Grade.ERROR), grades.count(Grade.WARNING)
    if compiled.policy is None:
        counted = _count(errors, "error") + (f", {_count(warnings, 'warning')}" if warnings else "")
        return f"{name}: {counted}; the daemon would keep its current policy"
    rules = _count(len(compiled.policy.rules), "rule")
    noted = f" · {_count(warnings, 'warning')}" if warnings else ""
    return f"{name}: valid · {rules}{noted} · sha256 {compiled.policy.digest[:6]}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


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


def _related(other: Related, rows: list[str], width: int) -> list[str]:
    excerpt = _excerpt(other.line, other.col, other.length, rows, width)
    if not excerpt:
        return []
    return [*excerpt[:2], f"{excerpt[2]} {other.message}"]
