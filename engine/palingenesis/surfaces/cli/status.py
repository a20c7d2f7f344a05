"""`status`, `sessions`, and what a bare `palingenesis` shows."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from palingenesis.core.errors import ExitCode, NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION, SessionStatus, Status
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.saved_text import greet_once
from palingenesis.surfaces.cli.wording import read_time, say_json, say_session, short_ids

if TYPE_CHECKING:
    from palingenesis.control.client import ControlClient

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")

STATUS_EXAMPLES: Final = """\b
Examples:
  palingenesis status
  palingenesis status --json | jq -e .running
  watch -c -n 5 'FORCE_COLOR=1 palingenesis status'
"""
SESSIONS_EXAMPLES: Final = """\b
Examples:
  palingenesis sessions
  palingenesis sessions --json | jq -r '.sessions[] | [.id, .status] | @tsv'
"""


@click.command(epilog=STATUS_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Whether all is well, what every session is doing, and what comes next.

    Each session in one line: what it does; if it waits: for what, until when, what comes then, and
    which rule said so.
    """
    try:
        client = ctx.ensure_object(Desk).client()
        told = client.status()
    except NotRunningError:
        if as_json:
            say_json({"schema_version": SCHEMA_VERSION, "running": False})
            ctx.exit(ExitCode.NOT_RUNNING)
        raise
    if as_json:
        say_json({**told})
    else:
        _show(told, client)


@click.command(epilog=SESSIONS_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def sessions(desk: Desk, as_json: bool) -> None:
    """All sessions: supervised, observed, and those that could be enrolled."""
    client = desk.client()
    rows = client.sessions()
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "sessions": rows})
        return
    told = client.status()
    now = read_time(told["at"]) or _EPOCH
    short = short_ids(row["id"] for row in rows)
    ways = {agent["id"]: agent["way"] for agent in told["agents"]}
    for title, chosen in _by_kind(rows, ways):
        if chosen:
            click.secho(title, bold=True)
        for row in chosen:
            click.echo(f"  {say_session(row, short[row['id']], now, all_paused=told['paused'])}")
    if not rows:
        click.echo("no sessions yet: open one with 'palingenesis open'")


def _show(told: Status, client: "ControlClient") -> None:
    from palingenesis.surfaces.cli.status_text import say_status

    say_status(told)
    greet_once(told, client)


def show_overview(desk: Desk) -> None:
    """What a bare `palingenesis` shows: the status, or what was found and the next command."""
    try:
        client = desk.client()
        _show(client.status(), client)
    except NotRunningError:
        from palingenesis.surfaces.cli.first_look import show_first_look

        show_first_look(desk)


def _by_kind(
    rows: list[SessionStatus], ways: dict[str, str]
) -> list[tuple[str, list[SessionStatus]]]:
    supervised = [row for row in rows if row["supervised"]]
    others = [row for row in rows if not row["supervised"]]
    observed = [row for row in others if ways.get(row["agent"]) == "observed"]
    return [
        ("Supervised", supervised),
        ("Observed: told about, not touched", observed),
        ("Enrolable with 'palingenesis enrol'", [row for row in others if row not in observed]),
    ]
