"""One change in a copy of the tree, and the tests in a process of their own.

For what a warm process cannot try: classes, tables that are built while a module is loaded, and
tests that start programs.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from tests.torture.mutating.changes import Change
from tests.torture.mutating.warm import KILLED, SURVIVED, TIMEOUT, Tried

_COPIED: Final = ("engine", "tests")
_LEFT_OUT: Final = {".git", ".venv", ".hypothesis"}
_PASSED, _FAILED = 0, 1
_SECONDS_MAX: Final = 120
_WALL_S_MAX: Final = 600
_TESTS_MAX: Final = 60


class Tree:
    """A copy of the tree; one file of it is changed at a time."""

    def __init__(self, root: Path, place: Path) -> None:
        self.root = root
        self.place = place

    def __enter__(self) -> Self:
        ignore = shutil.ignore_patterns("__pycache__")
        for it in self.root.iterdir():
            if it.name in _COPIED:
                shutil.copytree(it, self.place / it.name, ignore=ignore, symlinks=True)
            elif it.name not in _LEFT_OUT:
                (self.place / it.name).symlink_to(it)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.place)

    def attempt(self, change: Change, tests: Sequence[str]) -> Tried:
        """Change the file, run the tests until one fails, and change it back."""
        chosen = tests[:_TESTS_MAX]
        file = self.place / change.file.relative_to(self.root)
        before = file.read_bytes()
        file.write_text(change.source(), encoding="utf-8")
        began = time.monotonic()
        try:
            code, said = self._run(chosen)
        finally:
            file.write_bytes(before)
        verdict = {_PASSED: SURVIVED}.get(code, KILLED if code > 0 else TIMEOUT)
        return Tried(
            name=change.name,
            verdict=verdict,
            by=said if verdict == KILLED else "",
            tests=len(chosen),
            seconds=round(time.monotonic() - began, 3),
            left_out=len(tests) - len(chosen),
        )

    def _run(self, tests: Sequence[str]) -> tuple[int, str]:
        words = [sys.executable, "-B", "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider"]
        words += ["--hypothesis-seed=0", "--no-header", "-p", "no:randomly", *tests]
        environ = {**os.environ, "PYTHONPATH": str(self.place / "engine")}
        try:
            done = subprocess.run(
                words,
                check=False,
                capture_output=True,
                text=True,
                cwd=self.place,
                env=environ,
                timeout=_WALL_S_MAX,
                preexec_fn=_limit,
            )
        except subprocess.TimeoutExpired:
            return -1, ""
        lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return done.returncode, (lines or ["it did not start"])[0]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS_MAX, _SECONDS_MAX))
