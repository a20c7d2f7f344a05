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
        self.disk = tmp_path
        self.meminfo = tmp_path / "meminfo"
        self.supplies = tmp_path / "power_supply"
        self.supplies.mkdir()
        self.has_memory(50)
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
        return Host(
            clock=self,
            routes=self.routes,
            interfaces=self.interfaces,
            disk=self.disk,
            meminfo=self.meminfo,
            supplies=self.supplies,
        )

    def has_memory(self, percent):
        self.meminfo.write_text(
            f"MemTotal:       10000 kB\nMemFree:  7 kB\nMemAvailable:   {round(percent * 100)} kB\n"
        )

    def has_supply(self, name, **files):
        (self.supplies / name).mkdir(exist_ok=True)
        for file, text in files.items():
            (self.supplies / name / file).write_text(f"{text}\n")

    def watched(self, *steps, facts=("host.network",)):
        """What is told of these facts, step by step; turns that tell nothing of them are left out.

        The disk is a real one, and somebody else may fill it meanwhile.
        """
        self.steps = list(steps)
        events = []
        with pytest.raises(StopWatchingError):
            asyncio.run(self.host().watch(events.append))
        told = [{k: v for k, v in event.facts.items() if k in facts} for event in events]
        return [one for one in told if one]


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


def test_a_machine_without_a_battery_does_not_run_on_one(machine):
    machine.has_supply("AC", type="Mains", online=1)

    assert machine.watched(facts=("host.on_battery",)) == [{"host.on_battery": False}]


def test_a_machine_that_is_unplugged_runs_on_its_battery(machine):
    machine.has_supply("AC", type="Mains", online=1)
    machine.has_supply("BAT0", type="Battery", status="Charging")

    def unplug():
        machine.has_supply("AC", type="Mains", online=0)
        machine.has_supply("BAT0", type="Battery", status="Discharging")

    assert machine.watched(unplug, facts=("host.on_battery",)) == [
        {"host.on_battery": False},
        {"host.on_battery": True},
    ]


def test_the_battery_of_a_mouse_is_not_that_of_the_machine(machine):
    machine.has_supply("hid", type="Battery", scope="Device", status="Discharging")

    assert machine.watched(facts=("host.on_battery",)) == [{"host.on_battery": False}]


def test_the_memory_that_is_free_is_told_in_steps_that_are_clearly_left(machine):
    told = machine.watched(
        *(lambda free=free: machine.has_memory(free) for free in (51, 54, 49.5, 48, 9.5, 8, 3)),
        facts=("host.mem_free",),
    )

    assert [one["host.mem_free"] for one in told] == [0.5, 0.45, 0.09, 0.08, 0.03]


def test_memory_that_is_told_in_an_unknown_form_is_unknown(machine):
    garbled = lambda: machine.meminfo.write_text("MemTotal: many\n")  # noqa: E731

    assert machine.watched(garbled, facts=("host.mem_free",)) == [
        {"host.mem_free": 0.5},
        {"host.mem_free": None},
    ]


def test_the_free_share_of_a_disk_is_between_nothing_and_all(machine):
    (told,) = machine.watched(facts=("host.disk_free",))

    assert 0 <= told["host.disk_free"] <= 1


def test_a_disk_that_is_not_there_is_unknown(machine):
    machine.disk = machine.disk / "gone"

    assert machine.watched(facts=("host.disk_free",)) == []
