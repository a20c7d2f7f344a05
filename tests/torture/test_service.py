"""The short form of the matrix under systemd: each thing that may happen, once or twice."""

import pytest

from tests.systemd_user import needed
from tests.torture.service import kinds, opened, run


@pytest.mark.timeout(300)
def test_whatever_happens_to_the_daemon_it_is_back_and_everything_is_as_it_was():
    needed()
    with opened(watchdog_s=15) as matrix:
        done = run(["kill", "segv", "stop", "bad", "reboot"], matrix, lambda _: None)

    assert [cycle for cycle in done if cycle.problems] == []


def test_of_ten_cycles_six_are_kills_and_a_seed_repeats():
    some, again = kinds(3), kinds(3)
    twenty = [next(some) for _ in range(20)]

    assert twenty == [next(again) for _ in range(20)]
    assert twenty.count("kill") == 12
    assert {kind: twenty.count(kind) for kind in ("stop", "segv", "bad", "reboot")} == {
        "stop": 4, "segv": 2, "bad": 1, "reboot": 1,
    }  # fmt: skip
