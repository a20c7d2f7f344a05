"""`status`, `sessions`, `wait`, and what a bare `palingenesis` shows."""

from datetime import datetime, timedelta
from typing import Final

import click

from palingenesis.core.errors import DeadlineError, ExitCode, NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION, SessionStatus
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.saved_text import greet_once
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.status_text import say_status
from palingenesis.surfaces.cli.wording import read_time, say_json, say_session, short_ids

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
WAIT_EXAMPLES: Final = """\b
Examples:
  palingenesis daemon start && palingenesis wait --timeout 30s
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
        say_status(told)
        greet_once(told, client)


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
            click.echo(f"  {say_session(row, short[row['id']], now)}")
    if not rows:
        click.echo("no sessions yet: open one with 'palingenesis open'")


@click.command(epilog=WAIT_EXAMPLES)
@click.option(
    "--timeout", default="30s", show_default=True, type=Span(), metavar="SPAN", help="How long."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_obj
def wait(desk: Desk, timeout: timedelta, as_json: bool) -> None:
    """Wait until the daemon answers; exit code 6 when it does not."""
    pid = _waited_for(desk, timeout)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "running": True, "pid": pid})


def _waited_for(desk: Desk, timeout: timedelta) -> int:
    """The daemon's pid, once it answers.

    Raises:
        DeadlineError: it did not.
    """
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(timeout)
    while True:
        try:
            return desk.client(timeout_s=2.0).status()["pid"]
        except (NotRunningError, DeadlineError):
            if not patience.lasts():
                raise DeadlineError(
                    f"the daemon did not answer within {say_span(patience.span)}",
                    hint="palingenesis daemon start",
                ) from None


def show_overview(desk: Desk) -> None:
    """What a bare `palingenesis` shows: the status, or what was found and the next command."""
    try:
        client = desk.client()
        told = client.status()
        say_status(told)
        greet_once(told, client)
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
