"""`policy coverage --history 30d`: which parts of a policy its recorded life has never used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import PolicyWord
from palingenesis.surfaces.cli.policy_in_use import given_or_in_use
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.wording import count_of, say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.simulation.lived import Lived
    from palingenesis.simulation.testing.coverage import OfRule

_WIDE = 160
_MISSING_MOST = 3

EXAMPLES = """\b
Examples:
  palingenesis policy coverage --history 30d
  palingenesis policy coverage my.yaml --history 7d --json
What the tests of a policy cover: palingenesis policy test --coverage
"""


@click.command(short_help="Which parts of a policy its life never used.", epilog=EXAMPLES)
@click.argument("policy", required=False, type=PolicyWord())
@click.option(
    "--history", default="30d", show_default=True, type=Span(), help="How far to look back."
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def coverage(ctx: click.Context, policy: str | None, history: timedelta, as_json: bool) -> None:
    """Which rules of POLICY never fired, and which comparisons were never true, or never false.

    Every decision that was recorded is made again under the policy: the one in use, a file, or the
    name of a shipped one.
    """
    from palingenesis.simulation.lived import lived
    from palingenesis.surfaces.cli.history_diff import recorded

    desk = ctx.ensure_object(Desk)
    path, made = _policy(desk, policy)
    with recorded(desk, history) as stretch:
        found = lived(made, stretch.pasts)
        since, skipped = stretch.since, len(stretch.skipped)
    if as_json:
        say_json(_as_json(path, found, since, skipped))
        return
    click.echo("\n".join(_lines(path, found, since)))
    if skipped:
        click.echo(f"warning: {skipped} damaged entries were left out", err=True)


def _policy(desk: Desk, word: str | None) -> "tuple[Path, Policy]":
    from palingenesis.surfaces.cli.usable_policy import usable_given

    given = given_or_in_use(desk, word)
    if given.path is None:
        raise click.UsageError("a policy for the history is a file, or the name of a shipped one")
    return given.path, usable_given(given)


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _lines(path: Path, found: "Lived", since: datetime) -> Iterator[str]:
    from palingenesis.simulation.testing.coverage import percent

    day = f"{since.astimezone():%a %d %b %H:%M}"
    if not found.decisions:
        yield f"nothing was decided since {day}"
        return
    counted = count_of(found.decisions, "recorded decision")
    yield click.style(f"{plain(str(path), _WIDE)} over {counted} since {day}", bold=True)
    width = max(len(one.rule) for one in found.coverage.rules)
    for one in found.coverage.rules:
        share = percent(one.seen, len(one.pieces))
        yield f"  {plain(one.rule):<{width}} {int(share):>3}%  {_how_often(one, found)}"
        if one.rule in found.fired:
            shown, more = one.missing[:_MISSING_MOST], len(one.missing) - _MISSING_MOST
            yield from (f"  {'':<{width}}       {plain(missing, _WIDE)}" for missing in shown)
            if more > 0:
                yield f"  {'':<{width}}       and {more} more"
    share = percent(found.coverage.seen, found.coverage.pieces)
    total = f"{found.coverage.seen}/{found.coverage.pieces} = {share:.1f}%"
    yield f"  {'total':<{width}} {total}"
    if found.never:
        yield f"never fired: {', '.join(plain(rule) for rule in found.never)}"


def _how_often(one: "OfRule", found: "Lived") -> str:
    fired = found.fired.get(one.rule)
    if fired is None or fired.last is None:
        return "never fired"
    times = "once" if fired.times == 1 else f"{fired.times} times"
    return f"{times}, last {fired.last.astimezone():%a %d %b %H:%M}"


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def _as_json(path: Path, found: "Lived", since: datetime, skipped: int) -> dict[str, object]:
    rows = []
    for one in found.coverage.rules:
        fired = found.fired.get(one.rule)
        rows.append(
            {
                "rule": one.rule,
                "line": one.line,
                "fired": fired.times if fired is not None else 0,
                "last": fired.last.isoformat() if fired is not None and fired.last else None,
                "seen": one.seen,
                "pieces": len(one.pieces),
                "missing": list(one.missing),
            }
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "policy": str(path),
        "since": since.isoformat(),
        "decisions": found.decisions,
        "seen": found.coverage.seen,
        "pieces": found.coverage.pieces,
        "damaged_entries": skipped,
        "rules": rows,
    }
