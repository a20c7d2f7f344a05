"""`daemon run`: the process that stays loads no command line, and is told about like any other."""

import subprocess
import sys
from pathlib import Path

import pytest

from palingenesis.surfaces.cli.resident import Order, plain_order


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ([], Order()),
        (["--debug"], Order(debug=True)),
        (["--policy", "x.yaml", "--allow-root"], Order(policy=Path("x.yaml"), allow_root=True)),
    ],
)
def test_plain_options_are_understood(said: list[str], order: Order):
    assert plain_order(["daemon", "run", *said]) == order


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["daemon"],
        ["daemon", "start"],
        ["--debug", "daemon", "run"],
        ["daemon", "run", "--help"],
        ["daemon", "run", "--policy"],
        ["daemon", "run", "--policy", "--debug"],
        ["daemon", "run", "--policy=x.yaml"],
        ["daemon", "run", "--server", "http://127.0.0.1:4096"],
        ["daemon", "run", "now"],
    ],
)
def test_everything_else_goes_the_usual_way(said: list[str]):
    assert plain_order(said) is None


def test_a_daemon_that_cannot_begin_says_so_in_a_line_and_ends_with_the_same_code(tmp_path: Path):
    config = tmp_path / "config"
    config.mkdir(mode=0o700)
    (config / "config.toml").write_text("[daemon]\nchek = 1\n")
    (config / "config.toml").chmod(0o600)
    said = subprocess.run(
        [sys.executable, "-m", "palingenesis", "daemon", "run"],
        env={"PYTHONPATH": "engine", "HOME": str(tmp_path), "PALINGENESIS_CONFIG_DIR": str(config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said.returncode == 5
    assert "config.toml:2" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_process_that_stays_knows_no_command_line():
    program = (
        "import sys; from palingenesis.surfaces.cli.resident import plain_order;"
        "import palingenesis.app.daemon;"
        "print([name for name in ('click', 'starlette', 'uvicorn', 'jsonschema', 'opentelemetry')"
        " if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said.stdout == "[]\n"
