"""The indexed form of a policy: for each event, the rules that listen to it, ready to be found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from palingenesis.core.policy.index.clauses import clauses
from palingenesis.core.policy.index.closures import Facts
from palingenesis.core.policy.index.straight import Straight
from palingenesis.core.policy.index.tables import Tables
from palingenesis.core.policy.model import Policy, Rule

FEW: Final = 32
"""Up to so many rules for an event are written as straight-line code; more go into tables."""

_First = Callable[[Facts], int | None]
_Matching = Callable[[Facts], list[int]]


class Indexed:
    """The rules of one policy. A `Finder`: see `palingenesis.core.policy.model`."""

    def __init__(self, rules: tuple[Rule, ...], *, few: int = FEW) -> None:
        self.rules: Final = rules
        forms = {
            event: form_for(rules, event, few)
            for event in sorted({event for rule in rules for event in rule.events})
        }
        self._first: Mapping[object, _First] = {event: form.first for event, form in forms.items()}
        self._matching: Mapping[object, _Matching] = {
            event: form.matching for event, form in forms.items()
        }

    def first(self, facts: Facts) -> int | None:
        """The position of the first rule that listens to the event and is true."""
        first = self._first.get(facts.get("event"))
        return None if first is None else first(facts)

    def matching(self, facts: Facts) -> list[int]:
        """The positions of all such rules, ascending."""
        matching = self._matching.get(facts.get("event"))
        return [] if matching is None else matching(facts)

    def true(self, facts: Facts) -> Iterator[Rule]:
        """The rules that are true, in their order; those after the first only if asked for."""
        first = self.first(facts)
        if first is None:
            return
        yield self.rules[first]
        for position in self.matching(facts)[1:]:
            yield self.rules[position]


def index(policy: Policy) -> Indexed:
    """The indexed form of a policy's rules."""
    return Indexed(policy.rules)


def indexed(policy: Policy) -> Policy:
    """The same policy, deciding by its index; for simulation, tests, differences and analysis."""
    return replace(policy, finder=index(policy))


def form_for(rules: tuple[Rule, ...], event: str, few: int) -> Straight | Tables:
    """The rules that listen to an event: as code if there are at most `few`, else as tables."""
    listening = [(place, rule.when) for place, rule in enumerate(rules) if event in rule.events]
    if len(listening) <= few:
        return Straight(listening)
    return Tables([(place, clauses(when)) for place, when in listening])
