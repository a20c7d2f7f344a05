"""`doctor` and `preflight`: is everything in order, and will this night go well?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from palingenesis.core.errors import ExitCode
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import count_of, say_json

if TYPE_CHECKING:
    from palingenesis.app.checkup.finding import Finding
    from palingenesis.app.checkup.patient import Service

SCHEMA_VERSION: Final = 1
_MARKS: Final = {
    "good": ("✔", "green"),
    "note": ("·", "cyan"),
    "warning": ("!", "yellow"),
    "problem": ("✘", "red"),
}

DOCTOR_EXAMPLES = """\b
Examples:
  palingenesis doctor
  palingenesis doctor --fix
"""
PREFLIGHT_EXAMPLES = """\b
Examples:
  palingenesis preflight                  before you go to bed
  palingenesis preflight --skip notice    without sending a test notice
"""


@click.command(epilog=DOCTOR_EXAMPLES)
@click.option("--fix", is_flag=True, help="Mend what is safe to mend: file modes, leftovers.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def doctor(ctx: click.Context, fix: bool, as_json: bool) -> None:
    """Whether everything is in order, and one command for each thing that is not.

    Exit code 1 when there is a problem. Without --fix nothing is changed.
    """
    found = _examined(ctx, only="doctor", skipped=(), mending=fix, telling=not as_json)
    problems, warnings = _count(found, "problem"), _count(found, "warning")
    if as_json:
        _say_json(found, ok=not problems)
    else:
        click.echo(f"{count_of(problems, 'problem')}, {count_of(warnings, 'warning')}")
        if not fix and any(one.mend for one in found):
            click.echo("palingenesis doctor --fix mends some of it")
    if problems:
        ctx.exit(ExitCode.FAILURE)


@click.command(epilog=PREFLIGHT_EXAMPLES)
@click.option(
    "--skip", "skipped", multiple=True, metavar="CHECK", help="Leave a check out; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def preflight(ctx: click.Context, skipped: tuple[str, ...], as_json: bool) -> None:
    """Whether this night will go well: go or no-go, and one command for each thing against it.

    Sends a test notice through every channel. Exit code 1 for no-go.
    """
    found = _examined(ctx, only="preflight", skipped=skipped, mending=False, telling=not as_json)
    problems, warnings = _count(found, "problem"), _count(found, "warning")
    if as_json:
        _say_json(found, go=not problems)
    elif problems:
        click.secho(f"no-go: {count_of(problems, 'problem')} in the way", fg="red", bold=True)
    else:
        rest = f", {count_of(warnings, 'warning')}" if warnings else ": good night"
        click.secho(f"go{rest}", fg="green", bold=True)
    if problems:
        ctx.exit(ExitCode.FAILURE)


def _examined(
    ctx: click.Context, *, only: str, skipped: Sequence[str], mending: bool, telling: bool
) -> "list[Finding]":
    """What the checks of one command find; told as it is found, since some checks take a while."""
    from palingenesis.app.checkup.checks import CHECKS, examine
    from palingenesis.app.checkup.patient import Patient

    chosen = [one for one in CHECKS if getattr(one, only)]
    names = {one.id for one in chosen}
    for name in skipped:
        if name not in names:
            raise click.UsageError(f"no check named '{name}' (one of: {', '.join(sorted(names))})")
    desk = ctx.ensure_object(Desk)
    patient = Patient(
        paths=desk.paths,
        environ=desk.environ,
        here=Path.cwd(),
        service=lambda: _service_of(desk),
    )
    width = max(len(name) for name in names)
    found = []
    for finding in examine(
        [one for one in chosen if one.id not in skipped], patient, mending=mending
    ):
        found.append(finding)
        if telling:
            _say(finding, width)
    return found


def _service_of(desk: Desk) -> "Service":
    """How the service is.

    Raises:
        PalingenesisError: there is no service manager that we know, or it does not answer.
    """
    from palingenesis.app.checkup.patient import Service
    from palingenesis.surfaces.cli.service import service_report

    told = service_report(desk)
    return Service(runs=told.is_running, lingers=told.lingers, next=told.next)


def _say(finding: "Finding", width: int) -> None:
    mark, color = _MARKS[finding.level.value]
    said = plain(finding.mended or finding.said, 500)
    click.echo(f"{click.style(mark, fg=color)} {finding.check:{width}}  {said}")
    if finding.fix and not finding.mended:
        click.echo(f"  {'':{width}}  → {plain(finding.fix, 500)}")


def _count(found: "Sequence[Finding]", level: str) -> int:
    return sum(one.level.value == level for one in found)


def _say_json(found: "Sequence[Finding]", **verdict: bool) -> None:
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **verdict}
    say_json({**document, "findings": [dict(one.as_plain()) for one in found]})
