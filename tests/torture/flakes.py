"""The same tests again and again, in another order each time: does any of them ever fail?

    python -m tests.torture.flakes --count 100 --resume flakes.json
    python -m tests.torture.flakes --count 20 tests/core tests/journal

Each run has its number as its seed: of the order of the tests, of what Hypothesis draws, and of
the hash of texts. The tests are those that start no daemon and need no network. A test that fails
in one run is a flake, or a bug that is seldom seen; the command that repeats that run is printed.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.torture.tallying import Tally
from tests.torture.telling import commit

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = (
    "tests/core",
    "tests/journal",
    "tests/runtime",
    "tests/stops",
    "tests/policy",
    "tests/simulation",
)
_SEED: Final = "FLAKES_SEED"
_WALL_S_MAX: Final = 3600.0


@dataclass
class Passage(Tally):
    """What many runs have shown."""

    runs: int = 0
    tests: int = 0


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Pytest asks this of the module as of a plugin: put the tests in the run's own order."""
    Random(os.environ.get(_SEED, "")).shuffle(items)


def once(seed: int, folders: tuple[str, ...]) -> tuple[int, list[str]]:
    """One run: how many tests passed, and what failed."""
    words = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "tests.torture.flakes"]
    words += ["-p", "no:cacheprovider", "-m", "not live and not e2e and not npm"]
    words += [f"--hypothesis-seed={seed}", *folders]
    environ = {**os.environ, _SEED: str(seed), "PYTHONHASHSEED": str(seed)}
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        words,
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environ,
        timeout=_WALL_S_MAX,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not failed:
        failed = [(done.stderr.strip() or done.stdout.strip() or "it did not run")[-300:]]
    passed = re.search(r"(\d+) passed", done.stdout)
    return int(passed[1]) if passed else 0, failed


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="tests.torture.flakes", description="Repeated tests.")
    parser.add_argument("folders", nargs="*", help=f"default: {' '.join(FOLDERS)}")
    parser.add_argument("--count", type=int, default=10, help="runs (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--resume", type=Path, help="where it is kept, and gone on from")
    asked = parser.parse_args(argv)
    folders = tuple(asked.folders) or FOLDERS
    passage = Passage.resumed(asked.resume, asked.seed)
    while passage.runs < asked.count:
        seed, began = passage.next_seed, time.monotonic()
        passed, failed = once(seed, folders)
        again = f"tests.torture.flakes --count 1 --seed {seed} {' '.join(asked.folders)}".strip()
        passage.judge(f"run {seed}", failed, again)
        passage.runs, passage.next_seed = passage.runs + 1, seed + 1
        passage.tests += passed
        passage.seconds += time.monotonic() - began
        passage.keep(asked.resume)
    for text in passage.shown:
        print(text)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    print(
        f"{passage.runs} runs, {passage.tests} tests passed, {passage.violations} failed, in "
        f"{passage.seconds:.0f} s; {' '.join(folders)}; seeds from {asked.seed}; "
        f"{day}, commit {commit()}"
    )
    return 1 if passage.violations else 0


if __name__ == "__main__":
    sys.exit(main())
