"""`report`: the night or the week, as text, as JSON, or as one page to look at."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.bounded_file import why_not
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.surfaces.cli.report_reading import Told


EXAMPLES = """\b
Examples:
  palingenesis report                          the last night
  palingenesis report --week --html week.html  the week, as a page to look at
  palingenesis report --json | jq .figures     what to add up
"""


@click.command(epilog=EXAMPLES)
@click.option("--since", metavar="SPAN|TIME", help="From then on: 8h, 3d, 2026-01-31T22:00.")
@click.option("--night", is_flag=True, help="From the last evening at 18:00 on [default].")
@click.option("--week", is_flag=True, help="The last seven days.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.option("--html", "page", metavar="FILE", help="Write one self-contained page; - for stdout.")
@click.option("--definitions", is_flag=True, help="What each figure means.")
@click.pass_obj
def report(
    desk: Desk,
    since: str | None,
    night: bool,
    week: bool,
    as_json: bool,
    page: str | None,
    definitions: bool,
) -> None:
    """What happened, what was saved, what waits for you; also with the daemon down."""
    if sum((since is not None, night, week)) > 1:
        raise click.UsageError("only one of --since, --night and --week")
    if page is not None and as_json:
        raise click.UsageError("--html and --json cannot be combined")
    if definitions:
        _say_definitions(as_json=as_json)
        return
    told, name = _read(desk, since, week=week)
    if as_json:
        from palingenesis.surfaces.cli.report_json import document

        say_json(document(told))
    elif page is not None:
        from palingenesis.surfaces.cli.report_page import page_of

        _write(page_of(told, name), page)
    else:
        from palingenesis.surfaces.cli.report_text import lines

        for line in lines(told, name):
            click.echo(line)


def _read(desk: Desk, since: str | None, *, week: bool) -> "tuple[Told, str]":
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.surfaces.cli.events import read_since
    from palingenesis.surfaces.cli.report_reading import night_before, read_report, week_before

    now = SystemClock().now()
    if since is not None:
        begin, name = datetime.fromisoformat(read_since(since)), "What happened"
        if begin > now:
            raise click.BadParameter("this is in the future", param_hint="--since")
    elif week:
        begin, name = week_before(now), "The week"
    else:
        begin, name = night_before(now), "The night"
    return read_report(desk, begin, now), name


def _say_definitions(*, as_json: bool) -> None:
    from palingenesis.core.savings import DEFINITIONS
    from palingenesis.runtime.door import SCHEMA_VERSION

    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "definitions": dict(DEFINITIONS)})
        return
    for word, text in DEFINITIONS.items():
        click.secho(word, bold=True)
        click.echo(f"  {text}")


def _write(text: str, target: str) -> None:
    """Write the page, readable by its owner only: it tells of her work.

    Raises:
        PalingenesisError: the file cannot be written.
    """
    if target == "-":
        click.echo(text.encode(), nl=False)  # whatever the terminal's letters are: it says UTF-8
        return
    path = Path(target)
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PalingenesisError(f"cannot write {path}: {why_not(error)}") from error
    click.echo(f"written: {path}", err=True)
