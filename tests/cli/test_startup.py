"""What somebody waits for starts quickly: nothing is imported that it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import daemon, environment
from tests.control.doors import Served

__all__ = ["daemon"]

HEAVY = (
    "asyncio", "bz2", "concurrent", "difflib", "email", "http", "httpx", "importlib.metadata",
    "jinja2", "jsonschema", "logging", "lzma", "multiprocessing", "opentelemetry", "platformdirs",
    "psutil", "random", "rich", "shutil", "simpleeval", "sqlite3", "ssl", "starlette", "subprocess",
    "tempfile", "tomlkit", "tomllib", "transitions", "unittest", "uvicorn", "watchfiles", "yaml",
    "zipfile",
)  # fmt: skip
OURS_MOST = 26
"""So many modules of our own `status` needs, and a few more."""

PROGRAM = """
import sys
from palingenesis.surfaces.cli.program import run
code = run(sys.argv[1:])
print(code, *sorted(sys.modules), file=sys.stderr)
"""


def imported(folder: Path, *words: str, **variables: str) -> tuple[int, set[str]]:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**environment(folder), "PYTHONPATH": "engine", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, *modules = said.stderr.splitlines()[-1].split()
    return int(code), set(modules)


@pytest.mark.parametrize("command", [("status",), ("status", "--json"), ("health",), ("--help",)])
def test_what_is_typed_often_imports_little(
    tmp_path: Path, daemon: Served, command: tuple[str, ...]
):
    code, modules = imported(tmp_path, *command)

    assert code == 0
    assert sorted(modules.intersection(HEAVY)) == []
    assert len([name for name in modules if name.startswith("palingenesis")]) <= OURS_MOST


def test_a_tab_imports_only_the_command_that_is_completed(tmp_path: Path, daemon: Served):
    program = (
        PROGRAM.replace("code = run(sys.argv[1:])", "import atexit; code = 0")
        .replace("print(", "atexit.register(lambda: print(")
        .replace("file=sys.stderr)", "file=sys.stderr)); run([])")
    )

    said = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **environment(tmp_path),
            "PYTHONPATH": "engine",
            "_PALINGENESIS_COMPLETE": "bash_complete",
            "COMP_WORDS": "palingenesis daemon st",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    modules = set(said.stderr.splitlines()[-1].split())
    assert said.stdout.split() == ["plain,start", "plain,status", "plain,stop"]
    assert sorted(modules.intersection({*HEAVY} - {"subprocess"})) == []


def test_garbage_is_looked_for_while_a_command_runs_but_not_in_what_was_imported_for_all():
    program = (
        "import atexit, gc, sys; sys.argv = ['palingenesis', '--version'];"
        "from palingenesis.surfaces.cli import main;"
        "atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000));"
        "main()"
    )

    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == "True True"
