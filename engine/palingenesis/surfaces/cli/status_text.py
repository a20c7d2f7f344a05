"""The daemon's status for a person: first whether all is well, last what can be looked up.

She may be tired: the first line says whether she is needed, warnings follow with what to type,
then each session in one line. On a terminal that is too narrow a line goes on below, indented.
"""

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import click

from palingenesis import __version__
from palingenesis.runtime.door import (
    PolicyStatus,
    RailStatus,
    SafeHoldStatus,
    SessionStatus,
    Status,
)
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.health import NEEDS_A_PERSON, complaints_of, word_for
from palingenesis.surfaces.cli.limit_text import say_limit
from palingenesis.surfaces.cli.saved_text import say_saved
from palingenesis.surfaces.cli.wording import (
    count_of,
    local_times,
    read_time,
    say_time,
    session_parts,
    short_ids,
)

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")
_INDENT: Final = 6
_NARROWEST: Final = 24


def say_status(told: Status) -> None:
    """Print the daemon's status for a person."""
    now = read_time(told["at"]) or _EPOCH
    _say_verdict(told, now)
    _say_warnings(told, now)
    short = short_ids(row["id"] for row in told["sessions"])
    for row in told["sessions"]:
        _say_session(row, short[row["id"]], now, all_paused=told["paused"])
    if not told["sessions"]:
        click.echo("  no supervised sessions: they appear as soon as they work")
    for limit in told["limits"]:
        if line := say_limit(limit, short, now):
            click.echo(line)
    _say_agents(told, now)
    if "savings" in told:
        click.echo(say_saved(told["savings"]))
    _say_journal(told, now)
    policy = told["policy"]
    click.echo(
        f"palingenesis {plain(told['version'])} runs{_ago(told['since'], now)}"
        f" (pid {told['pid']}) · policy {plain(policy['name'])} {plain(policy['digest'][:12])}"
    )


def _say_verdict(told: Status, now: datetime) -> None:
    """Whether palingenesis is well, and whether anybody is needed: `health` says the same."""
    complaints = complaints_of(told)
    needed = sum(row["status"] in NEEDS_A_PERSON for row in told["sessions"])
    color = "red" if needed or told["safe_hold"] else "yellow" if complaints else "green"
    parts = [
        click.style(word_for(complaints), fg=color, bold=True),
        *_counted(told["sessions"], now),
    ]
    if told["sessions"]:
        who = f"{count_of(needed, 'session')} {'waits' if needed == 1 else 'wait'} for you"
        parts.append(click.style(who if needed else "nothing waits for you", fg=color, bold=True))
    click.echo(" · ".join(parts))


def _counted(rows: Sequence[SessionStatus], now: datetime) -> list[str]:
    """How many do what: `3 sessions: 2 working, 1 waiting`, and when the next wait ends."""
    if not rows:
        return []
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    each = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
    ends = [at for row in rows if (at := read_time(row["until"])) is not None and at > now]
    then = f", the next at {say_time(min(ends), now)}" if ends else ""
    return [f"{count_of(len(rows), 'session')}: {each}{then}"]


def _say_warnings(told: Status, now: datetime) -> None:
    policy = told["policy"]
    if (held := told["safe_hold"]) is not None:
        _say_safe_hold(held, now)
    if told["version"] != __version__:
        _warn(
            f"the daemon is {plain(told['version'])} and this command {__version__}:"
            " palingenesis daemon restart"
        )
    if told["paused"] and not any(text.startswith("paused") for text in told["warnings"]):
        _warn("paused: nothing is done until 'palingenesis resume'")
    said = _say_stale(policy) if policy["stale"] else ""
    for warning in told["warnings"]:
        if said and warning == said:
            continue  # said above, with the problems
        _warn(local_times(plain(warning, 500), now))
    for rail in told["rails"]:
        _warn(f"rail: {_say_rail(rail, now)}")
    if not told["journal"]["ok"]:
        waiting = f"{count_of(told['journal']['waiting'], 'event')} not taken yet"
        _warn(f"nothing is done, {waiting}: {plain(told['journal']['detail'])}")
    _say_notifications(told, now)


def _say_stale(policy: PolicyStatus) -> str:
    """Why the newest policy file is not in force; returns how the daemon warns of the same.

    Of many problems the first is told: the others are for whoever mends the file.
    """
    from palingenesis.runtime.refusals import GONE, is_gone, refusal, stays

    problems = policy["stale"]
    said = refusal(problems)
    held = plain(stays(policy), 500)
    first = said if is_gone(problems) else f"the newest policy was refused, {held}"
    _warn(f"{first}: {plain(problems[0], 500).removeprefix(f'{GONE}: ')}")
    if more := len(problems) - 1:
        file = plain(policy.get("refused") or policy["path"], 500)
        click.echo(f"    {more} more: palingenesis policy validate {file}")
    return said


def _say_safe_hold(held: SafeHoldStatus, now: datetime) -> None:
    since = _ago(held["since"], now)
    _alarm(f"palingenesis holds itself{since}: nothing is done, everything is watched")
    _alarm(f"what broke: {plain(held['what'], 400)} ({plain(held['where'])})")
    _alarm("'palingenesis daemon act-again' ends it; please report those lines")


def _say_notifications(told: Status, now: datetime) -> None:
    outbox = told["notifications"]
    if outbox["pending"] or outbox["failed"]:
        last = read_time(outbox["last"])
        text = f"notifications: {outbox['pending']} to deliver, {outbox['failed']} failed"
        _warn(text + (f", last delivered {say_time(last, now)}" if last else ""))


def _say_session(row: SessionStatus, short: str, now: datetime, *, all_paused: bool) -> None:
    mark = click.style("!", fg="red", bold=True) if row["status"] in NEEDS_A_PERSON else " "
    parts = session_parts(row, short, now, all_paused=all_paused)
    for number, line in enumerate(folded(parts, max(0, terminal_width() - 2))):
        click.echo(f"{' ' * _INDENT if number else f'{mark} '}{line}")


def folded(parts: Sequence[str], width: int) -> list[str]:
    """The pieces of a line joined, in as many lines as `width` asks for; 0: in one.

    No piece is cut: what is longer than the terminal is wide, the terminal breaks.
    """
    lines: list[str] = []
    for part in parts:
        room = width - (_INDENT if len(lines) > 1 else 0)
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and 0 < room < len(click.unstyle(joined)):
            lines.append(part)
        else:
            lines[-1:] = [joined]
    return lines


def terminal_width() -> int:
    """How wide the terminal is; 0 where there is none, and lines are for programs."""
    try:
        if sys.stdout.isatty():
            return max(_NARROWEST, os.get_terminal_size(sys.stdout.fileno()).columns)
    except (OSError, ValueError, AttributeError):
        pass
    return 0


def _say_agents(told: Status, now: datetime) -> None:
    for agent in told["agents"]:
        up = click.style("up", fg="green") if agent["up"] else click.style("down", fg="red")
        if not agent["up"] and not agent.get("heard", True):
            up = click.style("not up", fg="yellow")
        name = f"{plain(agent['assistant'])} {plain(agent['version'])}".rstrip()
        hers = agent["way"] in {"integrated", "observed"} and agent["pid"] is not None
        which = f" · process {agent['pid']}" if hers else ""
        line = f"{name} · {agent['way']}{which} · {up}{_ago(agent['since'], now)}"
        if not agent["supported"]:
            line += " · this version is only watched, never acted on"
        click.echo(line + (f" · {plain(agent['detail'])}" if agent["detail"] else ""))
        for rail in agent["rails"]:
            _warn(f"rail: {_say_rail(rail, now)}")


def _say_rail(rail: RailStatus, now: datetime) -> str:
    until = read_time(rail["until"])
    return plain(rail["rail"]) + (f", until {say_time(until, now)}" if until else "")


def _say_journal(told: Status, now: datetime) -> None:
    journal = told["journal"]
    line = f"journal · {_mib(journal['bytes'])} of at most {_mib(journal['bytes_max'])} MiB"
    until = read_time(journal["removed"]["until"]) if journal["removed"] else None
    click.echo(line + (f" · what is older than {say_time(until, now)} is gone" if until else ""))


def _mib(count: int) -> str:
    return f"{count / 1024 / 1024:.1f}".removesuffix(".0")


def _ago(since: str, now: datetime) -> str:
    at = read_time(since)
    return f" for {say_span(max(now - at, timedelta(0)))}" if at else ""


def _alarm(text: str) -> None:
    click.echo(click.style(f"! {text}", fg="red", bold=True))


def _warn(text: str) -> None:
    click.echo(click.style(f"! {text}", fg="yellow"))
