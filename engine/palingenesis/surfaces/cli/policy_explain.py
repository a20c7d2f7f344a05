"""`policy explain`: why a policy decides so, why not otherwise, and what would change it."""

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.explain import Explanation
    from palingenesis.core.policy.needs import Need, WhyNot
    from palingenesis.surfaces.cli.explained_cases import Case

_File = click.Path(path_type=Path, readable=False)
_NARROW, _WIDE = 60, 160

EXAMPLES = """\b
Examples:
  palingenesis policy explain --decision 4812
  palingenesis policy explain --reason rate_limit stop.retry_after=5m
  palingenesis policy explain --reason overloaded episode.attempts=1
  palingenesis policy explain --reason completed work.state=valid work.done=false --why finished
  palingenesis policy explain --reason quota --what-if stop.retry_after=3h --policy my.yaml
  palingenesis policy explain event=stalled session.children=1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A case with everything that is told about it."""

    case: "Case"
    told: "Explanation"
    miss: "Need | None"
    plan: str
    """The plan in words, with the instants at which its waits end."""
    outline: str
    """The same without instants, to compare two."""


@click.command(
    short_help="Why it decides so, why not otherwise, what would change it.", epilog=EXAMPLES
)
@click.argument("given", nargs=-1, metavar="[FACT=VALUE]...")
@click.option("--decision", metavar="NUMBER", help="A decision of the past, from the journal.")
@click.option("--reason", metavar="REASON", help="Suppose a session stops for this reason.")
@click.option(
    "--event",
    "event_file",
    type=_File,
    metavar="FILE",
    help="Facts, or a journal entry, as JSON or YAML; - for a pipe.",
)
@click.option(
    "--policy",
    "policy_file",
    type=_File,
    metavar="FILE|NAME",
    help="This policy; else the one that decided, or the one in use.",
)
@click.option(
    "--why", "rule", metavar="RULE", help="Why this rule did not decide, and what it would need."
)
@click.option(
    "--what-if",
    "what_if",
    multiple=True,
    metavar="FACT=VALUE",
    help="The decision before and after a change; 'unknown' takes a fact away.",
)
@click.option("--every", is_flag=True, help="Write out every rule.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def explain(
    ctx: click.Context,
    given: tuple[str, ...],
    decision: str | None,
    reason: str | None,
    event_file: Path | None,
    policy_file: Path | None,
    rule: str | None,
    what_if: tuple[str, ...],
    every: bool,
    as_json: bool,
) -> None:
    """Explain a decision: a past one, or the one that would be made.

    FACT=VALUE says what is supposed: stop.retry_after=5m is a provider that names five minutes.
    `palingenesis policy facts` lists the facts.

    Values hang under the expressions that asked for them. The nearest miss is the smallest change
    of facts with which another rule would have decided.
    """
    from palingenesis.surfaces.cli.explained_cases import case_of, changed_case

    desk = ctx.ensure_object(Desk)
    case = case_of(
        desk, decision=decision, reason=reason, event_file=event_file,
        policy_file=policy_file, given=given,
    )  # fmt: skip
    before = answer(case)
    after = answer(changed_case(case, what_if)) if what_if else None
    why = _why(before, rule) if rule is not None else None
    if as_json:
        say_json(_as_json(before, after, why))
        return
    _say(before, after, why, every=every, width=_width(desk.environ.get("COLUMNS", "")))


def answer(case: "Case") -> Answer:
    """Decide again, with the evaluator of record, and look for the nearest miss."""
    from palingenesis.core.policy.decide import decide
    from palingenesis.core.policy.explain import explain as explained
    from palingenesis.core.policy.needs import nearest_miss
    from palingenesis.simulation.plan_words import in_words, setting_of

    def used(_rule: str, _per: object) -> int:
        return case.used

    told = explained(case.policy, case.facts, used)
    steps = decide(case.policy, case.facts, used).steps
    setting = setting_of(case.facts, case.at, tries=case.tries, seed=case.seed, policy=case.policy)
    return Answer(
        case=case,
        told=told,
        miss=nearest_miss(case.policy, case.facts, used, told),
        plan=in_words(steps, setting, _clock(case.at) if case.begins_here else None),
        outline=in_words(steps, setting),
    )


def _width(asked: str) -> int:
    """Columns of the terminal; what is not a terminal has 100."""
    columns = int(asked) if asked.isascii() and asked.isdigit() else 0
    found = columns or shutil.get_terminal_size((100, 24)).columns
    return min(max(found, _NARROW), _WIDE)


def _clock(now: datetime) -> "Any":
    def said(at: datetime) -> str:
        near = at.astimezone().date() == now.astimezone().date()
        return f"{at.astimezone():%H:%M:%S}" if near else f"{at.astimezone():%a %d %b %H:%M}"

    return said


def _why(before: Answer, rule_id: str) -> "WhyNot":
    from palingenesis.core.policy.needs import why_not
    from palingenesis.surfaces.cli.naming import choose_name

    policy, case = before.case.policy, before.case
    ids = [rule.id for rule in policy.rules]
    name = choose_name(rule_id, ids, what="rule", hint=f"there are {', '.join(ids[:12])}")
    rule = policy.rule(name)
    assert rule is not None, "the name was chosen among the rules"
    return why_not(policy, case.facts, lambda *_: case.used, rule, before.told)


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _say(
    before: Answer, after: Answer | None, why: "WhyNot | None", *, every: bool, width: int
) -> None:
    from palingenesis.core.policy.telling import render, render_why

    click.echo(headline(before))
    if why is not None:
        click.echo(render_why(_reached(before, why.rule), why, width=width), nl=False)
        return
    shown = before if after is None else after
    if after is not None:
        width_of_names = max(len(one.told.rule) for one in (before, after))
        for word, one in (("before", before), ("after", after)):
            click.echo(
                f"  {word:7} {plain(one.told.rule):{width_of_names}}  {plain(one.outline, 300)}"
            )
        click.echo(headline(after))
    then = plain(shown.plan, 500) if shown.told.acts else ""
    click.echo(render(shown.told, miss=shown.miss, then=then, every=every, width=width), nl=False)


def _reached(before: Answer, rule_id: str) -> "Explanation":
    """The explanation with this rule written out, also when an earlier one had decided."""
    from palingenesis.core.policy.conditions import Evaluator
    from palingenesis.core.policy.explain import consider

    rule = before.case.policy.rule(rule_id)
    assert rule is not None
    facts = before.case.facts
    whole = consider(rule, facts, Evaluator(facts), reached=True)
    others = tuple(whole if one.rule == rule_id else one for one in before.told.considered)
    return replace(before.told, considered=others)


def headline(one: Answer) -> str:
    """One line: when, who, what happened, which rule, of which policy."""
    from palingenesis.core.facts import show

    facts, case = one.case.facts, one.case
    said = [f"{case.at.astimezone():%Y-%m-%d %H:%M:%S} "] if case.decision is not None else []
    if case.session:
        whose = f"{facts.get('agent.name', '')}/{case.session}".strip("/")
        said.append(f"{plain(whose, 60)} ")
    what = plain(one.told.event)
    reason = facts.get("stop.reason")
    if reason is not None:
        more = []
        if (status := facts.get("stop.http_status")) is not None:
            more.append(f"HTTP {status}")
        if (sure := facts.get("stop.confidence")) is not None and case.decision is not None:
            more.append(f"confidence {show('stop.confidence', sure)}")
        what += f": {plain(str(reason))}" + (f" ({', '.join(more)})" if more else "")
    policy = f"policy {plain(case.policy.name)} {case.policy.digest[:6]}"
    said.append(f"{what}  ->  {plain(one.told.rule)}   {policy}")
    return click.style(" ".join(said), bold=True)


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def _as_json(before: Answer, after: Answer | None, why: "WhyNot | None") -> dict[str, object]:
    from palingenesis.core.policy.needs import plain_need

    document: dict[str, object] = {"schema_version": SCHEMA_VERSION, **_plain(before)}
    if after is not None:
        document["what_if"] = _plain(after)
    if why is not None:
        document["why"] = {
            "rule": why.rule,
            "before": why.before,
            "in_the_way": why.in_the_way,
            "need": plain_need(why.need),
        }
    return document


def _plain(one: Answer) -> dict[str, object]:
    from palingenesis.core.facts import show
    from palingenesis.core.policy.explain import plain_explanation
    from palingenesis.core.policy.needs import plain_need

    return {
        "decision": one.case.decision,
        "at": one.case.at.isoformat(),
        "session": one.case.session or None,
        "facts": {name: show(name, value) for name, value in sorted(one.case.facts.items())},
        **plain_explanation(one.told),
        "plan": one.plan.split(" → ") if one.told.acts else [],
        "nearest_miss": plain_need(one.miss),
    }
