"""`policy diff`: for which facts two policies do different things."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from palingenesis.core.errors import ExitCode
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.budget import within
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import PolicyWord, read_policy
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.analysis.difference import Comparison, Difference, Side

SCHEMA_VERSION: Final = 1
_SHORT_MOST: Final = 3
"""Regions of one difference that are told to people; --json has more."""

EXAMPLES = """\b
Examples:
  palingenesis policy diff default my.yaml
  palingenesis policy diff my.yaml my.next.yaml --history 7d
"""


@click.command(short_help="What two policies do differently.", epilog=EXAMPLES)
@click.argument("before", type=PolicyWord())
@click.argument("after", type=PolicyWord())
@click.option("--history", type=Span(), help="Over the stops recorded in this time instead.")
@click.option(
    "--budget", default="5s", show_default=True, type=Span(), help="How long it may think."
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def diff(
    ctx: click.Context,
    before: str,
    after: str,
    history: timedelta | None,
    budget: timedelta,
    as_json: bool,
) -> None:
    """Compare what the policies BEFORE and AFTER do, over all facts, whatever their texts.

    Exit code 0 when they do the same, 1 when they do not, or when the time was not enough to tell.
    """
    from palingenesis.surfaces.cli.usable_policy import usable_given

    one, other = read_policy(before), read_policy(after)
    first, second = usable_given(one), usable_given(other)
    if history is not None:
        from palingenesis.surfaces.cli.history_diff import diff_history

        different = diff_history(ctx.ensure_object(Desk), first, second, history, as_json=as_json)
    else:
        from palingenesis.core.policy.analysis.difference import semantic_diff

        found = semantic_diff(first, second, tick=within(budget))
        different = not found.same
        if as_json:
            say_json(_as_json(one.said, other.said, found))
        else:
            click.echo("\n".join(_as_text(one.said, other.said, found)))
    if different:
        ctx.exit(ExitCode.FAILURE)


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _as_text(before: str, after: str, found: "Comparison") -> Iterator[str]:
    number = len(found.differences) + len(found.settings)
    if found.same:
        yield f"{before} and {after} do the same for all facts"
        return
    counted = "1 difference" if number == 1 else f"{number} differences"
    yield f"{before} → {after}: {counted}" + ("" if found.whole else ", and perhaps more")
    width = max(len(before), len(after))
    for setting in found.settings:
        yield f"\n{setting.name}\n  - {setting.before}\n  + {setting.after}"
    for one in found.differences:
        yield ""
        shorts = list(dict.fromkeys(region.short for region in one.regions))
        for short in shorts[:_SHORT_MOST]:
            yield plain(short, 600)
        if one.more or len(shorts) > _SHORT_MOST:
            yield "… and in further cases"
        yield f"  - {before:{width}}  {_side(one.before, one)}"
        yield f"  + {after:{width}}  {_side(one.after, one)}"
        yield f"  as in: {plain(str(one.example), 600)}"
    if not found.whole:
        yield "\nthe time was not enough to find them all: give more with --budget"


def _side(side: "Side", one: "Difference") -> str:
    from palingenesis.core.facts import show_duration

    if not side.rule:
        return "nothing"
    held = f"after {show_duration(side.delay)}: " if side.delay is not None else ""
    limit = ""
    if (
        side.limit is not None
        and side.limit != (one.after if side is one.before else one.before).limit
    ):
        limit = f", at most {side.limit.most} per {show_duration(side.limit.per)}"
    beside = " (observes)" if one.aside else ""
    return f"{plain(side.rule)}{beside}: {held}{plain(_plan(side, one), 400)}{limit}"


def _plan(side: "Side", one: "Difference") -> str:
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.simulation.plan_words import in_words, setting_of

    return in_words(side.steps, setting_of(one.example.facts, SystemClock().now()))


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def _as_json(before: str, after: str, found: "Comparison") -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "before": before,
        "after": after,
        "same": found.same,
        "whole": found.whole,
        "settings": [
            {"name": one.name, "before": one.before, "after": one.after} for one in found.settings
        ],
        "differences": [_difference(one) for one in found.differences],
    }


def _difference(one: "Difference") -> dict[str, Any]:
    from palingenesis.core.facts import show

    return {
        "where": [region.where for region in one.regions],
        "in_short": [region.short for region in one.regions],
        "more": one.more,
        "observes": one.aside,
        "before": _side_as_json(one.before, one),
        "after": _side_as_json(one.after, one),
        "example": {
            "facts": {key: show(key, value) for key, value in one.example.facts.items()},
            "matters": list(one.example.told),
            "exact": one.example.exact,
        },
    }


def _side_as_json(side: "Side", one: "Difference") -> dict[str, Any]:
    from palingenesis.core.facts import show_duration

    limit = side.limit
    return {
        "rule": side.rule or None,
        "line": side.line or None,
        "plan": _plan(side, one) if side.rule else "",
        "for": show_duration(side.delay) if side.delay is not None else None,
        "limit": {"max": limit.most, "per": show_duration(limit.per)} if limit else None,
    }
