"""The service manager hears what it has to, through a real socket, and nothing waits for it."""

import resource
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.core.errors import (
    BusyError,
    DeniedError,
    InvalidConfigError,
    PalingenesisError,
)
from palingenesis.processes.beginning import keep_trying
from palingenesis.processes.supervisor import Supervisor
from tests.runtime.loopback import JumpingClock


class Ear:
    """The manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """Everything that was told since, one line each."""
        lines: list[str] = []
        while True:
            try:
                lines += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    place = str(tmp_path / "notify")
    ear = Ear(place if request.param == "path" else f"@{place}")
    yield ear
    ear.close()


def test_the_manager_hears_how_we_are_and_each_status_once(ear: Ear):
    supervisor = Supervisor(ear.address)

    supervisor.ready("watching")
    supervisor.alive("watching")
    supervisor.alive("two\n sessions ")
    supervisor.reloading()
    supervisor.ready("two sessions")
    supervisor.stopping()

    assert ear.heard() == [
        "READY=1",
        "STATUS=watching",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "STATUS=two sessions",
        "RELOADING=1",
        "READY=1",
        "STOPPING=1",
    ]


def test_a_manager_that_has_gone_or_does_not_read_keeps_nobody_waiting(tmp_path: Path):
    gone = Supervisor(str(tmp_path / "nobody"))
    gone.alive("watching")
    deaf = Ear(str(tmp_path / "deaf"))
    told = Supervisor(deaf.address)

    for number in range(5000):
        told.alive(f"status {number}")

    assert 0 < len(deaf.heard()) < 10_000
    deaf.close()


def test_the_manager_hears_of_us_although_there_are_no_descriptors(ear: Ear):
    supervisor = Supervisor(ear.address)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        supervisor.alive("")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert ear.heard() == ["WATCHDOG=1"]


def test_its_variables_are_taken_so_that_nobody_we_start_speaks_for_us(ear: Ear):
    environ = {
        "NOTIFY_SOCKET": ear.address,
        "WATCHDOG_USEC": "90000000",
        "WATCHDOG_PID": "1",
        "PATH": "/bin",
    }

    supervisor = Supervisor.of(environ)

    assert environ == {"PATH": "/bin"}
    assert supervisor.is_there


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_without_a_socket_that_we_know_there_is_nobody(address: str):
    supervisor = Supervisor.of({"NOTIFY_SOCKET": address})

    supervisor.ready("watching")

    assert not supervisor.is_there


# ── beginning again ───────────────────────────────────────────────────────────────────────────


class Starts:
    """A daemon whose starts fail as they are told to, one after the other."""

    def __init__(self, *failures: PalingenesisError) -> None:
        self.failures = list(failures)
        self.said: list[str] = []
        self.clock = JumpingClock()

    def run(self) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return 0

    def begin(self, supervisor: Supervisor) -> int:
        return keep_trying(
            self.run, supervisor, clock=self.clock, say=lambda text, _: self.said.append(text)
        )


def test_under_a_manager_a_start_that_may_work_later_is_tried_ever_more_slowly(ear: Ear):
    starts = Starts(*[PalingenesisError("the disk is full")] * 7, BusyError("another daemon"))

    assert starts.begin(Supervisor(ear.address)) == 0

    assert starts.clock.slept == [2, 4, 8, 16, 32, 60, 60, 60]
    assert starts.said == ["the disk is full", "another daemon"]
    heard = ear.heard()
    assert heard[:2] == [
        "EXTEND_TIMEOUT_USEC=92000000",
        "STATUS=cannot begin, next try in 2 s: the disk is full",
    ]
    assert "STATUS=cannot begin, next try in 60 s: another daemon" in heard
    assert "READY=1" not in heard


@pytest.mark.parametrize("error", [InvalidConfigError, DeniedError])
def test_what_trying_again_cannot_cure_is_not_tried_again(ear: Ear, error: type[PalingenesisError]):
    starts = Starts(error("no"))

    with pytest.raises(error):
        starts.begin(Supervisor(ear.address))

    assert starts.clock.slept == []


def test_a_run_that_had_begun_and_breaks_at_once_ends_a_little_later(ear: Ear):
    supervisor, starts = Supervisor(ear.address), Starts(PalingenesisError("broken"))
    supervisor.ready("watching")

    with pytest.raises(PalingenesisError):
        starts.begin(supervisor)

    assert starts.clock.slept == [10]


def test_a_run_that_had_lasted_ends_at_once(ear: Ear):
    supervisor, clock = Supervisor(ear.address), JumpingClock()

    def an_hour() -> int:
        supervisor.ready("watching")
        clock.at += timedelta(hours=1)
        raise PalingenesisError("broken")

    with pytest.raises(PalingenesisError):
        keep_trying(an_hour, supervisor, clock=clock, say=lambda *_: None)

    assert clock.slept == []


def test_a_mistake_of_ours_in_the_start_is_tried_again_too(ear: Ear):
    clock, said = JumpingClock(), list[str]()
    failures: list[Exception] = [
        ZeroDivisionError("oh"),
        ExceptionGroup("tasks", [ValueError("else"), BusyError("another daemon")]),
    ]

    def run() -> int:
        if failures:
            raise failures.pop(0)
        return 0

    code = keep_trying(
        run, Supervisor(ear.address), clock=clock, say=lambda text, _: said.append(text)
    )

    assert code == 0
    assert said == ["ZeroDivisionError('oh')", "another daemon"]


def test_without_a_manager_a_person_reads_the_error_at_once():
    starts = Starts(BusyError("another daemon"))

    with pytest.raises(BusyError):
        starts.begin(Supervisor())

    assert starts.clock.slept == []
