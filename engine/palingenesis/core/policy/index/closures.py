"""Closures: a term as a Python function of the facts, for what no table can answer.

They do what the evaluator of record does, three values and all, without walking a tree: `contains`,
`matches`, a fact compared with another, and conditions too wide to be spread out.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from palingenesis.core.policy.index.regions import COMPARE, TYPES
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
    Term,
    Within,
)
from palingenesis.core.values import FactValue

Facts = Mapping[str, FactValue]
Value = Callable[[Facts], Any]
"""The value of a term for some facts; None where it is unknown."""


def closure(term: Term) -> Value:
    """The function that gives a term's value."""
    match term:
        case AllOf(terms=terms):
            return _all(tuple(closure(one) for one in terms))
        case AnyOf(terms=terms):
            return _any(tuple(closure(one) for one in terms))
        case Not(term=inner):
            return _mapped(closure(inner), operator.not_)
        case Named(term=inner):
            return closure(inner)
        case Comparison():
            compare = COMPARE[term.operator]
            return _compared(compare, closure(term.left), closure(term.right))
        case Among(options=options, negated=negated):
            return _mapped(closure(term.value), lambda value: (value in options) is not negated)
        case Contains(part=part):
            return _mapped(closure(term.text), lambda text: part in text.lower())
        case Matches(pattern=pattern):
            return _mapped(closure(term.text), pattern.found_in)
        case _:
            return _leaf(term)


def _leaf(term: Literal | FactOf | Default | Known | Count | Within) -> Value:
    match term:
        case Literal(value=value):
            return lambda _facts: value
        case FactOf(name=name, kind=kind):
            return _fact(name, TYPES[kind])
        case Default(fact=fact, fallback=fallback):
            return _or_else(_fact(fact.name, TYPES[fact.kind]), fallback)
        case Known(fact=fact):
            value_of = _fact(fact.name, TYPES[fact.kind])
            return lambda facts: value_of(facts) is not None
        case Count(key=key):
            return _fact(key, (int,))
        case Within(key=key):
            return _fact(key, (bool,))
        case _:
            assert_never(term)


def _fact(name: str, types: tuple[type, ...]) -> Value:
    def value_of(facts: Facts) -> Any:
        value = facts.get(name)
        if type(value) not in types or value != value:  # noqa: PLR0124 - not a number
            return None
        return value

    return value_of


def _or_else(value_of: Value, fallback: FactValue) -> Value:
    def value_or_fallback(facts: Facts) -> Any:
        value = value_of(facts)
        return fallback if value is None else value

    return value_or_fallback


def _mapped(value_of: Value, change: Callable[[Any], bool]) -> Value:
    def changed(facts: Facts) -> bool | None:
        value = value_of(facts)
        return None if value is None else change(value)

    return changed


def _compared(compare: Callable[[Any, Any], bool], left_of: Value, right_of: Value) -> Value:
    def compared(facts: Facts) -> bool | None:
        left, right = left_of(facts), right_of(facts)
        return None if left is None or right is None else compare(left, right)

    return compared


def _all(parts: tuple[Value, ...]) -> Value:
    def all_of(facts: Facts) -> bool | None:
        result: bool | None = True
        for part in parts:
            value = part(facts)
            if value is False:
                return False
            result = None if value is None else result
        return result

    return all_of


def _any(parts: tuple[Value, ...]) -> Value:
    def any_of(facts: Facts) -> bool | None:
        result: bool | None = False
        for part in parts:
            value = part(facts)
            if value is True:
                return True
            result = None if value is None else result
        return result

    return any_of
