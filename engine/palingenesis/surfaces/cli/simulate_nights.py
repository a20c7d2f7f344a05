"""Many nights as text and as JSON: percentiles with a small plot, and two policies side by side."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from palingenesis.runtime.foreign_text import plain

if TYPE_CHECKING:
    from palingenesis.simulation.nights import Drawn, Paired, Spread

_BARS = " ▁▂▃▄▅▆▇█"


def told(drawn: "Sequence[Drawn]", *, what: str, policy: str, seed: str) -> Iterator[str]:
    """The distribution of every number."""
    from palingenesis.simulation.nights import POINTS, ends, spreads

    title = f"{len(drawn)} nights of {plain(what)} under {plain(policy)}, seed {plain(seed)}"
    yield click.style(title, bold=True)
    heads = [f"{point} %" if point != 50 else "median" for point in POINTS]  # noqa: PLR2004
    yield f"  {'':18}" + "".join(f"{head:>8}" for head in heads) + f"{'mean':>9}"
    for spread in spreads(drawn):
        numbers = "".join(f"{_number(number, spread.unit):>8}" for number in spread.points)
        mean = f"{_number(spread.mean, spread.unit or '.'):>9}"
        yield f"  {spread.name:18}{numbers}{mean}  {_plot(spread)}"
    total = sum(ends(drawn).values())
    ended = (f"{count / total:.0%} {word}" for word, count in ends(drawn).most_common())
    yield f"  sessions ended    {', '.join(ended).replace('_', ' ')}"
    good = sum(one.is_good for one in drawn)
    yield f"  as expected       {good} of {len(drawn)} nights"
    strangest = _strangest(drawn)
    yield f"  the strangest     --seed {plain(strangest.seed)} plays it again"


def compared(pairs: "Sequence[Paired]", *, first: str, second: str, nights: int) -> Iterator[str]:
    """What the second policy changes, night by night."""
    names = f"{plain(first)} → {plain(second)}"
    yield click.style(f"{names} on the same {nights} nights", bold=True)
    heads = f"{'before':>9}{'after':>9}{'difference':>12}   {'middle 90 %':18}"
    yield f"  {'mean of a night':18}{heads}better  worse   same"
    for one in pairs:
        unit = one.unit or "."
        difference = one.after - one.before
        sign = "+" if difference > 0 else "-" if difference < 0 else "±"
        middle = f"{_number(one.low, unit)} to {_number(one.high, unit)}"
        text = (
            f"  {one.name:18}{_number(one.before, unit):>9}{_number(one.after, unit):>9}"
            f"{sign + _number(abs(difference), unit):>12}   {middle:18}"
            f"{one.better:>6}{one.worse:>7}{one.same:>7}"
        )
        yield click.style(text, dim=one.better == one.worse == 0)


def plain_nights(drawn: "Sequence[Drawn]") -> dict[str, Any]:
    """The same for programs."""
    from palingenesis.simulation.nights import POINTS, ends, spreads

    measures = {
        spread.name: {
            "mean": round(spread.mean, 4),
            "percentiles": {
                str(point): round(number, 4)
                for point, number in zip(POINTS, spread.points, strict=True)
            },
            "least": round(spread.least, 4),
            "most": round(spread.most, 4),
            "bins": list(spread.bins),
        }
        for spread in spreads(drawn)
    }
    return {
        "nights": len(drawn),
        "measures": measures,
        "ended": dict(sorted(ends(drawn).items())),
        "as_expected": sum(one.is_good for one in drawn),
        "strangest": _strangest(drawn).seed,
    }


def plain_pairs(pairs: "Sequence[Paired]") -> dict[str, Any]:
    """The comparison for programs."""
    return {
        one.name: {
            "before": round(one.before, 4),
            "after": round(one.after, 4),
            "difference_5": round(one.low, 4),
            "difference_95": round(one.high, 4),
            "better": one.better,
            "worse": one.worse,
            "same": one.same,
        }
        for one in pairs
    }


def _strangest(drawn: "Sequence[Drawn]") -> "Drawn":
    """The night to look at first: a broken one, or else where a person was needed longest."""
    from palingenesis.simulation.nights import MEASURES

    names = [measure.name for measure in MEASURES]
    stood, stops = names.index("hours for a person"), names.index("stops")
    return max(drawn, key=lambda one: (not one.is_good, one.numbers[stood], one.numbers[stops]))


def _plot(spread: "Spread") -> str:
    if spread.most <= spread.least:
        return ""
    tallest = max(spread.bins)
    top = len(_BARS) - 1
    bars = "".join(_BARS[-(-count * top // tallest)] for count in spread.bins)
    ends = f"{_number(spread.least, spread.unit)} … {_number(spread.most, spread.unit)}"
    return f"{click.style(bars, fg='cyan')}  {ends}"


def _number(number: float, unit: str) -> str:
    if unit == "$":
        return f"{'-' if number < 0 else ''}${abs(number):.2f}"
    if unit:
        return f"{number:.1f}"
    return f"{number:g}"
