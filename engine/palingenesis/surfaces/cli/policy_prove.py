"""`policy prove`: what holds for a policy whatever happens, or the example against it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from palingenesis.core.errors import ExitCode
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.budget import within
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import PolicyWord
from palingenesis.surfaces.cli.policy_in_use import given_or_in_use
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.analysis.claims import Case, Claim
    from palingenesis.core.policy.analysis.prove import Proof
    from palingenesis.core.policy.model import Policy
    from palingenesis.simulation.timeline import Line

SCHEMA_VERSION: Final = 1
_LINES_MOST: Final = 8
"""Lines of a timeline; what follows repeats itself."""
_MARKS: Final = {"proved": "✔", "railed": "◐", "refuted": "✘", "not proved": "?"}

EXAMPLES = """\b
Examples:
  palingenesis policy prove                         the policy in use
  palingenesis policy prove my.yaml --budget 30s
"""


@click.command(short_help="Proofs about a policy, or examples against it.", epilog=EXAMPLES)
@click.argument("file", required=False, metavar="[FILE|NAME|-]", type=PolicyWord())
@click.option(
    "--budget", default="5s", show_default=True, type=Span(), help="How long it may think."
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def prove(ctx: click.Context, file: str | None, budget: timedelta, as_json: bool) -> None:
    """Prove the policy in use, or FILE, the NAME of a shipped one (default), or - for a pipe.

    Exit code 0 when everything is proved, 1 when there is an example against something, or when
    the time was not enough to tell.
    """
    from palingenesis.core.policy.analysis.prove import prove as proof_of
    from palingenesis.surfaces.cli.usable_policy import usable_given

    given = given_or_in_use(ctx.ensure_object(Desk), file)
    policy = usable_given(given)
    proof = proof_of(policy, tick=within(budget))
    if as_json:
        say_json(_as_json(given.said, policy, proof))
    else:
        click.echo("\n".join(_as_text(given.said, policy, proof)))
    if not proof.holds:
        ctx.exit(ExitCode.FAILURE)


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _as_text(name: str, policy: "Policy", proof: "Proof") -> Iterator[str]:
    if proof.remark:
        yield f"{name}: {proof.remark}"
    for claim in proof.claims:
        place = f"line {claim.line}: " if claim.line else ""
        why = f"  ({claim.why})" if claim.why else ""
        yield f" {_MARKS[claim.verdict]} {place}{plain(claim.text, 300)}{why}"
        if claim.verdict in {"refuted", "not proved", "railed"}:
            for one in claim.cases:
                yield from _case(policy, one)
    held = sum(claim.holds for claim in proof.claims)
    if proof.holds:
        yield f"{name}: proved, all {held}"
    else:
        yield f"{name}: {held} of {len(proof.claims)} proved"


def _case(policy: "Policy", one: "Case") -> Iterator[str]:
    place = f" (line {one.line})" if one.line else ""
    yield f"     rule {plain(one.rule)}{place}"
    if one.told:
        yield f"       when {plain(', '.join(one.told), 600)}"
    if one.when:
        yield f"       and {plain(one.when, 200)}"
    if not one.exact:
        yield "       this example could not be tried"
    lines = _timeline(policy, one)
    if lines:
        start = lines[0].at
        for line in lines[:_LINES_MOST]:
            rule = f"{plain(line.rule)}  " if line.rule else ""
            at = _since(line.at - start)
            yield f"         {at:8} {line.word:8} {rule}{plain(line.text, 200)}"
        if len(lines) > _LINES_MOST:
            yield "         …"
    elif one.steps:
        yield f"       it does: {plain(_plan(one), 400)}"


def _since(span: timedelta) -> str:
    from palingenesis.core.facts import show_duration

    return f"+{show_duration(timedelta(seconds=round(span.total_seconds())))}"


def _plan(one: "Case") -> str:
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.simulation.plan_words import in_words, setting_of

    return in_words(one.steps, setting_of(one.facts, SystemClock().now()))


def _timeline(policy: "Policy", one: "Case") -> "list[Line]":
    """What really happens, told line by line; nothing if a rehearsal cannot bring it about."""
    from palingenesis.simulation.reenacting import reenact
    from palingenesis.simulation.timeline import told

    if not (one.exact and one.facts) or one.when:
        return []
    night = reenact(policy, one.facts, one.rule)
    return list(told(night.past)) if night is not None else []


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def _as_json(name: str, policy: "Policy", proof: "Proof") -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "file": name,
        "digest": policy.digest,
        "proved": proof.holds,
        "remark": proof.remark,
        "claims": [_claim(policy, claim) for claim in proof.claims],
    }


def _claim(policy: "Policy", claim: "Claim") -> dict[str, Any]:
    return {
        "id": claim.id,
        "text": claim.text,
        "verdict": claim.verdict.value,
        "why": claim.why,
        "line": claim.line or None,
        "cases": [_case_as_json(policy, one) for one in claim.cases],
    }


def _case_as_json(policy: "Policy", one: "Case") -> dict[str, Any]:
    from palingenesis.core.facts import show

    return {
        "rule": one.rule,
        "line": one.line or None,
        "facts": {key: show(key, value) for key, value in one.facts.items()},
        "matters": list(one.told),
        "when": one.when,
        "tried": one.exact,
        "plan": _plan(one) if one.steps else "",
        "timeline": [
            {"at": line.at.isoformat(), "word": line.word, "rule": line.rule, "text": line.text}
            for line in _timeline(policy, one)[:_LINES_MOST]
        ],
    }
