"""`policy schema`: the schema that an editor completes and checks by."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from palingenesis import shipped
from palingenesis.core.errors import ExitCode, InvalidConfigError
from palingenesis.core.policy.modeline import Modeline, kind_of, modeline_of, with_modeline
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.naming import choose_name
from palingenesis.surfaces.cli.rewriting import rewrite
from palingenesis.surfaces.cli.wording import say_json

KINDS = ("policy", "policy-test", "scenario")

EXAMPLES = """\b
Examples:
  palingenesis policy schema --write my.yaml      completion and errors in your editor
  palingenesis policy schema --check my.yaml      after an update: is it still the right one
  palingenesis policy schema > policy.schema.json
"""


@click.command("schema", short_help="The schema for your editor.", epilog=EXAMPLES)
@click.argument("file", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--write", is_flag=True, help="Write it beside FILE, and say so in FILE's modeline.")
@click.option("--check", is_flag=True, help="Exit code 1 if either of them is not as it should be.")
@click.option(
    "--kind", metavar="KIND", help="policy, policy-test or scenario; else as FILE's keys tell."
)
@click.option("--json", "as_json", is_flag=True, help="With --write or --check: as JSON.")
@click.pass_context
def schema(
    ctx: click.Context,
    file: Path | None,
    write: bool,
    check: bool,
    kind: str | None,
    as_json: bool,
) -> None:
    """Print the schema, or put it to use for FILE.

    Editors with the YAML language server complete, explain and check by it.
    """
    if file is None and (write or check):
        raise click.UsageError("--write and --check need a FILE")
    if write and check:
        raise click.UsageError("--write and --check are two things; choose one")
    text = _text_of(file) if file is not None else ""
    told = kind or kind_of(text)
    shipping = [one for one in KINDS if _place(one).is_file()]
    told = choose_name(told, shipping, what="schema", hint=f"one of: {', '.join(shipping)}")
    if file is None or not (write or check):
        click.echo(_place(told).read_text(encoding="utf-8"), nl=False)
        return
    use = _Use(file=file, text=text, kind=told)
    changed = _write(use) if write else []
    problems = [] if write else list(_problems(use))
    if as_json:
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "file": str(file),
                "kind": told,
                "written": changed,
                "problems": problems,
            }
        )
    elif write:
        click.echo(f"wrote {' and '.join(changed)}" if changed else f"nothing to do for {file}")
    else:
        _tell(use, problems)
    if problems:
        ctx.exit(ExitCode.FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """A file and the schema that it should have beside it."""

    file: Path
    text: str
    kind: str

    @property
    def beside(self) -> Path:
        """Where the schema belongs."""
        return self.file.parent / f"{self.kind}.schema.json"

    @property
    def shipped(self) -> str:
        """The schema as it should be."""
        return _place(self.kind).read_text(encoding="utf-8")

    def is_meant(self, line: Modeline) -> bool:
        """Whether a modeline leads to that schema."""
        folder = os.path.realpath(self.file.parent)
        named = line.schema.removeprefix("file://")
        return os.path.realpath(Path(folder, named)) == os.path.realpath(self.beside)


def _place(kind: str) -> Path:
    return shipped.folder("schemas") / f"{kind}.schema.json"


def _text_of(file: Path) -> str:
    raw = read_given(file)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidConfigError(
            f"{file} is not UTF-8 (byte {error.start + 1})", hint="save the file as UTF-8"
        ) from error


def _write(use: _Use) -> list[str]:
    """Write what is not there or not current; what was written, in words."""
    changed: list[str] = []
    if not use.beside.is_file() or use.beside.read_text(encoding="utf-8") != use.shipped:
        rewrite(use.beside, use.shipped)
        size = len(use.shipped.encode()) / 1024
        changed.append(f"{use.beside} ({size:.1f} KiB, language version 1)")
    line = modeline_of(use.text)
    if line is None or not use.is_meant(line):
        text = with_modeline(use.text, f"./{use.beside.name}")
        rewrite(use.file, text)
        found = modeline_of(text)
        changed.append(f"the modeline in {use.file}:{found.line if found else 1}")
    return changed


def _problems(use: _Use) -> Iterator[str]:
    """What is not as it should be about schema and modeline."""
    if not use.beside.is_file():
        yield f"{use.beside} is missing"
    elif use.beside.read_text(encoding="utf-8", errors="replace") != use.shipped:
        yield f"{use.beside} is another version's"
    line = modeline_of(use.text)
    if line is None:
        yield f"{use.file} has no modeline"
    elif not use.is_meant(line):
        yield f"{use.file}:{line.line}: the modeline leads to {line.schema}"


def _tell(use: _Use, problems: list[str]) -> None:
    for problem in problems:
        click.echo(problem)
    if problems:
        click.echo(f"hint: palingenesis policy schema --write {use.file}", err=True)
    else:
        click.echo(f"{use.file}: schema and modeline are current")
