"""Lint of facts: what may be unknown, and what no agent ever tells."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from palingenesis.core.facts import FACTS, Kind
from palingenesis.core.policy.analysis.chart import Chart
from palingenesis.core.policy.analysis.places import At, Remark
from palingenesis.core.policy.analysis.regions import Boxes
from palingenesis.core.policy.conditions import facts_of
from palingenesis.core.policy.diagnostics import Grade
from palingenesis.core.policy.examples import tells
from palingenesis.core.policy.model import Rule
from palingenesis.core.policy.terms import (
    AllOf,
    AnyOf,
    Default,
    FactOf,
    Known,
    Literal,
    Not,
    Term,
    parts,
)

_NEARLY_ALWAYS_KNOWN: Final = frozenset(
    {
        "stop.reason",
        "stop.confidence",
        "stop.message",
        "stop.retrying",
        "work.done",
        "host.network",
    }
)
"""Known wherever a rule is likely to ask; a note about them would be noise."""


def unguarded(chart: Chart) -> Iterator[Remark]:
    """L120: a part that is unknown would otherwise have decided."""
    for index, rule in enumerate(chart.policy.rules):
        if rule.when is None or rule.file or not chart.boxes[index]:
            continue
        told: set[str] = set()
        for at, part in enumerate(rule.when.parts):
            for term in _leaves(part.term):
                for name in _optional(term):
                    if name not in told and _matters(chart, index, rule, at, term, name):
                        told.add(name)
                        yield _remark(rule, at, term, name)


def _leaves(term: Term) -> Iterator[Term]:
    """The comparisons of a condition; a defined one is looked at where it is defined."""
    match term:
        case AllOf() | AnyOf() | Not():
            for inner in parts(term):
                yield from _leaves(inner)
        case Default() | Known() | Literal():
            pass
        case _:
            yield term


def _optional(term: Term) -> Iterator[str]:
    """Facts of a comparison that may be unknown, and are not given a value by `default()`."""
    for inner in (term, *parts(term)):
        if not isinstance(inner, FactOf) or inner.name in _NEARLY_ALWAYS_KNOWN:
            continue
        fact = FACTS.get(inner.name)
        if fact is not None and fact.optional and not inner.name.startswith("agent."):
            yield inner.name


def _matters(chart: Chart, index: int, rule: Rule, at: int, term: Term, name: str) -> bool:
    """Whether the rule would be true with another answer of this term, where a fact is unknown."""
    space, survey = chart.space, chart.survey
    assert rule.when is not None, "a term stands in a condition"
    unknown = space.box(name, space.axes[name].unknown)
    if not unknown:
        return False
    event = space.axes["event"]
    here: Boxes = [space.meet(unknown, space.box("event", event.among(rule.events)))]
    off = [*survey.impossible, *chart.boxes[index]]
    for answer in (True, False):
        put = Literal(start=term.start, end=term.end, kind=Kind.BOOL, value=answer)
        terms = [
            _with(part.term, term, put) if number == at else part.term
            for number, part in enumerate(rule.when.parts)
        ]
        region = survey.regions.every([here, *(survey.regions.of(one) for one in terms)])
        if space.outside(region, off, survey.budget):
            return True
    return False


def _with(term: Term, old: Term, new: Term) -> Term:
    """A term with another one in the place of a part."""
    if term is old:
        return new
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            return replace(term, terms=tuple(_with(one, old, new) for one in terms))
        case Not(term=inner):
            return replace(term, term=_with(inner, old, new))
        case _:
            return term


def _remark(rule: Rule, at: int, term: Term, name: str) -> Remark:
    return Remark(
        code="L120",
        severity=Grade.NOTE,
        message=f"{name} is not always known; where it is unknown, "
        "this part is neither true nor false, and the rule does not decide",
        help=f"use default({name}, ...) or known({name}) if the other case matters",
        at=At(rule=rule, part=at, term=term),
    )


def never_told(chart: Chart, assistants: Collection[str]) -> Iterator[Remark]:
    """L130: a condition asks for what none of the assistants tells."""
    for rule in chart.policy.rules:
        for at, part in enumerate(rule.when.parts if rule.when is not None else ()):
            for name in facts_of(part.term):
                if name in FACTS and not any(tells(one, name) for one in assistants):
                    listed = " or ".join(sorted(assistants))
                    yield Remark(
                        code="L130",
                        severity=Grade.WARNING,
                        message=f"rule '{rule.id}' asks for {name}, which {listed} never tells",
                        help="it stays unknown, so the comparison is never true; "
                        "'palingenesis policy facts' lists what there is",
                        at=At(rule=rule, part=at),
                    )
