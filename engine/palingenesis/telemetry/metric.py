"""A **metric** is a name with its meaning; a **sample** is one value of it, told apart by labels.

A **family** is a metric with all its samples at one moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from palingenesis.core.tally import BOUNDS_S, Spans


class Kind(StrEnum):
    """How the values of a metric are to be read."""

    COUNTER = "counter"  # only grows
    GAUGE = "gauge"  # what is now
    HISTOGRAM = "histogram"  # how many were how large


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is counted or measured."""

    name: str
    """By Prometheus' conventions: a prefix, the unit in the plural, `_total` for a counter."""
    kind: Kind
    help: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its labels, each with its meaning."""
    live: bool = False
    """Only a running daemon knows it; any other is read from the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The value of a histogram: how many values fell between each two bounds, and their sum."""

    bounds: Sequence[float]
    counts: Sequence[int]
    """One more than there are bounds."""
    total: float

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value."""

    value: float | Distribution
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric and its samples."""

    metric: Metric
    samples: tuple[Sample, ...]


def spans(counted: Spans) -> Distribution:
    """The spans of the tally, in seconds."""
    return Distribution(bounds=BOUNDS_S, counts=counted.counts, total=counted.total.total_seconds())
