"""The rails hold whatever the policy says."""

from datetime import timedelta

import pytest

from palingenesis.core.safety import BREAKER, PROMPTS_PER_HOUR, RESTARTS_MAX, UNPRODUCTIVE_MAX
from palingenesis.core.values import Status, Way
from tests.core.life import (
    Life,
    agent_up,
    alive,
    asked,
    died,
    ended,
    passed,
    progressed,
    stopped,
)
from tests.core.policies import CRASH, STUBBORN, policy, rule


def test_prompts_that_achieve_nothing_end_in_attention():
    life = Life(STUBBORN)

    for n in range(UNPRODUCTIVE_MAX):
        life >> stopped("auth", key=f"k{n}") << "resume" >> ended("resume")
    life >> stopped("auth", key="last") << "notify" << Status.ATTENTION

    life.claim_nothing_more()
    assert life.session.rails == (f"{UNPRODUCTIVE_MAX} prompts in a row achieved nothing",)


def test_an_hour_has_room_for_so_many_prompts_and_the_next_one_waits():
    life = Life(STUBBORN)

    for n in range(PROMPTS_PER_HOUR):
        life >> stopped("completed", key=f"k{n}") << "resume" >> ended("resume") >> progressed
        life >> passed(10)
    life >> stopped("completed", key="more") << Status.WAITING

    life.claim_nothing_more()
    plan = life.session.plan
    assert plan is not None
    assert plan.deadline == life.session.prompts[0] + timedelta(hours=1)


def test_nothing_is_typed_into_a_pending_question_whatever_the_policy_says():
    life = Life(STUBBORN)

    life >> asked("question", "which one?") << "notify"

    assert "resume" not in life.names()


def test_a_server_that_dies_at_once_opens_the_breaker_and_then_gets_one_probe_at_a_time():
    again = policy(rule("again", "", {"restart": {}}, {"resume": {}}, event=["stopped"]))
    life = Life(again)
    restarts = 0
    for _ in range(24 * 60 * 2):
        life >> died() >> passed(30)
        restarts += life.names().count("restart")
        if "restart" in life.names():
            life >> agent_up >> ended("restart")
        life.orders.clear()

    most = RESTARTS_MAX + int(timedelta(hours=24) / BREAKER)
    assert RESTARTS_MAX < restarts <= most


def test_an_attached_server_is_never_restarted():
    life = Life(policy(CRASH), way=Way.ATTACHED)

    life >> died("unreachable", None) >> passed(2) << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_an_observed_session_is_told_about_and_not_touched():
    life = Life(STUBBORN, way=Way.OBSERVED)

    life >> stopped("rate_limit") << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_progress_closes_the_breaker():
    life = Life(policy(CRASH))

    for _ in range(RESTARTS_MAX * 2):
        life >> died() >> passed(2) << "restart" >> agent_up >> ended("restart") << "resume"
        life >> ended("resume") >> alive >> progressed >> passed(30)

    life.claim_nothing_more()


@pytest.mark.parametrize("step", ["restart", "stop", "resume"])
def test_after_the_persons_stop_no_step_touches_the_server_or_the_session(step: str):
    life = Life(policy(rule("always", "known(stop.reason)", {"wait": {"for": "1h"}}, step)))

    life >> stopped("rate_limit") << Status.WAITING >> stopped("user_abort", key="hers")
    life >> passed(3600) >> passed(3600)

    life.claim_nothing_more() << Status.STOOD_DOWN
    assert [one.kind for one in life.decisions if one.kind == "kept"] == []
