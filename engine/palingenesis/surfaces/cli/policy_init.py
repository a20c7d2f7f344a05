"""`policy init`: a policy of one's own to begin with."""

from pathlib import Path

import click

from palingenesis import shipped
from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.naming import KnownWord, choose_name
from palingenesis.surfaces.cli.rewriting import rewrite
from palingenesis.surfaces.cli.wording import say_json

_USUAL = "own"


def _places() -> dict[str, Path]:
    """Every policy to begin with, by its name."""
    files = sorted(shipped.starts().glob("*.yaml"))
    starts = {path.stem: path for path in files if "." not in path.stem}  # no tests
    return starts | {name: shipped.policy(name) for name in shipped.policy_names()}


@click.command(
    "init",
    short_help="Write a commented policy to begin with.",
    epilog=examples("policy init", "policy init my-policy.yaml --from minimal"),
)
@click.argument("file", default="policy.yaml", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--from",
    "source",
    type=KnownWord("name", _places),
    default=_USUAL,
    show_default=True,
    metavar="NAME",
    help="What to begin with: own (rules above a preset), minimal, or a copy of a shipped policy.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON.")
@click.pass_obj
def init(desk: Desk, file: Path, source: str, force: bool, as_json: bool) -> None:
    """Write a commented policy to FILE (policy.yaml), and say what to do with it."""
    places = _places()
    name = choose_name(source, places, what="policy to begin with", hint=", ".join(places))
    if str(file) == "-":
        raise click.UsageError("a policy to begin with becomes a file, and '-' is the name of none")
    if file.is_dir():
        raise PalingenesisError(
            f"{file} is a folder", hint=f"palingenesis policy init {file / 'policy.yaml'}"
        )
    if not force and (file.exists() or file.is_symlink()):
        raise PalingenesisError(f"{file} is there already", hint="--force writes over it")
    rewrite(file, read_given(places[name]).decode("utf-8"))
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "file": str(file), "from": name})
        return
    click.echo(f"wrote {file} (from {name})")
    for command in (
        f"palingenesis policy validate {file}",
        f"palingenesis policy schema --write {file}",
        f"palingenesis policy simulate --reason crash --policy {file}",
        f"palingenesis daemon restart --policy {file}",
    ):
        click.echo(f"  {command}")
    click.echo(f"as {desk.paths.config / 'policy.yaml'} it is used without being named")
