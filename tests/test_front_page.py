"""What the first page of the site shows has been run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shown import missing, typed

PAGE = Path(__file__).parents[1] / "docs" / "index.md"
SHOWN = dict(typed(PAGE))


def said(words: str, home: Path) -> list[str]:
    """What a command prints on a machine where nothing is set up, and no OpenCode is."""
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "TZ": "UTC"}
    arguments = words.removeprefix("palingenesis ").split()
    done = subprocess.run(
        [sys.executable, "-m", "palingenesis", *arguments],
        env={**environ, "LANG": "C.UTF-8", "COLUMNS": "80", **python_path()},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def python_path() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


@pytest.mark.e2e
@pytest.mark.parametrize("words", SHOWN)
def test_every_line_that_the_front_page_shows_comes_out(words: str, tmp_path: Path):
    assert missing(SHOWN[words], said(words, tmp_path)) == []
