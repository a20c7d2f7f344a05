"""A daemon that is there already, half there, or not there at all: nothing is lost by a slip."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.executable import (
    find_executable,
    free_port,
    is_port_free,
)
from palingenesis.core.errors import AssistantError
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


def test_two_starts_at_the_same_moment_both_end_well(machine: Machine):
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: machine.say("daemon", "start"), range(2)))

    assert [code for code, _, _ in said] == [0, 0]
    assert all(f"(pid {machine.pid()})" in out for _, out, _ in said)


def test_a_daemon_that_was_killed_leaves_nothing_in_the_way(machine: Machine):
    machine.say("daemon", "start")
    pid = machine.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    assert machine.say("status")[0] == 3
    assert machine.say("daemon", "stop")[:2] == (0, "the daemon is not running\n")
    assert machine.say("daemon", "start")[0] == 0
    assert machine.pid() not in (None, pid)


def test_a_host_that_is_none_of_this_machine_is_an_error_of_its_own():
    for hostname in ("192.0.2.77", "not a host name"):
        assert not is_port_free(hostname, 4444)
        with pytest.raises(AssistantError, match="cannot listen at"):
            free_port(hostname)


def test_a_program_that_is_not_executable_is_told_how_to_become_so(tmp_path: Path):
    program = tmp_path / "opencode"
    program.write_text("#!/bin/sh\n")

    with pytest.raises(AssistantError, match="not executable") as told:
        find_executable(str(program), {"PATH": "/bin"})

    assert told.value.hint == f"chmod +x {program}"
