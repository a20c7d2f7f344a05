"""Regions: for which values of one subject something is true, as points and the gaps between them.

A subject is what the facts are asked for by one key: a fact, a count, a calendar. A region cuts
its values at a few constants; between two of them nothing changes. Being unknown (missing,
mistyped, not a number) is one more place, of its own. So `and` and `or` of regions are exact.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from palingenesis.core.facts import Kind
from palingenesis.core.policy.terms import Operator
from palingenesis.core.values import FactValue

TYPES: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.ENUM: (str,),
    Kind.TEXT: (str,),
    Kind.BOOL: (bool,),
    Kind.INT: (int,),
    Kind.DURATION: (timedelta,),
    Kind.RATIO: (float, int),
    Kind.MONEY: (float, int),
}
"""The exact types of a kind's values; anything else, a subclass too, is unknown."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A key of the facts, and the kind that a value has to be of."""

    key: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Region:
    """Where something is true: at each constant, in each gap around them, and when unknown.

    `constants` ascend; `between[0]` is the gap below the first of them, `between[-1]` the one above
    the last. A subject without an order has the same truth in every gap: that of "any other value".
    """

    constants: tuple[Any, ...]
    at: tuple[bool, ...]
    between: tuple[bool, ...]
    unknown: bool

    @property
    def is_empty(self) -> bool:
        """It is true nowhere."""
        return not (self.unknown or any(self.at) or any(self.between))

    @property
    def is_full(self) -> bool:
        """It is true everywhere, even when unknown."""
        return self.unknown and all(self.at) and all(self.between)

    def holds_at(self, constant: Any) -> bool:
        """Whether it is true for this value."""
        index = bisect_left(self.constants, constant)
        if index < len(self.constants) and self.constants[index] == constant:
            return self.at[index]
        return self.between[index]

    def holds_after(self, constant: Any) -> bool:
        """Whether it is true in the gap that begins at this value."""
        return self.between[bisect_right(self.constants, constant)]


def compared(sign: Operator, constant: FactValue, *, wanted: bool, fallback: Any) -> Region:
    """Where `value sign constant` is `wanted`; `fallback` stands for an unknown value."""
    below, at, above = _PLACES[sign]
    return Region(
        constants=(constant,),
        at=(at is wanted,),
        between=(below is wanted, above is wanted),
        unknown=False if fallback is None else COMPARE[sign](fallback, constant) is wanted,
    )


def among(options: tuple[FactValue, ...], *, wanted: bool, fallback: Any) -> Region:
    """Where `value in options` is `wanted`."""
    constants = tuple(sorted(set(options)))
    return Region(
        constants=constants,
        at=(wanted,) * len(constants),
        between=(not wanted,) * (len(constants) + 1),
        unknown=False if fallback is None else (fallback in options) is wanted,
    )


def known(*, wanted: bool) -> Region:
    """Where a value is known, or is not."""
    return Region(constants=(), at=(), between=(wanted,), unknown=not wanted)


def both(one: Region, other: Region) -> Region:
    """Where two regions of one subject are true together."""
    return _joined(one, other, lambda a, b: a and b)


def either(one: Region, other: Region) -> Region:
    """Where at least one of two regions of one subject is true."""
    return _joined(one, other, lambda a, b: a or b)


def _joined(one: Region, other: Region, join: Callable[[bool, bool], bool]) -> Region:
    constants = tuple(sorted({*one.constants, *other.constants}))
    after = (join(one.holds_after(c), other.holds_after(c)) for c in constants)
    return Region(
        constants=constants,
        at=tuple(join(one.holds_at(c), other.holds_at(c)) for c in constants),
        between=(join(one.between[0], other.between[0]), *after),
        unknown=join(one.unknown, other.unknown),
    )


COMPARE: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}
_PLACES: Final = {
    Operator.EQ: (False, True, False),
    Operator.NE: (True, False, True),
    Operator.LT: (True, False, False),
    Operator.LE: (True, True, False),
    Operator.GT: (False, False, True),
    Operator.GE: (False, True, True),
}
"""Below, at, and above the constant."""
MIRRORED: Final = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}
"""The operator that says the same with its sides exchanged."""
