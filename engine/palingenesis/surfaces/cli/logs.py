"""`logs`: the daemon's own log, for developers; what happened to sessions is told by `events`."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING

import click

from palingenesis.core.errors import NotRunningError
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.whole import Whole

if TYPE_CHECKING:
    from palingenesis.runtime.log_form import Record
    from palingenesis.surfaces.cli.log_reading import LogReader

_LOOK_S = 0.25
_FOLLOWED = 10
"""How many records `--follow` begins with."""
_CHARS = 4000
_AT_ONCE = 500
"""Records that are printed at once: a log may have a million."""
_COLORS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}


@click.command(
    short_help="The daemon's own log; also with the daemon down.",
    epilog=examples("logs", "logs --follow", "logs --tail 500 --json | jq -r .message"),
)
@click.option("--follow", "-f", is_flag=True, help="Go on as it grows, over rotations too.")
@click.option(
    "--tail",
    "-n",
    metavar="N",
    type=Whole(0, 1_000_000),
    help="Only the last N records [default with --follow: 10].",
)
@click.option("--since", metavar="SPAN|TIME", help="Only from then on: 1h, 2d, 2026-01-31T22:00.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document for each record, on a line.")
@click.pass_obj
def logs(desk: Desk, follow: bool, tail: int | None, since: str | None, as_json: bool) -> None:
    """The daemon's own log, oldest first; also with the daemon down.

    It is for developers. What happened to sessions is told by 'palingenesis events'. Where systemd
    runs the daemon, the log is read from systemd's journal.
    """
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.surfaces.cli.events import read_since
    from palingenesis.surfaces.cli.log_journald import is_in_journald, journald_lines
    from palingenesis.surfaces.cli.log_reading import LogReader, records

    at = datetime.fromisoformat(read_since(since)) if since is not None else None
    if at is not None and at > SystemClock().now():
        click.echo("note: --since is still to come, so there is nothing yet", err=True)
    path = desk.paths.log
    if follow and tail is None and at is None:
        tail = _FOLLOWED
    paged = not follow and not as_json and tail is None
    if is_in_journald(desk):
        with journald_lines(desk.environ, tail=tail, since=at, follow=follow) as lines:
            if not follow:
                _say(_shown(records(lines, at), as_json=as_json), paged=paged)
            for line in lines:
                _say(_shown(records([line], None), as_json=as_json), paged=False)
        return
    reader = LogReader(path, tail=tail, since=at)
    try:
        shown = _shown(records(reader.lines(), at), as_json=as_json)
        first = next(shown, None)
        if first is None and not follow and not path.exists():
            raise NotRunningError(
                f"there is no log at {path}: the daemon has not run in the background",
                hint="palingenesis daemon start",
            )
        _say(_with(first, shown), paged=paged)
        if follow:
            _follow(reader, as_json=as_json)
    finally:
        reader.close()


def _with(first: str | None, rest: Iterator[str]) -> Iterator[str]:
    if first is not None:
        yield first
        yield from rest


def _say(lines: Iterable[str], *, paged: bool) -> None:
    if paged and sys.stdin.isatty() and sys.stdout.isatty():
        click.echo_via_pager(f"{line}\n" for line in lines)
        return
    rest = iter(lines)
    while some := list(islice(rest, _AT_ONCE)):
        click.echo("\n".join(some))


def _follow(reader: "LogReader", *, as_json: bool) -> None:
    from palingenesis.surfaces.cli.log_reading import records

    while True:
        _say(_shown(records(reader.lines(), None), as_json=as_json), paged=False)
        sys.stdout.flush()
        Event().wait(_LOOK_S)


def _shown(found: "Iterable[Record | str]", *, as_json: bool) -> Iterator[str]:
    """Each record as it is printed; what somebody else wrote is made harmless first."""
    from palingenesis.runtime import log_form
    from palingenesis.runtime.foreign_text import plain
    from palingenesis.wire.redaction import redact

    levels = {level: click.style(f"{level:8}", fg=_COLORS.get(level)) for level in log_form.LEVELS}

    def lines(record: "Record") -> str:
        name = record.logger.removeprefix("palingenesis.")
        at = record.at.isoformat(" ", "seconds")[:19]
        first = f"{at} {levels[record.level]} {name}: {plain(record.message, _CHARS)}"
        more = (log_form.MARK + plain(line, _CHARS) for line in record.traceback)
        return "\n".join([first, *more])

    for one in found:
        if isinstance(one, log_form.Record):
            yield log_form.as_json(one) if as_json else lines(one)
        elif one.strip():
            told = plain(redact(one), _CHARS)
            yield json.dumps({"at": None, "message": told}) if as_json else told
