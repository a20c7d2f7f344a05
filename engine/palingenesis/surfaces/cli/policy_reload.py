"""`policy reload`: have the daemon read its policy now, or tell what a policy would change."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import count_of, read_time, say_json, say_time, short_ids

if TYPE_CHECKING:
    from palingenesis.runtime.candidate import Pending, Preview, PreviewRow

_File = click.Path(path_type=Path, readable=False)

_ANSWER = "an answer"
_SAVED = "correct the file; a policy is read again as soon as it is saved"

EXAMPLES = """\b
Examples:
  palingenesis policy reload
  palingenesis policy reload --dry-run
  palingenesis policy reload --dry-run my-next.yaml
"""


@click.command(short_help="Read the policy again, or tell what that would do.", epilog=EXAMPLES)
@click.argument("file", required=False, type=_File)
@click.option("--dry-run", is_flag=True, help="Only tell what would happen to what is pending.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def reload(ctx: click.Context, file: Path | None, dry_run: bool, as_json: bool) -> None:
    """Have the running daemon check its policy file now: adopted, refused, or unchanged.

    With --dry-run nothing changes: for every session that waits, asks or holds it is told what the
    policy file (or FILE) would do to it.
    """
    desk = ctx.ensure_object(Desk)
    if file is not None and not dry_run:
        raise click.UsageError(
            "the daemon reads its own policy file; to see what another one would do: --dry-run FILE"
        )
    if dry_run:
        _preview(desk, file, as_json=as_json)
        return
    answer = desk.reached().reload(desk.who)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **answer})
    if not answer["ok"]:
        refusal = InvalidConfigError(answer["message"], hint=_SAVED)
        refusal.problems = tuple(answer.get("problems", ()))  # type: ignore[attr-defined]
        raise refusal
    if not as_json:
        click.echo(plain(answer["message"], 500))


def _preview(desk: Desk, file: Path | None, *, as_json: bool) -> None:
    from palingenesis.runtime.clock import SystemClock

    found = desk.client().preview(str(file.absolute()) if file is not None else None)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **found})
        return
    click.echo(as_text(found, SystemClock().now()), nl=False)


def as_text(found: "Preview", now: datetime) -> str:
    """The table for people."""
    head = f"{plain(found['path'], 200)} ({found['digest'][:6]})"
    if found["in_force"]:
        head += " is what is in force already"
    lines = [head]
    short = short_ids(row["session"] for row in found["rows"])
    for row in found["rows"]:
        name = plain(row["title"], 48) or "(no title)"
        lines.append(f"  {name} ({plain(short[row['session']])})")
        lines.append(f"    now    {_pending(row['before'], now)}")
        lines.append(f"    then   {_becomes(row, now)}")
        lines += [f"    tells  {plain(message, 200)}" for message in row["told"]]
    changed = sum(row["change"] != "kept" for row in found["rows"])
    pending = len(found["rows"])
    lines.append(
        f"{count_of(pending, 'session')} with something pending: {changed} would change; "
        f"{found['idle']} with nothing pending. Nothing was changed."
    )
    return "\n".join(lines) + "\n"


def _pending(one: "Pending", now: datetime) -> str:
    until = read_time(one["until"])
    when = f" until {say_time(until, now)}" if until is not None else ""
    what = "waits" if one["what"] == "wait" else f"waits for {plain(one['what'], 80)}"
    if one["what"] == "has to stay true":
        what = "has to stay true"
    then = f", then {', '.join(plain(step) for step in one['then'])}" if one["then"] else ""
    rule = f"rule {plain(one['rule'])}: " if one["rule"] else ""
    return f"{rule}{what}{when}{then}"


def _becomes(row: "PreviewRow", now: datetime) -> str:
    before, after = row["before"], row["after"]
    match row["change"]:
        case "kept":
            return "the same"
        case "moved":
            first, second = read_time(before["until"]), read_time(after["until"])
            if first is None or second is None:
                return f"moved: {_pending(after, now)}"
            return f"the end moves from {say_time(first, now)} to {_when(second, now)}"
        case "acts now":
            return f"{plain(after['status'])} at once"
        case "cancelled":
            why = f": {plain(row['why'], 200)}" if row["why"] else ""
            return f"{plain(after['status']).replace('_', ' ')}{why}"
        case _:
            again = before["what"] == after["what"] == _ANSWER
            return f"{'asked' if again else 'decided'} anew by {_pending(after, now)}"


def _when(at: datetime, now: datetime) -> str:
    return say_time(at, now) + (", which is over: at once" if at <= now else "")
