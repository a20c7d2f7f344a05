"""A daemon that is there already, half there, or not there at all: nothing is lost by a slip."""

from pathlib import Path

import pytest

from tests.cli.test_the_daemons_life import Machine, machine

__all__ = ["machine"]


@pytest.mark.parametrize("slip", ["configuration", "policy"])
def test_a_restart_that_could_not_start_again_does_not_stop(
    machine: Machine, tmp_path: Path, slip: str
):
    machine.say("daemon", "start")
    before = machine.pid()
    (tmp_path / "c").mkdir(exist_ok=True)
    (tmp_path / "half.yaml").write_text("version: 1\n")
    if slip == "configuration":
        (tmp_path / "c" / "config.toml").write_text("[daemon\n")
    flags = ["--policy", str(tmp_path / "half.yaml")] if slip == "policy" else []

    code, out, err = machine.say("daemon", "restart", *flags)

    assert (code, out) == (5, "")
    assert err.count("error: ") >= 1
    assert machine.pid() == before
