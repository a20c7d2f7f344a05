"""`demo`: a whole night in under a minute, without account, network or agent."""

import click

from palingenesis.surfaces.cli.desk import Desk


@click.command()
@click.pass_context
def demo(ctx: click.Context) -> None:
    """A whole night in fast motion, with the real daemon code and policy."""
    from palingenesis.app import run_demo  # type: ignore[attr-defined]

    desk = ctx.ensure_object(Desk)
    ctx.exit(int(run_demo(debug=desk.debug)))
