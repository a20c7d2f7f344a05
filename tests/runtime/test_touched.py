"""`status` names what holds us back: everything, a server, a session."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.safety import BREAKER, RESTARTS_MAX, RESTARTS_PER_HOUR_IN_ALL
from palingenesis.core.values import DownCause, Way
from palingenesis.core.world import World
from palingenesis.runtime import touched
from palingenesis.runtime.door import AgentStatus
from palingenesis.runtime.views import instant, session_status, warnings
from tests.core.house import HERS, OTHER, OURS, SEEN, WAYS, at_home, down, up
from tests.core.life import (
    SES,
    Life,
    agent_up,
    alive,
    died,
    ended,
    passed,
    progressed,
    stopped,
    told_to,
)
from tests.core.policies import CRASH, STUBBORN, policy, rule
from tests.core.test_rails import sensor_broke

AGAIN = policy(rule("again", "", "restart", event=["stopped"]))


def rails_of(world: World, life: Life) -> list[str]:
    (agent,) = touched.agents(world, life.now)
    return [rail["rail"] for rail in agent["rails"]]


def test_when_nothing_is_touched_nothing_is_named():
    life = Life(STUBBORN)

    assert touched.rails(life.world, life.now) == []
    assert rails_of(life.world, life) == []
    assert session_status(life.session, life.now)["rails"] == []
    assert touched.safe_hold(life.world) is None


def a_storm() -> Life:
    life = Life(AGAIN)
    for _ in range(RESTARTS_MAX):
        life >> died() << "restart" >> agent_up >> ended("restart") >> passed(5)
        life.work(SES)
        life.orders.clear()
    return life


def test_an_open_breaker_is_named_with_its_end_and_then_as_half_open():
    life = a_storm()
    until = life.world.restarted[-1] + BREAKER

    (agent,) = touched.agents(life.world, life.now)
    (rail,) = agent["rails"]
    assert rail["rail"] == "5 restarts within 10 minutes: breaker open"
    assert rail["until"] == instant(until)
    (later,) = touched.agents(life.world, until)
    assert later["rails"] == [
        {
            "rail": "5 restarts within 10 minutes: one restart at a time until there is progress",
            "until": None,
        }
    ]


def test_a_server_that_a_rule_stopped_is_named():
    life = Life(policy(rule("stop", "", "stop", event=["stopped"]))) >> stopped("auth") << "stop"

    assert rails_of(life.world, life) == ["a rule stopped this server; no rule starts it again"]


def test_a_sensor_that_broke_is_named_where_it_watched():
    life = Life(STUBBORN) >> sensor_broke

    assert rails_of(life.world, life) == [
        "opencode cannot be watched now, so nothing is done there (KeyError: 'x')"
    ]
    life.take(events.SensorBroke(at=life.now, sensor="host", detail="OSError: 5"))
    assert warnings(life.world) == [
        "the sensor of host broke, it is begun anew again and again: OSError: 5"
    ]


def test_what_is_full_for_all_is_named_with_its_end():
    life = Life(policy(CRASH))
    for _ in range(RESTARTS_PER_HOUR_IN_ALL + 1):
        life >> died() >> passed(2) >> agent_up
        if "restart" in life.names():
            life >> ended("restart")
        life.orders.clear()
        life >> alive >> progressed >> passed(30)

    assert touched.rails(life.world, life.now) == [
        {
            "rail": "30 restarts an hour in all",
            "until": instant(life.world.restarted[0] + timedelta(hours=1)),
        }
    ]


def test_a_sessions_own_rails_are_named_whether_or_not_they_spoke():
    life = Life(STUBBORN) >> stopped("user_abort")

    assert session_status(life.session, life.now)["rails"] == ["the person stopped this session"]


def test_a_safe_hold_is_named_with_its_cause():
    life = Life(STUBBORN)
    life.take(events.InvariantBroken(at=life.now, what="w", where="here", version="0.1.0"))

    assert touched.safe_hold(life.world) == {
        "since": instant(life.now),
        "what": "w",
        "where": "here",
        "version": "0.1.0",
    }
    life >> told_to(commands.ActAgain())
    assert touched.safe_hold(life.world) is None


@pytest.mark.parametrize("way", [Way.MANAGED, Way.ATTACHED])
def test_a_server_that_an_earlier_run_saw_up_is_not_up_until_this_one_has_reached_it(way: Way):
    life = at_home(STUBBORN, OURS, way)
    before = ours(life)
    life >> passed(60) >> began

    agent = ours(life)
    assert (before["up"], before["heard"]) == (True, True)
    assert (agent["up"], agent["heard"], agent["pid"]) == (False, False, None)
    assert agent["detail"] == "not reached yet since the daemon started"
    assert agent["since"] == instant(life.now)

    life >> up(OURS, way)
    later = ours(life)
    assert (later["up"], later["heard"], later["detail"]) == (True, True, "")


def ours(life: Life) -> AgentStatus:
    return next(one for one in touched.agents(life.world, life.now) if one["id"] == OURS)


def began(life: Life) -> events.Event:
    return events.DaemonStarted(at=life.now, version="test", seed=life.world.seed)


def test_programs_that_have_ended_are_no_agents_of_anybody():
    life = at_home(STUBBORN)
    assert {agent["id"] for agent in touched.agents(life.world, life.now)} == {*WAYS}

    life >> down(HERS, DownCause.ENDED) >> down(SEEN, DownCause.ENDED)
    life >> down(OURS, DownCause.EXITED)

    assert {agent["id"] for agent in touched.agents(life.world, life.now)} == {OURS, OTHER}


def test_a_program_that_is_out_of_reach_for_a_moment_is_no_server_that_is_down():
    life = at_home(STUBBORN) >> down(HERS, DownCause.UNREACHABLE)

    shown = {agent["id"]: agent["up"] for agent in touched.agents(life.world, life.now)}
    assert HERS not in shown
    assert all(shown.values())
