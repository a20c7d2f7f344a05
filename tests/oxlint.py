"""oxlint, the linter of the plugin for OpenCode, with the configuration of this repository.

`python -m tests.oxlint` is its part of `.ci/run lint`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.npm import installed

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "engine/palingenesis/assistants/opencode/plugin/palingenesis.js"
SETTINGS = ROOT / ".oxlintrc.json"
VERSION = "1.94.0"


def complaints(file: Path) -> list[str]:
    """What it finds, `PLACE: what [Error/rule]`; empty: nothing."""
    program = installed("oxlint", VERSION) / "bin" / "oxlint"
    done = subprocess.run(
        [
            "node", str(program), f"--config={SETTINGS}", "--deny-warnings", "--format=unix",
            str(file),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if line.endswith("]")]
    assert (done.returncode == 0) == (found == []), done.stdout + done.stderr
    return found


def main() -> int:
    """Say what it finds; where it cannot be had, that is a failure only with CI=true."""
    try:
        found = complaints(PLUGIN)
    except pytest.skip.Exception as skipped:
        print(skipped)
        return 0
    print("\n".join(found) or "oxlint: nothing to complain about")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
