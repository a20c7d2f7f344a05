"""`policy validate`: every mistake of a policy file, and the way out."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis import shipped
from palingenesis.core.errors import ExitCode
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled

_READ_BYTES_MAX = 1024 * 1024


@click.command(short_help="Check a policy: a file, a shipped one, or - for a pipe.")
@click.argument("file")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def validate(ctx: click.Context, file: str, params: tuple[str, ...], as_json: bool) -> None:
    """Check a policy FILE, the name of a shipped one (default), or - for what is piped in.

    Prints every problem; exit code 5 when the policy cannot be used.
    """
    from palingenesis.core.policy.compile import compile_text
    from palingenesis.surfaces.cli.policy_text import report

    raw, name = _read_named(file)
    compiled = compile_text(
        raw,
        name=name,
        schema=shipped.schema("policy").read_text(encoding="utf-8"),
        params=dict(_read_param(param) for param in params),
    )
    if as_json:
        say_json(_as_json(compiled, file))
    else:
        click.echo(report(compiled, raw, file), nl=False)
    if compiled.policy is None:
        ctx.exit(ExitCode.INVALID)


def _as_json(compiled: "Compiled", file: str) -> dict[str, object]:
    made = compiled.policy
    return {
        "schema_version": SCHEMA_VERSION,
        "file": file,
        "valid": made is not None,
        "name": made.name if made is not None else None,
        "digest": made.digest if made is not None else None,
        "rules": [rule.id for rule in made.rules] if made is not None else [],
        "diagnostics": [asdict(one) for one in compiled.diagnostics],
    }


def _read_param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter("write it as NAME=VALUE", param_hint="--param")
    return name, value


def _read_named(file: str) -> tuple[bytes, str]:
    """The bytes of a policy and its name; at most a little more than a policy may have."""
    if file == "-":
        return sys.stdin.buffer.read(_READ_BYTES_MAX), "stdin"
    path = Path(file)
    if file in shipped.policy_names() and not path.exists():
        path = shipped.policy(file)
    names = ", ".join(shipped.policy_names())
    return read_given(path, hint=f"give a file, or a shipped policy: {names}"), path.stem
