"""Conditions: the evaluator of record, on simpleeval; the only module that knows it.

Theory of operation: simpleeval walks a tree by a table from node class to function. Its own table
is replaced by one for our typed terms, so that nothing of Python's syntax, no attribute, call or
operator of Python, is ever reached. Facts are scalars; no object enters. Logic has three values:
a missing or mistyped fact makes a comparison unknown (None), and `and`, `or`, `not` follow Kleene.
Evaluation is total: it gives True, False or None and cannot raise.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from simpleeval import SimpleEval

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import Kind
from palingenesis.core.policy.expressions import Reading, Scope, read_expression
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
    parts,
)
from palingenesis.core.values import FactValue

Truth = bool | None
"""True, False, or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One expression of a condition, with its text."""

    text: str
    term: Term = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What stands under `when:`; several parts mean: all of them."""

    parts: tuple[Part, ...]

    def holds(self, facts: Mapping[str, FactValue]) -> Truth:
        """Whether the condition is true for these facts; None: it cannot be told."""
        return Evaluator(facts).condition(self)


def compile_condition(texts: tuple[str, ...], scope: Scope) -> Condition:
    """Build a condition from texts that were checked before.

    Raises:
        InvalidConfigError: a text is not an expression after all.
    """
    return Condition(parts=tuple(Part(text=text, term=_checked(text, scope)) for text in texts))


def _checked(text: str, scope: Scope) -> Term:
    reading: Reading = read_expression(text, scope, longest=_RESOLVED)
    if reading.term is None:
        first = reading.mistakes[0] if reading.mistakes else None
        said = first.message if first is not None else "it uses a broken definition"
        raise InvalidConfigError(f"the condition '{text[:80]}' cannot be used: {said}")
    return reading.term


_RESOLVED: Final = 1 << 24
"""Characters of a checked expression; parameters written out make it longer."""

_KINDS: Final[Mapping[Kind, tuple[type, ...]]] = {
    Kind.ENUM: (str,),
    Kind.TEXT: (str,),
    Kind.BOOL: (bool,),
    Kind.INT: (int,),
    Kind.DURATION: (timedelta,),
    Kind.RATIO: (float, int),
    Kind.MONEY: (float, int),
}
_COMPARE: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}


class Evaluator(SimpleEval):  # type: ignore[misc]
    """Evaluates terms over one snapshot of facts. One per decision; not shared between threads."""

    def __init__(self, facts: Mapping[str, FactValue]) -> None:
        super().__init__(operators={}, functions={}, names={})
        self._facts = facts
        self.nodes = {
            Literal: self._literal,
            FactOf: self._fact,
            Default: self._default,
            Known: self._known,
            Count: self._count,
            Within: self._within,
            Contains: self._contains,
            Matches: self._matches,
            Comparison: self._comparison,
            Among: self._among,
            Not: self._not,
            AllOf: self._all,
            AnyOf: self._any,
            Named: self._named,
        }

    def value(self, term: Term) -> FactValue | None:
        """The value of a term; None where it is unknown."""
        found: FactValue | None = self.eval("", previously_parsed=term)
        return found

    def truth(self, term: Term) -> Truth:
        """The truth of a condition's term."""
        found = self.value(term)
        return found if isinstance(found, bool) else None

    def condition(self, condition: Condition) -> Truth:
        """All parts of a condition together."""
        result: Truth = True
        for part in condition.parts:
            truth = self.truth(part.term)
            if truth is False:
                return False
            result = None if truth is None else result
        return result

    def _literal(self, term: Literal) -> FactValue:
        return term.value

    def _fact(self, term: FactOf) -> FactValue | None:
        value = self._facts.get(term.name)
        if type(value) not in _KINDS[term.kind] or value != value:  # noqa: PLR0124 - not a number
            return None
        return value

    def _default(self, term: Default) -> FactValue:
        value = self._fact(term.fact)
        return term.fallback if value is None else value

    def _known(self, term: Known) -> bool:
        return self._fact(term.fact) is not None

    def _count(self, term: Count) -> int | None:
        value = self._facts.get(term.key)
        return value if type(value) is int else None

    def _within(self, term: Within) -> Truth:
        value = self._facts.get(term.key)
        return value if isinstance(value, bool) else None

    def _contains(self, term: Contains) -> Truth:
        text = self._eval(term.text)
        return None if text is None else term.part in text.lower()

    def _matches(self, term: Matches) -> Truth:
        text = self._eval(term.text)
        return None if text is None else term.pattern.found_in(text)

    def _comparison(self, term: Comparison) -> Truth:
        left, right = self._eval(term.left), self._eval(term.right)
        if left is None or right is None:
            return None
        return _COMPARE[term.operator](left, right)

    def _among(self, term: Among) -> Truth:
        value = self._eval(term.value)
        return None if value is None else (value in term.options) is not term.negated

    def _not(self, term: Not) -> Truth:
        value = self._eval(term.term)
        return None if value is None else not value

    def _all(self, term: AllOf) -> Truth:
        result: Truth = True
        for part in term.terms:
            value = self._eval(part)
            if value is False:
                return False
            result = None if value is None else result
        return result

    def _any(self, term: AnyOf) -> Truth:
        result: Truth = False
        for part in term.terms:
            value = self._eval(part)
            if value is True:
                return True
            result = None if value is None else result
        return result

    def _named(self, term: Named) -> Truth:
        value: Truth = self._eval(term.term)
        return value


def windows(condition: Condition) -> frozenset[tuple[str, timedelta]]:
    """What the condition counts, and how far back."""
    found = set()
    todo = [part.term for part in condition.parts]
    while todo:
        term = todo.pop()
        if isinstance(term, Count):
            found.add((term.what, term.window))
        todo += parts(term)
    return frozenset(found)


def facts_of(term: Term) -> tuple[str, ...]:
    """Names of the facts that a term asks about, in the order of the text, each once."""
    if isinstance(term, FactOf):
        return (term.name,)
    if isinstance(term, Count | Within):
        return (term.key,)
    return tuple(dict.fromkeys(name for part in parts(term) for name in facts_of(part)))
