"""Time alone: what it changes, at which instant, and when it is looked at next."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.step import next_deadline
from palingenesis.core.values import AgentId, DownCause, SessionId, Status
from tests.core.house import HERS, at_home, down, stops
from tests.core.life import (
    AGENT,
    SES,
    START,
    Life,
    alive,
    died,
    ended,
    passed,
    progressed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import CRASH, NIGHT, RATE, policy, rule

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
CHILD, OTHER = SessionId("ses_child"), SessionId("ses_other")
SILENT = policy(rule("silent", "", {"notify": {"message": "silent"}}, event=["stalled"]))
ASKING = policy(rule("ask", "", {"ask": {"question": "Go on?", "timeout": "20m"}}, "resume"))
PATIENT = policy(rule("patient", "", {"resume": {}}, **{"for": "1m"}))
LATER = policy(rule("later", "", {"attention": {"reopen-after": "1h"}}))
NOTED = policy(
    rule("note", "", {"log": {"message": "seen"}}, **{"continue": True}),
    rule("later", "", {"attention": {"reopen-after": "1h"}}),
)
NOTING = policy(
    rule("note", "", {"log": {"message": "seen"}}, **{"continue": True, "for": "1m"}),
    rule("wait", "", {"wait": {"for": "10m"}}, "resume"),
)
AWAITING = {"for-condition": "operator.seen > 5m", "max": "1h", "else": "1m"}


def due(life: Life) -> timedelta:
    """How long until time alone changes something."""
    instant = next_deadline(life.world, life.policy)
    assert instant is not None
    return instant - life.now


# ── when it is looked at next ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("said", "after"), [("1s", 30), ("30s", 30), ("31s", 31)])
def test_whoever_waits_for_a_person_is_looked_at_again_no_sooner_than_in_half_a_minute(
    said: str, after: int
) -> None:
    life = Life(policy(rule("later", "", {"attention": {"reopen-after": said}})))

    life >> stopped("auth") << Status.ATTENTION

    assert due(life) == after * SECOND


def waiting() -> Life:
    return Life(policy(RATE)) >> stopped("rate_limit", retry_after=90) << Status.WAITING


def verifying() -> Life:
    return waiting() >> passed(90) << "resume" >> ended("resume") << Status.VERIFYING


def model_of_a_while() -> Life:
    life = Life(NIGHT) >> stopped("auth") << Status.ATTENTION
    chosen = replace(life.session, model="m", model_until=life.now + 3 * MINUTE)
    life.world = replace(life.world, sessions={SES: chosen})
    return life


def to_be_revived() -> Life:
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))
    return life >> died() << "restart" >> ended("restart", "failed")


@pytest.mark.parametrize(
    ("life", "after"),
    [
        (waiting, 90 * SECOND),
        (verifying, 2 * MINUTE),
        (model_of_a_while, 3 * MINUTE),
        (to_be_revived, 5 * MINUTE),
        (lambda: Life(ASKING) >> stopped("network") << Status.ASKING, 20 * MINUTE),
        (lambda: Life(PATIENT) >> stopped("network") << Status.HOLDING, MINUTE),
        (lambda: Life(LATER) >> stopped("network") << Status.ATTENTION, HOUR),
        (lambda: Life(NOTING) >> stopped("network") << Status.WAITING, MINUTE),
        (lambda: Life(NIGHT) << Status.WORKING, 10 * MINUTE),
        (lambda: Life(NIGHT) >> passed(60) >> alive << Status.WORKING, 10 * MINUTE + 10 * SECOND),
    ],
)
def test_time_is_looked_at_when_it_changes_something_next(life, after: timedelta):
    assert due(life()) == after


@pytest.mark.parametrize("life", [waiting, verifying, lambda: Life(PATIENT) >> stopped("network")])
def test_in_a_pause_nothing_is_due(life):
    paused = life() >> told_to(commands.Hold())

    assert next_deadline(paused.world, paused.policy) is None


def test_a_stall_after_no_time_at_all_is_looked_for_no_more_than_once_a_second():
    life = Life(replace(NIGHT, stall_after=timedelta(0)))

    assert due(life) == SECOND


# ── a stall ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("silent_for", "told"), [(599, False), (600, True)])
def test_a_session_that_begins_and_shows_no_sign_is_silent_after_ten_minutes(
    silent_for: int, told: bool
):
    life = Life(SILENT) >> passed(silent_for)

    assert (life.names() == ["notify"]) is told


@pytest.mark.parametrize(("silent_for", "told"), [(609, False), (610, True)])
def test_after_a_sign_of_life_it_is_ten_seconds_later_for_signs_are_told_so_often(
    silent_for: int, told: bool
):
    life = Life(SILENT) >> passed(100) >> alive >> passed(silent_for)

    assert (life.names() == ["notify"]) is told


@pytest.mark.parametrize(("late", "told"), [(120, True), (121, False)])
def test_where_time_has_jumped_by_more_than_two_minutes_nobody_could_have_seen_a_sign(
    late: int, told: bool
):
    life = Life(SILENT) >> passed(600 + late)

    assert (life.names() == ["notify"]) is told
    assert due(life) == 10 * MINUTE


def test_a_child_that_she_has_enrolled_is_silent_at_its_parents_risk():
    life = Life(SILENT)
    life.take(events.SessionSeen(at=life.now, session=CHILD, agent=AGENT, parent=SES))
    life >> told_to(commands.Enrol(session=CHILD))
    life.take(events.SessionWorking(at=life.now, session=CHILD, agent=AGENT))
    child = replace(life.world.sessions[CHILD], supervised=True)
    assert child.status is Status.WORKING
    life.world = replace(life.world, sessions={CHILD: child})

    life >> passed(600)

    life.claim_nothing_more()
    assert next_deadline(life.world, life.policy) is None


def test_one_that_is_not_supervised_is_silent_at_nobodys_risk():
    life = Life(SILENT)
    left = replace(life.session, supervised=False)
    life.world = replace(life.world, sessions={SES: left})

    life >> passed(600)

    life.claim_nothing_more()
    assert next_deadline(life.world, life.policy) is None


# ── the clocks of rules ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after", "told"), [(59, False), (60, True)])
def test_a_rule_that_only_observes_and_has_a_clock_takes_its_steps_when_that_is_over(
    after: int, told: bool
):
    life = Life(NOTING) >> stopped("network") << Status.WAITING

    life >> passed(after)

    assert (life.names() == ["log"]) is told


@pytest.mark.parametrize(("after", "status"), [(59, Status.HOLDING), (60, Status.ACTING)])
def test_a_rule_with_a_clock_decides_when_that_is_over(after: int, status: Status):
    life = Life(PATIENT) >> stopped("network") >> passed(after)

    life << status


# ── one more try ──────────────────────────────────────────────────────────────────────────────


def test_the_clock_of_a_rule_runs_from_when_it_was_true_first_however_often_that_is_told():
    steady = rule("steady", "", {"log": {"message": "steady"}}, event=["progress"])
    life = Life(policy(steady | {"for": "1m"})) >> progressed >> passed(40) >> progressed
    assert due(life) == 20 * SECOND

    life >> passed(20) << "log"

    life >> passed(60)
    life.claim_nothing_more()


def test_so_does_that_of_a_rule_that_only_observes():
    steady = rule("steady", "", {"log": {"message": "steady"}}, event=["progress"])
    beside = steady | {"continue": True, "for": "1m"}
    life = Life(policy(beside)) >> progressed >> passed(40) >> progressed
    assert due(life) == 20 * SECOND

    life >> passed(20) << "log"

    life >> passed(60)
    life.claim_nothing_more()


def test_a_timer_that_reopens_a_session_is_no_news_for_rules_that_observe():
    life = Life(NOTED) >> stopped("network") << "log" << Status.ATTENTION

    life >> passed(3600) << Status.ATTENTION

    life.claim_nothing_more()
    assert life.session.reopen_at == life.now + HOUR


def test_a_stop_that_came_while_a_person_was_to_look_is():
    life = Life(NOTED) >> stopped("network") << "log" << Status.ATTENTION >> passed(60)
    life >> stopped("auth", key="newer")

    life >> passed(3600 - 60) << "log"

    life.claim_nothing_more()


# ── a sign that nobody could see ──────────────────────────────────────────────────────────────


def test_while_its_program_is_out_of_reach_a_prompt_has_two_more_minutes_to_be_proven():
    life = at_home(policy(rule("on", "", {"resume": {}}, event=["stopped"]))) >> stops(HERS)
    life << "resume" >> ended("resume") << Status.VERIFYING
    life >> down(HERS, DownCause.UNREACHABLE)

    life >> passed(120) << Status.VERIFYING

    assert life.session.verify_until == life.now + 2 * MINUTE


def test_a_prompt_without_a_sign_of_life_has_had_no_effect():
    life = verifying() >> passed(119) << Status.VERIFYING >> passed(1)

    assert life.decisions[-1].facts["action.error"] == "no sign of life within 0:02:00"
    assert life.session.at_work == ()


# ── conditions ────────────────────────────────────────────────────────────────────────────────


def test_a_condition_that_time_moves_is_looked_at_every_minute_and_not_before():
    life = Life(policy(rule("alone", "", {"wait": AWAITING}, "resume")))
    life >> told_to(commands.Hold()) >> told_to(commands.Release()) >> stopped("network")
    assert due(life) == MINUTE

    life >> passed(30)
    life.take(events.FactsObserved(at=life.now, facts={"host.load": 1.0}))
    assert due(life) == 30 * SECOND
    life >> passed(30)
    assert due(life) == MINUTE

    life >> passed(240) << Status.WAITING >> passed(60)
    life << "resume"


def test_whoever_waits_for_what_is_not_so_yet_keeps_nobody_else_from_going_on():
    cheap = {"for-condition": "session.cost < $2", "max": "1h", "else": "1m"}
    life = Life(policy(rule("cheap", "", {"wait": cheap}, "resume")))
    life.work(OTHER)
    for session in (SES, OTHER):
        costs = {"session.cost": 3.0}
        life.take(events.FactsObserved(at=life.now, session=session, facts=costs))
        life >> stopped("network", session=session)
    assert life.names() == []

    life.take(events.FactsObserved(at=life.now, session=OTHER, facts={"session.cost": 1.0}))

    assert life.world.sessions[OTHER].status is Status.ACTING
    life << "resume" << Status.WAITING
    life.claim_nothing_more()


def test_a_condition_that_has_come_true_is_why_it_waits_on_for_its_jitter():
    jittery = {"for-condition": "host.network", "max": "1h", "else": "1m", "jitter": "10m"}
    life = Life(policy(rule("net", "", {"wait": jittery}, "resume")))
    life.take(events.FactsObserved(at=life.now, facts={"host.network": False}))
    life >> stopped("network") << Status.WAITING

    life.take(events.FactsObserved(at=life.now, facts={"host.network": True}))

    life << Status.WAITING
    assert life.session.outlook == "host.network: it is so now"


def test_an_agent_is_started_again_at_its_time_and_not_before():
    life = to_be_revived() >> passed(299)
    life.claim_nothing_more()

    life >> passed(1) << "restart"

    assert life.world.agents[AgentId(AGENT)].revive_at is None


def test_work_that_begins_before_the_end_of_a_wait_ends_it():
    life = waiting() >> passed(89) >> working << Status.WORKING >> passed(1)

    life.claim_nothing_more()
    assert life.now == START + 90 * SECOND
