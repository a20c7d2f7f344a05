"""A night (see tests.live.night) whose OpenCode is the stand-in: seconds instead of minutes."""

import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def stand_in() -> Iterator[Path]:
    """A program that behaves as `opencode` does, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="palin-stand-in-") as folder:
        program = Path(folder) / "opencode"
        words = shlex.join([sys.executable, "-m", "palingenesis.demo.stand_in"])
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o700)
        yield program
