"""Explaining: every rule, what became of it and why, from the same evaluation that decides.

`explain` gives plain, frozen data; `plain_explanation` turns it into JSON, `render` into text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from palingenesis.core.facts import FACTS, show
from palingenesis.core.policy.conditions import Evaluator, Part, Truth, facts_of
from palingenesis.core.policy.decide import (
    DEFAULT,
    DEFAULT_EVENTS,
    Outcome,
    Used,
    is_used_up,
    outcome_of,
)
from palingenesis.core.policy.model import Policy, Rule
from palingenesis.core.policy.terms import AllOf, AnyOf, Named, Not, Term
from palingenesis.core.values import FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One comparison of a condition. `facts`: what it looked at, as text; None is unknown.

    `named`: the defined condition it stands in, "" if it was written in the rule itself.
    """

    text: str
    truth: Truth
    facts: Mapping[str, str | None]
    named: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One expression of a rule with its outcome and the comparisons in it."""

    text: str
    truth: Truth
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One rule. `reached` is False for rules after the one that decides."""

    rule: str
    line: int
    why: str
    events: tuple[str, ...]
    outcome: Outcome
    reached: bool
    reasons: tuple[Reason, ...] = ()
    unknown: tuple[str, ...] = ()
    """Facts that were missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a decision came about; `rule` is the one that decides, or `default`.

    `acts`: False if nothing is done because no rule listens to the event.
    """

    policy: str
    digest: str
    event: str
    rule: str
    limited: bool
    acts: bool
    considered: tuple[Considered, ...]


def explain(policy: Policy, facts: Mapping[str, FactValue], used: Used) -> Explanation:
    """Tell how the policy decides for these facts."""
    evaluator = Evaluator(facts)
    decided: Rule | None = None
    considered: list[Considered] = []
    for rule in policy.rules:
        one = _consider(rule, facts, evaluator, reached=decided is None)
        considered.append(one)
        if decided is None and one.outcome is Outcome.DECIDES:
            decided = rule
    event = str(facts.get("event", "unknown"))
    return Explanation(
        policy=policy.name,
        digest=policy.digest,
        event=event,
        rule=decided.id if decided is not None else DEFAULT,
        limited=decided is not None and is_used_up(decided, used),
        acts=decided is not None or event in DEFAULT_EVENTS,
        considered=tuple(considered),
    )


def _consider(
    rule: Rule, facts: Mapping[str, FactValue], evaluator: Evaluator, *, reached: bool
) -> Considered:
    outcome = outcome_of(rule, facts, evaluator)
    parts = rule.when.parts if rule.when is not None and outcome is not Outcome.OTHER_EVENT else ()
    reasons = tuple(_reason(part, facts, evaluator) for part in parts) if reached else ()
    missing = dict.fromkeys(
        name
        for reason in reasons
        for finding in reason.findings
        if finding.truth is None
        for name, value in finding.facts.items()
        if value is None
    )
    return Considered(
        rule=rule.id,
        line=rule.line,
        why=rule.why,
        events=tuple(sorted(rule.events)),
        outcome=outcome,
        reached=reached,
        reasons=reasons,
        unknown=tuple(missing),
    )


def _reason(part: Part, facts: Mapping[str, FactValue], evaluator: Evaluator) -> Reason:
    findings = tuple(
        Finding(
            text=text,
            truth=evaluator.truth(term),
            facts={name: _shown(name, facts.get(name)) for name in facts_of(term)},
            named=named,
        )
        for term, text, named in _comparisons(part.term, part.text, "")
    )
    return Reason(text=part.text, truth=evaluator.truth(part.term), findings=findings)


def _comparisons(term: Term, text: str, named: str) -> Iterator[tuple[Term, str, str]]:
    """The parts that `and`, `or` and `not` join, each with its own text."""
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            for inner in terms:
                yield from _comparisons(inner, text, named)
        case Not(term=inner):
            yield from _comparisons(inner, text, named)
        case Named(name=name, term=inner, text=own):
            yield from _comparisons(inner, own, name)
        case _:
            yield term, text[term.start : term.end], named


def _shown(name: str, value: FactValue | None) -> str | None:
    return None if value is None else show(name, value)


def plain_explanation(explanation: Explanation) -> dict[str, Any]:
    """An explanation as plain data, ready for JSON."""
    return asdict(explanation)


_MARKS: Final[Mapping[Outcome, str]] = {
    Outcome.DECIDES: "✔",
    Outcome.FALSE: "✘",
    Outcome.UNKNOWN: "?",
    Outcome.OTHER_EVENT: "·",
}


def render(explanation: Explanation, *, every: bool = False) -> str:
    """Tell an explanation as text; `every` writes out all rules, not only the telling ones."""
    out = [f"event: {explanation.event}    policy: {explanation.policy} {explanation.digest[:6]}"]
    for one in explanation.considered:
        if not one.reached:
            continue
        telling = one.outcome in {Outcome.DECIDES, Outcome.UNKNOWN}
        if one.outcome is Outcome.OTHER_EVENT and not every:
            continue
        decides = "   <- decides" if one.outcome is Outcome.DECIDES else ""
        if decides and explanation.limited:
            decides += ", its limit is reached"
        place = f"line {one.line}" if one.line else ""
        out.append(f" {_MARKS[one.outcome]} {one.rule:<20} {place}{decides}".rstrip())
        if telling or every:
            out += _details(one)
    if explanation.rule == DEFAULT:
        said = "decides" if explanation.acts else "nothing is done: no rule for this event"
        out.append(f" ✔ {DEFAULT:<20} <- {said}")
    return "\n".join(out) + "\n"


def _details(one: Considered) -> list[str]:
    out = [f"     why: {one.why}"] if one.why and one.outcome is Outcome.DECIDES else []
    if one.outcome is Outcome.OTHER_EVENT:
        return [f"     listens to: {', '.join(one.events)}"]
    for reason in one.reasons:
        out.append(f"     when: {reason.text}")
        for finding in reason.findings:
            values = ", ".join(
                f"{name} = {_quoted(name, value)}" for name, value in finding.facts.items()
            )
            inside = f"{finding.named}: " if finding.named else ""
            truth = {True: "true", False: "false", None: "unknown"}[finding.truth]
            out.append(f"       {inside}{finding.text} → {truth}   ({values})")
    if one.unknown:
        out.append(f"     unknown: {', '.join(one.unknown)}")
    return out


def _quoted(name: str, value: str | None) -> str:
    fact = FACTS.get(name)
    if value is None:
        return "unknown"
    return f"'{value}'" if fact is not None and fact.kind in {"enum", "text"} else value
