"""`explain`: why it decided that, from the daemon or, when it is down, from its journal."""

from collections.abc import Iterator

import click

from palingenesis.core.errors import NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION, Explanation
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.choosing import SessionWord, choose_session
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.report_form import one_form
from palingenesis.surfaces.cli.whole import Whole
from palingenesis.surfaces.cli.wording import read_time, say_json, say_yaml

_MARKS = {"won": "✓", "limited": "!", "false": "·", "unknown": "?"}
_KERNEL = "kernel"
"""Stands for a rule where none decided: no policy is asked what has to be told."""


EXAMPLES = """\b
Examples:
  palingenesis explain                  the last decision
  palingenesis explain 412              by its number, as 'status' and 'events' tell it
  palingenesis explain 'Write the docs' the last one about a session
  palingenesis explain 412 --yaml       for other programs
"""


@click.command(epilog=EXAMPLES)
@click.argument("what", required=False, metavar="[SESSION|DECISION]", type=SessionWord())
@click.option("--last", is_flag=True, help="The last decision of all; the same as no name.")
@click.option("--limit", default=1, show_default=True, type=Whole(1, 100))
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.option("--yaml", "as_yaml", is_flag=True, help="The same facts as YAML.")
@click.pass_obj
def explain(
    desk: Desk, what: str | None, last: bool, limit: int, as_json: bool, as_yaml: bool
) -> None:
    """Why it decided that: a DECISION by number, a SESSION's last one, or the last of all.

    Also with the daemon down.
    """
    if last and what is not None:
        raise click.UsageError("--last and a name cannot both be given")
    form = one_form(json=as_json, yaml=as_yaml)
    number = _decision(what)
    asked = what if number is None else None
    client = desk.client()
    try:
        session = choose_session(client.sessions(), asked)["id"] if asked is not None else None
        told = client.explain(session=session, decision=number, limit=limit)
    except NotRunningError:
        from palingenesis.surfaces.cli.offline import read_explanations

        told = read_explanations(desk.paths, session=asked, decision=number, limit=limit)
    if form != "text":
        document = {"schema_version": SCHEMA_VERSION, "decisions": told}
        (say_json if form == "json" else say_yaml)(document)
        return
    if not told:
        click.echo("nothing has been decided yet")
    for index, one in enumerate(told):
        if index:
            click.echo()
        _say(one)


def _decision(what: str | None) -> int | None:
    digits = (what or "").removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None  # noqa: PLR2004  a 64-bit number


def _say(told: Explanation) -> None:
    for line in explanation_lines(told):
        click.echo(line)


def explanation_lines(told: Explanation) -> Iterator[str]:
    """Why one decision was made, line by line, in colour."""
    at = read_time(told["at"])
    when = f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else plain(told["at"])
    whose = f" · {plain(told['title'], 60)} ({plain(told['session'])})" if told["session"] else ""
    yield click.style(f"decision {told['decision']} · {when}{whose}", bold=True)
    limited = ", its limit reached" if told["limited"] else ""
    on = f" on '{plain(told['event'])}'" if told["event"] else ""
    rule = click.style(f"{plain(told['rule'])}{limited}", fg="cyan")
    by = "palingenesis itself" if told["rule"] == _KERNEL else f"rule {rule}"
    why = f": {plain(told['why'], 300)}" if told["why"] else ""
    yield f"  {plain(told['kind'])}{on} by {by}{why}"
    if told["facts"]:
        yield "  facts"
        width = max(len(name) for name in told["facts"])
        for name, value in told["facts"].items():
            yield f"    {plain(name):{width}}  {plain(str(value))}"
    yield from _rules(told)
    if told["plan"]:
        yield "  plan"
    for number, step in enumerate(told["plan"], start=1):
        result = f" → {plain(step['result'])}" if step["result"] else ""
        detail = f": {plain(step['detail'], 300)}" if step["detail"] else ""
        yield f"    {number}. {plain(step['what'])}{result}{detail}"
    if told["considered"]:
        yield f"  more: palingenesis policy explain --decision {told['decision']}"


def _rules(told: Explanation) -> Iterator[str]:
    if lines := told.get("told"):
        yield "  rules"
        for line in lines:
            yield f"   {plain(line, 300)}"
    elif told["considered"]:
        yield "  rules, in order"
        width = max(len(rule["rule"]) for rule in told["considered"])
        for rule in told["considered"]:
            mark = _MARKS.get(rule["outcome"], " ")
            line = f"    {mark} {plain(rule['rule']):{width}}  {plain(rule['outcome']):11}"
            yield f"{line} {plain(rule['why'], 300)}".rstrip()
