"""Asking: everything that some conditions ask about, collected into the axes of a space."""

from collections.abc import Iterable
from typing import Final

from palingenesis.core.facts import FACTS, Kind
from palingenesis.core.policy.analysis.axes import Asked, Axis, Cell
from palingenesis.core.policy.analysis.domains import ALWAYS_KNOWN, ends
from palingenesis.core.policy.terms import (
    Among,
    Comparison,
    Contains,
    Count,
    Default,
    FactOf,
    Literal,
    Matches,
    Operator,
    Term,
    Within,
    kind_of,
    parts,
)

Source = FactOf | Default | Count
"""A term whose value is read off one axis."""

ALWAYS_THERE: Final = ("event", "stop.reason")
"""Axes that every space has: questions are asked about them even if no condition does."""


class Questions:
    """Collects what terms ask."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}
        self.pairs: dict[str, Axis] = {}
        for name in ALWAYS_THERE:
            self._fact(name, FACTS[name].kind)

    def add(self, terms: Iterable[Term]) -> None:
        """Take in everything that some terms ask."""
        todo = list(terms)
        while todo:
            term = todo.pop()
            self._one(term)
            todo += parts(term)

    def axes(self) -> list[Axis]:
        """The axes, in the order in which they were first asked about."""
        return [*(one.axis() for one in self.asked.values()), *self.pairs.values()]

    def _one(self, term: Term) -> None:
        match term:
            case FactOf(name=name, kind=kind):
                self._fact(name, kind)
            case Count(key=key):
                self._add(Asked(key=key, kind=Kind.INT, always=True, ends=(0, None)))
            case Within(key=key):
                self._add(Asked(key=key, kind=Kind.BOOL, always=True))
            case Default(fact=fact, fallback=fallback):
                self._literal(fact, fallback)
            case Among(value=value, options=options):
                for option in options:
                    self._literal(value, option)
            case Contains(text=text, part=part) if isinstance(text, FactOf | Default):
                self._source(text).parts.add(part)
            case Matches(text=text, pattern=pattern) if isinstance(text, FactOf | Default):
                self._source(text).patterns[pattern.text] = pattern
            case Comparison():
                self._comparison(term)
            case _:
                pass

    def _comparison(self, term: Comparison) -> None:
        if isinstance(term.right, Literal):
            self._literal(term.left, term.right.value)
        elif isinstance(term.left, Literal):
            self._literal(term.right, term.left.value)
        elif is_source(term.left) and is_source(term.right):
            self._pair(term.left, term.right)

    def _pair(self, left: Term, right: Term) -> None:
        key, _ = pair_key(left, right)
        ordered = kind_of(left) in _ORDERED
        signs = (Operator.LT, Operator.EQ, Operator.GT) if ordered else (Operator.EQ, Operator.NE)
        cells = tuple(Cell(sample=sign.value) for sign in signs)
        self.pairs[key] = Axis(key=key, kind=Kind.ENUM, cells=cells, exact=False)

    def _literal(self, term: Term, value: object) -> None:
        if is_source(term) and isinstance(value, bool | int | float | str) | hasattr(value, "days"):
            self._source(term).literals.add(value)  # type: ignore[arg-type]

    def _source(self, term: Term) -> Asked:
        self._one(term.fact if isinstance(term, Default) else term)
        return self.asked[source_key(term)]

    def _fact(self, name: str, kind: Kind) -> None:
        fact = FACTS.get(name)
        self._add(
            Asked(
                key=name,
                kind=kind,
                values=fact.values if fact is not None else (),
                always=name in ALWAYS_KNOWN or (fact is not None and not fact.optional),
                ends=ends(name, kind),
            )
        )

    def _add(self, asked: Asked) -> None:
        self.asked.setdefault(asked.key, asked)


def is_source(term: Term) -> bool:
    """Whether a term is no condition, but a value that is read off one axis."""
    return isinstance(term, FactOf | Default | Count) and kind_of(term) is not Kind.BOOL


def source_key(term: Term) -> str:
    """The axis that a source is read off."""
    if isinstance(term, Count):
        return term.key
    fact = term.fact if isinstance(term, Default) else term
    assert isinstance(fact, FactOf), term
    return fact.name


def pair_key(left: Term, right: Term) -> tuple[str, bool]:
    """The axis that says how two sources compare; whether their places were exchanged for it."""
    one, other = _spelled(left), _spelled(right)
    return (f"{other} and {one}", True) if other < one else (f"{one} and {other}", False)


def _spelled(term: Term) -> str:
    key = source_key(term)
    return f"default({key}, {term.fallback})" if isinstance(term, Default) else key


_ORDERED: Final = frozenset({Kind.INT, Kind.DURATION, Kind.RATIO, Kind.MONEY})
