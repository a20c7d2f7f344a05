import asyncio
from datetime import UTC, datetime

import pytest

from palingenesis.sensors.host import Host

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
LOCAL = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
REJECTED_6 = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 lo\n"
DEFAULT_6 = f"{'0' * 32} 00 {'0' * 32} 00 {'fe80' * 8} 00000400 00000001 00000000 00000003 eth0\n"


class StopWatchingError(Exception):
    pass


class Machine:
    def __init__(self, tmp_path):
        self.routes = tmp_path / "net"
        self.interfaces = tmp_path / "class"
        self.steps = []

    def now(self):
        return datetime(2026, 2, 5, 3, 0, tzinfo=UTC)

    async def sleep(self, seconds):
        assert seconds == 30
        if not self.steps:
            raise StopWatchingError
        self.steps.pop(0)()

    def route(self, text):
        self.routes.mkdir(exist_ok=True)
        (self.routes / "route").write_text(text)

    def host(self):
        return Host(clock=self, routes=self.routes, interfaces=self.interfaces)

    def watched(self, *steps):
        self.steps = list(steps)
        events = []
        with pytest.raises(StopWatchingError):
            asyncio.run(self.host().watch(events.append))
        return [dict(event.facts) for event in events]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_default_route_is_a_way_out(machine):
    machine.route(HEAD + LOCAL + DEFAULT)
    assert machine.host().network() is True

    machine.route(HEAD + LOCAL)
    assert machine.host().network() is False

    (machine.routes / "ipv6_route").write_text(REJECTED_6)
    assert machine.host().network() is False

    (machine.routes / "ipv6_route").write_text(REJECTED_6 + DEFAULT_6)
    assert machine.host().network() is True


def test_an_interface_that_is_up_counts_and_loopback_does_not(machine):
    machine.route(HEAD)
    for name, state, flags in (("lo", "up", "0x9"), ("eth0", "down", "0x1003")):
        (machine.interfaces / name).mkdir(parents=True)
        (machine.interfaces / name / "operstate").write_text(f"{state}\n")
        (machine.interfaces / name / "flags").write_text(f"{flags}\n")
    assert machine.host().network() is False

    (machine.interfaces / "eth0" / "operstate").write_text("up\n")
    assert machine.host().network() is True


def test_a_machine_that_does_not_tell_is_unknown(machine):
    assert machine.host().network() is None


def test_only_changes_are_told(machine):
    machine.route(HEAD + DEFAULT)

    told = machine.watched(
        lambda: None, lambda: machine.route(HEAD), lambda: None, lambda: machine.route("\xff")
    )

    assert told == [{"host.network": True}, {"host.network": False}, {"host.network": None}]
