"""`policy lint`: what a careful author would want to know about a policy that can be used."""

from typing import TYPE_CHECKING, Any

import click

from palingenesis.core.errors import ExitCode
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import GivenPolicy, PolicyWord
from palingenesis.surfaces.cli.other_kinds import other_kind
from palingenesis.surfaces.cli.policy_in_use import given_or_in_use
from palingenesis.surfaces.cli.report_form import FORMS, form_options
from palingenesis.surfaces.cli.wording import count_of, say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled
    from palingenesis.core.policy.diagnostics import Diagnostic

EXAMPLES = """\b
Examples:
  palingenesis policy lint                     the policy in use
  palingenesis policy lint my.yaml --overlaps  every pair of rules that meet, too
"""


@click.command(short_help="Advice about a policy: a file, a shipped one, or -.", epilog=EXAMPLES)
@click.argument("file", required=False, metavar="[FILE|NAME|-]", type=PolicyWord())
@click.option("--overlaps", is_flag=True, help="Tell every pair of rules that are true together.")
@form_options
@click.pass_context
def lint(ctx: click.Context, file: str | None, overlaps: bool, form: str) -> None:
    """Look over the policy in use, or FILE, the NAME of a shipped one (default), or - for a pipe.

    Exit code 1 when there is a warning, 0 when there are only notes or nothing at all.
    """
    from palingenesis.core.policy.diagnostics import Grade

    given = given_or_in_use(ctx.ensure_object(Desk), file)
    compiled, found, unanswered = _looked_over(given, overlaps=overlaps)
    if form == "json":
        say_json(_as_json(given, compiled, found, unanswered))
    elif form == "text":
        _tell(given, compiled, found, unanswered)
    else:
        FORMS[form]([(given.said, found)])
    if compiled.policy is None:
        ctx.exit(ExitCode.INVALID)
    if any(one.severity is not Grade.NOTE for one in found):
        ctx.exit(ExitCode.FAILURE)


def _looked_over(
    given: GivenPolicy, *, overlaps: bool
) -> "tuple[Compiled, tuple[Diagnostic, ...], tuple[str, ...]]":
    """What validation and lint have to say, in the order of the file."""
    from palingenesis.core.policy.analysis.lint import lint as look_over
    from palingenesis.surfaces.cli.policy_text import compile_here

    compiled = compile_here(given.raw, given.path)
    if compiled.policy is None:
        return compiled, compiled.diagnostics, ()
    linted = look_over(compiled.policy, given.raw, others=compiled.sources, overlaps=overlaps)
    found = [*compiled.diagnostics, *linted.diagnostics]
    found.sort(key=lambda one: (one.file, one.line, one.col, one.code))
    return compiled, tuple(found), linted.unanswered


def _tell(
    given: GivenPolicy,
    compiled: "Compiled",
    found: "tuple[Diagnostic, ...]",
    unanswered: tuple[str, ...],
) -> None:
    from palingenesis.surfaces.cli.policy_text import render, summary

    click.echo(render(found, given.raw, given.said, compiled.sources), nl=False)
    if compiled.policy is None:
        click.echo(summary(compiled, given.said))
        told = other_kind(given.raw, given.said)
        if told is not None:
            click.echo(f"hint: {told}", err=True)
        return
    grades = [one.severity.value for one in found]
    warnings, notes = grades.count("warning"), grades.count("note")
    counted = f"{count_of(warnings, 'warning')}, {count_of(notes, 'note')}"
    rules = count_of(len(compiled.policy.rules), "rule")
    click.echo(f"{given.said}: valid · {rules} · {counted if found else 'nothing to say'}")
    if unanswered:
        click.echo(
            f"too much to work out, so nothing is said of: {', '.join(unanswered)}", err=True
        )


def _as_json(
    given: GivenPolicy,
    compiled: "Compiled",
    found: "tuple[Diagnostic, ...]",
    unanswered: tuple[str, ...],
) -> dict[str, Any]:
    from palingenesis.core.policy.reports import SCHEMA_VERSION, as_plain

    return {
        "schema_version": SCHEMA_VERSION,
        "file": given.said,
        "valid": compiled.policy is not None,
        "rules": [rule.id for rule in compiled.policy.rules] if compiled.policy else [],
        "diagnostics": [as_plain(one, given.said) for one in found],
        "unanswered": list(unanswered),
    }
