"""`policy`: check a policy, show the one in force."""

from pathlib import Path

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError, NotRunningError
from palingenesis.runtime.config import choose_policy
from palingenesis.runtime.door import SCHEMA_VERSION, PolicyText
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import say_json


@click.group()
def policy() -> None:
    """Check, show and rehearse policies."""


@policy.command()
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def show(desk: Desk, as_json: bool) -> None:
    """The policy in force; with the daemon down, the one that it would use."""
    try:
        told = desk.client().policy()
    except NotRunningError:
        told = _would_use(desk)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **told})
        return
    click.echo(f"# {told['path']} ({told['origin']})", err=True)
    click.echo(told["source"].rstrip("\n"))


def _would_use(desk: Desk) -> PolicyText:
    from palingenesis.runtime.config_file import load_config

    paths = desk.paths
    chosen = choose_policy(flag=None, environ=desk.environ, config=load_config(paths), paths=paths)
    path = chosen.path or shipped.policy()
    return {
        "name": path.stem,
        "digest": "",
        "path": str(path),
        "origin": chosen.origin,
        "source": read_text(path),
    }


def read_text(path: Path) -> str:
    """A policy's text.

    Raises:
        InvalidConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidConfigError(f"{path} is not UTF-8 (byte {error.start + 1})") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidConfigError(f"cannot read {path}: {reason}") from error
