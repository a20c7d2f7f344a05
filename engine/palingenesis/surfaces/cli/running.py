"""`daemon run`: the daemon in the foreground, as a person, `daemon start` or a service runs it."""

from pathlib import Path

import click

from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.resident import Order, run_here
from palingenesis.surfaces.cli.server_address import ServerAddress

_PolicyFile = click.Path(path_type=Path, readable=False)


with_policy = click.option("--policy", type=_PolicyFile, metavar="FILE", help="The policy to use.")
with_server = click.option(
    "--server",
    type=ServerAddress(),
    metavar="URL",
    help="Watch this OpenCode server instead of running one.",
)


@click.command(epilog=examples("daemon run", "daemon run --policy my-policy.yaml --debug"))
@with_policy
@with_server
@click.option("--debug", is_flag=True, help="Log more, and show where an error came from.")
@click.option("--allow-root", is_flag=True, help="Run although sudo made you root.")
@click.pass_context
def run(
    ctx: click.Context, policy: Path | None, server: str | None, debug: bool, allow_root: bool
) -> None:
    """Run the daemon here, in the foreground, until it is stopped."""
    order = Order(policy=policy, server=server, debug=debug, allow_root=allow_root)
    ctx.exit(run_here(ctx.ensure_object(Desk), order))
