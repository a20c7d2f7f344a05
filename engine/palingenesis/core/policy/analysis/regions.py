"""Regions: the facts for which a condition is true, as boxes; and those for which it is false.

What is in neither is unknown. Logic is Kleene's: `not` exchanges the two, `and` is true where all
parts are true and false where one is false. A rule fires only in the true region.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, assert_never

from palingenesis.core.facts import Kind
from palingenesis.core.policy.analysis.asking import is_source, pair_key, source_key
from palingenesis.core.policy.analysis.axes import Axis, contains_trait, matches_trait
from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.policy.analysis.space import Space
from palingenesis.core.policy.conditions import Condition
from palingenesis.core.policy.terms import (
    AllOf,
    Among,
    AnyOf,
    Comparison,
    Contains,
    Count,
    Default,
    FactOf,
    Known,
    Literal,
    Matches,
    Named,
    Not,
    Operator,
    Term,
    Within,
)

Boxes = list[int]

_COMPARE: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}
_TURNED: Final[Mapping[Operator, Operator]] = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}


class Regions:
    """Turns terms into boxes of one space; remembers what it has turned already."""

    def __init__(self, space: Space, budget: Budget) -> None:
        self.space = space
        self.budget = budget
        self._named: dict[tuple[str, str, bool], Boxes] = {}

    def condition(self, condition: Condition | None) -> Boxes:
        """Where a condition is true."""
        terms = () if condition is None else tuple(part.term for part in condition.parts)
        return self.every([self.of(term) for term in terms])

    def of(self, term: Term, *, truth: bool = True) -> Boxes:
        """Where a term is true, or where it is false."""
        match term:
            case AllOf(terms=terms) | AnyOf(terms=terms):
                regions = [self.of(part, truth=truth) for part in terms]
                return (
                    self.every(regions) if isinstance(term, AllOf) is truth else self.any(regions)
                )
            case Not(term=inner):
                return self.of(inner, truth=not truth)
            case Named(name=name, text=text, term=inner):
                key = (name, text, truth)
                if key not in self._named:
                    self._named[key] = self.of(inner, truth=truth)
                return self._named[key]
            case Literal(value=value):
                return [self.space.full] if value is truth else []
            case FactOf() | Default() | Count():
                return self._where(term, lambda value: value is truth)
            case Within(key=key):
                return self._box(key, self.space.axes[key].mask(lambda value: value is truth))
            case Known(fact=fact):
                axis = self.space.axes[fact.name]
                return self._box(fact.name, axis.known if truth else axis.unknown)
            case Contains(text=text, part=part):
                trait = contains_trait(part)
                return self._text(text, trait, lambda found: part in found.lower(), truth=truth)
            case Matches(text=text, pattern=pattern):
                trait = matches_trait(pattern)
                return self._text(text, trait, pattern.found_in, truth=truth)
            case Comparison():
                return self._comparison(term, truth=truth)
            case Among():
                return self._among(term, truth=truth)
            case _:
                assert_never(term)

    def every(self, regions: Sequence[Boxes]) -> Boxes:
        """What several regions share."""
        found = [self.space.full]
        for region in sorted(regions, key=len):
            found = self.space.meets(found, region, self.budget)
            if len(found) > 1:
                found = self.space.joined(found, self.budget)
        return found

    def any(self, regions: Sequence[Boxes]) -> Boxes:
        """Several regions together."""
        found = [box for region in regions for box in region]
        return self.space.joined(found, self.budget) if len(found) > 1 else found

    # ── leaves ────────────────────────────────────────────────────────────────────────────────

    def _box(self, key: str, mask: int) -> Boxes:
        box = self.space.box(key, mask)
        return [box] if box else []

    def _where(self, term: Term, holds: Callable[[Any], bool]) -> Boxes:
        """Where the value of a source has a property; the unknown has none."""
        axis = self.space.axes[source_key(term)]
        return self._box(axis.key, _with_fallback(term, axis, axis.mask(holds), holds))

    def _text(self, text: Term, trait: str, holds: Callable[[str], bool], *, truth: bool) -> Boxes:
        if isinstance(text, Literal):
            return [self.space.full] if holds(str(text.value)) is truth else []
        axis = self.space.axes[source_key(text)]
        mask = axis.text_mask(trait, holds)
        if not truth:
            mask = axis.known & ~mask
        return self._box(axis.key, _with_fallback(text, axis, mask, lambda v: holds(v) is truth))

    def _comparison(self, term: Comparison, *, truth: bool) -> Boxes:
        left, right, sign = term.left, term.right, term.operator
        if isinstance(left, Literal) and not isinstance(right, Literal):
            left, right, sign = right, left, _TURNED[sign]
        if not is_source(left) and not isinstance(left, Literal):
            return self._same(left, right, same=(sign is Operator.EQ) is truth)
        compare = _COMPARE[sign]
        if isinstance(right, Literal):
            if isinstance(left, Literal):
                holds = compare(left.value, right.value)
                return [self.space.full] if holds is truth else []
            return self._where(left, lambda value: compare(value, right.value) is truth)
        return self._pair(left, right, compare, sign, truth=truth)

    def _same(self, left: Term, right: Term, *, same: bool) -> Boxes:
        """Where two conditions have the same, or opposite, truth."""
        first, second = self.of(left), self.of(left, truth=False)
        on, off = self.of(right, truth=same), self.of(right, truth=not same)
        return self.any([self.every([first, on]), self.every([second, off])])

    def _pair(
        self,
        left: Term,
        right: Term,
        compare: Callable[[Any, Any], bool],
        sign: Operator,
        *,
        truth: bool,
    ) -> Boxes:
        """Two facts compared: exact for enums, else how they compare is an axis of its own."""
        one, other = self.space.axes[source_key(left)], self.space.axes[source_key(right)]
        if one.kind is Kind.ENUM and other.kind is Kind.ENUM and one.key != other.key:
            return self._enums(left, right, one.samples, equal=compare(0, 0) is truth)
        key, turned = pair_key(left, right)
        pair = self.space.axes[key]
        wanted = _TURNED[sign] if turned else sign
        mask = pair.mask(lambda found: _implies(found, wanted) is truth)
        known = [self._where(side, lambda _: True) for side in (left, right)]
        return self.every([self._box(key, mask), *known])

    def _enums(self, left: Term, right: Term, values: list[Any], *, equal: bool) -> Boxes:
        """Where two words are equal, or where they differ."""
        return self.any(
            [
                self.every(
                    [
                        self._where(left, partial(operator.eq, value)),
                        self._where(right, partial(operator.eq if equal else operator.ne, value)),
                    ]
                )
                for value in values
            ]
        )

    def _among(self, term: Among, *, truth: bool) -> Boxes:
        wanted = truth is not term.negated
        value, options = term.value, term.options
        if isinstance(value, Literal):
            return [self.space.full] if (value.value in options) is wanted else []
        if is_source(value):
            return self._where(value, lambda found: (found in options) is wanted)
        yes, no = (truth in options for truth in (True, False))
        chosen = [self.of(value)] if yes is wanted else []
        if no is wanted:
            chosen.append(self.of(value, truth=False))
        return self.any(chosen)


def _with_fallback(term: Term, axis: Axis, mask: int, holds: Callable[[Any], bool]) -> int:
    """A mask, and the unknown too where `default()` puts a value with the property there."""
    if isinstance(term, Default) and holds(term.fallback):
        return mask | axis.unknown
    return mask


def _implies(found: str, wanted: Operator) -> bool:
    """Whether two values that compare as `found` also satisfy `wanted`."""
    match wanted:
        case Operator.EQ | Operator.NE:
            return (found == Operator.EQ) is (wanted is Operator.EQ)
        case Operator.LT | Operator.GT:
            return found == wanted
        case Operator.LE:
            return found in {Operator.LT, Operator.EQ}
        case Operator.GE:
            return found in {Operator.GT, Operator.EQ}
