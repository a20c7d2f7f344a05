"""`events`: what happened, from the daemon or, when it is down, from its journal."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from palingenesis.core.errors import InvalidConfigError, NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION, EventRow, Status
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.choosing import (
    SessionWord,
    UnclearSessionError,
    choose_session,
)
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.naming import KnownWord
from palingenesis.surfaces.cli.report_form import one_form
from palingenesis.surfaces.cli.whole import Whole
from palingenesis.surfaces.cli.wording import read_time, say_yaml

if TYPE_CHECKING:
    from palingenesis.control.client import ControlClient

EXAMPLES: Final = """\b
Examples:
  palingenesis events --since 8h
  palingenesis events --filter session-stopped --filter agent-down
  palingenesis events --follow --json | jq -r .summary
  palingenesis events --all --session ses_1abc
"""
_LIMIT: Final = 100


def _kinds() -> tuple[str, ...]:
    from palingenesis.runtime.kinds import KINDS

    return KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which events."""

    since: str | None
    session: str | None
    kinds: tuple[str, ...]
    limit: int
    everything: bool


@click.command(epilog=EXAMPLES)
@click.option("--since", metavar="SPAN|TIME", help="Only from then on: 1h, 2d, 2026-01-31T22:00.")
@click.option("--session", metavar="SESSION", type=SessionWord(), help="Only of this session.")
@click.option(
    "--filter",
    "kinds",
    metavar="TYPE",
    multiple=True,
    type=KnownWord("type", _kinds),
    help="Only events of this type, such as session-stopped; repeatable.",
)
@click.option(
    "--limit",
    default=_LIMIT,
    show_default=True,
    type=Whole(1, 1000),
    help="The newest so many.",
)
@click.option("--all", "everything", is_flag=True, help="All that fit, however many.")
@click.option("--follow", "-f", is_flag=True, help="Go on as things happen.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; with --follow one line for each.")
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML, a document for each.")
@click.pass_obj
def events(
    desk: Desk,
    since: str | None,
    session: str | None,
    kinds: tuple[str, ...],
    limit: int,
    everything: bool,
    follow: bool,
    as_json: bool,
    as_yaml: bool,
) -> None:
    """What happened, oldest first; also with the daemon down."""
    wanted = _Wanted(
        since=read_since(since) if since is not None else None,
        session=session,
        kinds=tuple(_kind(word) for kind in kinds for word in kind.split(",") if word),
        limit=limit,
        everything=everything,
    )
    form = one_form(json=as_json, yaml=as_yaml)
    if follow:
        _follow(desk, wanted, form)
        return
    count = 0
    for row in _told(desk, wanted, form):
        count += 1
        _say_row(row, form)
    _end(count, form)


def _told(desk: Desk, wanted: _Wanted, form: str) -> Iterator[EventRow]:
    """The events that are wanted; what there is to say before them is said on the way."""
    if wanted.everything:
        from palingenesis.surfaces.cli.offline import all_events

        rows: Iterable[EventRow] = all_events(
            desk.paths, since=wanted.since, session=wanted.session, kinds=wanted.kinds
        )
    else:
        rows = _newest(desk, wanted)
    begun = False
    for row in rows:
        _begin(form, begun=begun)
        begun = True
        yield row
    if not begun:
        _begin(form, begun=False)


def _newest(desk: Desk, wanted: _Wanted) -> list[EventRow]:
    """The newest ones, from the daemon or, when it is down, from its journal."""
    client = desk.client()
    try:
        session = _meant(client, wanted.session)
        rows = client.events(
            since=wanted.since, session=session, kinds=wanted.kinds, limit=wanted.limit
        )
        if len(rows) < wanted.limit:
            _say_removed(client.status(), wanted.since)
    except NotRunningError:
        from palingenesis.surfaces.cli.offline import read_events

        rows = read_events(
            desk.paths,
            since=wanted.since,
            session=wanted.session,
            kinds=wanted.kinds,
            limit=wanted.limit,
        )
    if wanted.since is not None and len(rows) == wanted.limit:
        click.echo(f"note: the newest {len(rows)}; --all tells all since then", err=True)
    return rows


def _follow(desk: Desk, wanted: _Wanted, form: str) -> None:
    """Tell the newest ones, and go on.

    Raises:
        NotRunningError: the daemon does not run, or has ended.
    """
    client = desk.client()
    session = _meant(client, wanted.session)
    rows = client.events(
        since=wanted.since, session=session, kinds=wanted.kinds, limit=wanted.limit
    )
    last = rows or client.events(limit=1)
    lines = "lines" if form == "json" else form
    for row in rows:
        _say_row(row, lines)
    after = last[-1]["seq"] if last else 0
    with suppress(NotRunningError):
        for row in client.follow(after=after, session=session, kinds=wanted.kinds):
            _say_row(row, lines)
    raise NotRunningError("the daemon has ended", hint="palingenesis daemon start")


# ── forms ─────────────────────────────────────────────────────────────────────────────────────
# A document of a million events is printed as it is read: nothing is gathered before.


def _begin(form: str, *, begun: bool) -> None:
    if form == "json":
        opening = f'{{"schema_version": {SCHEMA_VERSION}, "events": ['
        click.echo("," if begun else opening, nl=begun)


def _end(count: int, form: str) -> None:
    if form == "json":
        click.echo("]}")
    elif not count:
        click.echo("nothing happened that fits", err=True)


def _say_row(row: EventRow, form: str) -> None:
    match form:
        case "json":
            click.echo(json.dumps(row, ensure_ascii=True), nl=False)
        case "lines":
            click.echo(json.dumps(row, ensure_ascii=True))
        case "yaml":
            say_yaml(row)
        case _:
            click.echo(_line(row))


def _line(row: EventRow) -> str:
    at = read_time(row["at"])
    when = f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else plain(row["at"])
    parts = [f"{when}  {plain(row['kind']):18} {plain(row['session'] or '-', 14):14}"]
    parts.append(plain(row["summary"], 120))
    if row["rule"] or row["effects"]:
        parts.append("→")
    if row["rule"]:
        parts.append(click.style(plain(row["rule"]), fg="cyan"))
    if row["effects"]:
        parts.append(click.style(plain(", ".join(row["effects"]), 120), fg="green"))
    return " ".join(part for part in parts if part).rstrip()


# ── what was typed ────────────────────────────────────────────────────────────────────────────


def _say_removed(told: Status, since: str | None) -> None:
    """Say that the beginning of what was asked for is not there any more, if so."""
    from palingenesis.surfaces.cli.journal_reading import BEGINNING, note_removed

    removed = told["journal"]["removed"]
    if removed is None:
        return
    until, at = read_time(removed["until"]), read_time(removed["at"])
    if until is not None and at is not None and (read_time(since) or BEGINNING) < until:
        note_removed(until, at)


def _kind(word: str) -> str:
    from palingenesis.surfaces.cli.naming import choose_name

    known = _kinds()
    return choose_name(word, known, what="type of event", hint=f"one of: {', '.join(known)}")


def _meant(client: "ControlClient", asked: str | None) -> str | None:
    """The id of the session that is meant, if one is.

    Raises:
        UnclearSessionError: none fits, or more than one.
    """
    if asked is None:
        return None
    try:
        return choose_session(client.sessions(), asked)["id"]
    except UnclearSessionError:
        # Of one that was forgotten the journal knows what happened.
        if client.events(session=asked, limit=1):
            return asked
        raise


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
