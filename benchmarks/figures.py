"""How the benchmarks of a whole night count and tell: percentiles, a floor, and the ratio."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path


def at_percent(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def tell_machine() -> None:
    """The machine, and how busy it was when the run began: figures are only as good as that."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(
        f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()},"
        f" {platform.system()} {platform.release()}, load {load}"
    )


def tell(
    name: str,
    ours: float,
    floor: float,
    unit: str,
    *,
    target: float | None = None,
    against: str = "floor",
) -> None:
    """One line: the figure, the floor of the same run, the ratio, and what is to be reached."""
    ratio = f"x{ours / floor:.2f}" if floor > 0 else "-"
    verdict = ""
    if target is not None:
        word = "reached" if ours <= target else "MISSED"
        verdict = f"target {target:g} {unit}: {word}"
    print(f"{name:<42} {ours:9.3f} {unit}   {against} {floor:.3f} {unit}   {ratio:<8} {verdict}")


def tell_percentiles(
    name: str,
    ours: Sequence[float],
    floors: Sequence[float],
    unit: str,
    *,
    target: tuple[float, float] | None = None,
    percents: Sequence[float] = (50, 99),
    against: str = "floor",
) -> None:
    """A line for each percentile; `target` is (percent, most)."""
    print(f"{name}: {len(ours)} times")
    for percent in percents:
        most = target[1] if target is not None and target[0] == percent else None
        tell(
            f"  p{percent:g}",
            at_percent(ours, percent),
            at_percent(floors, percent),
            unit,
            target=most,
            against=against,
        )
    print(f"  most {max(ours):.3f} {unit}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
