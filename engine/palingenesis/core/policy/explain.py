"""Explaining: every rule, what became of it and why, from the same evaluation that decides.

`explain` gives plain, frozen data; `plain_explanation` turns it into JSON, `telling` into text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from palingenesis.core.facts import show
from palingenesis.core.policy.conditions import Evaluator, Part, Truth, facts_of
from palingenesis.core.policy.decide import (
    DEFAULT,
    DEFAULT_EVENTS,
    Outcome,
    Used,
    decide,
    outcome_of,
)
from palingenesis.core.policy.hanging import Mark, cuts_of
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.model import Mode, Policy, Rule
from palingenesis.core.policy.nearest import kind_of_fact
from palingenesis.core.policy.terms import (
    AllOf,
    AnyOf,
    Count,
    Default,
    FactOf,
    Known,
    Named,
    Not,
    Term,
    Within,
    parts,
)
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
class Expansion:
    """A defined condition that an expression uses, written out. `single`: one comparison."""

    name: str
    text: str
    truth: Truth
    single: bool
    marks: tuple[Mark, ...]
    cuts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One expression of a rule with its outcome and the comparisons in it.

    `marks` are the values under it, `cuts` the places where a long one may be broken.
    """

    text: str
    truth: Truth
    findings: tuple[Finding, ...]
    marks: tuple[Mark, ...] = ()
    cuts: tuple[int, ...] = ()
    defined: tuple[Expansion, ...] = ()


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
    file: str = ""
    aside: str = ""
    """Why it never decides although it may be true: `observes` or `shadow`; "" if it may."""


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

    def of(self, rule: str) -> Considered | None:
        """What became of one rule."""
        return next((one for one in self.considered if one.rule == rule), None)


def explain(policy: Policy, facts: Mapping[str, FactValue], used: Used) -> Explanation:
    """Tell how the policy decides for these facts."""
    evaluator = Evaluator(facts)
    ruling = decide(policy, facts, used)
    reached = True
    considered: list[Considered] = []
    for rule in policy.rules:
        considered.append(consider(rule, facts, evaluator, reached=reached))
        reached = reached and rule.id != ruling.rule
    event = str(facts.get("event", "unknown"))
    return Explanation(
        policy=policy.name,
        digest=policy.digest,
        event=event,
        rule=ruling.rule,
        limited=ruling.limited,
        acts=ruling.rule != DEFAULT or event in DEFAULT_EVENTS,
        considered=tuple(considered),
    )


def consider(
    rule: Rule, facts: Mapping[str, FactValue], evaluator: Evaluator, *, reached: bool
) -> Considered:
    """What becomes of one rule; the reasons only when it is reached."""
    outcome = outcome_of(rule, facts, evaluator)
    said = rule.when.parts if rule.when is not None and outcome is not Outcome.OTHER_EVENT else ()
    reasons = tuple(_reason(part, facts, evaluator) for part in said) if reached else ()
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
        file=rule.file,
        aside="observes" if rule.observes else "shadow" if rule.mode is Mode.SHADOW else "",
    )


def _reason(part: Part, facts: Mapping[str, FactValue], evaluator: Evaluator) -> Reason:
    findings = tuple(
        Finding(
            text=text,
            truth=evaluator.truth(term),
            facts={name: _shown(name, facts.get(name)) for name in facts_of(term)},
            named=named,
        )
        for term, text, named in comparisons(part.term, part.text)
    )
    return Reason(
        text=part.text,
        truth=evaluator.truth(part.term),
        findings=findings,
        marks=tuple(_marks(part.term, facts, evaluator)),
        cuts=cuts_of(part.term, part.text),
        defined=tuple(_defined(part.term, facts, evaluator)),
    )


def comparisons(term: Term, text: str, named: str = "") -> Iterator[tuple[Term, str, str]]:
    """The parts that `and`, `or` and `not` join, each with its own text and its define's name."""
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            for inner in terms:
                yield from comparisons(inner, text, named)
        case Not(term=inner):
            yield from comparisons(inner, text, named)
        case Named(name=name, term=inner, text=own):
            yield from comparisons(inner, own, name)
        case _:
            yield term, text[term.start : term.end], named


def _marks(term: Term, facts: Mapping[str, FactValue], evaluator: Evaluator) -> Iterator[Mark]:
    """The value of everything in an expression that was looked up."""
    match term:
        case FactOf(name=name):
            yield Mark(start=term.start, shown=quoted(name, facts.get(name)))
        case Count() | Within():
            yield Mark(start=term.start, shown=quoted(term.key, facts.get(term.key)))
        case Default(fact=fact, fallback=fallback):
            value, instead = facts.get(fact.name), show_literal(fact.kind, fallback)
            said = quoted(fact.name, value) if value is not None else f"unknown, so {instead}"
            yield Mark(start=term.start, shown=said)
        case Known(fact=fact):
            yield Mark(start=term.start, shown=quoted(fact.name, facts.get(fact.name)))
        case Named():
            truth = say_truth(evaluator.truth(term))
            shown = _written_out(term, truth, facts) if _is_single(term) else truth
            yield Mark(start=term.start, shown=shown, brief=truth)
        case _:
            for inner in parts(term):
                yield from _marks(inner, facts, evaluator)


def _written_out(term: Named, truth: str, facts: Mapping[str, FactValue]) -> str:
    """A defined condition of one comparison with its value at once; a larger one follows below."""
    values = ", ".join(f"{name} = {quoted(name, facts.get(name))}" for name in facts_of(term))
    return f"{term.text} → {truth}" + (f"   ({values})" if values else "")


def _is_single(term: Named) -> bool:
    return not isinstance(term.term, AllOf | AnyOf | Not | Named)


def _defined(
    term: Term, facts: Mapping[str, FactValue], evaluator: Evaluator
) -> Iterator[Expansion]:
    """Every defined condition in an expression, each once, those within others after them."""
    found: dict[str, Expansion] = {}
    todo = [term]
    while todo:
        one = todo.pop(0)
        if isinstance(one, Named) and one.name not in found:
            found[one.name] = Expansion(
                name=one.name,
                text=one.text,
                truth=evaluator.truth(one),
                single=_is_single(one),
                marks=tuple(_marks(one.term, facts, evaluator)),
                cuts=cuts_of(one.term, one.text),
            )
        todo += parts(one)
    yield from found.values()


def quoted(name: str, value: FactValue | None) -> str:
    """A fact's value as a condition would write it; `unknown` where there is none."""
    if value is None:
        return "unknown"
    text = show(name, value)
    return f"'{text}'" if kind_of_fact(name) in {"enum", "text"} else text


def say_truth(truth: Truth) -> str:
    """Kleene's three values as words."""
    return "unknown" if truth is None else "true" if truth else "false"


def _shown(name: str, value: FactValue | None) -> str | None:
    return None if value is None else show(name, value)


def plain_explanation(explanation: Explanation) -> dict[str, Any]:
    """An explanation as plain data, ready for JSON."""
    return asdict(explanation)
