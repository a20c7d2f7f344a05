"""Planted bugs: one line each, in a copy of the source; the simulated nights have to catch them.

    python -m tests.torture.mutants
    python -m tests.torture.mutants --only 3 --only 7

Each bug of `night/bugs.py` is put into a copy of the source in a temporary directory, and the
nights are played there, in a process of its own, until one breaks a promise or a minute of
processor time is over; those first that are most unlike each other. Of one that comes to no end in
ten minutes of wall clock nothing is known: it counts as not caught, and is told. At least 19 of 20
have to be caught.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from signal import Signals
from subprocess import CompletedProcess, TimeoutExpired
from subprocess import run as run_program
from typing import Final, NamedTuple

from tests.torture.night.bugs import BUGS, Bug

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60.0
"""Of processor time, for each bug."""
WALL_S: Final = 600.0
"""Of wall clock, however little of the processor it gets."""
_ENOUGH: Final = 0.95


class End(StrEnum):
    """How the hunt for a planted bug ended."""

    CAUGHT = "caught"
    MISSED = "MISSED"
    UNKNOWN = "UNKNOWN"
    """The wall clock was over before the processor time was, or the nights broke: nobody knows."""


class Found(NamedTuple):
    """What became of one planted bug."""

    bug: Bug
    end: End
    how: str
    seconds: float


def plant(bug: Bug, place: Path) -> None:
    """Copy the source there, with the bug in it."""
    shutil.copytree(ROOT / "engine", place / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("schemas", "policies"):
        (place / name).symlink_to(ROOT / name)
    file = place / "engine" / "palingenesis" / bug.file
    text = file.read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, f"{bug.file} does not hold, once: {bug.old!r}"
    file.write_text(text.replace(bug.old, bug.new), encoding="utf-8")


def hunt(bug: Bug, *, seconds: float = SECONDS, wall_s: float = WALL_S) -> Found:
    """Play nights with the bug until one of them breaks a promise."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        place = Path(folder)
        plant(bug, place)
        began = time.monotonic()
        try:
            played = _play(place, seconds, wall_s)
        except TimeoutExpired:
            how = f"no end within {wall_s:g} s of wall clock"
            return Found(bug, End.UNKNOWN, how, time.monotonic() - began)
    return Found(bug, *verdict(played), time.monotonic() - began)


def _play(place: Path, seconds: float, wall_s: float) -> CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.torture.nights", "--count", "100000", "--every", "9"]
    words += ["--varied", "--seconds", str(seconds), "--until-caught"]
    environ = {**os.environ, "PYTHONPATH": f"{place / 'engine'}{os.pathsep}{ROOT}"}
    return run_program(
        words,
        check=False,
        capture_output=True,
        text=True,
        cwd=place,
        env=environ,
        timeout=wall_s,
    )


def verdict(played: CompletedProcess[str]) -> tuple[End, str]:
    """How the nights ended, and the promise that was broken first.

    Nights that broke themselves, or were ended from outside, have shown nothing.
    """
    if played.returncode < 0:
        return End.UNKNOWN, f"the nights were ended by {Signals(-played.returncode).name}"
    if played.returncode == 0:
        return End.MISSED, ""
    told = [line.strip() for line in played.stdout.splitlines() if " at " in line and ":" in line]
    how = next((line for line in told if line.startswith(("I", "-", "backup"))), "")
    if how:
        return End.CAUGHT, how
    return End.UNKNOWN, f"the nights broke: {(played.stderr.strip().splitlines() or ['?'])[-1]}"


def summed(ends: Sequence[End]) -> str:
    """How many were caught, were missed, and came to no end."""
    caught, missed, unknown = (ends.count(end) for end in End)
    told = [f"{caught} of {len(ends)} planted bugs were caught"]
    if missed:
        told.append(f"{missed} {'was' if missed == 1 else 'were'} missed")
    if unknown:
        told.append(f"{unknown} {'has' if unknown == 1 else 'have'} no known end")
    return ", ".join(told)


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="tests.torture.mutants", description="Planted bugs.")
    parser.add_argument("--only", type=int, action="append", help="the number of a bug")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each bug (60)")
    asked = parser.parse_args(argv)
    ends = []
    for number, bug in enumerate(BUGS, 1):
        if asked.only and number not in asked.only:
            continue
        found = hunt(bug, seconds=asked.seconds)
        ends.append(found.end)
        print(
            f"{number:2} {found.end} in {found.seconds:5.1f} s: {bug.file}: {bug.why}", flush=True
        )
        if found.how:
            print(f"     {found.how[:150]}", flush=True)
    print(summed(ends))
    return 0 if ends.count(End.CAUGHT) >= len(ends) * _ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
