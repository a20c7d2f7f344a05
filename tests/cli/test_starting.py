"""Whom a start of the daemon waits for, and warns about."""

import pytest

from palingenesis.core import events
from palingenesis.core.values import DownCause, Way
from palingenesis.runtime import touched
from palingenesis.runtime.door import AgentStatus, Status
from palingenesis.runtime.views import instant
from palingenesis.surfaces.cli.starting import came_up, is_told, say_up
from tests.control.doors import StandInDoor
from tests.core.house import HERS, OURS, at_home, down, up
from tests.core.life import START, Life, passed
from tests.core.policies import STUBBORN


def status_of(life: Life, agent: str) -> AgentStatus:
    (status,) = [one for one in touched.agents(life.world, life.now) if one["id"] == agent]
    return status


def told_by(life: Life, since: str) -> Status:
    told = StandInDoor().status()
    told["agents"] = touched.agents(life.world, life.now)
    told["since"] = since
    return told


@pytest.mark.parametrize("way", [Way.MANAGED, Way.ATTACHED])
def test_a_start_waits_until_our_server_is_up_or_known_to_be_down(way: Way) -> None:
    life = at_home(STUBBORN, OURS, way)

    assert is_told(status_of(life, OURS), instant(START))
    life >> down(OURS, DownCause.UNREACHABLE)
    assert is_told(status_of(life, OURS), instant(START))


def test_a_server_that_an_earlier_run_saw_up_is_not_known_to_this_one() -> None:
    life = at_home(STUBBORN, OURS, Way.MANAGED)
    life >> passed(1)
    life.take(events.DaemonStarted(at=life.now, version="test", seed="5eed"))
    began = instant(life.now)

    assert not is_told(status_of(life, OURS), began)
    assert came_up(told_by(life, began)) is None


def test_a_start_says_which_opencode_came_up() -> None:
    life = at_home(STUBBORN, OURS, Way.MANAGED)

    agent = came_up(told_by(life, instant(START)))
    assert agent is not None
    assert say_up(agent) == "OpenCode 1.18.33 runs"
    life >> down(OURS, DownCause.UNREACHABLE)
    assert came_up(told_by(life, instant(START))) is None


def test_a_program_of_hers_is_none_that_a_start_waits_for_or_warns_about() -> None:
    life = at_home(STUBBORN, HERS)

    assert not is_told(status_of(life, HERS), instant(START))
    life >> up(HERS, Way.OBSERVED)
    assert not is_told(status_of(life, HERS), instant(START))
