"""Axes: a fact as a finite row of cells between which no condition can tell a difference.

A condition compares a fact with fixed values only, so the values of the whole policy cut its range
into points and gaps; inside one cell every comparison has the same answer, and one sample of it
stands for all. "Unknown" is a cell of its own. A text is cut by what is asked about it: equal to
one of the named texts, or else every combination of containing and matching.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any, Final

from palingenesis.core.facts import Kind
from palingenesis.core.policy.analysis.budget import SpentError
from palingenesis.core.policy.patterns import Pattern
from palingenesis.core.values import FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Values that no condition tells apart; `sample` is one of them, None: unknown.

    `low` and `high` are the ends of a gap, None: it has none there. A point has neither.
    `traits` is what holds for a text that no condition names: parts it contains, patterns it
    matches. `vague`: no text with exactly these traits was found.
    """

    sample: FactValue | None
    low: FactValue | None = None
    high: FactValue | None = None
    is_gap: bool = False
    traits: frozenset[str] | None = None
    vague: bool = False


UNKNOWN: Final = Cell(sample=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One dimension of the space of facts. `exact`: False if its cells may hide a contradiction."""

    key: str
    kind: Kind
    cells: tuple[Cell, ...]
    exact: bool = True
    tests: tuple["Test", ...] = ()
    """What is asked about a text beside being equal to another."""

    def index_of(self, value: FactValue | None) -> int:
        """The cell that a value lies in."""
        traits = frozenset(
            trait for trait, holds, _ in self.tests if isinstance(value, str) and holds(value)
        )
        named = [index for index, cell in enumerate(self.cells) if _is_named(cell, value)]
        if named:
            return named[0]
        return next(i for i, cell in enumerate(self.cells) if _is_among(cell, value, traits))

    def mask(self, holds: Callable[[Any], bool]) -> int:
        """The known cells whose sample has a property."""
        return _mask(cell.sample is not None and holds(cell.sample) for cell in self.cells)

    def among(self, values: Collection[FactValue]) -> int:
        """The known cells whose sample is one of some values."""
        return self.mask(lambda sample: sample in values)

    @property
    def samples(self) -> list[FactValue]:
        """One value of every known cell."""
        return [cell.sample for cell in self.cells if cell.sample is not None]

    def text_mask(self, trait: str, holds: Callable[[str], bool]) -> int:
        """The known cells of a text that has a trait."""
        return _mask(_has(cell, trait, holds) for cell in self.cells)

    @property
    def known(self) -> int:
        """Every cell but unknown."""
        return _mask(cell.sample is not None for cell in self.cells)

    @property
    def unknown(self) -> int:
        """The cell of the unknown; 0 if the fact is always known."""
        return _mask(cell.sample is None for cell in self.cells)

    @property
    def whole(self) -> int:
        """Every cell."""
        return (1 << len(self.cells)) - 1


def _mask(bits: Iterable[bool]) -> int:
    return sum(1 << index for index, bit in enumerate(bits) if bit)


def _is_named(cell: Cell, value: FactValue | None) -> bool:
    """Whether a cell has exactly this value, and no other."""
    if value is None or cell.sample is None:
        return value is None and cell.sample is None
    same_kind = isinstance(cell.sample, bool) is isinstance(value, bool)
    return same_kind and not cell.is_gap and cell.traits is None and cell.sample == value


def _is_among(cell: Cell, value: Any, traits: frozenset[str]) -> bool:
    """Whether a value is one of the many of a cell."""
    if cell.traits is not None:
        return isinstance(value, str) and cell.traits == traits
    if not cell.is_gap or value is None:
        return False
    return (cell.low is None or value > cell.low) and (cell.high is None or value < cell.high)


Test = tuple[str, Callable[[str], bool], str]
"""A trait of a text, how to test it, and a text that might have it."""


def _has(cell: Cell, trait: str, holds: Callable[[str], bool]) -> bool:
    if cell.traits is not None:
        return trait in cell.traits
    return isinstance(cell.sample, str) and holds(cell.sample)


def contains_trait(part: str) -> str:
    """Name of the trait that a text contains `part`."""
    return f"contains {part}"


def matches_trait(pattern: Pattern) -> str:
    """Name of the trait that a text matches a pattern."""
    return f"matches {pattern.text}"


@dataclass(slots=True)
class Asked:
    """What the conditions ask about one fact, collected before it becomes an axis."""

    key: str
    kind: Kind
    values: tuple[str, ...] = ()
    always: bool = False
    ends: tuple[FactValue | None, FactValue | None] = (None, None)
    literals: set[FactValue] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    patterns: dict[str, Pattern] = field(default_factory=dict)

    def axis(self) -> Axis:
        """The axis that tells apart what is asked.

        Raises:
            SpentError: there are too many combinations.
        """
        exact = True
        tests: list[Test] = []
        if self.kind is Kind.BOOL:
            cells = [Cell(sample=True), Cell(sample=False)]
        elif self.kind is Kind.ENUM:
            cells = [Cell(sample=value) for value in self.values]
        elif self.kind is Kind.TEXT:
            tests = _text_tests(self)
            cells = _text_cells(self, tests)
            exact = not any(cell.vague for cell in cells)
        else:
            cells = _number_cells(self.kind, self.literals, *self.ends)
        unknown = () if self.always else (UNKNOWN,)
        cells = [*cells, *unknown]
        return Axis(
            key=self.key, kind=self.kind, cells=tuple(cells), exact=exact, tests=tuple(tests)
        )


# ── numbers ───────────────────────────────────────────────────────────────────────────────────


def _number_cells(kind: Kind, literals: set[Any], low: Any, high: Any) -> list[Cell]:
    points = sorted(
        point
        for point in literals
        if (low is None or point >= low) and (high is None or point <= high)
    )
    found: list[Cell] = []
    before = None
    for point in points:
        found += _gap(kind, before, point, low, high)
        found.append(Cell(sample=point))
        before = point
    return [*found, *_gap(kind, before, None, low, high)]


def _gap(kind: Kind, before: Any, after: Any, low: Any, high: Any) -> list[Cell]:
    """The cell strictly between two points (None: the end of the range), if anything lies there."""
    if kind is Kind.INT:
        first = low if before is None else before + 1
        last = high if after is None else after - 1
        if first is not None and last is not None and first > last:
            return []
        sample = first if first is not None else last if last is not None else 0
        return [Cell(sample=sample, low=before, high=after, is_gap=True)]
    if before is None and after is not None and low is not None and after <= low:
        return []
    if after is None and before is not None and high is not None and before >= high:
        return []
    sample = _between(kind, before, after, low, high)
    return [Cell(sample=sample, low=before, high=after, is_gap=True)]


def _between(kind: Kind, before: Any, after: Any, low: Any, high: Any) -> Any:
    """A value in a gap that is easy to read."""
    if before is None:
        return low if low is not None else after - _UNIT[kind]
    if after is None:
        candidate = before + _UNIT[kind]
        return high if high is not None and candidate > high else candidate
    middle = before + (after - before) / 2
    rounded = _rounded(kind, middle)
    return rounded if before < rounded < after else middle


def _rounded(kind: Kind, value: Any) -> Any:
    if kind is Kind.DURATION:
        return timedelta(seconds=round(value.total_seconds()))
    return round(value, 2)


_UNIT: Final[dict[Kind, Any]] = {
    Kind.DURATION: timedelta(minutes=1),
    Kind.RATIO: 0.01,
    Kind.MONEY: 1.0,
}


# ── texts ─────────────────────────────────────────────────────────────────────────────────────


_MOST_TRAITS: Final = 8


def _text_tests(asked: Asked) -> list[Test]:
    tests: list[Test] = [
        (contains_trait(part), _contains(part), part) for part in sorted(asked.parts)
    ]
    tests += [
        (matches_trait(pattern), pattern.found_in, _plain_of(pattern.text))
        for _, pattern in sorted(asked.patterns.items())
    ]
    if len(tests) > _MOST_TRAITS:
        raise SpentError
    return tests


def _text_cells(asked: Asked, tests: list[Test]) -> list[Cell]:
    named = sorted(str(one) for one in asked.literals)
    others = [
        _other(chosen, tests, named)
        for chosen in product((False, True), repeat=len(tests))
        if _possible(chosen, tests)
    ]
    return [*(Cell(sample=text) for text in named), *others]


def _contains(part: str) -> Callable[[str], bool]:
    return lambda text: part in text.lower()


def _possible(chosen: tuple[bool, ...], tests: list[Test]) -> bool:
    """Whether no contained part contains a part that is said not to be contained."""
    parts = [
        (text, yes)
        for yes, (trait, _, text) in zip(chosen, tests, strict=True)
        if trait.startswith("contains ")
    ]
    return not any(
        inner in outer for outer, yes in parts if yes for inner, other in parts if not other
    )


def _other(
    chosen: tuple[bool, ...],
    tests: list[Test],
    named: list[str],
) -> Cell:
    """The texts with exactly the chosen traits that no condition names."""
    traits = frozenset(trait for yes, (trait, _, _) in zip(chosen, tests, strict=True) if yes)
    pieces = [text for yes, (_, _, text) in zip(chosen, tests, strict=True) if yes]
    candidates = [" ".join(pieces), "".join(pieces), *pieces, "anything", "0", "~", "~~", ""]
    for text in candidates:
        fits = all(yes is test(text) for yes, (_, test, _) in zip(chosen, tests, strict=True))
        if fits and text not in named:
            return Cell(sample=text, traits=traits)
    return Cell(sample=candidates[0] or "?", traits=traits, vague=True)


def _plain_of(pattern: str) -> str:
    """A text that a simple pattern probably matches: its plain characters."""
    text = pattern.removeprefix("(?i)").strip("^$").replace(r"\d", "0").replace("[0-9]", "0")
    return "".join(
        char for char in text.replace(".*", "").replace(r"\.", ".") if char not in "()+*?"
    )
