"""Dice: numbers that a seed determines, one for every purpose; there is no other chance here.

A number depends on the seed and on what it is for, never on what was drawn before. So two policies
that are compared meet the same nights, however differently they act in them.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import log
from typing import Final

from palingenesis.core.kernel.draft import fraction

_NEVER: Final = timedelta(days=4000)


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; spans are in seconds."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dice:
    """The dice of one night."""

    seed: str

    def fraction(self, purpose: str) -> float:
        """A number in [0, 1)."""
        return fraction(self.seed, purpose)

    def chance(self, share: float, purpose: str) -> bool:
        """Whether something happens that happens in this share of all cases."""
        return share > 0 and self.fraction(purpose) < share

    def amount(self, within: Range, purpose: str) -> float:
        """A number within a range."""
        if within.high <= within.low:
            return within.low
        return within.low + (within.high - within.low) * self.fraction(purpose)

    def span(self, within: Range, purpose: str) -> timedelta:
        """A span within a range of seconds, in whole milliseconds."""
        return timedelta(milliseconds=round(self.amount(within, purpose) * 1000))

    def gap(self, per_hour: float, purpose: str) -> timedelta:
        """The time until something happens that happens so often in an hour, at random."""
        if per_hour <= 0:
            return _NEVER
        hours = -log(1.0 - self.fraction(purpose)) / per_hour
        return min(timedelta(seconds=round(hours * 3600, 3)), _NEVER)
