"""`attach`: a live screen of the status, with keys; on a pipe, or with --once, one frame of it."""

import sys
from typing import TYPE_CHECKING

import click

from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples

if TYPE_CHECKING:
    from rich.console import Console

_ROWS = 10
_WIDE = 100
"""How wide a frame is where there is no terminal."""


@click.command(epilog=examples("attach"))
@click.option("--once", is_flag=True, help="Print one frame and end.")
@click.pass_obj
def attach(desk: Desk, once: bool) -> None:
    """What every session does, live: choose one, and pause, resume, abort or explain it.

    It shows itself again when the daemon was restarted. Without a terminal it prints one frame.
    """
    is_dumb = desk.environ.get("TERM", "") in {"dumb", ""}
    if once or is_dumb or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _print_once(desk)
        return
    from palingenesis.surfaces.cli.attach_screen import Screen

    Screen(desk, _console(desk), fancy=_is_fancy()).show()


def _print_once(desk: Desk) -> None:
    from palingenesis.surfaces.cli.attach_frame import View, once, worth_a_line

    client = desk.client()
    rows = [row for row in client.events(limit=50) if worth_a_line(row)]
    view = View(told=client.status(), rows=tuple(rows[-_ROWS:]))
    console = _console(desk)
    width = console.width if sys.stdout.isatty() or "COLUMNS" in desk.environ else _WIDE
    with console.capture() as frame:  # rich itself calls it a failure when the reader has gone
        for line in once(view, width, fancy=_is_fancy()):
            console.print(line, no_wrap=True, crop=False, overflow="ignore", soft_wrap=True)
    click.echo(frame.get(), nl=False, color=True)


def _console(desk: Desk) -> "Console":
    from rich.console import Console

    from palingenesis.surfaces.cli.program import wanted_color

    wanted = wanted_color(desk.environ)
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        no_color=wanted is False,
        force_terminal=True if wanted else None,
    )


def _is_fancy() -> bool:
    """Whether the terminal knows more than ASCII."""
    return "utf" in (getattr(sys.stdout, "encoding", "") or "").lower()
