"""`daemon start|stop|restart` with real processes; only what the daemon does is a stand-in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_commands import environment

REPOSITORY = Path(__file__).parents[2]

APP = """
import asyncio, os, sys, types
app = sys.modules["palingenesis.app"] = types.ModuleType("palingenesis.app")

def run(*, config, paths, policy, server, debug, supervisor):
    from palingenesis.control.server import ControlServer
    from palingenesis.core.errors import InvalidConfigError
    from tests.control.doors import StandInDoor
    if policy is not None and policy.name == "bad.yaml":
        print("bad.yaml:1:1: error[S004]: nonsense")
        raise InvalidConfigError("the policy cannot be used", hint="palingenesis policy validate")
    if server == "http://silent":
        os._exit(7)
    door = StandInDoor()
    door.pid = os.getpid()

    async def serve():
        served = ControlServer(door, paths.socket)
        door.stop = lambda by, *, agents: served.close()
        await served.serve()

    from palingenesis.journal.lock import lock

    with lock(paths.state):
        asyncio.run(serve())
    return 0

app.run = run
app.__path__ = ["ENGINE/palingenesis/app"]
"""


class Machine:
    """A home of its own, and the real program in it."""

    def __init__(self, folder: Path) -> None:
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(
            APP.replace("ENGINE", str(REPOSITORY / "engine"))
        )
        path = [folder / "site", REPOSITORY / "engine", REPOSITORY]
        self.environment = {
            **environment(folder),
            "PYTHONPATH": os.pathsep.join(str(entry) for entry in path),
        }
        self.log = folder / "s" / "daemon.log"

    def say(self, *args: str) -> tuple[int, str, str]:
        said = subprocess.run(
            [sys.executable, "-m", "palingenesis", *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return said.returncode, said.stdout, said.stderr

    def pid(self) -> int | None:
        document = json.loads(self.say("status", "--json")[1])
        return document["pid"] if document["running"] else None


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.say("daemon", "stop")


def test_a_daemon_is_started_and_stopped_and_both_may_be_said_twice(machine: Machine):
    assert machine.pid() is None

    code, out, err = machine.say("daemon", "start")
    pid = machine.pid()
    assert (code, err) == (0, "")
    assert out == f"the daemon runs (pid {pid})\nOpenCode 1.18.33 runs (pid 4243)\n"
    assert machine.say("daemon", "start")[:2] == (
        0,
        f"the daemon runs already (pid {pid})\nOpenCode 1.18.33 runs (pid 4243)\n",
    )
    assert machine.say("wait", "--timeout", "5s")[0] == 0

    assert machine.say("daemon", "stop")[:2] == (0, f"the daemon stopped (pid {pid})\n")
    assert machine.pid() is None
    assert machine.say("daemon", "stop")[:2] == (0, "the daemon is not running\n")


def test_programs_are_told_as_well_whether_opencode_came_up(machine: Machine):
    told = [json.loads(machine.say("daemon", "start", "--json")[1]) for _ in range(2)]

    pid = machine.pid()
    opencode = {"id": "opencode", "way": "managed", "version": "1.18.33", "pid": 4243}
    for one, was_running in zip(told, (False, True), strict=True):
        assert one == {
            "schema_version": 1,
            "pid": pid,
            "was_running": was_running,
            "opencode": opencode,
        }
    again = json.loads(machine.say("daemon", "restart", "--json")[1])
    assert (again["was_running"], again["opencode"]) == (False, opencode)


def test_a_daemon_in_the_background_has_a_session_of_its_own_and_a_private_log(machine: Machine):
    machine.say("daemon", "start")

    pid = machine.pid()
    assert pid is not None
    assert os.getsid(pid) == pid
    assert machine.log.stat().st_mode & 0o077 == 0


def test_whoever_keeps_the_shell_does_not_keep_the_daemon(machine: Machine):
    machine.environment |= {"NOTIFY_SOCKET": "/run/somebody/notify", "WATCHDOG_USEC": "9000000"}

    assert machine.say("daemon", "start")[0] == 0

    variables = Path(f"/proc/{machine.pid()}/environ").read_bytes()
    assert b"PALINGENESIS_STATE_DIR=" in variables
    assert b"NOTIFY_SOCKET" not in variables
    assert b"WATCHDOG_USEC" not in variables


def test_a_restart_is_another_process(machine: Machine):
    machine.say("daemon", "start")
    before = machine.pid()

    assert machine.say("daemon", "restart")[0] == 0

    after = machine.pid()
    assert after is not None
    assert after != before


def test_a_daemon_that_cannot_start_says_why_with_its_own_exit_code(machine: Machine):
    code, out, err = machine.say("daemon", "start", "--policy", "bad.yaml")

    assert (code, out) == (5, "")
    assert err.splitlines() == [
        "bad.yaml:1:1: error[S004]: nonsense",
        "error: the policy cannot be used",
        "hint: palingenesis policy validate",
    ]


def test_a_daemon_that_dies_without_a_word_is_noticed_at_once(machine: Machine):
    code, _, err = machine.say("daemon", "start", "--server", "http://silent")

    assert code == 1
    assert err == f"error: the daemon ended at once (exit code 7)\nhint: see {machine.log}\n"


def test_a_folder_named_like_us_where_we_stand_is_not_imported(machine: Machine, tmp_path: Path):
    state = tmp_path / "s" / "palingenesis"
    state.mkdir(parents=True)
    (state / "__init__.py").write_text("raise SystemExit('hijacked')")

    assert machine.say("daemon", "start")[0] == 0
