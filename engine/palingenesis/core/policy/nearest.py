"""Nearest: the smallest change of facts after which conditions are true, or false, as wanted.

Theory of operation. A wanted truth is driven down through `and`, `or` and `not` to the comparisons,
one choice at every `or`; that leaves comparisons which must be true or false together. Those that
share a fact are solved together, over the values at which one of them turns: the written ones, and
their next neighbours. Between two such values nothing changes, so no smaller change is missed. The
least is: the fewest facts; among those the nearest, a number before a word. Numbers move in steps
that a person would write (1s, 1%, $0.01); finer ones are tried only where no such step fits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, product
from math import inf, isfinite, nextafter
from typing import Final

from palingenesis.core.facts import FACTS, Kind
from palingenesis.core.policy.conditions import Condition, Evaluator, facts_of
from palingenesis.core.policy.terms import (
    AllOf,
    Among,
    AnyOf,
    Contains,
    Default,
    Literal,
    Named,
    Not,
    Term,
    parts,
)
from palingenesis.core.values import FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One fact that would have to be otherwise; None is unknown."""

    fact: str
    before: FactValue | None
    after: FactValue | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A term that shall be `wanted`: true, or false; unknown is neither."""

    term: Term
    wanted: bool


Cost = tuple[int, float]
"""How many facts change, and by how much; the smaller, the nearer."""

STEPS_MOST: Final = 20_000
"""Choices and tries after which a search gives up, about half a second."""


@dataclass(slots=True)
class Budget:
    """How many steps searches may still take together; used up, they have told nothing."""

    left: int = STEPS_MOST

    def is_used_up(self) -> bool:
        """Take a step; whether there was none left."""
        self.left -= 1
        return self.left < 0


NO_CHANGE: Final[Cost] = (0, 0.0)


def goal(condition: Condition | None, *, wanted: bool) -> Goal:
    """A whole condition as a goal; no condition is always true."""
    terms = tuple(part.term for part in condition.parts) if condition is not None else ()
    return Goal(term=AllOf(start=0, end=0, terms=terms), wanted=wanted)


def nearest(
    goals: Iterable[Goal],
    facts: Mapping[str, FactValue],
    *,
    below: Cost = (1_000, inf),
    budget: Budget | None = None,
) -> tuple[Cost, tuple[Change, ...]] | None:
    """The smallest change after which all goals are met, with its cost.

    None: there is none `below`, it would have to make up a text that matches a pattern, or
    there are too many ways to look at all of them.
    """
    search = _Search(facts, below, budget or Budget())
    search.meet(tuple(goals), ())
    if search.budget.left < 0 or search.found is None:
        return None
    return search.best, search.found


def changed(facts: Mapping[str, FactValue], changes: Iterable[Change]) -> dict[str, FactValue]:
    """The facts after a change."""
    new = dict(facts)
    for change in changes:
        if change.after is None:
            new.pop(change.fact, None)
        else:
            new[change.fact] = change.after
    return new


_Demand = tuple[Term, bool]
"""A comparison and what it has to be."""


class _Search:
    """Depth first over the choices that `or` leaves, with the best way so far as a bound."""

    def __init__(self, facts: Mapping[str, FactValue], below: Cost, budget: Budget) -> None:
        self.best = below
        self.found: tuple[Change, ...] | None = None
        self.budget = budget
        self._facts = facts
        self._now = Evaluator(facts)
        self._solved: dict[frozenset[tuple[int, bool]], tuple[Cost, tuple[Change, ...]] | None] = {}

    def meet(self, goals: tuple[Goal, ...], demands: tuple[_Demand, ...]) -> None:
        """Take the first goal apart; with none left, solve what was demanded on the way."""
        if self.budget.is_used_up() or self._least(demands) > self.best[0]:
            return
        if not goals:
            self._settle(demands)
            return
        one, rest = goals[0], goals[1:]
        term, wanted = one.term, one.wanted
        match term:
            case Named(term=inner):
                self.meet((Goal(term=inner, wanted=wanted), *rest), demands)
            case Not(term=inner):
                self.meet((Goal(term=inner, wanted=not wanted), *rest), demands)
            case AllOf(terms=terms) | AnyOf(terms=terms):
                each = [Goal(term=inner, wanted=wanted) for inner in terms]
                if isinstance(term, AllOf) is wanted:
                    self.meet((*each, *rest), demands)
                    return
                for choice in sorted(each, key=self._is_unmet):
                    self.meet((choice, *rest), demands)
            case _:
                self.meet(rest, (*demands, (term, wanted)))

    def _is_unmet(self, choice: Goal) -> bool:
        return self._now.truth(choice.term) is not choice.wanted

    def _least(self, demands: tuple[_Demand, ...]) -> int:
        """At least so many facts have to change for these demands."""
        alone = set()
        for term, wanted in demands:
            names = facts_of(term)
            if len(names) == 1 and self._now.truth(term) is not wanted:
                alone.add(names[0])
        return len(alone)

    def _settle(self, demands: tuple[_Demand, ...]) -> None:
        cost, changes = NO_CHANGE, list[Change]()
        for group in _groups(demands):
            key = frozenset((id(term), wanted) for term, wanted in group)
            if key not in self._solved:
                self._solved[key] = self._solve(group)
            solved = self._solved[key]
            if solved is None:
                return
            cost = (cost[0] + solved[0][0], cost[1] + solved[0][1])
            changes += solved[1]
        if cost < self.best:
            self.best, self.found = cost, tuple(changes)

    def _solve(self, group: list[_Demand]) -> tuple[Cost, tuple[Change, ...]] | None:
        """The smallest change after which all demands of a group are met."""
        if _are_met(group, self._facts):
            return NO_CHANGE, ()
        names = list(dict.fromkeys(name for term, _ in group for name in facts_of(term)))
        for level in range(_LEVELS):
            best: tuple[Cost, tuple[Change, ...]] | None = None
            for changes in _changes(names, group, self._facts, level):
                cost = (len(changes), sum(_weight(change) for change in changes))
                if best is not None and len(changes) > best[0][0]:
                    break
                if best is not None and cost >= best[0]:
                    continue
                if self.budget.is_used_up():
                    return None
                if _are_met(group, changed(self._facts, changes)):
                    best = cost, changes
            if best is not None:
                return best
        return None


def _groups(demands: Iterable[_Demand]) -> list[list[_Demand]]:
    """Demands that share facts, directly or by way of others, together."""
    groups: list[tuple[set[str], list[_Demand]]] = []
    for demand in demands:
        names, members = set(facts_of(demand[0])), [demand]
        apart = []
        for other_names, other_members in groups:
            if names & other_names or (not names and not other_names):
                names |= other_names
                members = [*other_members, *members]
            else:
                apart.append((other_names, other_members))
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _changes(
    names: list[str], group: list[_Demand], facts: Mapping[str, FactValue], level: int
) -> Iterator[tuple[Change, ...]]:
    """Every change of one fact of the group, then of two, and so on."""
    values = {name: list(_values(name, group, facts, level)) for name in names}
    for many in range(1, len(names) + 1):
        for chosen in combinations(names, many):
            for after in product(*(values[name] for name in chosen)):
                yield tuple(
                    Change(fact=name, before=facts.get(name), after=value)
                    for name, value in zip(chosen, after, strict=True)
                )


def _are_met(group: Iterable[_Demand], facts: Mapping[str, FactValue]) -> bool:
    evaluator = Evaluator(facts)
    return all(evaluator.truth(term) is wanted for term, wanted in group)


# ── the values at which something turns ───────────────────────────────────────────────────────

_SECOND: Final = timedelta(seconds=1)
_LEVELS: Final = 3
_SPANS: Final = (_SECOND, _SECOND / 1_000, _SECOND / 1_000_000)
_LONGEST: Final = timedelta(days=100_000)
_SHARES: Final = {Kind.RATIO: (0.01, 0.001), Kind.MONEY: (0.01, 0.0001)}


def _values(
    name: str, group: Iterable[_Demand], facts: Mapping[str, FactValue], level: int
) -> Iterator[FactValue | None]:
    """What the fact may be instead, each once."""
    kind, now = kind_of_fact(name), facts.get(name)
    fact = FACTS.get(name)
    written = [value for term, _ in group for value in _written(term, facts)]
    candidates: list[FactValue | None] = [None]
    if kind is Kind.BOOL:
        candidates += [True, False]
    elif kind is Kind.ENUM and fact is not None:
        candidates += fact.values
    elif kind in {Kind.ENUM, Kind.TEXT}:
        candidates += _texts(written, now if isinstance(now, str) else "")
    else:
        candidates += [near for value in written for near in _near(kind, value, level)]
    yield from dict.fromkeys(
        value for value in candidates if type(value) is not type(now) or value != now
    )


def _written(term: Term, facts: Mapping[str, FactValue]) -> Iterator[FactValue]:
    """Every value that a comparison holds a fact against: written ones and those of other facts."""
    match term:
        case Literal(value=value):
            yield value
        case Among(options=options):
            yield from options
        case Default(fallback=fallback):
            yield fallback
        case Contains(part=part):
            yield part
        case _:
            pass
    for name in facts_of(term):
        if (known := facts.get(name)) is not None:
            yield known
    for inner in parts(term):
        yield from _written(inner, facts)


def _texts(written: Iterable[FactValue], now: str) -> Iterator[str]:
    yield ""
    for value in written:
        if isinstance(value, str):
            yield value
            yield f"{now} {value}".strip()
    yield f"{now} or another"


def _near(kind: Kind, value: FactValue, level: int) -> Iterator[FactValue]:
    """A value and its two neighbours; never below nothing."""
    if kind is Kind.DURATION and isinstance(value, timedelta):
        span = _SPANS[level] if abs(value) < _LONGEST else timedelta(0)
        yield from (near for near in (value, value + span, value - span) if near >= timedelta(0))
    elif kind is Kind.INT and type(value) is int:
        yield from (number for number in (value, value + 1, value - 1) if number >= 0)
    elif kind in _SHARES and isinstance(value, int | float) and isfinite(value):
        shares = _SHARES[kind]
        if level < len(shares):
            step = shares[level]
            numbers = (value, round(value + step, 6), round(value - step, 6))
        else:
            numbers = (value, nextafter(value, inf), nextafter(value, -inf))
        yield from (float(number) for number in numbers if number >= 0)


def kind_of_fact(name: str) -> Kind:
    """The kind of a fact, of `count(…)` and of `within(…)`, by the name it is handed in under."""
    fact = FACTS.get(name)
    if fact is not None:
        return fact.kind
    return Kind.BOOL if name.startswith("within(") else Kind.INT


_RANKS: Final[Mapping[Kind, float]] = {
    Kind.INT: 1,
    Kind.DURATION: 1,
    Kind.RATIO: 1,
    Kind.MONEY: 1,
    Kind.BOOL: 2,
    Kind.ENUM: 3,
    Kind.TEXT: 4,
}
_LASTING: Final = frozenset(
    f"agent.{name}" for name in ("kind", "name", "way", "version", "supported")
) | {"session.directory", "session.title"}
"""Facts that stay as they are as long as a session lives: a change of them is far away."""
_OTHER_WORLD: Final = 4.0
_BECOMES_KNOWN: Final = 1.0
_BECOMES_UNKNOWN: Final = 5.0


def _weight(change: Change) -> float:
    """How far a change is from what is: its kind first, then its distance."""
    if change.after is None:
        return 0.0 if change.before is None else _BECOMES_UNKNOWN
    rank = _RANKS[kind_of_fact(change.fact)]
    if change.fact in _LASTING:
        rank += _OTHER_WORLD
    if change.before is None:
        return rank + _BECOMES_KNOWN
    return rank + _distance(change.before, change.after)


def _distance(before: FactValue, after: FactValue) -> float:
    if isinstance(before, timedelta) and isinstance(after, timedelta):
        return _far(abs(after - before))
    if isinstance(after, str):
        return len(after) / (len(after) + 100)
    if isinstance(before, str | timedelta) or isinstance(after, timedelta):
        return 0.0
    return _far(abs(after - before))


def _far(value: timedelta | float) -> float:
    """A distance as a number from 0 to 1, growing with it."""
    number = value.total_seconds() / 360 if isinstance(value, timedelta) else abs(value)
    return number / (number + 10) if isfinite(number) else 1.0
