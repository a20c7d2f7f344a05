"""Many nights: the same world with other dice, summed up in numbers that can be compared.

Night number n of a seed is the same night under every policy: dice depend on what they are for,
not on what was drawn before.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from palingenesis.core.policy.index import indexed
from palingenesis.core.policy.model import Policy
from palingenesis.simulation.performance import perform
from palingenesis.simulation.scenario import Scenario
from palingenesis.simulation.summary import Summary, summary_of

_HOUR: Final = timedelta(hours=1)
POINTS: Final = (5, 25, 50, 75, 95)
"""The percentiles that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a night. `better` is 1 when more of it is good, -1 when less is, 0: neither."""

    name: str
    of: Callable[[Summary], float]
    better: int = 0
    unit: str = ""


MEASURES: Final = (
    Measure(name="stops", of=lambda s: sum(s.stops.values())),
    Measure(name="saves", of=lambda s: s.saves),
    Measure(name="handed over", of=lambda s: s.handed_over, better=-1),
    Measure(name="hours worked", of=lambda s: s.worked / _HOUR, better=1, unit="h"),
    Measure(name="hours waited", of=lambda s: s.waited / _HOUR, better=-1, unit="h"),
    Measure(name="hours for a person", of=lambda s: s.stood / _HOUR, better=-1, unit="h"),
    Measure(name="steps", of=lambda s: s.steps, better=1),
    Measure(name="prompts", of=lambda s: s.prompts, better=-1),
    Measure(name="new sessions", of=lambda s: s.new_sessions),
    Measure(name="restarts", of=lambda s: s.restarts),
    Measure(name="notifications", of=lambda s: sum(s.notifications.values()), better=-1),
    Measure(name="dollars spent", of=lambda s: s.cost, unit="$"),
    Measure(name="dollars lost", of=lambda s: s.lost, better=-1, unit="$"),
    Measure(name="rails", of=lambda s: sum(s.rails.values()), better=-1),
    Measure(name="invariants broken", of=lambda s: len(s.breaches), better=-1),
)
"""Every number that is told of many nights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One night of many: its seed, its numbers in the order of `MEASURES`, and how it ended."""

    seed: str
    numbers: tuple[float, ...]
    statuses: tuple[str, ...]
    is_good: bool
    turns: int = 0


def seed_of(seed: str, number: int) -> str:
    """The seed of one night of many; `--seed` with it plays that night alone."""
    return f"{seed}/{number}"


def draw(policy: Policy, scenario: Scenario, *, nights: int, seed: str) -> Iterator[Drawn]:
    """Play so many nights, one after the other."""
    quick = indexed(policy)
    for number in range(1, nights + 1):
        one = seed_of(seed, number)
        of_night = replace(scenario, seed=one)
        summary = summary_of(perform(quick, of_night, seed=one, remember=False))
        yield Drawn(
            seed=one,
            numbers=tuple(measure.of(summary) for measure in MEASURES),
            statuses=tuple(session.status for session in summary.sessions),
            is_good=summary.is_good,
            turns=summary.turns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How one number is distributed over nights."""

    name: str
    unit: str
    mean: float
    points: tuple[float, ...]
    """Its percentiles at `POINTS`."""
    least: float
    most: float
    bins: tuple[int, ...]
    """How many nights fall in each of equal parts between `least` and `most`."""


def spreads(drawn: Sequence[Drawn]) -> tuple[Spread, ...]:
    """The distribution of every measure."""
    return tuple(
        spread_of(measure.name, measure.unit, [one.numbers[index] for one in drawn])
        for index, measure in enumerate(MEASURES)
    )


_BINS: Final = 24


def spread_of(name: str, unit: str, numbers: Sequence[float]) -> Spread:
    """How numbers are distributed."""
    ordered = sorted(numbers)
    least, most = ordered[0], ordered[-1]
    bins = [0] * _BINS
    for number in ordered:
        place = (number - least) / (most - least) if most > least else 0.0
        bins[min(int(place * _BINS), _BINS - 1)] += 1
    return Spread(
        name=name,
        unit=unit,
        mean=sum(ordered) / len(ordered),
        points=tuple(percentile(ordered, point) for point in POINTS),
        least=least,
        most=most,
        bins=tuple(bins),
    )


def percentile(ordered: Sequence[float], point: float) -> float:
    """A percentile of ascending numbers: the nearest rank."""
    rank = max(1, -(-len(ordered) * point // 100))
    return ordered[int(rank) - 1]


def ends(drawn: Sequence[Drawn]) -> Counter[str]:
    """How sessions ended, over all nights."""
    return Counter(status for one in drawn for status in one.statuses)


# ── two policies on the same nights ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What a second policy changes in one number, night by night."""

    name: str
    unit: str
    before: float
    """Mean under the first policy."""
    after: float
    """Mean under the second one."""
    low: float
    high: float
    """The middle 90 % of the nights' differences."""
    better: int
    worse: int
    same: int
    """Nights. Where neither more nor less is good, `better` are those with more."""


def paired(first: Sequence[Drawn], second: Sequence[Drawn]) -> tuple[Paired, ...]:
    """The paired difference of every measure."""
    told = []
    for index, measure in enumerate(MEASURES):
        pairs = [(a.numbers[index], b.numbers[index]) for a, b in zip(first, second, strict=True)]
        differences = sorted(after - before for before, after in pairs)
        sign = measure.better or 1
        better = sum(1 for one in differences if one * sign > 0)
        worse = sum(1 for one in differences if one * sign < 0)
        told.append(
            Paired(
                name=measure.name,
                unit=measure.unit,
                before=sum(before for before, _ in pairs) / len(pairs),
                after=sum(after for _, after in pairs) / len(pairs),
                low=percentile(differences, 5),
                high=percentile(differences, 95),
                better=better,
                worse=worse,
                same=len(differences) - better - worse,
            )
        )
    return tuple(told)
