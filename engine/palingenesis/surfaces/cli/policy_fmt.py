"""`policy fmt`: the canonical layout of a policy."""

from typing import TYPE_CHECKING, Never

import click

from palingenesis.core.errors import ExitCode, InvalidConfigError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.given_policy import GivenPolicy, PolicyWord, read_policy
from palingenesis.surfaces.cli.rewriting import difference, rewrite
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.diagnostics import Diagnostic


@click.command(
    "fmt",
    short_help="The canonical layout of a policy; what it does stays the same.",
    epilog=examples(
        "policy fmt policy.yaml --diff",
        "policy fmt policy.yaml --write",
        "policy fmt policies/*.yaml --check",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...", type=PolicyWord())
@click.option("--check", is_flag=True, help="Exit code 1 if one is laid out otherwise.")
@click.option("--diff", "only_diff", is_flag=True, help="Show what would change.")
@click.option("--write", is_flag=True, help="Change the files.")
@click.option(
    "--json", "as_json", is_flag=True, help="Which files are laid out otherwise, as JSON."
)
@click.pass_context
def fmt(
    ctx: click.Context,
    files: tuple[str, ...],
    check: bool,
    only_diff: bool,
    write: bool,
    as_json: bool,
) -> None:
    """Lay policies, scenarios and files of tests out: indentation, blanks, steps without options.

    Prints the one FILE in its canonical layout, unless told otherwise. Comments, quotes and the
    order of keys stay.
    """
    from palingenesis.core.policy.formatting import formatted

    if write and "-" in files:
        raise click.UsageError("what is piped in cannot be written; leave --write out")
    if len(files) > 1 and not (check or write or only_diff or as_json):
        raise click.UsageError("several files need --check, --diff or --write")
    others = 0
    rows: list[dict[str, object]] = []
    for given in [read_policy(file) for file in files]:
        found = formatted(given.raw)
        if found.text is None:
            refuse(given, found.diagnostics)
        other = found.text != given.raw.decode("utf-8")
        written = other and write and given.path is not None
        if written and given.path is not None:
            rewrite(given.path, found.text)
        rows.append({"file": given.said, "laid_out": not other or written, "written": written})
        if not as_json:
            _tell(given, found.text, check=check, only_diff=only_diff, write=write)
        others += other
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "files": rows})
    if check and others:
        ctx.exit(ExitCode.FAILURE)


def refuse(given: GivenPolicy, diagnostics: "tuple[Diagnostic, ...]") -> Never:
    """Tell why a file cannot be changed.

    Raises:
        InvalidConfigError: always.
    """
    from palingenesis.surfaces.cli.policy_text import render

    click.echo(render(diagnostics, given.raw, given.said), err=True, nl=False)
    raise InvalidConfigError(
        f"{given.said} cannot be used as it is", hint=f"palingenesis policy validate {given.said}"
    )


def _tell(given: GivenPolicy, text: str, *, check: bool, only_diff: bool, write: bool) -> None:
    """Print one file in its canonical layout, or say what is other in it."""
    before = given.raw.decode("utf-8")
    if not (check or only_diff or write):
        click.echo(text, nl=False)
        return
    if only_diff:
        for row in difference(before, text, given.said):
            click.echo(row)
    if text != before and write:
        click.echo(f"{given.said}: laid out", err=True)
    elif text != before and check:
        click.echo(f"{given.said}: another layout; 'palingenesis policy fmt --write' changes it")
