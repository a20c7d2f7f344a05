"""Planted bugs: one line each, in a copy of the source; the simulated nights have to catch them.

    python -m tests.torture.mutants
    python -m tests.torture.mutants --only 3 --only 7

Each bug of `night/bugs.py` is put into a copy of the source in a temporary directory, and the
nights are played there, in a process of its own, until one breaks a promise or a minute of
processor time is over. At least 19 of 20 have to be caught.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from subprocess import CompletedProcess
from subprocess import run as run_program
from typing import Final, NamedTuple

from tests.torture.night.bugs import BUGS, Bug

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60.0
"""Of processor time, for each bug."""
_WALL_S: Final = 600.0
_ENOUGH: Final = 0.95


class Caught(NamedTuple):
    """What became of one planted bug."""

    bug: Bug
    caught: bool
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


def hunt(bug: Bug, *, seconds: float = SECONDS) -> Caught:
    """Play nights with the bug until one of them breaks a promise."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        place = Path(folder)
        plant(bug, place)
        began = time.monotonic()
        played = _play(place, seconds)
    took = time.monotonic() - began
    told = [line.strip() for line in played.stdout.splitlines() if " at " in line and ":" in line]
    how = next((line for line in told if line.startswith(("I", "-", "backup"))), "")
    if played.returncode not in {0, 1}:
        how = (played.stderr.strip().splitlines() or ["it ended"])[-1]
    return Caught(bug, played.returncode != 0, how, took)


def _play(place: Path, seconds: float) -> CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.torture.nights", "--count", "100000", "--every", "9"]
    words += ["--seconds", str(seconds), "--until-caught"]
    environ = {**os.environ, "PYTHONPATH": f"{place / 'engine'}{os.pathsep}{ROOT}"}
    return run_program(
        words,
        check=False,
        capture_output=True,
        text=True,
        cwd=place,
        env=environ,
        timeout=_WALL_S,
    )


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="tests.torture.mutants", description="Planted bugs.")
    parser.add_argument("--only", type=int, action="append", help="the number of a bug")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each bug (60)")
    asked = parser.parse_args(argv)
    caught = []
    for number, bug in enumerate(BUGS, 1):
        if asked.only and number not in asked.only:
            continue
        found = hunt(bug, seconds=asked.seconds)
        caught.append(found)
        verdict = "caught" if found.caught else "MISSED"
        print(f"{number:2} {verdict} in {found.seconds:5.1f} s: {bug.file}: {bug.why}", flush=True)
        if found.how:
            print(f"     {found.how[:150]}", flush=True)
    well = sum(found.caught for found in caught)
    print(f"{well} of {len(caught)} planted bugs were caught")
    return 0 if well >= len(caught) * _ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
