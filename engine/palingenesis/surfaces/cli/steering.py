"""`pause`, `resume`, `abort`, `skip`, `new-session`, `enrol`, `detach`: a person's commands."""

from collections.abc import Callable

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.door import SCHEMA_VERSION, CommandName, SessionStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.choosing import choose_session
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import say_json

_BY = "cli"


def _steer(
    name: CommandName,
    line: str,
    *,
    for_all: bool = False,
    fits: Callable[[SessionStatus], bool] = lambda row: row["supervised"],
) -> click.Command:
    """A command that is given to a session, or (`for_all`) to all when none is named."""

    @click.command(name, help=line)
    @click.argument("session", required=False)
    @click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
    @click.pass_obj
    def give(desk: Desk, session: str | None, as_json: bool) -> None:
        client = desk.client()
        chosen = None
        if session is not None or not for_all:
            rows = client.sessions()
            fitting = rows if session is not None else [row for row in rows if fits(row)]
            chosen = choose_session(fitting, session)
        answer = client.command(name, chosen["id"] if chosen else None, _BY)
        if as_json:
            say_json({"schema_version": SCHEMA_VERSION, **answer})
        if not answer["ok"]:
            raise PalingenesisError(answer["message"])
        if not as_json:
            click.echo(plain(answer["message"], 500))

    return give


pause = _steer(
    "pause",
    "Stop acting and keep watching: one SESSION (id, prefix or title), or all. "
    "It survives a restart.",
    for_all=True,
)
resume = _steer(
    "resume",
    "Act again: one SESSION (id, prefix or title), or all. A session in attention is decided anew.",
    for_all=True,
)
abort = _steer("abort", "End a SESSION's turn and leave it alone from now on.")
skip = _steer("skip", "Leave the current step of a SESSION's work and go on with the next one.")
new_session = _steer("new-session", "Continue a SESSION's work in a new one, from Next-step.md.")
enrol = _steer(
    "enrol",
    "Supervise a SESSION that was not seen working.",
    fits=lambda row: not row["supervised"],
)
detach = _steer("detach", "Leave a SESSION alone; it is found again only by 'enrol'.")
