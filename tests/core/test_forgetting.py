"""What is long over is forgotten; what the person said of it is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.kernel.forgetting import WORDS_MAX
from palingenesis.core.values import AgentId, DownCause, SessionId, Status, StopReason, Way
from palingenesis.core.world import World
from tests.core.life import (
    SES,
    Life,
    agent_up,
    alive,
    asked,
    person_prompts,
    progressed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import NIGHT

MONTH = timedelta(days=30)


def later(life: Life, span: timedelta = MONTH + timedelta(hours=1)) -> None:
    """Time passes, and another session comes into being."""
    life.now += span
    number = len(life.world.sessions)
    life.take(agent_up(life))
    life.take(
        events.SessionSeen(at=life.now, session=SessionId(f"ses_new_{number}"), agent=life_agent())
    )


def life_agent() -> AgentId:
    return AgentId("opencode")


def known(life: Life) -> bool:
    return SES in life.world.sessions


@pytest.mark.parametrize("reason", ["completed", "auth"])
def test_a_session_at_rest_is_forgotten_after_a_month(reason):
    life = Life(NIGHT) >> stopped(reason)

    later(life, MONTH - timedelta(hours=1))
    assert known(life)
    later(life, timedelta(hours=2))

    assert not known(life)


def test_a_session_that_only_was_listed_is_forgotten_after_a_month():
    life = Life(NIGHT)
    other = SessionId("ses_listed")
    life.take(events.SessionSeen(at=life.now, session=other, agent=life_agent()))

    later(life)

    assert other not in life.world.sessions


@pytest.mark.parametrize(
    "act",
    [alive, progressed, working, stopped("rate_limit", retry_after=7 * 86_400), asked()],
    ids=["alive", "progressed", "working", "waiting", "blocked"],
)
def test_a_session_in_its_life_is_never_forgotten(act):
    life = Life(NIGHT) >> act

    later(life)

    assert known(life)


def test_a_session_that_showed_a_sign_of_life_lately_is_remembered():
    life = Life(NIGHT) >> stopped("auth")
    life.now += MONTH - timedelta(days=1)
    life >> alive

    later(life, timedelta(days=2))

    assert known(life)


def test_a_session_that_works_again_after_it_was_forgotten_is_ours_as_any_other():
    life = Life(NIGHT) >> stopped("completed")
    later(life)

    life >> working

    assert life.session.status is Status.WORKING
    assert life.session.supervised


def test_the_person_s_stop_outlives_everything_else_about_a_session():
    life = Life(NIGHT) >> progressed >> stopped(StopReason.USER_ABORT)
    happened = life.session.happened
    assert happened

    later(life)
    life >> working

    assert life.session.latched
    assert life.session.status is Status.STOOD_DOWN
    assert life.session.happened == ()
    life.orders.clear()
    life >> stopped("rate_limit", retry_after=1)
    life.claim_nothing_more()
    life >> person_prompts
    assert not life.session.latched


def test_a_session_that_we_were_told_to_leave_alone_stays_left_alone():
    life = Life(NIGHT) >> told_to(commands.Detach(session=SES))

    later(life)
    life >> working

    assert life.session.status is Status.DETACHED


def test_of_many_words_the_newest_are_remembered():
    life = Life(NIGHT) >> stopped(StopReason.USER_ABORT)
    one = life.session
    many = {
        SessionId(f"ses_{n:05}"): replace(
            one, id=SessionId(f"ses_{n:05}"), since=one.since + timedelta(seconds=n)
        )
        for n in range(WORDS_MAX + 10)
    }
    life.world = replace(life.world, sessions=many)

    later(life, MONTH * 2)

    words = [session for session in life.world.sessions.values() if session.latched]
    assert len(words) == WORDS_MAX
    assert SessionId("ses_00009") not in life.world.sessions
    assert SessionId("ses_00010") in life.world.sessions


def program(life: Life, name: str, way: Way) -> AgentId:
    agent = AgentId(name)
    up = agent_up(life)
    life.take(replace(up, agent=agent, way=way))
    return agent


@pytest.mark.parametrize("way", [Way.OBSERVED, Way.INTEGRATED])
def test_a_program_of_the_person_s_own_is_forgotten_with_its_last_session(way: Way):
    life = Life(NIGHT)
    mine, hers = program(life, "opencode:1", way), program(life, "opencode:2", way)
    life.take(events.SessionSeen(at=life.now, session=SessionId("ses_hers"), agent=hers))
    for agent in (mine, hers):
        life.take(events.AgentDown(at=life.now, agent=agent, cause=DownCause.ENDED, exit_code=0))

    later(life, timedelta(days=2))

    assert mine not in life.world.agents
    assert hers in life.world.agents
    assert life_agent() in life.world.agents
    later(life)
    later(life, timedelta(minutes=1))
    assert hers not in life.world.agents


def test_a_life_of_years_is_remembered_in_little_room():
    life = Life(NIGHT)
    sizes = []
    for number in range(1_000):
        life.now += timedelta(days=1)
        session = SessionId(f"ses_{number}")
        life.work(session)
        life.take(replace(stopped("completed")(life), session=session))
        sizes.append(len(life.world.sessions))

    assert max(sizes) <= 33
    assert isinstance(life.world, World)
