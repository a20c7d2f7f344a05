"""`policy shadow`: try a policy beside the one in force, in the running daemon."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.core.facts import show_duration
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.history_diff import ALWAYS_SAID
from palingenesis.surfaces.cli.wording import count_of, read_time, say_json

if TYPE_CHECKING:
    from palingenesis.runtime.candidate import Shadow, ShadowGroup

_File = click.Path(path_type=Path, readable=False)
_LIMIT = (
    "after the first different decision of an episode nobody knows what would have happened: "
    "those are counted as unknown"
)


@click.group(
    short_help="Try a policy beside the one in force.",
    epilog=examples(
        "policy shadow start policy.next.yaml", "policy shadow report", "policy shadow promote"
    ),
)
def shadow() -> None:
    """Let a policy decide beside the one in force: written down, never acted upon.

    Whatever a rule of the policy in force decides, the candidate decides too, on the same facts.
    It goes on over restarts until it is stopped or promoted.
    """


_json = click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")


@shadow.command(epilog=examples("policy shadow start policy.next.yaml"))
@click.argument("file", type=_File)
@_json
@click.pass_obj
def start(desk: Desk, file: Path, as_json: bool) -> None:
    """Begin with a policy FILE; another one that is in shadow gives way."""
    found = desk.reached().shadow("start", desk.who, str(file.absolute()))
    if as_json:
        _say_json(found)
        return
    click.echo(plain(found["message"], 500))
    click.echo("see how it does with: palingenesis policy shadow report")


@shadow.command(epilog=examples("policy shadow report"))
@_json
@click.pass_obj
def report(desk: Desk, as_json: bool) -> None:
    """How it does: what it decides the same, what differently, and since when."""
    found = desk.reached().shadow("report", desk.who)
    if as_json:
        _say_json(found)
        return
    click.echo(as_text(found), nl=False)
    click.echo("promote with: palingenesis policy shadow promote")


@shadow.command(epilog=examples("policy shadow promote", "policy shadow promote --yes"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@click.pass_context
def promote(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """Write it over your policy file, with a backup, and end the shadow."""
    desk = ctx.ensure_object(Desk)
    client = desk.reached()
    if not yes:
        found = client.shadow("report", desk.who)
        click.echo(as_text(found), err=True, nl=False)
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here: say --yes")
        click.confirm(f"put {plain(found['name'])} in force?", abort=True, err=True)
    found = client.shadow("promote", desk.who)
    if as_json:
        _say_json(found)
        return
    click.echo(plain(found["message"], 500))


@shadow.command(epilog=examples("policy shadow stop"))
@_json
@click.pass_obj
def stop(desk: Desk, as_json: bool) -> None:
    """End it; nothing else changes."""
    found = desk.reached().shadow("stop", desk.who)
    if as_json:
        _say_json(found)
        return
    click.echo(as_text(found), nl=False)
    click.echo(plain(found["message"], 500))


def _say_json(found: "Shadow") -> None:
    say_json({"schema_version": SCHEMA_VERSION, **found})


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def as_text(found: "Shadow") -> str:
    """The report for people."""
    lines: list[str] = []
    for group in found["groups"]:
        lines += _group(group)
    if found["groups"]:
        lines += [f"net: {_net(found)}", f"limit: {_LIMIT}", ""]
    since, now = read_time(found["since"]), read_time(found["at"])
    span = f" for {say_span(now - since)}" if since is not None and now is not None else ""
    counts = (
        count_of(found["decisions"], "decision"),
        f"{found['same']} same",
        f"{found['different']} different" + (" (as above)" if found["groups"] else ""),
        *([f"{found['unknown']} unknown"] if found["unknown"] else []),
        count_of(len(found["errors"]), "error"),
    )
    lines.append(f"{plain(Path(found['path']).name, 80)}  shadow{span} · {' · '.join(counts)}")
    lines += [f"error: {plain(error, 300)}" for error in found["errors"]]
    return "\n".join(lines) + "\n"


def _group(group: "ShadowGroup") -> list[str]:
    before, after, first = group["before"], group["after"], group["first"]
    times = f"{group['times']} \N{MULTIPLICATION SIGN}"
    at = read_time(first["at"])
    when = _day(at) if at is not None else plain(first["at"])
    where = f"session {plain(first['session'], 40)}, decision {first['decision']}"
    return [
        f"{times:>7}  {plain(group['reason']):15} {plain(before['rule'])} → {plain(after['rule'])}",
        f"          - {plain(before['plan'], 300)}",
        f"          + {plain(after['plan'], 300)}",
        f"          first: {when} {where}",
    ]


def _net(found: "Shadow") -> str:
    said = []
    for name, number in found["net"].items():
        sign = "±" if number == 0 else "+" if number > 0 else "-"
        if name == "waiting_s":
            span = show_duration(timedelta(seconds=abs(round(number))))
            said.append(f"waiting time {sign}{span}")
        elif number or name in ALWAYS_SAID:
            said.append(f"{name} {sign}{abs(number):g}")
    return ", ".join(said)


def _day(at: datetime) -> str:
    return f"{at.astimezone():%a %d %b %H:%M}"
