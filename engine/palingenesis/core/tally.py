"""What was counted beside the savings: decisions, effects, orders of people, how long waits took.

Every figure only grows. The world carries it (`World.tally`), so it outlives a restart, and the
entries that the journal removes to stay within its bounds are counted already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR

BOUNDS_S: Final = (
    1, 5, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 5 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 8 * DAY,
)  # fmt: skip
"""The upper ends of the classes that spans are counted in, in seconds: up to the longest wait.

Journals hold counts by these classes, so they never change; other ones need another field.
"""

RULES_MAX: Final = 100
"""Rules that are counted by name; what comes after them is counted together."""
OTHER: Final = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """How many spans were how long: `counts` by class, the last one beyond every bound."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    total: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The count so far."""

    decisions: Mapping[str, int] = field(default_factory=dict)
    """By their kind, without those of a candidate."""
    rules: Mapping[str, int] = field(default_factory=dict)
    """What each rule decided; of the first 100 rules, and of all others together."""
    effects: Mapping[str, int] = field(default_factory=dict)
    """How effects ended: `resume:ok`."""
    commands: Mapping[str, int] = field(default_factory=dict)
    """What people asked for."""
    downs: Mapping[str, int] = field(default_factory=dict)
    """Why agents were gone."""
    starts: int = 0
    """Runs of the daemon."""
    sensor_breaks: int = 0
    safe_holds: int = 0
    slept: timedelta = timedelta(0)
    """For how long the machine was suspended while we watched."""
    waits: Spans = field(default_factory=Spans)
    """From the beginning of a wait until the effect that it was for was ordered."""
    recoveries: Spans = field(default_factory=Spans)
    """From the stop that began the trouble until verified work."""
