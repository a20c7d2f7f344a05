"""`policy validate`: every mistake of a policy file, and the way out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from palingenesis.core.errors import ExitCode, InvalidConfigError
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import GivenPolicy, PolicyWord, read_policy
from palingenesis.surfaces.cli.other_kinds import other_kind
from palingenesis.surfaces.cli.policy_in_use import given_or_in_use
from palingenesis.surfaces.cli.report_form import FORMS, form_options
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled
    from palingenesis.runtime.config import Config

EXAMPLES = """\b
Examples:
  palingenesis policy validate                      the policy in use
  palingenesis policy validate my.yaml
  palingenesis policy validate policies/*.yaml --strict
  palingenesis policy validate my.yaml --github     annotates a pull request
"""


@click.command(
    short_help="Check the policy in use, or others: files, shipped ones, or -.", epilog=EXAMPLES
)
@click.argument("files", nargs=-1, metavar="[FILE...]", type=PolicyWord())
@click.option(
    "--set", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter."
)
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option(
    "--against", type=PolicyWord(), metavar="OLD", help="Tell which rules have another id there."
)
@form_options
@click.pass_context
def validate(
    ctx: click.Context,
    files: tuple[str, ...],
    params: tuple[str, ...],
    strict: bool,
    against: str | None,
    form: str,
) -> None:
    """Check the policy in use, or each FILE: a path, the name of a shipped one, or - for a pipe.

    Prints every problem; exit code 5 when one of them cannot be used.
    """
    if (*files, against).count("-") > 1:
        raise click.UsageError("there is only one standard input")
    given = [given_or_in_use(ctx.obj, file) for file in files or (None,)]
    values = dict(_read_param(param) for param in params)
    config = _config(ctx.obj)
    compiled = [_compiled(one, values, config) for one in given]
    renamed = _renamed(against, given, compiled) if against is not None else {}
    for said, names in renamed.items():
        for name in names:
            click.echo(f"{said}: warning: {name}", err=True)
    if form == "json":
        say_json(_as_json(given, compiled))
    elif form == "text":
        _tell(given, compiled)
    else:
        found = [(one.said, made.diagnostics) for one, made in zip(given, compiled, strict=True)]
        FORMS[form](found)
    if any(one.policy is None for one in compiled):
        ctx.exit(ExitCode.INVALID)
    if strict and (renamed or any(_warned(one) for one in compiled)):
        ctx.exit(ExitCode.FAILURE)


def _config(desk: Desk) -> "Config | None":
    """The configuration, where there is one that can be read."""
    from palingenesis.runtime.config_file import load_config

    try:
        config = load_config(desk.paths)
    except InvalidConfigError:
        return None  # the daemon says so; a policy can be checked without it
    return config if config.source is not None else None


def _compiled(given: GivenPolicy, params: Mapping[str, str], config: "Config | None") -> "Compiled":
    from palingenesis.surfaces.cli.policy_text import compile_here

    return compile_here(given.raw, given.path, params=params, config=config)


def _renamed(
    against: str, given: Sequence[GivenPolicy], compiled: Sequence["Compiled"]
) -> dict[str, list[str]]:
    """What is told about rules that have another id in the version before, for each file."""
    from palingenesis.core.policy.renaming import renamed_ids, said_of

    before = read_policy(against)
    old = _compiled(before, {}, None).policy
    if old is None:
        hint = f"palingenesis policy validate {against}"
        raise InvalidConfigError(f"the policy {against} cannot be used", hint=hint)
    found = {}
    for one, made in zip(given, compiled, strict=True):
        pairs = renamed_ids(old, made.policy) if made.policy is not None else ()
        if pairs:
            found[one.said] = [said_of(*pair) for pair in pairs]
    return found


def _warned(compiled: "Compiled") -> bool:
    return any(one.severity.value == "warning" for one in compiled.diagnostics)


def _tell(given: Sequence[GivenPolicy], compiled: Sequence["Compiled"]) -> None:
    from palingenesis.surfaces.cli.policy_text import report

    for one, made in zip(given, compiled, strict=True):
        click.echo(report(made, one.raw, one.said), nl=False)
        if made.policy is None:
            _hint(one)


def _hint(given: GivenPolicy) -> None:
    """Say which command reads a file that is no policy at all."""
    told = other_kind(given.raw, given.said)
    if told is not None:
        click.echo(f"hint: {told}", err=True)


def _as_json(given: Sequence[GivenPolicy], compiled: Sequence["Compiled"]) -> dict[str, Any]:
    from palingenesis.core.policy.reports import SCHEMA_VERSION

    rows = [_file(one, made) for one, made in zip(given, compiled, strict=True)]
    return {
        "schema_version": SCHEMA_VERSION,
        "valid": all(row["valid"] for row in rows),
        "files": rows,
    }


def _file(given: GivenPolicy, compiled: "Compiled") -> dict[str, Any]:
    from palingenesis.core.policy.reports import as_plain

    made = compiled.policy
    return {
        "file": given.said,
        "valid": made is not None,
        "name": made.name if made is not None else None,
        "digest": made.digest if made is not None else None,
        "rules": [rule.id for rule in made.rules] if made is not None else [],
        "diagnostics": [as_plain(one, given.said) for one in compiled.diagnostics],
    }


def _read_param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter("write it as NAME=VALUE", param_hint="--set")
    return name, value
