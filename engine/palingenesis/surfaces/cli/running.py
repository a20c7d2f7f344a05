"""`daemon run`: the daemon in the foreground, as a person, `daemon start` or a service runs it."""

import os
from pathlib import Path

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.server_address import ServerAddress

_PolicyFile = click.Path(path_type=Path, readable=False)


with_policy = click.option("--policy", type=_PolicyFile, metavar="FILE", help="The policy to use.")
with_server = click.option(
    "--server",
    type=ServerAddress(),
    metavar="URL",
    help="Watch this OpenCode server instead of running one.",
)


@click.command()
@with_policy
@with_server
@click.option("--debug", is_flag=True, help="Log more, and show where an error came from.")
@click.option("--allow-root", is_flag=True, help="Run although sudo made you root.")
@click.pass_context
def run(
    ctx: click.Context, policy: Path | None, server: str | None, debug: bool, allow_root: bool
) -> None:
    """Run the daemon here, in the foreground, until it is stopped."""
    desk = ctx.ensure_object(Desk)
    refuse_sudo(desk, allow_root)
    from palingenesis.app import run as run_app
    from palingenesis.processes.beginning import keep_trying
    from palingenesis.processes.supervisor import Supervisor
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.runtime.config_file import load_config

    supervisor = Supervisor.of(os.environ)

    def once() -> int:
        paths = desk.paths
        config = load_config(paths)
        for warning in config.warnings:
            click.echo(plain(warning, 500), err=True)
        paths.prepare()
        return run_app(
            config=config,
            paths=paths,
            policy=policy,
            server=server,
            debug=desk.debug,
            supervisor=supervisor,
        )

    desk.debug = desk.debug or debug
    ctx.exit(int(keep_trying(once, supervisor, clock=SystemClock(), say=_say_why_not_yet)))


def _say_why_not_yet(message: str, hint: str) -> None:
    click.echo(f"cannot begin yet: {plain(message, 500)}", err=True)
    if hint:
        click.echo(f"hint: {plain(hint, 500)}", err=True)


def refuse_sudo(desk: Desk, allowed: bool) -> None:
    """A daemon that sudo made root would run the user's agents as root, in root's home."""
    became_root = os.geteuid() == 0 and desk.environ.get("SUDO_UID", "0") not in ("", "0")
    if became_root and not allowed and desk.environ.get("PALINGENESIS_ALLOW_ROOT") != "1":
        raise PalingenesisError(
            "the daemon would run as root, and your agents with it",
            hint="run it without sudo, or say --allow-root",
        )
