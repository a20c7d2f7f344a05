"""Tables: many rules at once, as bits of whole numbers.

Theory of operation: every clause of every rule is one bit; the first rule has the highest one. For
each subject there is a table from its value to the number whose bits are the clauses that this
value allows. A clause that does not ask about the subject is allowed by all of its values. The
numbers found for the facts at hand are joined with `&`; what is left are the clauses that are true,
and the length of that number tells the first. So the work grows with the number of subjects, and
hardly with the number of rules: a machine word answers for 30 of them.

A table holds one number for each constant that some clause compares the subject with, one for each
gap between thresholds, and one for the unknown value. It is filled by one sweep over the constants,
in which only the clauses that change there are touched.

Clauses with checks are candidates at first: their checks are computed when their bit is left.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final

from palingenesis.core.policy.index.clauses import Check, Clause
from palingenesis.core.policy.index.closures import Facts, closure
from palingenesis.core.policy.index.regions import TYPES, Region, Subject

LARGEST_TABLE: Final = 32 << 20
"""Bytes that the numbers of one table may take; a subject that needs more is checked instead."""

Holds = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class _Table:
    """The numbers of one subject. `gaps[n]` lies below `cuts[n]`; without cuts there is one gap."""

    points: dict[Any, int]
    cuts: list[Any]
    gaps: list[int]
    unknown: int


class Tables:
    """Clauses in the order of their rules, found through one table for each subject."""

    def __init__(
        self, owned: Sequence[tuple[int, Clause]], *, largest: int = LARGEST_TABLE
    ) -> None:
        self._rules = tuple(rule for rule, _ in owned)
        self._repeats = len(set(self._rules)) < len(self._rules)
        self._width = len(owned)
        self._all = (1 << self._width) - 1
        self._checks: dict[int, tuple[Holds, ...]] = {}
        self._checked = 0
        asked: dict[Subject, list[tuple[int, Region]]] = {}
        for place, (_, clause) in enumerate(owned):
            for subject, region in clause.regions.items():
                asked.setdefault(subject, []).append((place, region))
            self._check(place, tuple(_computed(check) for check in clause.checks))
        self._lay(asked, largest)

    def first(self, facts: Facts) -> int | None:
        """The first rule that is true."""
        left = self._candidates(facts)
        while left:
            place = self._width - left.bit_length()
            checks = self._checks.get(place)
            if checks is None or all(holds(facts) for holds in checks):
                return self._rules[place]
            left ^= 1 << (self._width - place - 1)
        return None

    def matching(self, facts: Facts) -> list[int]:
        """Every rule that is true, in their order."""
        left = self._candidates(facts)
        for place in self._places(left & self._checked):
            if not all(holds(facts) for holds in self._checks[place]):
                left ^= 1 << (self._width - place - 1)
        found = self._found(left)
        return list(dict.fromkeys(found)) if self._repeats else found

    def _candidates(self, facts: Facts) -> int:
        """The clauses whose regions are all true, as bits."""
        get = facts.get
        left = self._all
        for key, kind, point, other, unknown in self._named:
            value = get(key)
            left &= point(value, other) if type(value) is kind else unknown
            if not left:
                return 0
        for key, types, point, cuts, gaps, unknown in self._ordered:
            value = get(key)
            if type(value) not in types or value != value:  # noqa: PLR0124 - not a number
                left &= unknown
                continue
            found = point(value)
            left &= gaps[bisect_right(cuts, value)] if found is None else found
        return left

    def _found(self, bits: int) -> list[int]:
        """The rules whose bits are set, in their order."""
        if bits.bit_count() > _FEW + self._width // _SPREAD:
            digits = f"{bits:0{self._width}b}".encode().translate(_DIGITS)
            return list(compress(self._rules, digits))
        return [self._rules[place] for place in self._places(bits)]

    def _places(self, bits: int) -> Iterator[int]:
        """Where bits are set, from the highest down."""
        while bits:
            length = bits.bit_length()
            yield self._width - length
            bits ^= 1 << (length - 1)

    # ── building ──────────────────────────────────────────────────────────────────────────────

    def _bit(self, place: int) -> int:
        return 1 << (self._width - place - 1)

    def _check(self, place: int, checks: tuple[Holds, ...]) -> None:
        """Let a clause be computed as well once it is a candidate."""
        if checks:
            self._checks[place] = (*self._checks.get(place, ()), *checks)
            self._checked |= self._bit(place)

    def _lay(self, asked: dict[Subject, list[tuple[int, Region]]], largest: int) -> None:
        """Make the tables; those that most clauses ask for are looked at first."""
        self._named: list[tuple[str, type, Callable[[Any, int], int], int, int]] = []
        self._ordered: list[tuple[str, tuple[type, ...], Any, list[Any], list[int], int]] = []
        for subject, found in sorted(asked.items(), key=lambda one: -len(one[1])):
            if self._size(found) > largest:
                for place, region in found:
                    self._check(place, (_looked_up(subject, region),))
                continue
            table = self._swept(found)
            types, point = TYPES[subject.kind], table.points.get
            if table.cuts or len(types) > 1:
                row = (subject.key, types, point, table.cuts, table.gaps, table.unknown)
                self._ordered.append(row)
            else:
                self._named.append((subject.key, types[0], point, table.gaps[0], table.unknown))

    def _size(self, found: list[tuple[int, Region]]) -> int:
        """Bytes that a table of these regions may need: a number at and one after each constant."""
        constants = {constant for _, region in found for constant in region.constants}
        return 2 * len(constants) * self._width // 8

    def _swept(self, found: list[tuple[int, Region]]) -> _Table:
        """Go over the constants from the lowest up, and note what each of them changes."""
        gap = unknown = self._all
        at: dict[Any, int] = {}
        after: dict[Any, int] = {}
        for place, region in found:
            bit = self._bit(place)
            before = region.between[0]
            gap ^= 0 if before else bit
            unknown ^= 0 if region.unknown else bit
            for constant, here, then in zip(
                region.constants, region.at, region.between[1:], strict=True
            ):
                at[constant] = at.get(constant, 0) | (bit if here is not before else 0)
                after[constant] = after.get(constant, 0) | (bit if then is not before else 0)
                before = then
        table = _Table(points={}, cuts=[], gaps=[gap], unknown=unknown)
        for constant in sorted(at):
            table.points[constant] = gap ^ at[constant]
            if after[constant]:
                gap ^= after[constant]
                table.cuts.append(constant)
                table.gaps.append(gap)
        return table


_FEW: Final = 8
_SPREAD: Final = 24
"""More than a few bits, and one in so many, are written out at once instead of one by one."""
_DIGITS: Final = bytes.maketrans(b"01", b"\0\1")


def _computed(check: Check) -> Holds:
    value_of, wanted = closure(check.term), check.wanted
    return lambda facts: value_of(facts) is wanted


def _looked_up(subject: Subject, region: Region) -> Holds:
    types = TYPES[subject.kind]

    def holds(facts: Facts) -> bool:
        value = facts.get(subject.key)
        if type(value) not in types or value != value:  # noqa: PLR0124 - not a number
            return region.unknown
        return region.holds_at(value)

    return holds
