"""What an interrupt of ours came to: in a pause, told twice, told late, and after a long rest."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, effects
from palingenesis.core.copies import replace
from palingenesis.core.values import Status, StopReason
from tests.core.life import (
    SES,
    START,
    Life,
    agent_up,
    alive,
    ended,
    passed,
    person_prompts,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import NIGHT, RATE, policy, rule

SILENT = policy(RATE, rule("silent", "", "interrupt", "resume", event=["stalled"]))
HOLD, RELEASE = told_to(commands.Hold()), told_to(commands.Release())


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def stalled() -> Life:
    """Our interrupt of a silent session is under way since second 615."""
    return Life(SILENT) >> passed(615) << "interrupt"


# ── how long it has rested ────────────────────────────────────────────────────────────────────


def test_our_abort_of_its_own_retry_is_ours_although_it_is_told_under_the_key_of_the_retry():
    steps = ("interrupt", {"wait": {"until": "retry_after"}}, "resume")
    life = Life(policy(rule("long", "stop.retrying", *steps)))
    life >> stopped("rate_limit", retry_after=3600, retrying=True, key="k") << "interrupt"

    life >> stopped("user_abort", key="k") >> ended("interrupt") << timedelta(hours=1)

    assert not life.session.latched
    life >> passed(3600) << "resume"


def test_what_rests_for_two_minutes_may_still_have_its_stop_told():
    life = stalled() >> ended("interrupt", idle_since=at(615 - 120)) << Status.WORKING

    life.claim_nothing_more()
    assert life.session.outlook == "it had come to rest by itself"


def test_what_rests_for_longer_has_its_stop_told_no_more_and_is_for_a_person():
    life = stalled() >> ended("interrupt", idle_since=at(615 - 121)) << Status.ATTENTION

    assert life.session.stop is not None
    assert life.session.stop.reason is StopReason.UNKNOWN
    assert life.session.stop.message == "It rests, and nobody told why."
    assert [one.why for one in life.decisions if one.kind == "cancelled"] == [
        "it rests, and nobody told why"
    ]


def test_where_nobody_can_read_since_when_it_rests_a_person_has_to_look():
    life = stalled() >> ended("interrupt", idle_since="for a while") << Status.ATTENTION

    life.claim_nothing_more()


@pytest.mark.parametrize("before", ["", "msg_1:end"])
def test_a_stop_that_nobody_told_has_the_key_of_where_it_stands_or_of_the_stop_before(before: str):
    life = Life(SILENT)
    if before:
        life >> stopped("rate_limit", key=before, retry_after=1) >> passed(1) << "resume"
        life >> ended("resume") >> working >> alive
    life >> passed(615) << "interrupt"

    life >> ended("interrupt", idle_since=at(0), by_itself="yes") << Status.ATTENTION

    assert life.session.stop is not None
    assert life.session.stop.key == before


def test_what_an_abort_has_ended_long_before_is_her_stop_under_the_key_that_is_told():
    life = stalled() >> ended("interrupt", idle_since=at(0), stop="msg_1:end")

    life << Status.STOOD_DOWN
    assert life.session.stop is not None
    assert (life.session.stop.key, life.session.stop.reason) == ("msg_1:end", "user_abort")
    assert life.session.happened[-1] == ("user_abort", life.now)
    life >> stopped("user_abort", key="msg_1:end")
    life.claim_nothing_more() << Status.STOOD_DOWN


def test_a_rest_of_long_ago_is_not_decided_about_in_a_pause():
    life = stalled() >> HOLD >> ended("interrupt", idle_since=at(0), stop="msg_1:end")

    life << Status.PAUSED
    life.claim_nothing_more()
    life >> RELEASE << Status.WORKING
    life >> stopped("user_abort", key="msg_1:end") << Status.STOOD_DOWN


# ── what is told in a pause, before the outcome ───────────────────────────────────────────────


def test_a_stop_that_is_told_in_a_pause_before_our_interrupt_ends_is_decided_about_after_it():
    """It was forgotten: the session was taken to be at work until it seemed to be silent."""
    life = stalled()

    life >> HOLD >> stopped("completed")
    life >> ended("interrupt", idle_since=at(614), by_itself="yes") << Status.PAUSED
    life >> RELEASE << Status.ATTENTION

    life.claim_nothing_more()


@pytest.mark.parametrize("interrupts", [True, False])
def test_so_is_one_that_is_told_before_our_order_is_found_to_be_overtaken(interrupts: bool):
    order = "interrupt" if interrupts else "resume"
    life = stalled() if interrupts else Life(policy(RATE)) >> stopped("overloaded", retry_after=1)
    if not interrupts:
        life >> passed(1) << "resume"

    life >> HOLD >> stopped("completed", key="newer") >> ended(order, "superseded")
    life >> RELEASE << Status.ATTENTION

    life.claim_nothing_more()


def test_her_abort_after_ours_was_overtaken_in_a_pause_is_hers():
    """It was taken for ours, and a rule could go on with what she had stopped."""
    life = stalled() >> HOLD >> ended("interrupt", "superseded") >> RELEASE << Status.WORKING

    life >> stopped("user_abort", key="msg_2:end") << Status.STOOD_DOWN

    assert life.session.latched
    life.claim_nothing_more()


def test_so_is_one_that_was_told_before_ours_was_found_to_be_overtaken():
    life = stalled() >> HOLD >> stopped("user_abort", key="msg_1:end")

    life >> ended("interrupt", "superseded") << "notify" << Status.PAUSED
    life >> RELEASE << Status.STOOD_DOWN

    assert life.session.latched
    life.claim_nothing_more()


# ── the sensor is quicker than the outcome ────────────────────────────────────────────────────


def test_an_abort_of_ours_that_is_told_in_a_pause_is_no_news_when_it_ends():
    life = stalled() >> stopped("user_abort", key="msg_1:end")

    life >> HOLD >> RELEASE << Status.ACTING
    life.claim_nothing_more()
    life >> ended("interrupt", stop="msg_1:end") << "resume"


def test_so_it_is_where_only_its_outcome_tells_where_it_stands():
    life = stalled() >> HOLD >> ended("interrupt", stop="msg_1:end") << Status.PAUSED

    life >> RELEASE << "resume"

    life.claim_nothing_more()
    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert resume.stop == "msg_1:end"


def test_a_retry_that_our_abort_has_ended_goes_on_no_more_though_our_order_is_said_to_have_failed():
    life = Life(policy(rule("own", "", {"interrupt": {}}, {"resume": {}})))
    life >> stopped("rate_limit", key="m:retry-1", retry_after=60, retrying=True) << "interrupt"

    life >> stopped("user_abort", key="m:end") >> ended("interrupt", "failed")

    assert life.decisions[-1].event == "action_failed"
    assert life.decisions[-1].facts["stop.retrying"] is False


@pytest.mark.parametrize(("before", "then"), [(True, False), (False, True)])
def test_what_needs_words_before_or_after_our_abort_needs_words(before: bool, then: bool):
    life = Life(policy(rule("own", "", {"interrupt": {}}, {"resume": {}})))
    life >> stopped("overloaded", key="m:retry-1", words=before, retrying=True) << "interrupt"
    life >> stopped("user_abort", key="m:end", words=then)

    life >> ended("interrupt", stop="m:end") << "resume"

    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert resume.words


def test_a_silent_run_stays_one_where_neither_needs_words():
    life = Life(policy(rule("own", "", {"interrupt": {}}, {"resume": {}})))
    life >> stopped("overloaded", key="m:retry-1", retrying=True) << "interrupt"
    life >> stopped("user_abort", key="m:end")

    life >> ended("interrupt", stop="m:end") << "resume"

    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert not resume.words


def test_an_abort_that_may_be_hers_needs_no_words_where_nothing_else_does():
    life = stalled() >> ended("interrupt", stop="msg_1:end") << "resume"

    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert resume.words  # nothing but the abort is known of where it stands


# ── her command, and what is told meanwhile ───────────────────────────────────────────────────


def test_a_stop_under_her_command_is_noted_with_its_time_and_its_reason():
    life = Life(NIGHT) >> told_to(commands.Abort(session=SES)) << "interrupt" >> passed(3)

    life >> stopped("network") << Status.ACTING

    assert life.session.stopped_at == life.now
    assert life.session.happened[-2:] == (("stopped", life.now), ("network", life.now))


def test_a_command_that_is_no_stop_leaves_what_is_told_to_the_rules():
    life = Life(NIGHT) >> told_to(commands.Skip(session=SES)) << "interrupt"

    life >> stopped("rate_limit", retry_after=90) << timedelta(seconds=90)


def test_what_was_overtaken_says_what_overtook_it_and_aborts_nothing_more():
    life = stalled() >> ended("interrupt", "superseded") << Status.WORKING

    assert not life.session.aborting
    assert life.decisions[-1].why == "superseded"


# ── whom it is told ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("title", "told"), [("night", "night"), ("", SES)])
def test_an_abort_that_may_be_hers_is_told_under_the_title_or_else_the_name(title: str, told: str):
    life = stalled()
    life.world = replace(life.world, sessions={SES: replace(life.session, title=title)})

    life >> stopped("user_abort", key="msg_1:end")
    life >> passed(90) >> ended("interrupt", idle_since=at(660), again="yes")

    (notice,) = life.orders
    assert isinstance(notice, effects.Notify)
    assert notice.title == told
    assert text_of(notice).startswith("It was ended while we did not run")


def test_nobody_is_told_of_a_rest_that_was_none_of_our_doing():
    life = stalled() >> ended("interrupt", idle_since=at(614)) << Status.WORKING

    life.claim_nothing_more()


def test_one_that_ended_after_a_former_order_of_ours_is_told_as_maybe_hers():
    life = stalled() >> passed(60) >> ended("interrupt", idle_since=at(640), again="yes")

    life << "notify" << Status.WORKING
    life.claim_nothing_more()


def test_one_that_died_with_its_server_is_nobodys_abort_and_is_not_told():
    life = stalled() >> passed(5) >> agent_up
    life >> ended("interrupt", idle_since=at(640), again="yes", cut_off="yes") << Status.WORKING

    life.claim_nothing_more()


# ── her prompt that is told late ──────────────────────────────────────────────────────────────


def test_her_stop_that_is_told_again_after_a_late_prompt_holds_in_a_pause_too():
    life = Life(NIGHT) >> working >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end") >> person_prompts >> HOLD

    life >> stopped("user_abort", key="msg_1:end") << Status.PAUSED
    assert life.session.latched

    life >> RELEASE << Status.STOOD_DOWN
    life.claim_nothing_more()


# ── her command, after it had come to rest ────────────────────────────────────────────────────


def test_her_command_goes_on_where_an_abort_of_ours_from_before_it_was_told_under_it():
    life = stalled() >> passed(60) >> told_to(commands.Skip(session=SES)) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end")
    life >> ended("interrupt", idle_since=at(616), stop="msg_1:end")

    life << "resume"
    assert not life.session.latched
