"""`config show`, `path`, `validate`, `schema`: what holds, who said so, and what is wrong."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from palingenesis.core.errors import ExitCode, InvalidConfigError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.report_form import one_form
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.runtime.config import Config
    from palingenesis.runtime.config_shown import Shown

_WIDE = 500

EXAMPLES = """\b
Examples:
  palingenesis config show
  palingenesis config show --origin
  palingenesis config show --json | jq '.values.daemon.log_level.value'
"""


@click.command(short_help="Every value, and where it is from.", epilog=EXAMPLES)
@click.option("--origin", is_flag=True, help="Where each value is from: file and line, variable.")
@click.option("--json", "as_json", is_flag=True, help="Values and origins as JSON.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Values and origins as YAML.")
@click.pass_obj
def show(desk: Desk, origin: bool, as_json: bool, as_yaml: bool) -> None:
    """Show the configuration that holds now, complete, as TOML.

    Addresses that are secrets themselves are hidden; references to secrets are shown.
    """
    from palingenesis.runtime.config_file import load_config
    from palingenesis.runtime.config_shown import shown

    one_form(json=as_json, yaml=as_yaml)
    config = load_config(desk.paths, desk.environ)
    rows = list(shown(config))
    if as_json:
        say_json(_document(desk, config, rows))
    elif as_yaml:
        import yaml

        click.echo(yaml.safe_dump(_document(desk, config, rows), sort_keys=False), nl=False)
    else:
        for line in _lines(rows, origin=origin):
            click.echo(line)
        _warn(config.warnings)


@click.command(short_help="Where the file is.", epilog=examples("config path"))
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def path(desk: Desk, as_json: bool) -> None:
    """Print where the configuration is, whether or not there is a file."""
    file = desk.paths.config_file
    if as_json:
        say_json(
            {"schema_version": SCHEMA_VERSION, "path": str(file), "exists": _is_there(file)},
        )
        return
    click.echo(str(file))


@click.command(short_help="Every mistake, and the way out.", epilog=examples("config validate"))
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def validate(ctx: click.Context, as_json: bool) -> None:
    """Check the configuration as the daemon would; exit code 5 when it cannot be used.

    Warnings do not make it invalid; a secret that is missing does, and programs that print one are
    not run. The daemon need not run, and nothing is changed.
    """
    from palingenesis.app.starting import check_secrets
    from palingenesis.runtime.config_file import load_config

    desk = ctx.ensure_object(Desk)
    file = desk.paths.config_file
    try:
        config = load_config(desk.paths, desk.environ)
        check_secrets(config, desk.paths, desk.environ)
    except InvalidConfigError as error:
        if not as_json:
            raise
        problems = getattr(error, "problems", ()) or (error.message,)
        say_json({**_verdict(file, problems=problems, warnings=()), "policy": None})
        ctx.exit(ExitCode.INVALID)
    policy, remarks = _policy(desk, config)
    warnings = (*config.warnings, *remarks)
    if as_json:
        say_json({**_verdict(file, problems=(), warnings=warnings), "policy": policy})
        return
    for warning in warnings:
        click.echo(plain(warning, _WIDE))
    if config.source is None:
        click.echo(f"{plain(str(file), _WIDE)}: there is no such file; the defaults hold")
    else:
        click.echo(f"{plain(str(file), _WIDE)}: valid")
    click.echo(f"policy: {plain(policy['path'], _WIDE)} ({plain(policy['origin'])})")


@click.command(
    short_help="The schema for your editor.", epilog=examples("config schema > config.schema.json")
)
def schema() -> None:
    """Print the JSON Schema of config.toml.

    Editors with taplo (VS Code: Even Better TOML) complete and check by it: the first line of a
    file from `palingenesis config init` names it.
    """
    from palingenesis import shipped

    click.echo(shipped.schema("config").read_text(encoding="utf-8"), nl=False)


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _lines(rows: "Sequence[Shown]", *, origin: bool) -> Iterator[str]:
    from palingenesis.runtime.config_shown import as_toml

    section = ""
    for row in rows:
        if row.section != section:
            if section:
                yield ""
            section = row.section
            yield click.style(f"[{section}]", bold=True)
        if row.value is None:
            text = click.style(f"# {row.name} is not set", dim=True)
        else:
            text = plain(f"{row.name} = {as_toml(row.value)}", _WIDE)
        if origin:
            said = "default" if row.origin is None else str(row.origin)
            text += click.style(f"  # {plain(said, _WIDE)}", dim=True)
        yield text


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        click.echo(plain(warning, _WIDE), err=True)


# ── for programs ──────────────────────────────────────────────────────────────────────────────


def _document(desk: Desk, config: "Config", rows: "Sequence[Shown]") -> dict[str, Any]:
    values: dict[str, dict[str, Any]] = {}
    for row in rows:
        values.setdefault(row.section, {})[row.name] = {
            "value": None if row.is_hidden else row.value,
            "hidden": row.is_hidden,
            "origin": _origin(row),
            "live": row.key.live,
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "path": str(desk.paths.config_file),
        "exists": config.source is not None,
        "values": values,
        "warnings": list(config.warnings),
    }


def _origin(row: "Shown") -> dict[str, Any]:
    origin = row.origin
    if origin is None:
        return {"kind": "default"}
    if origin.variable:
        return {"kind": "environment", "variable": origin.variable}
    return {"kind": "file", "file": origin.file, "line": origin.line, "column": origin.column}


def _verdict(file: Path, *, problems: Sequence[str], warnings: Sequence[str]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "file": str(file),
        "exists": _is_there(file),
        "valid": not problems,
        "problems": list(problems),
        "warnings": list(warnings),
    }


def _is_there(file: Path) -> bool:
    return file.exists() or file.is_symlink()


def _policy(desk: Desk, config: "Config") -> tuple[dict[str, str], list[str]]:
    """Which policy would decide, and what the configuration still lacks.

    A running daemon is not asked: this is about what is written, and what a start would make of it.
    """
    from palingenesis import shipped
    from palingenesis.app.config_remarks import remarks
    from palingenesis.runtime.config import choose_policy

    chosen = choose_policy(flag=None, environ=desk.environ, config=config, paths=desk.paths)
    file = chosen.file(shipped.policy())
    told = list(remarks(config, chosen, environ=desk.environ, here=Path.cwd()))
    return {"path": str(file), "origin": chosen.origin}, told
