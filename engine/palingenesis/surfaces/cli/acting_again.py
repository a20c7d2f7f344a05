"""`daemon act-again`: a person has looked at what broke, and lets palingenesis act again."""

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.wording import say_json


@click.command(
    "act-again",
    short_help="Act again after palingenesis has held itself.",
    epilog=examples("daemon act-again"),
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_obj
def act_again(desk: Desk, as_json: bool) -> None:
    """End the safe hold: act again. Look at 'palingenesis status' first; it says what broke.

    Waits go on as they were, and what has stopped meanwhile is decided now.
    """
    answer = desk.reached().command("act-again", None, desk.who)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **answer})
    else:
        click.echo(plain(answer["message"], 500))
