"""The indexed form of a policy: for each event, the rules that listen to it, ready to be found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from palingenesis.core.policy.index.buckets import ENOUGH, found_by
from palingenesis.core.policy.index.clauses import clauses
from palingenesis.core.policy.index.closures import Facts
from palingenesis.core.policy.index.straight import Straight, no_more
from palingenesis.core.policy.model import Policy, Rule

FEW: Final = 32
"""Up to so many rules for an event are written as straight-line code; more go into tables."""

AHEAD: Final = 4
"""So many rules of the many are tried as code before the tables are: where most rules are true,
the first one usually is."""

First = Callable[[Facts], int | None]
Matching = Callable[[Facts], list[int]]


class Indexed:
    """The rules of one policy. A `Finder`: see `palingenesis.core.policy.model`.

    `first` gives the position of the first rule that listens to the event and is true; `matching`
    gives the positions of all such rules, ascending. Both are functions of the facts.
    """

    def __init__(self, rules: tuple[Rule, ...], *, few: int = FEW, enough: int = ENOUGH) -> None:
        self.rules: Final = rules
        events = sorted({event for rule in rules for event in rule.events})
        forms = {event: forms_for(rules, event, few, enough) for event in events}
        self.first: Final = _first({event: form[0] for event, form in forms.items()})
        self.matching: Final = _matching({event: form[1] for event, form in forms.items()})

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


def forms_for(
    rules: tuple[Rule, ...], event: str, few: int = FEW, enough: int = ENOUGH
) -> tuple[First, Matching]:
    """How the rules that listen to an event are found: as code if they are at most `few`.

    More than `enough` clauses are divided into buckets where that helps.
    """
    listening = [(place, rule.when) for place, rule in enumerate(rules) if event in rule.events]
    if len(listening) <= few:
        code = Straight(listening, no_more)
        return code.first, code.matching
    owned = [(place, clause) for place, when in listening for clause in clauses(when)]
    form = found_by(owned, enough)
    return Straight(listening[: min(few, AHEAD)], form.first).first, form.matching


def _first(forms: Mapping[object, First]) -> First:
    form_of = forms.get

    def first(facts: Facts) -> int | None:
        form = form_of(facts.get("event"))
        return None if form is None else form(facts)

    return first


def _matching(forms: Mapping[object, Matching]) -> Matching:
    form_of = forms.get

    def matching(facts: Facts) -> list[int]:
        form = form_of(facts.get("event"))
        return [] if form is None else form(facts)

    return matching
