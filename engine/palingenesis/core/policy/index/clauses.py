"""Clauses: a condition spread out into alternatives that tables can answer.

Theory of operation: a rule decides when its condition is *true*; false and unknown are the same to
it. "Is true" and "is false" are two ordinary, two-valued questions about a term, and Kleene's logic
says how they go down: `a and b` is true where both are true, and false where one of them is false;
`not a` is true where `a` is false. At the bottom stands one question about one subject, which is a
`Region`, or a `Check` that has to be computed. What comes up again is a list of clauses: the
condition is true if, and only if, every part of one of them is.

Spreading `(a or b) and (c or d)` out multiplies. Past `MOST_CLAUSES` the part that would do so
stays whole, as a check on the clauses of the rest: nothing is lost but speed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from palingenesis.core.facts import Kind
from palingenesis.core.policy.conditions import Condition, facts_of
from palingenesis.core.policy.index.closures import closure
from palingenesis.core.policy.index.regions import (
    MIRRORED,
    Region,
    Subject,
    among,
    both,
    compared,
    either,
    known,
)
from palingenesis.core.policy.terms import (
    AllOf,
    Among,
    AnyOf,
    Comparison,
    Count,
    Default,
    FactOf,
    Known,
    Literal,
    Named,
    Not,
    Operator,
    Term,
    Within,
)
from palingenesis.core.values import FactValue

MOST_CLAUSES: Final = 16
"""Alternatives of one rule."""


@dataclass(frozen=True, slots=True)
class Check:
    """A term that has to be computed, and whether it must be true or must be false."""

    term: Term
    wanted: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """One alternative: true where all its regions and all its checks are."""

    regions: Mapping[Subject, Region]
    checks: tuple[Check, ...] = ()


Clauses = tuple[Clause, ...]
ALWAYS: Final[Clauses] = (Clause({}),)
NEVER: Final[Clauses] = ()


def clauses(condition: Condition | None) -> Clauses:
    """The alternatives under which a condition is true; without a condition it always is."""
    if condition is None:
        return ALWAYS
    return _together(tuple(part.term for part in condition.parts), wanted=True)


def _spread(term: Term, *, wanted: bool) -> Clauses:
    """The alternatives under which a term is true (`wanted`), or is false (not `wanted`)."""
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            if isinstance(term, AllOf) is wanted:
                return _together(terms, wanted=wanted)
            found = _alternatives(one for part in terms for one in _spread(part, wanted=wanted))
            return found if len(found) <= MOST_CLAUSES else _whole(term, wanted=wanted)
        case Not(term=inner):
            return _spread(inner, wanted=not wanted)
        case Named(term=inner):
            return _spread(inner, wanted=wanted)
        case _:
            return _leaf(term, wanted=wanted)


def _whole(term: Term, *, wanted: bool) -> Clauses:
    """A term that is not spread out."""
    return (Clause({}, (Check(term, wanted),)),)


def _together(terms: tuple[Term, ...], *, wanted: bool) -> Clauses:
    """The alternatives under which every term is `wanted`; the simple ones are joined first."""
    spread = [(_spread(term, wanted=wanted), term) for term in terms]
    found = ALWAYS
    for alternatives, term in sorted(spread, key=lambda one: len(one[0])):
        others = alternatives
        if len(found) * len(others) > MOST_CLAUSES:
            others = _whole(term, wanted=wanted)
        met = (_met(one, other) for one in found for other in others)
        found = _alternatives(clause for clause in met if clause is not None)
    return found


def _met(one: Clause, other: Clause) -> Clause | None:
    """Both clauses at once; None if that is true nowhere."""
    regions = dict(one.regions)
    for subject, region in other.regions.items():
        met = both(regions[subject], region) if subject in regions else region
        if met.is_empty:
            return None
        regions[subject] = met
    checks = (*one.checks, *(check for check in other.checks if check not in one.checks))
    return Clause(regions, checks)


def _alternatives(found: Iterable[Clause]) -> Clauses:
    """Clauses of which one is enough; those that ask about one and the same subject become one."""
    alone: dict[Subject, Region] = {}
    others = []
    for clause in found:
        if clause.checks or len(clause.regions) != 1:
            others.append(clause)
            continue
        ((subject, region),) = clause.regions.items()
        alone[subject] = either(alone[subject], region) if subject in alone else region
    merged = [Clause({subject: region}) for subject, region in alone.items()]
    everywhere = any(region.is_full for region in alone.values())
    if everywhere or any(not one.regions and not one.checks for one in others):
        return ALWAYS
    return (*merged, *others)


# ── one question ──────────────────────────────────────────────────────────────────────────────


def _leaf(term: Term, *, wanted: bool) -> Clauses:
    match term:
        case Known(fact=fact):
            return _asked(Subject(fact.name, fact.kind), known(wanted=wanted))
        case Comparison(operator=sign, left=left, right=Literal(value=value)):
            return _compared(term, sign, left, value, wanted=wanted)
        case Comparison(operator=sign, left=Literal(value=value), right=right):
            return _compared(term, MIRRORED[sign], right, value, wanted=wanted)
        case Among(value=value, options=options, negated=negated):
            subject, fallback = _subject(value)
            if subject is None:
                return _computed(term, wanted=wanted)
            return _asked(subject, among(options, wanted=wanted is not negated, fallback=fallback))
        case _:
            return _compared(term, Operator.EQ, term, True, wanted=wanted)  # noqa: FBT003 - a fact


def _compared(
    whole: Term, sign: Operator, term: Term, constant: FactValue, *, wanted: bool
) -> Clauses:
    subject, fallback = _subject(term)
    if subject is None:
        return _computed(whole, wanted=wanted)
    return _asked(subject, compared(sign, constant, wanted=wanted, fallback=fallback))


def _subject(term: Term) -> tuple[Subject | None, FactValue | None]:
    """What a term asks the facts for, and what it takes instead if that is unknown."""
    match term:
        case FactOf(name=name, kind=kind):
            return Subject(name, kind), None
        case Default(fact=fact, fallback=fallback):
            return Subject(fact.name, fact.kind), fallback
        case Count(key=key):
            return Subject(key, Kind.INT), None
        case Within(key=key):
            return Subject(key, Kind.BOOL), None
        case _:
            return None, None


def _asked(subject: Subject, region: Region) -> Clauses:
    return (Clause({subject: region}),)


def _computed(term: Term, *, wanted: bool) -> Clauses:
    """A term that no table answers; what asks for no fact is computed here and now."""
    if not facts_of(term):
        return ALWAYS if closure(term)({}) is wanted else NEVER
    return _whole(term, wanted=wanted)
