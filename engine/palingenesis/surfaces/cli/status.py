"""`status`, `sessions`, `wait`, and what a bare `palingenesis` shows."""

import shutil
from datetime import datetime, timedelta

import click

from palingenesis.core.errors import DeadlineError, ExitCode, NotRunningError
from palingenesis.runtime.door import (
    SCHEMA_VERSION,
    RailStatus,
    SafeHoldStatus,
    SessionStatus,
    Status,
)
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.limit_text import say_limit
from palingenesis.surfaces.cli.saved_text import greet_once, say_saved
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.wording import (
    count_of,
    local_times,
    read_time,
    say_json,
    say_session,
    say_time,
    short_ids,
)

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")

FIRST_STEPS = """\
The daemon is not running.

  palingenesis demo            see a whole night in under a minute
  palingenesis daemon start    begin to watch
  palingenesis open            work in OpenCode on the watched server
  palingenesis --help          everything else
"""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """What every session is doing, and what comes next."""
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


@click.command()
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


@click.command()
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
    """What a bare `palingenesis` shows: the status, or the first steps."""
    try:
        client = desk.client()
        told = client.status()
        say_status(told)
        greet_once(told, client)
    except NotRunningError:
        found = shutil.which("opencode", path=desk.environ.get("PATH", ""))
        if found:
            click.echo(f"OpenCode is at {plain(found)}.")
        else:
            click.echo("OpenCode is not on your PATH; the demo works without it.")
        click.echo(FIRST_STEPS, nl=False)


def say_status(told: Status) -> None:
    """Print the daemon's status for a person."""
    now = read_time(told["at"]) or _EPOCH
    running = _ago(told["since"], now)
    policy = told["policy"]
    click.echo(
        f"palingenesis {plain(told['version'])} runs{running} (pid {told['pid']})"
        f" · policy {plain(policy['name'])} {plain(policy['digest'][:12])}"
    )
    if (held := told["safe_hold"]) is not None:
        _say_safe_hold(held, now)
    if told["paused"] and not any(text.startswith("paused") for text in told["warnings"]):
        _warn("paused: nothing is done until 'palingenesis resume'")
    for problem in policy["stale"]:
        _warn(f"a newer policy was refused, this one stays: {plain(problem, 500)}")
    for warning in told["warnings"]:
        if policy["stale"] and warning.startswith("the newest policy file"):
            continue  # said above, with the problems
        _warn(local_times(plain(warning, 500), now))
    for rail in told["rails"]:
        _warn(f"rail: {_say_rail(rail, now)}")
    if not told["journal"]["ok"]:
        waiting = f"{count_of(told['journal']['waiting'], 'event')} not taken yet"
        _warn(f"nothing is done, {waiting}: {plain(told['journal']['detail'])}")
    _say_agents(told, now)
    _say_notifications(told, now)
    _say_journal(told, now)
    if "savings" in told:
        click.echo(say_saved(told["savings"]))
    short = short_ids(row["id"] for row in told["sessions"])
    for limit in told["limits"]:
        if line := say_limit(limit, short, now):
            click.echo(line)
    for row in told["sessions"]:
        click.echo(f"  {say_session(row, short[row['id']], now)}")
    if not told["sessions"]:
        click.echo("  no supervised sessions: they appear as soon as they work")


def _say_safe_hold(held: SafeHoldStatus, now: datetime) -> None:
    since = _ago(held["since"], now)
    _alarm(f"palingenesis holds itself{since}: nothing is done, everything is watched")
    _alarm(f"what broke: {plain(held['what'], 400)} ({plain(held['where'])})")
    _alarm("'palingenesis daemon act-again' ends it; please report those lines")


def _say_agents(told: Status, now: datetime) -> None:
    for agent in told["agents"]:
        up = click.style("up", fg="green") if agent["up"] else click.style("down", fg="red")
        line = f"{plain(agent['assistant'])} {plain(agent['version'])} · {agent['way']} · {up}"
        line += _ago(agent["since"], now)
        if not agent["supported"]:
            line += " · this version is only watched, never acted on"
        click.echo(line + (f" · {plain(agent['detail'])}" if agent["detail"] else ""))
        for rail in agent["rails"]:
            _warn(f"rail: {_say_rail(rail, now)}")


def _say_rail(rail: RailStatus, now: datetime) -> str:
    until = read_time(rail["until"])
    return plain(rail["rail"]) + (f", until {say_time(until, now)}" if until else "")


def _say_notifications(told: Status, now: datetime) -> None:
    outbox = told["notifications"]
    if outbox["pending"] or outbox["failed"]:
        last = read_time(outbox["last"])
        text = f"notifications: {outbox['pending']} to deliver, {outbox['failed']} failed"
        _warn(text + (f", last delivered {say_time(last, now)}" if last else ""))


def _say_journal(told: Status, now: datetime) -> None:
    journal = told["journal"]
    line = f"journal · {_mib(journal['bytes'])} of at most {_mib(journal['bytes_max'])} MiB"
    until = read_time(journal["removed"]["until"]) if journal["removed"] else None
    click.echo(line + (f" · what is older than {say_time(until, now)} is gone" if until else ""))


def _mib(count: int) -> str:
    return f"{count / 1024 / 1024:.1f}".removesuffix(".0")


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


def _ago(since: str, now: datetime) -> str:
    at = read_time(since)
    return f" for {say_span(max(now - at, timedelta(0)))}" if at else ""


def _alarm(text: str) -> None:
    click.echo(click.style(f"! {text}", fg="red", bold=True))


def _warn(text: str) -> None:
    click.echo(click.style(f"! {text}", fg="yellow"))
