"""`policy show`: the policy in force, or the one that would be."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError, NotRunningError
from palingenesis.runtime.config import choose_policy
from palingenesis.runtime.door import SCHEMA_VERSION, PolicyText
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled


@click.command(short_help="The policy in force, or the one that would be.")
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
    from palingenesis.surfaces.cli.policy_text import compile_here

    return compile_here(raw, path)
