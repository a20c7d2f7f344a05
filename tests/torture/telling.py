"""What a run's result is made of: which code it was, and figures of many."""

import subprocess
from collections.abc import Sequence
from math import ceil
from pathlib import Path


def commit() -> str:
    """The commit that was run, with a plus when the tree differs from it; "unknown" without git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=7", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)]


def spans(seconds: Sequence[float]) -> str:
    """How long something took: the middle, nearly all, and the longest."""
    shares = (("p50", 50), ("p99", 99), ("longest", 100))
    return ", ".join(f"{name} {percentile(seconds, share):.2f} s" for name, share in shares)
