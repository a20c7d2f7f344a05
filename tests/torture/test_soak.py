"""The short form of the soak (see tests/torture/soak.py)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.soak import Measure, judged

MIB = 1024 * 1024


@pytest.mark.timeout(600)
def test_nothing_grows_in_a_life_of_months(tmp_path: Path):
    """Months in few events, at the cap of the journal, in a process that is only the soak's."""
    options = "--count 7000 --warm 3500 --measure 500 --every 1000 --cap 16 --keep 365 --filled 8"

    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.soak", *options.split(), "--folder", str(tmp_path)],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("soak: 7000 events, ")
    assert "Traceback" not in done.stderr


def measured(events: int, **other: int) -> Measure:
    usual = {"rss": 40_000_000, "descriptors": 9, "threads": 2, "disk": 10 * MIB}
    return Measure(events=events, sessions=10, waiting=0, **{**usual, **other})


FLAT = [measured(0), measured(1_000, rss=50_000_000), measured(2_000, rss=54_000_000)]


@pytest.mark.parametrize(
    ("last", "problem"),
    [
        (measured(3_000, rss=55_100_000), "memory grew by 5.1 MB after 1000 events"),
        (measured(3_000, descriptors=10), "descriptors were not constant: [9, 10]"),
        (measured(3_000, threads=3), "threads were not constant: [2, 3]"),
        (measured(3_000, disk=17 * MIB), "the journal took 17.0 MiB, its cap is 16 MiB"),
    ],
)
def test_growth_is_noticed(last: Measure, problem: str):
    assert list(judged(FLAT, 1_000, 16 * MIB)) == []
    assert list(judged([*FLAT, last], 1_000, 16 * MIB)) == [problem]


def test_a_run_that_is_too_short_says_nothing_good():
    (problem,) = judged(FLAT, 2_000, 16 * MIB)

    assert problem == "only 2000 events: nothing can be said of growth"
