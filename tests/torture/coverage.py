"""Branch coverage of the core and the journal by their own tests.

    python -m tests.torture.coverage
    python -m tests.torture.coverage --only core/kernel --tests tests/core --show
    python -m tests.torture.coverage --only core/policy --tests tests/policy --without-laws

Every branch of what decides (`core`) and of the journal is to be taken by a test; `FLOORS` says how
much of each room is, and the result is 1 when it is less. A `case` that never fails to match is no
branch: mypy holds every `match` to be exhaustive.

It takes about five minutes of processor time, so it is a step of its own: `.ci/run coverage`.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.torture.telling import commit

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ("tests/core", "tests/journal", "tests/stops", "tests/runtime", "tests/policy")
FLOORS: Final = {
    "core/record": 100.0,
    "core/safety.py": 100.0,
    "core/second_look.py": 100.0,
    "core/stops": 100.0,
    "core/kernel": 100.0,
    "core/policy": 100.0,
    "core": 99.9,
    "journal": 100.0,
}
"""The least share of statements and branches, in per cent, that tests have to reach.

Of the whole core two lines are left: an error that only OpenCode's client raises, and its tests
take.
"""
_EXCLUDED: Final = ("if TYPE_CHECKING:", "@overload", r"\.\.\.$", "assert_never")
_NO_BRANCH: Final = r"^\s*case "


def run(tests: list[str], data: Path, *, laws: bool = True) -> int:
    """Run the tests, measured; the exit code of pytest. `laws`: also what Hypothesis draws."""
    words = [sys.executable, "-m", "coverage", "run", "--branch", f"--data-file={data}"]
    words += ["--rcfile=/dev/null", "--source=palingenesis.core,palingenesis.journal"]
    words += ["-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider"]
    without = "" if laws else " and not hypothesis"
    words += ["-m", f"not live and not e2e and not npm{without}", *tests]
    return subprocess.run(words, check=False, cwd=ROOT).returncode


def measured(data: Path, room: str, *, show: bool = False) -> float:
    """The share of a room that was reached, in per cent."""
    from coverage import Coverage

    coverage = Coverage(data_file=str(data), branch=True, config_file=False)
    for pattern in _EXCLUDED:
        coverage.exclude(pattern)
    coverage.exclude(_NO_BRANCH, which="partial")
    coverage.load()
    place = ROOT / "engine" / "palingenesis" / room
    told = io.StringIO()
    share = coverage.report(
        include=[str(place / "*") if place.is_dir() else str(place)],
        file=told,
        show_missing=True,
        skip_covered=True,
    )
    if show:
        print(told.getvalue())
    return share


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="tests.torture.coverage", description="Coverage.")
    parser.add_argument("--only", choices=sorted(FLOORS), help="one room")
    parser.add_argument("--tests", action="append", help=f"default: {' '.join(TESTS)}")
    parser.add_argument("--show", action="store_true", help="which lines and branches are missing")
    parser.add_argument("--without-laws", action="store_true", help="nothing that is drawn by dice")
    parser.add_argument("--data", type=Path, help="a data file that is there; no test is run")
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder:
        data = asked.data or Path(folder) / "data"
        if asked.data is None and run(
            asked.tests or list(TESTS), data, laws=not asked.without_laws
        ):
            print("a test failed: nothing is measured", file=sys.stderr)
            return 1
        short = False
        for room, floor in FLOORS.items():
            if asked.only in (None, room):
                share = measured(data, room, show=asked.show)
                short = short or round(share, 2) < floor
                print(f"{room}: {share:.2f} % of statements and branches, at least {floor:g} %")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    who = "root" if os.geteuid() == 0 else "not root"
    print(f"{day}, commit {commit()}, {who}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
