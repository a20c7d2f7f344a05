"""What a bare `palingenesis` shows while no daemon runs: what was found, and the next command."""

import os
import shutil
from pathlib import Path

import click

from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk


def show_first_look(desk: Desk) -> None:
    """Print what there is, and what to type next; nothing is changed, nothing is asked."""
    click.echo("The daemon is not running.\n")
    program = _program(desk)
    paths = desk.paths
    ran_before = paths.journal.exists()
    _say("OpenCode", plain(program, 200) if program else "not found on your PATH", bool(program))
    sessions = _sessions(desk)
    _say("sessions", plain(str(sessions), 200) if sessions else "none yet", sessions is not None)
    config = paths.config_file
    own = paths.policy_file
    _say("settings", plain(str(config), 200) if config.exists() else "none needed", True)
    _say("policy", plain(str(own), 200) if own.exists() else "the one that ships", True)
    if ran_before:
        _say("journal", f"{plain(str(paths.journal), 200)}, from an earlier run", True)
    click.echo()
    lets_in = _lets_in(desk)
    for command, told in _next(program=bool(program), ran_before=ran_before, lets_in=lets_in):
        click.echo(f"  {click.style(f'{command:32}', bold=True)} {told}")


def _say(name: str, told: str, good: bool) -> None:
    mark = click.style("✔", fg="green") if good else click.style("·", fg="yellow")
    click.echo(f"  {mark} {name:9} {told}")


def _next(*, program: bool, ran_before: bool, lets_in: bool) -> list[tuple[str, str]]:
    begin = ("palingenesis daemon start", "begin to watch")
    demo = ("palingenesis demo", "see a whole night in under a minute")
    if ran_before:
        first = [begin, ("palingenesis events --since 8h", "what happened before")]
    elif program:
        first = [begin, demo]
    else:
        first = [demo, ("palingenesis doctor", "what is missing, and how to get it"), begin]
    if program and not lets_in:
        first.append(("palingenesis integrate opencode", "let it into the one in your terminal"))
    return [
        *first,
        ("palingenesis open", "work in OpenCode on the watched server"),
        ("palingenesis --help", "everything else"),
    ]


def _lets_in(desk: Desk) -> bool:
    """Whether an OpenCode that is started in a terminal loads our plugin."""
    from palingenesis.assistants.opencode.plugin_place import is_in_place

    return is_in_place(desk.environ)


def _program(desk: Desk) -> str | None:
    named = desk.environ.get("PALINGENESIS_OPENCODE", "") or "opencode"
    return shutil.which(named, path=desk.environ.get("PATH", ""))


def _sessions(desk: Desk) -> Path | None:
    """Where OpenCode keeps its sessions, if it has any."""
    home = desk.environ.get("HOME", "")
    data = desk.environ.get("XDG_DATA_HOME", "") or os.path.join(home, ".local", "share")  # noqa: PTH118
    found = Path(data) / "opencode" / "opencode.db"
    return found if found.is_absolute() and found.is_file() else None
