"""`events`: what happened, from the daemon or, when it is down, from its journal."""

import json
from collections.abc import Iterable
from datetime import datetime

import click

from palingenesis.core.errors import InvalidConfigError, NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION, EventRow, Status
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.choosing import UnclearSessionError
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import read_time, say_json


@click.command()
@click.option("--since", metavar="SPAN|TIME", help="Only from then on: 1h, 2d, 2026-01-31T22:00.")
@click.option("--session", metavar="ID", help="Only of this session (id or unique prefix).")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@click.option("--follow", "-f", is_flag=True, help="Go on as things happen.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; with --follow one line for each.")
@click.pass_obj
def events(
    desk: Desk, since: str | None, session: str | None, limit: int, follow: bool, as_json: bool
) -> None:
    """What happened, oldest first; also with the daemon down."""
    instant = read_since(since) if since is not None else None
    client = desk.client()
    try:
        chosen = _whole_id(session, [row["id"] for row in client.sessions()]) if session else None
        rows = client.events(since=instant, session=chosen, limit=limit)
        if len(rows) < limit:
            _say_removed(client.status(), instant)
    except NotRunningError:
        if follow:
            raise
        from palingenesis.surfaces.cli.offline import read_events

        rows = read_events(desk.paths, since=instant, session=session, limit=limit)
        chosen = session
    if not follow:
        if as_json:
            say_json({"schema_version": SCHEMA_VERSION, "events": rows})
        else:
            _say(rows, as_json=False)
            if not rows:
                click.echo("nothing happened that fits", err=True)
        return
    _say(rows, as_json=as_json)
    last = rows[-1]["seq"] if rows else _newest(client.events(limit=1))
    _say(client.follow(after=last, session=chosen), as_json=as_json)


def _say_removed(told: Status, since: str | None) -> None:
    """Say that the beginning of what was asked for is not there any more, if so."""
    from palingenesis.surfaces.cli.journal_reading import BEGINNING, note_removed

    removed = told["journal"]["removed"]
    if removed is None:
        return
    until, at = read_time(removed["until"]), read_time(removed["at"])
    if until is not None and at is not None and (read_time(since) or BEGINNING) < until:
        note_removed(until, at)


def _say(rows: Iterable[EventRow], *, as_json: bool) -> None:
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=True) if as_json else _line(row))


def _line(row: EventRow) -> str:
    at = read_time(row["at"])
    when = f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else plain(row["at"])
    parts = [f"{when}  {plain(row['kind']):18} {plain(row['session'] or '-', 14):14}"]
    parts.append(plain(row["summary"], 120))
    if row["rule"]:
        parts.append(click.style(f"→ {plain(row['rule'])}", fg="cyan"))
    if row["effects"]:
        parts.append(click.style(plain(", ".join(row["effects"]), 120), fg="green"))
    return " ".join(part for part in parts if part).rstrip()


def _newest(rows: list[EventRow]) -> int:
    return rows[-1]["seq"] if rows else 0


def _whole_id(asked: str, known: list[str]) -> str:
    """The id that a unique prefix means; what fits none is passed on as it is."""
    found = [one for one in known if one.startswith(asked)]
    if asked in found or not found:
        return asked
    if len(found) > 1:
        raise UnclearSessionError(f"'{plain(asked, 60)}': it could be any of {len(found)} sessions")
    return found[0]


def read_since(text: str) -> str:
    """RFC 3339 in UTC, from a span before now or from an instant (local when it names no zone)."""
    from datetime import UTC

    from palingenesis.core.facts import parse_duration
    from palingenesis.runtime.clock import SystemClock

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            at = SystemClock().now() - parse_duration(text)
        except (InvalidConfigError, OverflowError):
            raise click.BadParameter(
                f"'{plain(text, 40)}' is neither a span (1h) nor a time (2026-01-31T22:00)",
                param_hint="--since",
            ) from None
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
