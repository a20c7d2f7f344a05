"""The recipes of the documentation work as they are written, in a real shell, on a real daemon."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.real import NOBODY, Home, a_home

pytestmark = pytest.mark.e2e


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


def test_whether_it_runs(home: Home):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed here")
    recipe = "set -o pipefail; palingenesis status --json | jq -e .running"

    assert home.shell(recipe).returncode != 0
    home.start()
    assert (home.shell(recipe).stdout, home.shell(recipe).returncode) == ("true\n", 0)


def test_whether_it_is_degraded(home: Home):
    """Its OpenCode is not there."""
    recipe = "palingenesis health | grep -q degraded"

    assert home.shell(recipe).returncode == 1
    home.start()
    assert home.shell(recipe).returncode == 0


def test_start_and_wait(home: Home):
    said = home.shell(
        f"palingenesis daemon start --server {NOBODY} && palingenesis wait --timeout 30s"
    )

    assert said.returncode == 0
    assert said.stdout.startswith("the daemon runs (pid ")


def test_metrics_for_a_collector_of_text_files(home: Home):
    home.start()

    said = home.shell(
        "palingenesis metrics export >> file.prom; palingenesis metrics export >> file.prom;"
        " grep -c '^# TYPE' file.prom"
    )

    assert said.returncode == 0, said.stderr
    assert int(said.stdout) > 0


def test_a_reader_that_leaves_is_no_error(home: Home):
    home.start()

    said = home.shell("set -o pipefail; palingenesis events --all | head -1 | grep -c started")

    assert (said.stdout, said.stderr, said.returncode) == ("1\n", "", 0)


def test_a_pipe_that_is_closed_before_is_no_error(home: Home):
    home.start()

    for command in ("status", "events --all", "help formats", "--help"):
        said = home.shell(f"palingenesis {command} | true; echo ${{PIPESTATUS[0]}}")
        assert (said.stdout, said.stderr) == ("0\n", ""), command


@pytest.mark.parametrize("encoding", ["iso-8859-1", "koi8-r"])
def test_a_terminal_that_is_not_utf_8_gets_likenesses(home: Home, encoding: str):
    home.start()

    for command in ("status", "help exit-codes", "--help"):
        said = home.shell(f"palingenesis {command} | iconv -f {encoding} -t utf-8", encoding)
        assert said.stderr == "", command
        as_ever = home.shell(f"palingenesis {command}")
        assert said.stdout.count("?") == as_ever.stdout.count("?"), command


@pytest.mark.parametrize("moment", [1, 5, 20, 40, 60, 80, 120])
def test_an_interrupt_while_modules_are_imported_ends_it_without_a_word(home: Home, moment: int):
    """The interrupt comes with the import of so many modules after the first of ours."""
    program = (
        "import os, signal, sys\n"
        "from palingenesis.surfaces.cli import main\n"
        "class Interrupting:\n"
        "    left = int(sys.argv.pop(1))\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        self.left -= 1\n"
        "        if self.left == 0:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "main()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(moment), "policy", "validate", "default"],
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode in {-signal.SIGINT, 130}
    assert (done.stdout, done.stderr.strip()) == ("", "")


@pytest.mark.parametrize("command", ["events --follow", "wait --timeout 1h"])
def test_an_interrupt_while_it_waits_is_130_without_a_word(home: Home, command: str):
    if command.startswith("events"):
        home.start()

    said = home.shell(f"timeout --preserve-status -s INT 2 palingenesis {command} >/dev/null")

    assert said.returncode == 130
    assert said.stderr.strip() == ""
