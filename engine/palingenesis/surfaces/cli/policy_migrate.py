"""`policy migrate`: a policy of an earlier version of the language, in the words of today."""

from typing import Any

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.given_policy import PolicyWord, read_policy
from palingenesis.surfaces.cli.policy_fmt import refuse
from palingenesis.surfaces.cli.rewriting import difference, rewrite
from palingenesis.surfaces.cli.wording import say_json


@click.command(
    short_help="Bring an older policy to this version of the language.",
    epilog=examples("policy migrate policy.yaml", "policy migrate policy.yaml --write"),
)
@click.argument("file", metavar="FILE|-", type=PolicyWord())
@click.option("--write", is_flag=True, help="Change the file.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
def migrate(file: str, write: bool, as_json: bool) -> None:
    """Exchange the words of FILE that were written otherwise in an earlier version.

    Shows the difference; --write changes the file. Comments, quotes and layout stay.
    """
    from palingenesis.core.policy.migration import VERSION, migrated

    if write and file == "-":
        raise click.UsageError("what is piped in cannot be written; leave --write out")
    given = read_policy(file)
    found = migrated(given.raw)
    if found.text is None:
        refuse(given, found.diagnostics)
    written = write and bool(found.changes) and given.path is not None
    if written and given.path is not None:
        rewrite(given.path, found.text)
    if as_json:
        rows: list[dict[str, Any]] = [
            {"line": one.line, "before": one.before, "after": one.after} for one in found.changes
        ]
        document = {"schema_version": SCHEMA_VERSION, "file": file, "version": VERSION}
        say_json({**document, "changes": rows, "written": written})
    elif not found.changes:
        click.echo(f"{file}: nothing to do; it is written in version {VERSION}")
    else:
        for row in difference(given.raw.decode("utf-8"), found.text, file):
            click.echo(row)
        said = "changed" if written else "would change; --write changes the file"
        click.echo(f"{file}: {len(found.changes)} words {said}", err=True)
