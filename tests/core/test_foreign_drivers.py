"""Whoever acts first is right: a person, another program, the assistant itself."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.effects import Notify
from palingenesis.core.safety import DRIVEN_AFTER, OTHER_DRIVER, YIELD
from palingenesis.core.values import Status
from tests.core.life import (
    SES,
    Act,
    Life,
    alive,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import NIGHT, policy, rule

AT_ONCE = policy(rule("limit", "stop.reason == 'rate_limit'", {"resume": {}}))
PATIENT = policy(
    rule("limit", "stop.reason == 'rate_limit'", {"wait": {"for": "10m"}}, {"resume": {}})
)


def driven(life: Life, times: int, how: Act = person_prompts, *, after: float = 2) -> Life:
    """The session stops again and again, and each time somebody else goes on."""
    for _ in range(times):
        life >> passed(60) >> stopped("rate_limit") >> passed(after) >> how
        life >> working >> alive >> progressed
    return life


def notices(life: Life) -> list[str]:
    return [one.message for one in life.orders if isinstance(one, Notify)]


@pytest.mark.parametrize("act", [person_prompts, working])
def test_whoever_goes_on_during_our_wait_makes_our_plan_void(act: Act):
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) << Status.WAITING

    life >> passed(30) >> act << Status.WORKING

    assert life.decisions[-1].kind == "cancelled"
    (life >> passed(600)).claim_nothing_more()


@pytest.mark.parametrize("how", [person_prompts, working])
def test_who_goes_on_within_seconds_of_three_stops_in_a_row_goes_first(how: Act):
    life = driven(Life(PATIENT), DRIVEN_AFTER - 1, how)
    assert notices(life) == []

    driven(life, 1, how)

    (told,) = notices(life)
    assert told.startswith("Somebody else goes on with this session within seconds of its stops")
    life.orders.clear()
    driven(life, 5, how)
    life.claim_nothing_more()


def test_a_session_that_another_program_drives_is_left_to_it_for_a_while_after_each_stop():
    life = driven(Life(AT_ONCE), DRIVEN_AFTER, after=0)
    life.orders.clear()

    life >> passed(60) >> stopped("rate_limit")

    life << YIELD
    assert life.session.rails == (OTHER_DRIVER,)
    life >> person_prompts << Status.WORKING
    life.claim_nothing_more()


def test_where_the_other_driver_has_gone_we_go_on_a_little_later_and_the_row_is_over():
    life = driven(Life(AT_ONCE), DRIVEN_AFTER, after=0)
    life.orders.clear()

    life >> passed(60) >> stopped("rate_limit") >> passed(YIELD.total_seconds()) << "resume"
    life >> ended("resume") >> alive >> progressed
    life >> passed(60) >> stopped("rate_limit")

    life << "resume"
    assert life.session.driven == ()


def test_a_program_that_answers_our_prompts_within_seconds_is_a_driver_too():
    life = Life(AT_ONCE)
    for number in range(DRIVEN_AFTER):
        life >> passed(60) >> stopped("rate_limit", key=f"k{number}") << "resume"
        life >> passed(3) >> person_prompts >> ended("resume") >> working >> alive >> progressed

    assert len(notices(life)) == 1


def test_a_person_who_takes_her_time_is_no_program():
    life = driven(Life(PATIENT), 10, after=20)

    assert notices(life) == []
    assert life.session.driven == ()


def test_a_pause_between_two_quick_ones_begins_the_row_anew():
    life = driven(Life(PATIENT), DRIVEN_AFTER - 1)

    driven(life, 1, after=30)
    driven(life, DRIVEN_AFTER - 1)

    assert notices(life) == []


def test_the_assistants_own_retry_is_no_other_driver():
    life = Life(NIGHT)
    for number in range(6):
        life >> passed(60) >> stopped("rate_limit", retry_after=2, retrying=True, key=f"r{number}")
        life >> passed(2) >> working >> alive >> progressed

    assert notices(life) == []
    assert life.session.driven == ()


def test_people_are_told_once_a_day():
    life = driven(Life(PATIENT), DRIVEN_AFTER)
    driven(life, 1, after=30)
    driven(life, DRIVEN_AFTER)
    assert len(notices(life)) == 1

    driven(life, 1, after=30)
    life >> passed(24 * 3600)
    driven(life, DRIVEN_AFTER)

    assert len(notices(life)) == 2


def test_what_a_person_asks_of_us_waits_for_no_other_driver():
    life = driven(Life(PATIENT), DRIVEN_AFTER)
    life.orders.clear()
    life >> passed(60) >> stopped("rate_limit")

    life >> told_to(commands.Skip(session=SES))

    life << "interrupt"
    life >> ended("interrupt") << "resume"


def test_the_first_prompt_of_a_session_is_nobodys_haste():
    life = Life(NIGHT)

    life.take(events.PersonPrompted(at=life.now, session=SES, message="msg_1"))

    assert life.session.driven == ()


@pytest.mark.parametrize(("after", "quick"), [(5, True), (5.001, False)])
def test_five_seconds_are_quick_and_more_is_not(after: float, *, quick: bool):
    life = driven(Life(PATIENT), DRIVEN_AFTER, after=after)

    assert bool(notices(life)) is quick


@pytest.mark.parametrize("after", [0, 5])
def test_a_prompt_of_ours_at_the_very_instant_of_the_stop_is_one_since_it(after: float):
    life = Life(AT_ONCE)
    for number in range(DRIVEN_AFTER):
        life >> passed(60) >> stopped("rate_limit", key=f"k{number}") << "resume"
        assert life.session.prompts[-1] == life.session.stopped_at
        life >> passed(after) >> person_prompts >> ended("resume") >> working >> alive >> progressed

    assert len(notices(life)) == 1


def test_it_is_told_again_after_a_day_to_the_second():
    life = driven(Life(PATIENT), DRIVEN_AFTER)
    told_at = life.session.driver_told_at
    assert told_at is not None

    for left, told in ((timedelta(seconds=1), 1), (timedelta(0), 2)):
        driven(life, 1, after=30)
        at = told_at + timedelta(days=1) - left
        driven(life, DRIVEN_AFTER - 1)
        life.now = at - timedelta(seconds=2)
        life >> stopped("rate_limit", key=f"late {left}") >> passed(2) >> person_prompts >> working
        assert life.now == at
        assert len(notices(life)) == told


def test_people_are_told_the_sessions_title_and_its_name_where_it_has_none():
    titled, nameless = Life(PATIENT), Life(PATIENT)
    nameless.world = replace(nameless.world, sessions={SES: replace(nameless.session, title="")})

    told = [driven(life, DRIVEN_AFTER).last["notify"] for life in (titled, nameless)]

    assert [one.title for one in told if isinstance(one, Notify)] == ["night", SES]
