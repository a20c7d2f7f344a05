"""`policy`: check a policy, show the one in force."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis import shipped
from palingenesis.core.errors import ExitCode, InvalidConfigError, NotRunningError
from palingenesis.runtime.config import choose_policy
from palingenesis.runtime.door import SCHEMA_VERSION, PolicyText
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.simulate import simulate
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled

_READ_BYTES_MAX = 1024 * 1024


@click.group()
def policy() -> None:
    """Check, show and rehearse policies."""


policy.add_command(simulate)


@policy.command(short_help="Check a policy: a file, a shipped one, or - for a pipe.")
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


@policy.command(short_help="The policy in force, or the one that would be.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def show(desk: Desk, as_json: bool) -> None:
    """The policy in force; with the daemon down, the one that it would use."""
    try:
        told = desk.client().policy()
        remark = _remark(told)
    except NotRunningError:
        told, remark = _would_use(desk)
    if remark:
        click.echo(f"warning: {remark}", err=True)
        click.echo(f"hint: palingenesis policy validate {told['path']}", err=True)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **told})
        return
    click.echo(f"# {told['path']} ({told['origin']})", err=True)
    click.echo(told["source"].rstrip("\n"))


def _remark(told: PolicyText) -> str:
    """Why the file is not what the daemon decides by; "" when it is."""
    compiled = _compiled(told["source"].encode(), Path(told["path"]))
    if compiled.policy is None:
        return f"this file is refused; what is in force is its last good version {_head(told)}"
    if compiled.policy.digest != told["digest"]:
        return f"this file has just changed; what is in force is {_head(told)}"
    return ""


def _head(told: PolicyText) -> str:
    return told["digest"][:6]


def _would_use(desk: Desk) -> tuple[PolicyText, str]:
    """What the daemon would begin with, and what is wrong with it."""
    from palingenesis.runtime.config_file import load_config
    from palingenesis.surfaces.cli.policy_text import summary

    paths = desk.paths
    chosen = choose_policy(flag=None, environ=desk.environ, config=load_config(paths), paths=paths)
    path = chosen.path or shipped.policy()
    raw = read_given(path, hint=f"{chosen.origin} names this file" if chosen.path else "")
    try:
        source = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidConfigError(
            f"{path} is not UTF-8 (byte {error.start + 1})", hint="save the file as UTF-8"
        ) from error
    compiled = _compiled(raw, path)
    told: PolicyText = {
        "name": path.stem,
        "digest": compiled.policy.digest if compiled.policy is not None else "",
        "path": str(path),
        "origin": chosen.origin,
        "source": source,
    }
    return told, summary(compiled, str(path)) if compiled.policy is None else ""


def _compiled(raw: bytes, path: Path) -> "Compiled":
    from palingenesis.core.policy.compile import compile_text

    schema = shipped.schema("policy").read_text(encoding="utf-8")
    return compile_text(raw, name=path.stem, schema=schema)
