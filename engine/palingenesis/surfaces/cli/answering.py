"""`answer`: a person's yes or no to a question that a rule asks."""

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.wording import say_json


@click.command(epilog=examples("answer q17 yes", "answer q17 no --json"))
@click.argument("question")
@click.argument("yes_or_no", type=click.Choice(["yes", "no"]), metavar="yes|no")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_obj
def answer(desk: Desk, question: str, yes_or_no: str, as_json: bool) -> None:
    """Answer a QUESTION that a rule asks, by the short name that its notice and 'status' tell.

    On yes the rule goes on; on no the session waits for you. Twice the same answer does no harm.
    """
    told = desk.reached().answer(question, desk.who, yes=yes_or_no == "yes")
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **told})
    else:
        click.echo(plain(told["message"], 500))
