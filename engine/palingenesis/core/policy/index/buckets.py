"""Buckets: clauses kept by the value that they ask one subject for, before any table is looked at.

Theory of operation: most conditions ask for one value of an enumeration or a text, such as a stop
reason. Where a policy has very many rules, looking that value up first leaves a fraction of them,
and the numbers in the tables behind it are as much shorter. A clause that allows several values
stands in several buckets; a subject that would multiply the clauses so is not used.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from palingenesis.core.policy.index.clauses import Clause
from palingenesis.core.policy.index.closures import Facts
from palingenesis.core.policy.index.regions import TYPES, Region, Subject
from palingenesis.core.policy.index.tables import Tables

Owned = Sequence[tuple[int, Clause]]
"""Clauses in the order of their rules, each with the position of its rule."""

ENOUGH: Final = 64
"""So few clauses are not divided further: their numbers are short already."""
_MOST_COPIES: Final = 2
"""How often a clause may stand in the buckets, on average."""


class Buckets:
    """Clauses by the values of one subject; what else they ask is found in their bucket."""

    def __init__(
        self, owned: Owned, subject: Subject, constants: Sequence[Any], enough: int
    ) -> None:
        self._key = subject.key
        (self._kind,) = TYPES[subject.kind]
        at: dict[Any, list[tuple[int, Clause]]] = {constant: [] for constant in constants}
        other: list[tuple[int, Clause]] = []
        unknown: list[tuple[int, Clause]] = []
        for rule, clause in owned:
            region = clause.regions.get(subject, _ANYWHERE)
            rest = rule, _without(clause, subject)
            for constant in constants if region.between[0] else region.constants:
                if region.holds_at(constant):
                    at[constant].append(rest)
            if region.between[0]:
                other.append(rest)
            if region.unknown:
                unknown.append(rest)
        self._other, self._unknown = found_by(other, enough), found_by(unknown, enough)
        self._at: Mapping[Any, Buckets | Tables] = {
            constant: found_by(inside, enough) for constant, inside in at.items()
        }

    def first(self, facts: Facts) -> int | None:
        """The first rule that is true."""
        value = facts.get(self._key)
        if type(value) is self._kind:
            return self._at.get(value, self._other).first(facts)
        return self._unknown.first(facts)

    def matching(self, facts: Facts) -> list[int]:
        """Every rule that is true, in their order."""
        value = facts.get(self._key)
        if type(value) is self._kind:
            return self._at.get(value, self._other).matching(facts)
        return self._unknown.matching(facts)


def found_by(owned: Owned, enough: int = ENOUGH) -> Buckets | Tables:
    """Buckets, if one of the subjects divides the clauses well; else tables of them all."""
    if len(owned) <= enough:
        return Tables(owned)
    asked: dict[Subject, list[Region]] = {}
    for _, clause in owned:
        for subject, region in clause.regions.items():
            asked.setdefault(subject, []).append(region)
    sizes = {subject: _largest(regions, len(owned)) for subject, regions in asked.items()}
    best = min(sizes, key=lambda subject: sizes[subject], default=None)
    if best is None or sizes[best] * 2 > len(owned) or len(TYPES[best.kind]) > 1:
        return Tables(owned)
    constants = {constant for region in asked[best] for constant in region.constants}
    return Buckets(owned, best, sorted(constants), enough)


def _largest(regions: Sequence[Region], clauses: int) -> int:
    """How many clauses the fullest bucket would have; all of them if it cannot be done."""
    if not all(len(set(region.between)) == 1 for region in regions):
        return clauses
    anywhere = clauses - len(regions)
    other = anywhere + sum(region.between[0] for region in regions)
    unknown = anywhere + sum(region.unknown for region in regions)
    at: Counter[Any] = Counter()
    for region in regions:
        for constant, here in zip(region.constants, region.at, strict=True):
            at[constant] += here - region.between[0]
    copies = other * (len(at) + 1) + at.total() + unknown
    return (
        clauses
        if copies > _MOST_COPIES * clauses
        else max(other + max(at.values(), default=0), unknown)
    )


def _without(clause: Clause, subject: Subject) -> Clause:
    regions = {one: region for one, region in clause.regions.items() if one != subject}
    return Clause(regions, clause.checks)


_ANYWHERE: Final = Region(constants=(), at=(), between=(True,), unknown=True)
