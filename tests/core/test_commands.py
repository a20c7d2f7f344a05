"""What a person asks for, on each side of what it depends on, and what is written down of it."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.copies import replace
from palingenesis.core.values import SessionId, Status
from tests.core.life import (
    AGENT,
    SES,
    Life,
    alive,
    asked,
    ended,
    passed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import NIGHT, RATE, policy, rule

LISTED, HEIR = SessionId("ses_listed"), SessionId("ses_2")
HOLD, RELEASE = told_to(commands.Hold()), told_to(commands.Release())
HOLD_ONE, RELEASE_ONE = (
    told_to(commands.Hold(session=SES)),
    told_to(commands.Release(session=SES)),
)
ABORT, SKIP = told_to(commands.Abort(session=SES)), told_to(commands.Skip(session=SES))
ENROL, DETACH = told_to(commands.Enrol(session=SES)), told_to(commands.Detach(session=SES))
RENEW = told_to(commands.Renew(session=SES))
RENEWING = policy(rule("full", "stop.reason == 'context_exhausted'", "new-session"))
ASKING = policy(
    rule("ask", "stop.reason == 'network'", {"ask": {"question": "Go on?"}}, {"resume": {}}),
    rule("limit", "stop.reason == 'rate_limit'", {"wait": {"for": "10m"}}, {"resume": {}}),
)
NOTES = policy(rule("note", "", {"log": {"message": "seen"}}, **{"continue": True}))


def listed(life: Life) -> events.Event:
    return events.SessionSeen(at=life.now, session=LISTED, agent=AGENT)


def broke(life: Life) -> events.Event:
    return events.InvariantBroken(at=life.now, what="w", where="x", version="test")


# ── the line of a command ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (commands.Hold(), "hold by anna"),
        (commands.Release(session=SES), "release by anna"),
        (commands.ActAgain(), "actagain by anna"),
        (commands.Order(what="reload"), "reload by anna"),
        (commands.Skip(session=SES), "skip by anna"),
    ],
)
def test_every_command_leaves_a_line_that_says_who_asked(command: commands.Command, why: str):
    life = Life(NIGHT) >> told_to(command)

    line = life.decisions[0]
    assert (line.kind, line.event, line.rule, line.why) == (
        "commanded",
        "operator",
        "operator",
        why,
    )
    assert line.session == getattr(command, "session", None)


# ── pausing and releasing ─────────────────────────────────────────────────────────────────────


def test_a_pause_of_all_names_who_asked_for_it_until_it_is_over():
    life = Life(NIGHT) >> HOLD
    assert (life.world.paused, life.world.paused_by) == (True, "anna")
    assert life.session.paused_by == "anna"

    life >> RELEASE

    assert (life.world.paused, life.world.paused_by) == (False, "")
    assert life.session.paused_by == ""


@pytest.mark.parametrize("act", [HOLD_ONE, HOLD])
def test_whoever_pauses_has_looked_at_the_session(act):
    life = Life(NIGHT) >> passed(90) >> act

    assert life.session.person_at == life.now


def test_a_release_of_all_ends_the_pause_of_a_session_that_is_only_listed_too():
    life = Life(NIGHT) >> listed >> told_to(commands.Hold(session=LISTED))
    assert life.world.sessions[LISTED].status is Status.PAUSED

    life >> RELEASE

    assert life.world.sessions[LISTED].status is Status.DISCOVERING
    life.claim_nothing_more()


def test_a_pause_of_all_leaves_what_is_only_listed_as_it_is():
    life = Life(NIGHT) >> listed >> HOLD

    assert life.world.sessions[LISTED].status is Status.DISCOVERING
    assert life.world.sessions[LISTED].person_at is None


def test_a_release_of_all_leaves_a_session_in_attention_to_who_names_it():
    life = Life(policy(rule("look", "", "attention"))) >> stopped("network") << Status.ATTENTION
    decided = len(life.decisions)

    life >> RELEASE << Status.ATTENTION
    assert [one.kind for one in life.decisions[decided:]] == ["commanded"]
    life >> RELEASE_ONE << Status.ATTENTION

    assert life.decisions[-1].kind == "decided"


def test_a_release_by_name_takes_the_rail_back_that_held_the_session():
    life = Life(policy(rule("end", "stop.reason == 'network'", "stop")))
    attached = {AGENT: replace(life.world.agents[AGENT], supported=False)}
    life.world = replace(life.world, agents=attached)
    life >> stopped("network") << "notify" << Status.ATTENTION
    assert life.session.rails == ("opencode 1.18.33 was not tested",)
    life.policy = policy(rule("done", "", "finish"))

    life >> RELEASE_ONE << Status.COMPLETED

    assert life.session.rails == ()


def test_a_session_that_was_paused_in_attention_is_decided_anew_for_who_names_it():
    life = Life(policy(rule("look", "", {"attention": {"reopen-after": "1h"}})))
    life >> stopped("network") << Status.ATTENTION >> HOLD_ONE << Status.PAUSED
    life.policy = policy(rule("slow", "", {"wait": {"for": "2h"}}, {"resume": {}}))

    life >> RELEASE_ONE << timedelta(hours=2)

    assert life.decisions[-1].kind == "decided"
    assert life.session.reopen_at is None


def test_a_session_that_came_to_attention_without_a_stop_works_on_for_who_releases_it():
    life = Life(policy(rule("silent", "", "attention", event=["stalled"]))) >> passed(600)
    life << Status.ATTENTION

    life >> told_to(commands.Release(session=SES)) << Status.WORKING

    life.claim_nothing_more()


def test_a_stop_of_a_session_that_began_in_a_pause_of_all_is_decided_after_it():
    later = SessionId("ses_later")
    life = Life(policy(rule("on", "", "resume", event=["stopped"]))) >> told_to(commands.Hold())
    life.work(later)

    life >> stopped("network", session=later)

    life.claim_nothing_more()
    assert life.world.sessions[later].status is Status.PAUSED
    life >> told_to(commands.Release()) << "resume"
    order = life.last["resume"]
    assert isinstance(order, effects.Resume)
    assert order.session == later


def test_it_is_in_attention_as_before_for_who_releases_all():
    life = Life(policy(rule("look", "", {"attention": {"reason": "look"}})))
    life >> stopped("network") << Status.ATTENTION >> HOLD_ONE << Status.PAUSED

    life >> RELEASE << Status.ATTENTION

    assert life.session.outlook == "paused"
    assert life.decisions[-1].kind == "commanded"


def test_rules_that_only_observe_see_a_stop_once_however_often_it_is_released():
    life = Life(NOTES) >> stopped("network") << "log" << Status.ATTENTION

    life >> HOLD_ONE >> RELEASE_ONE << Status.ATTENTION >> RELEASE_ONE << Status.ATTENTION

    life.claim_nothing_more()


# ── a stop in the pause ───────────────────────────────────────────────────────────────────────


def test_a_stop_in_a_pause_is_decided_about_though_our_prompt_was_still_to_be_proven():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    life >> ended("resume") << Status.VERIFYING >> HOLD

    life >> stopped("completed", key="newer") >> RELEASE

    assert life.decisions[-1].facts["stop.reason"] == "completed"
    assert "it stopped once more in the pause" in [one.why for one in life.decisions]
    life.claim_nothing_more()


def test_a_prompt_that_a_rail_puts_off_is_void_when_it_stops_once_more_in_the_pause():
    life = Life(policy(rule("on", "", {"resume": {}})))
    full = tuple(life.now for _ in range(12))
    life.world = replace(life.world, sessions={SES: replace(life.session, prompts=full)})
    life >> stopped("network") << "notify" << Status.WAITING >> HOLD

    life >> stopped("network", key="newer") >> RELEASE

    whys = [one.why for one in life.decisions if one.kind == "cancelled"]
    assert whys == ["it stopped once more in the pause"]


def test_a_question_is_asked_on_when_it_stops_once_more_in_the_pause():
    life = Life(ASKING) >> stopped("network") << "notify" << Status.ASKING >> HOLD

    life >> stopped("network", key="newer") >> RELEASE << Status.ASKING

    life.claim_nothing_more()
    assert life.decisions[-1].why == "the pending question covers this stop too"


def test_a_stop_of_another_kind_in_the_pause_takes_the_questions_place():
    life = Life(ASKING) >> stopped("network") << "notify" << Status.ASKING >> HOLD

    life >> stopped("rate_limit", key="newer") >> RELEASE << timedelta(minutes=10)

    assert "limit decides anew" in [one.why for one in life.decisions]


# ── answers ───────────────────────────────────────────────────────────────────────────────────


def test_an_answer_to_no_question_changes_nothing_for_who_waits():
    life = Life(ASKING) >> stopped("rate_limit") << timedelta(minutes=10)
    before = life.world

    life >> told_to(commands.Answer(question="", yes=False))

    assert life.world.sessions == before.sessions
    life.claim_nothing_more() << timedelta(minutes=10)


@pytest.mark.parametrize(("yes", "status"), [(True, Status.ACTING), (False, Status.ATTENTION)])
def test_an_answer_counts_once_in_a_pause_too_and_is_carried_out_after_it(
    yes: bool, status: Status
):
    life = Life(ASKING) >> stopped("network") << "notify" << Status.ASKING
    assert life.session.plan is not None
    question = life.session.plan.question
    life >> HOLD >> told_to(commands.Answer(question=question, yes=yes))

    life << Status.PAUSED
    life.claim_nothing_more()
    assert life.session.person_at == life.now
    assert life.world.questions[question] == f"{'yes' if yes else 'no'} to {question} by anna"
    life >> RELEASE << status


@pytest.mark.parametrize(("yes", "status"), [(True, Status.ACTING), (False, Status.ATTENTION)])
def test_an_answer_is_carried_out_at_once_without_a_pause(yes: bool, status: Status):
    life = Life(ASKING) >> stopped("network") << "notify" << Status.ASKING
    assert life.session.plan is not None

    life >> told_to(commands.Answer(question=life.session.plan.question, yes=yes)) << status


# ── ending, skipping, renewing ────────────────────────────────────────────────────────────────


def test_an_abort_of_a_session_at_rest_in_a_pause_leaves_nothing_to_come_back_to():
    life = Life(policy(rule("look", "", "attention"))) >> stopped("network") >> HOLD_ONE

    life >> ABORT << Status.STOOD_DOWN

    life.claim_nothing_more()
    assert life.session.paused_from is None
    assert life.session.outlook == "ended by the operator"


def test_an_abort_of_a_session_at_work_in_a_pause_ends_its_turn():
    life = Life(NIGHT) >> HOLD_ONE >> ABORT << "interrupt" << Status.ACTING

    assert life.session.paused_from is None
    life.claim_nothing_more()


@pytest.mark.parametrize("act", [SKIP, RENEW])
def test_what_she_sends_on_after_her_abort_is_not_stopped_by_it_any_more(act):
    life = Life(NIGHT) >> ABORT << "interrupt" >> ended("interrupt") << Status.STOOD_DOWN
    assert life.session.latched

    life >> act << "interrupt"

    assert not life.session.latched
    life.claim_nothing_more()


@pytest.mark.parametrize("act", [SKIP, RENEW])
def test_asked_twice_is_asked_once(act):
    life = Life(NIGHT) >> act << "interrupt" >> act

    life.claim_nothing_more() << Status.ACTING


def test_another_command_takes_the_place_of_the_one_that_is_under_way():
    life = Life(NIGHT) >> SKIP << "interrupt" >> RENEW << "interrupt"

    assert life.session.plan is not None
    assert life.session.plan.steps == (plans.Interrupt(), plans.Snapshot(), plans.NewSession())
    assert "the operator asked for something else" in [one.why for one in life.decisions]


def test_prompts_in_vain_do_not_count_for_what_she_asks_for():
    life = Life(NIGHT)
    life.world = replace(life.world, sessions={SES: replace(life.session, unproductive=3)})

    life >> SKIP << "interrupt"

    assert life.session.unproductive == 0
    life >> ended("interrupt") << "resume"
    assert life.session.unproductive == 1


@pytest.mark.parametrize(("reason", "key"), [("", ""), ("network", "m:end")])
def test_what_she_asks_for_answers_the_stop_at_which_the_session_stands(reason: str, key: str):
    life = Life(policy(rule("look", "", "attention")))
    if reason:
        life >> stopped(reason, key=key)

    life >> SKIP << "interrupt"

    assert life.session.plan is not None
    assert life.session.plan.stop == key


# ── enrolling and detaching ───────────────────────────────────────────────────────────────────


def test_a_listed_session_that_is_enrolled_is_supervised():
    life = Life(NIGHT) >> listed >> stopped("rate_limit", retry_after=90, session=LISTED)
    assert life.world.sessions[LISTED].status is Status.DISCOVERING

    life >> told_to(commands.Enrol(session=LISTED))
    life >> stopped("rate_limit", key="next", retry_after=90, session=LISTED)

    assert life.world.sessions[LISTED].supervised
    assert life.world.sessions[LISTED].status is Status.WAITING


def test_a_session_that_is_detached_takes_no_clock_of_a_rule_with_it():
    patient = policy(rule("patient", "stop.reason == 'network'", {"resume": {}}, **{"for": "1m"}))
    life = Life(patient) >> stopped("network") << Status.HOLDING

    life >> DETACH << Status.DETACHED
    assert (life.session.holds, life.session.supervised) == ((), False)

    life >> ENROL >> working << Status.WORKING >> passed(60)
    life.claim_nothing_more() << Status.WORKING


def test_an_abort_of_a_session_that_is_detached_sends_nothing_and_leaves_it_detached():
    life = Life(NIGHT) >> told_to(commands.Detach(session=SES)) << Status.DETACHED

    life >> told_to(commands.Abort(session=SES)) << Status.DETACHED

    assert life.session.latched
    life.claim_nothing_more()


def test_that_she_was_greeted_is_no_word_about_any_session():
    life = Life(NIGHT) >> stopped("quota", retry_after=90) << Status.WAITING
    before, decided = life.world, len(life.decisions)

    life >> told_to(commands.Greeted())

    assert life.world.sessions == before.sessions
    assert len(life.decisions) == decided
    life.claim_nothing_more()


def test_a_session_that_is_detached_in_a_pause_is_not_paused_any_more():
    life = Life(NIGHT) >> HOLD_ONE >> DETACH << Status.DETACHED

    assert life.session.paused_from is None


def test_a_session_that_works_is_supervised_already_and_an_enrolment_changes_nothing():
    life = Life(NIGHT) >> ENROL << Status.WORKING

    life.claim_nothing_more()


# ── a session that begins after her stop ──────────────────────────────────────────────────────


def begun() -> Life:
    life = Life(RENEWING) >> stopped("context_exhausted") << "snapshot"
    life >> ended("snapshot", path="p") << "new-session"
    return life >> stopped("user_abort", key="hers") << Status.STOOD_DOWN


def test_the_line_of_its_end_says_that_it_is_hers_and_why():
    life = begun() >> ended("new-session", session=HEIR) << "interrupt"

    line = next(one for one in life.decisions if one.session == HEIR)
    assert (line.kind, line.event, line.rule) == ("commanded", "operator", "operator")
    assert line.why == f"the person stopped {SES}, which it continues"
    assert life.session.successor == HEIR


def test_in_safe_hold_it_is_left_alone_and_supervised_no_more():
    life = begun() >> broke << "notify" >> ended("new-session", session=HEIR)

    heir = life.world.sessions[HEIR]
    assert (heir.supervised, heir.latched) == (False, True)
    life.claim_nothing_more()


def test_a_renewal_of_what_goes_on_elsewhere_already_is_done_already():
    life = Life(RENEWING) >> stopped("context_exhausted") << "snapshot"
    life >> ended("snapshot", path="p") << "new-session" >> ended("new-session", session=HEIR)

    life >> RENEW << Status.COMPLETED

    life.claim_nothing_more()


def test_a_pause_of_what_goes_on_elsewhere_pauses_the_session_in_which_it_goes_on():
    life = Life(RENEWING) >> stopped("context_exhausted") << "snapshot"
    life >> ended("snapshot", path="p") << "new-session" >> ended("new-session", session=HEIR)

    life >> HOLD_ONE

    assert life.world.sessions[HEIR].status is Status.PAUSED
    life >> RELEASE_ONE
    assert life.world.sessions[HEIR].status is Status.VERIFYING


# ── what a release finds ──────────────────────────────────────────────────────────────────────


def test_a_question_to_the_person_waits_on_after_a_pause():
    life = Life(NIGHT) >> asked() << "notify" << Status.BLOCKED >> HOLD << Status.PAUSED

    life >> RELEASE << Status.BLOCKED


@pytest.mark.parametrize("first", ["outcome", "release"])
def test_a_question_in_a_pause_outlasts_what_was_under_way_when_it_came(first: str):
    life = Life(NIGHT) >> stopped("context_exhausted") << "snapshot" >> HOLD_ONE >> asked()
    assert life.names() == ["notify"]
    acts = [ended("snapshot", path="p"), RELEASE_ONE]

    for act in acts if first == "outcome" else reversed(acts):
        life >> act

    life << "notify" << Status.BLOCKED
    life.claim_nothing_more()
    assert life.session.plan is None


def test_what_went_on_in_a_pause_goes_on_after_it():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) << Status.WAITING
    life >> HOLD >> working >> alive >> RELEASE << Status.WORKING

    life >> passed(90)
    life.claim_nothing_more()


def test_what_failed_in_a_pause_is_answered_by_the_policy_after_it():
    failing = policy(
        RATE,
        rule("failed", "action.error == 'unknown'", "finish", event=["action_failed"]),
    )
    life = Life(failing) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"

    life >> HOLD >> ended("resume", "unknown") << Status.PAUSED >> RELEASE

    assert life.decisions[-1].event == "action_failed"
    life << Status.COMPLETED


def test_what_is_under_way_in_a_pause_is_under_way_after_it():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"

    life >> HOLD >> RELEASE << Status.ACTING

    assert life.session.outlook == "its outcome is still to come"
    life.claim_nothing_more()
