"""`policy trust`: let the policy of a project do more than tighten your own."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.runtime.project_policy import Base, Found
    from palingenesis.runtime.project_trust import TrustStore

EXAMPLES = """\b
Examples:
  palingenesis policy trust ~/work/app
  palingenesis policy trust --list
  palingenesis policy trust ~/work/app --remove
"""


@click.command(short_help="Let a project's policy do more than tighten your own.", epilog=EXAMPLES)
@click.argument("path", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--list", "as_list", is_flag=True, help="What is trusted.")
@click.option("--remove", is_flag=True, help="Trust it no more.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def trust(
    ctx: click.Context, path: Path | None, as_list: bool, remove: bool, as_json: bool
) -> None:
    """Trust the policy of the project in PATH (PATH/.palingenesis/policy.yaml) as it is now.

    A policy that came with a project may only tighten what yours does, until it is trusted. What is
    trusted is what is in the file, and in every file that it extends; changed, it has to be trusted
    again.
    """
    from palingenesis.runtime.project_trust import TrustStore

    desk = ctx.ensure_object(Desk)
    store = TrustStore(desk.paths.trusted_policies)
    if as_list and remove:
        raise click.UsageError("--remove takes the directory of a project, and no --list")
    if as_list == (path is not None):
        raise click.UsageError("give the directory of a project, or --list")
    if path is None:
        _list(desk, store, as_json=as_json)
        return
    directory = _directory_of(path)
    found = None if remove else _trusted(desk, directory, store)
    was_trusted = not remove or store.remove(_file_of(directory))
    _tell_the_daemon(desk)
    if as_json:
        document = {"directory": directory, "trusted": not remove}
        say_json({"schema_version": SCHEMA_VERSION, **document})
    elif not was_trusted:
        click.echo(f"{plain(directory, 500)}: was not trusted")
    elif found is None:
        click.echo(f"{plain(directory, 500)}: trusted no more; its policy may only tighten")
    else:
        click.echo(f"{plain(directory, 500)}: trusted as it is now (sha256 {found.pin[:6]})")


def _directory_of(path: Path) -> str:
    """The project's directory, also where its policy's file or folder was named."""
    whole = path.expanduser().absolute()
    if whole.name == "policy.yaml" and whole.parent.name == ".palingenesis":
        whole = whole.parent
    return str(whole.parent if whole.name == ".palingenesis" else whole)


def _file_of(directory: str) -> Path:
    from palingenesis.runtime.project_policy import file_in

    return file_in(directory)


def _base(desk: Desk) -> "Base":
    """Your own policy, which the project's is held against: the one in use.

    Raises:
        InvalidConfigError: it cannot be used.
    """
    from palingenesis.core.policy.outside import Loaded
    from palingenesis.runtime.project_policy import Base
    from palingenesis.surfaces.cli.policy_in_use import in_use
    from palingenesis.surfaces.cli.policy_text import usable

    chosen = in_use(desk)
    own = chosen.file(shipped.policy())
    usable(own, hint=f"{chosen.origin} names this file")
    return Base(
        own=Loaded(name=os.path.realpath(own), text=read_given(own)),
        schema=shipped.schema("policy").read_text(encoding="utf-8"),
        presets=shipped.presets(),
        environ=desk.environ,
        params={},
    )


def _trusted(desk: Desk, directory: str, store: "TrustStore") -> "Found":
    """The project's policy, which is trusted from now on.

    Raises:
        InvalidConfigError: there is none, or it cannot be used.
    """
    from palingenesis.runtime.project_policy import compile_as
    from palingenesis.runtime.trust import owners_only, why_untrusted
    from palingenesis.surfaces.cli.policy_text import render

    file = _file_of(directory)
    text = read_given(file, hint="a project keeps its policy in .palingenesis/policy.yaml")
    why = why_untrusted(file)
    if why:
        raise InvalidConfigError(f"the policy is not safe to trust: {why}", hint=owners_only(file))
    found = compile_as(directory, text, _base(desk), trusted=True)
    assert found.compiled is not None
    if found.compiled.policy is None:
        told = render(found.compiled.diagnostics, text, str(file), found.compiled.sources)
        click.echo(told, err=True, nl=False)
        raise InvalidConfigError(f"the policy {file} cannot be used", hint="nothing was trusted")
    store.trust(file, found.pin)
    return found


def _list(desk: Desk, store: "TrustStore", *, as_json: bool) -> None:
    pins = store.pins()
    base = _base(desk) if pins else None
    rows = []
    for path, pin in pins.items():
        state = _state(Path(path), pin, base) if base is not None else "gone"
        rows.append({"path": path, "state": state})
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "trusted": rows})
        return
    for row in rows:
        click.echo(f"{plain(row['path'], 500)}: {row['state']}")
    if not rows:
        click.echo("no project is trusted", err=True)


def _state(file: Path, pin: str, base: "Base") -> str:
    """Whether what was trusted is still what is there."""
    from palingenesis.runtime.project_policy import find_project

    found = find_project(str(file.parent.parent), base, {str(file): pin})
    if found is None:
        return "gone"
    return "trusted" if found.trusted else "changed since; it may only tighten"


def _tell_the_daemon(desk: Desk) -> None:
    """Have a running daemon look at once; without one there is nobody to tell."""
    try:
        desk.reached().reload(desk.who)
    except PalingenesisError:
        return
