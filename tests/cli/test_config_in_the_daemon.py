"""A saved config.toml and the real daemon: taken up, named, or refused."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.cli.test_commands import environment

REPOSITORY = Path(__file__).parents[2]
OBSERVED = '[opencode]\nmode = "observed"\n'
LIMIT_S = 60.0


class Machine:
    """A home of its own, and the real program in it; it watches, and runs no OpenCode."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.file = folder / "c" / "config.toml"
        self.file.parent.mkdir(mode=0o700)
        self.log = folder / "s" / "daemon.log"
        path = str(REPOSITORY / "engine")
        self.environment = {**environment(folder), "PYTHONPATH": path}

    def save(self, text: str) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(OBSERVED + text)
        fresh.chmod(0o600)
        fresh.replace(self.file)

    def say(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "palingenesis", *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def status(self) -> dict[str, object]:
        return dict(json.loads(self.say("status", "--json").stdout))

    def until(self, holds: Callable[[], bool]) -> None:
        end = monotonic() + LIMIT_S
        while not holds():
            assert monotonic() < end, self.log.read_text()
            sleep(0.1)

    def told(self, kind: str) -> list[str]:
        rows = json.loads(self.say("events", "--json").stdout)["events"]
        return [row["summary"] for row in rows if row["kind"] == kind]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    machine.save("")
    started = machine.say("daemon", "start")
    assert started.returncode == 0, started.stderr
    yield machine
    machine.say("daemon", "stop")


@pytest.mark.e2e
def test_what_is_saved_holds_at_once_or_is_named_as_waiting_for_a_restart(machine: Machine):
    machine.save('serve_port = 5001\n[daemon]\nlog_level = "debug"\n')
    machine.until(lambda: bool(machine.told("configuration-changed")))

    reloaded = machine.say("daemon", "reload")

    waiting = "opencode.serve_port = 5001: after the next restart"
    assert machine.told("configuration-changed") == [
        'daemon.log_level = "debug"; after the next start: opencode.serve_port = 5001'
    ]
    assert waiting in reloaded.stdout
    assert any(waiting in str(line) for line in machine.status()["warnings"])  # type: ignore[union-attr]
    assert "config.toml: opencode.serve_port = 5001: after the next restart" in (
        machine.log.read_text()
    )
    machine.until(lambda: " DEBUG " in machine.log.read_text())


@pytest.mark.e2e
def test_a_broken_edit_is_refused_and_a_good_one_after_it_is_not(machine: Machine):
    machine.save('[daemon]\nlog_levl = "debug"\n')

    refused = machine.say("daemon", "reload")

    assert refused.returncode == 5
    assert "config.toml:4:1: error: unknown key 'daemon.log_levl'" in refused.stderr
    assert "config.toml was refused; what held before holds on" in refused.stderr
    assert "hint: correct the file; config.toml is read again as soon as" in refused.stderr
    assert machine.say("status").stdout.startswith("degraded")
    health = machine.say("health")
    assert health.returncode == 1
    assert "config: config.toml was refused; what held" in health.stdout
    assert "→ palingenesis config validate" in health.stdout
    assert any("log_levl" in str(line) for line in machine.status()["warnings"])  # type: ignore[union-attr]

    machine.save("")
    assert machine.say("daemon", "reload").returncode == 0
    assert not any("log_levl" in str(it) for it in machine.status()["warnings"])  # type: ignore[union-attr]


@pytest.mark.e2e
def test_a_hangup_has_it_looked_at_and_channels_and_short_hands_follow(machine: Machine):
    machine.save(
        '[notifications]\nntfy_topic = "a-topic"\n[resume]\nmax_retries = 2\n'
        '[policy]\nmode = "shadow"\n'
    )
    os.kill(int(str(machine.status()["pid"])), signal.SIGHUP)

    def follows() -> bool:
        told = machine.status()
        notifications, policy = told["notifications"], told["policy"]
        assert isinstance(notifications, dict)
        assert isinstance(policy, dict)
        return notifications["channels"] == ["ntfy"] and policy["name"] == "from-config"

    machine.until(follows)
    shown = machine.say("policy", "show", "--json")
    assert json.loads(shown.stdout)["origin"] == "[resume] in config.toml"
    assert "a-topic" not in machine.log.read_text()
    assert any("mode in config.toml is shadow" in str(it) for it in machine.status()["warnings"])  # type: ignore[union-attr]


@pytest.mark.e2e
def test_a_secret_that_cannot_be_found_leaves_the_channels_as_they_were(machine: Machine):
    machine.save('[notifications]\nntfy_topic = { command = ["false"] }\n')

    refused = machine.say("daemon", "reload")

    assert refused.returncode == 5
    assert "false ended with 1" in refused.stderr
    notifications = machine.status()["notifications"]
    assert isinstance(notifications, dict)
    assert notifications["channels"] == []


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('webhook_url = { env = "BAD" }', "5:1: error: notifications.webhook_url: a notification"),
        (
            'webhook_url = "https://example.org/x"\nwebhook_secret = { env = "NOPE" }',
            "6:1: error: notifications.webhook_secret: a secret is missing",
        ),
    ],
)
def test_a_daemon_is_not_stopped_for_one_whose_channels_would_be_refused(
    machine: Machine, written: str, told: str
):
    machine.environment["BAD"] = "http://example.org/x"
    before = machine.status()["pid"]
    machine.save(f"\n[notifications]\n{written}\n")

    restarted = machine.say("daemon", "restart")

    assert restarted.returncode == 5
    assert f"{machine.file}:{told}" in restarted.stderr
    assert machine.status()["pid"] == before


@pytest.mark.e2e
def test_prometheus_may_ask_as_soon_as_that_is_saved_and_no_more_when_it_is_taken_out(
    machine: Machine,
):
    machine.save('[metrics]\nlisten = "127.0.0.1:0"\n')
    said = "Prometheus may ask at "
    machine.until(lambda: said in machine.log.read_text())
    address = machine.log.read_text().rpartition(said)[2].split()[0]
    with urllib.request.urlopen(address) as answer:
        assert b"palingenesis_build_info" in answer.read()

    machine.save("")
    assert machine.say("daemon", "reload").returncode == 0

    def is_closed() -> bool:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            return True
        return False

    machine.until(is_closed)
