"""The real daemon, watched: by Prometheus, by a collector, and by nobody."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from palingenesis.surfaces.cli.patience import Patience
from tests.telemetry.collector import Collector, attributes, collecting
from tests.telemetry.exposed import parse

pytestmark = pytest.mark.e2e

Say = Callable[..., "subprocess.CompletedProcess[str]"]
SPAN_S = 60


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    for name in ("s", "c"):
        (tmp_path / name).mkdir(mode=0o700)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "HOME": str(tmp_path),
        "PALINGENESIS_STATE_DIR": str(tmp_path / "s"),
        "PALINGENESIS_CONFIG_DIR": str(tmp_path / "c"),
        "PALINGENESIS_RUNTIME_DIR": str(tmp_path / "s" / "run"),
        "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }


@pytest.fixture
def say(environ: dict[str, str]) -> Iterator[Say]:
    def said(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "palingenesis", *words],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield said
    said("daemon", "stop")


def configure(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c" / "config.toml"
    file.write_text(f'[opencode]\nmode = "observed"\n{text}')
    file.chmod(0o600)


def until(true: Callable[[], bool]) -> None:
    from datetime import timedelta

    patience = Patience(timedelta(seconds=SPAN_S))
    while not true():
        assert patience.lasts()


def pid_of(started: "subprocess.CompletedProcess[str]") -> int:
    assert started.returncode == 0, started.stderr
    return int(started.stdout.rpartition("(pid ")[2].rstrip(")\n"))


def holds_protobuf(pid: int) -> bool:
    return "google/_upb" in Path(f"/proc/{pid}/maps").read_text()


def test_with_the_defaults_nothing_of_opentelemetry_is_in_the_daemon(tmp_path: Path, say: Say):
    configure(tmp_path, "")

    pid = pid_of(say("daemon", "start"))

    assert not holds_protobuf(pid)
    assert parse(say("metrics", "export").stdout)["palingenesis_up"].value() == 1


def test_prometheus_asks_at_the_port_and_the_figures_outlive_the_daemon(tmp_path: Path, say: Say):
    configure(tmp_path, '[metrics]\nlisten = "127.0.0.1:0"\n')
    say("daemon", "start")
    until(lambda: "Prometheus may ask at " in say("logs").stdout)
    address = say("logs").stdout.partition("Prometheus may ask at ")[2].split()[0]

    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address) as answer:
        live = parse(answer.read().decode())
    say("daemon", "restart")
    again = parse(say("metrics", "export").stdout)
    say("daemon", "stop")
    down = parse(say("metrics", "export").stdout)

    starts = "palingenesis_daemon_starts_total"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert live["palingenesis_journal_writable"].value() == 1
    assert [one[starts].value() for one in (live, again, down)] == [1, 2, 2]
    assert down["palingenesis_up"].value() == 0


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as here:
        yield here


def test_a_collector_is_told_of_the_daemons_own_life(
    tmp_path: Path, say: Say, collector: Collector
):
    configure(tmp_path, f'[otel]\nenabled = true\nendpoint = "{collector.url}"\n')

    pid = pid_of(say("daemon", "start"))
    until(lambda: bool(collector.lines()))
    assert holds_protobuf(pid)
    say("daemon", "stop")

    told = [line.event_name for line in collector.lines()]
    seqs = [attributes(line)["palingenesis.journal.seq"] for line in collector.lines()]
    assert told[0] == "palingenesis.daemon_started"
    assert told[-1] == "palingenesis.daemon_stopped"
    assert seqs == list(range(1, len(seqs) + 1))
    assert "palingenesis_up" in collector.metrics()


def test_a_collector_that_hangs_holds_neither_the_start_nor_the_end_up(
    tmp_path: Path, say: Say, collector: Collector
):
    collector.mood = "hangs"
    configure(tmp_path, f'[otel]\nenabled = true\nendpoint = "{collector.url}"\n')
    began = time.monotonic()

    pid_of(say("daemon", "start"))
    until(lambda: bool(collector.asked))
    stopped = time.monotonic()
    assert say("daemon", "stop").returncode == 0

    assert stopped - began < SPAN_S
    assert time.monotonic() - stopped < 9  # a message that is not answered would take ten


def test_what_is_missing_for_grpc_is_told_by_validate(tmp_path: Path, say: Say):
    configure(tmp_path, '[otel]\nenabled = true\nendpoint = "http://localhost:4317"\n')

    said = say("config", "validate")

    assert said.returncode == 0
    try:
        import grpc  # noqa: F401  only whether it is there
    except ImportError:
        assert "use port 4318 (HTTP)" in said.stdout
    else:
        assert "nothing is sent" not in said.stdout
