"""How an effect ended is taken for what it says, in a pause too."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.copies import replace
from palingenesis.core.values import DownCause, SessionId, Status, StopReason, Way
from tests.core.house import HERS, at_home, down, stops, up
from tests.core.life import (
    AGENT,
    SES,
    Life,
    agent_up,
    alive,
    died,
    ended,
    passed,
    person_prompts,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import CRASH, RATE, WAIT, policy, rule

AGAIN = policy(
    rule("rate", "stop.reason == 'rate_limit'", {"resume": {}}),
    rule("failed", "", {"wait": {"for": "10s"}}, {"resume": {}}, event=["action_failed"]),
)
LEFT = {"promise": "at most once"}


def test_a_prompt_that_may_have_arrived_is_not_repeated_by_a_rule_and_a_person_is_told():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> ended("resume", "unknown", **LEFT) << "notify" << Status.ATTENTION

    life >> passed(60)
    life.claim_nothing_more()
    assert text_of(life.last["notify"]) == "resume: unknown"


def test_one_that_a_key_protects_is_the_business_of_the_policy():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> ended("resume", "unknown") << Status.WAITING >> passed(10) << "resume"


def test_what_may_have_happened_in_a_pause_is_not_repeated_after_it():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> told_to(commands.Hold()) >> ended("resume", "unknown", **LEFT) << "notify"
    life >> told_to(commands.Release()) << Status.ATTENTION

    life.claim_nothing_more()


HOOKED = policy(
    rule("rate", "stop.reason == 'rate_limit'", {"run": {"hook": "backup"}}, {"resume": {}}),
    rule("failed", "", {"attention": {"reason": "look"}}, event=["action_failed"]),
)


def test_a_hook_that_may_have_run_is_not_run_again_because_there_was_a_pause():
    life = Life(HOOKED) >> stopped("rate_limit") << "run"

    life >> told_to(commands.Hold()) >> ended("run", "unknown")
    life >> told_to(commands.Release()) << Status.ATTENTION

    life.claim_nothing_more()
    assert life.session.outlook == "look"


def test_a_hook_that_failed_in_a_pause_is_not_run_again_because_of_it():
    life = Life(HOOKED) >> stopped("rate_limit") << "run"

    life >> told_to(commands.Hold()) >> ended("run", "failed")
    life >> told_to(commands.Release()) << Status.ATTENTION

    life.claim_nothing_more()


def test_what_is_under_way_is_not_ordered_again_when_a_stop_comes_in_a_pause():
    """It was, with the same id: the journal refused it for ever, and the daemon stood still."""
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> told_to(commands.Hold()) >> stopped("rate_limit", key="newer")
    life >> told_to(commands.Release()) << "resume"

    life.claim_nothing_more()
    assert len(life.world.open) == 2


def test_an_operators_order_that_is_under_way_is_not_given_again_after_a_pause():
    life = Life(AGAIN) >> told_to(commands.Skip(session=SES)) << "interrupt"

    life >> told_to(commands.Hold()) >> stopped("crash", key="newer")
    life >> told_to(commands.Release()) << Status.ACTING >> ended("interrupt") << "resume"

    life.claim_nothing_more()


WAITING = policy(
    rule("rate", "stop.reason == 'rate_limit'", WAIT, {"resume": {}}),
    rule("quota", "stop.reason == 'quota'", WAIT, {"notify": {"message": "q"}}, {"resume": {}}),
)


def test_a_stop_that_comes_in_a_pause_is_decided_by_its_own_rule_after_it():
    life = Life(WAITING) >> stopped("rate_limit", retry_after=600) << Status.WAITING

    life >> told_to(commands.Hold()) >> stopped("quota", retry_after=18_000)
    life >> passed(700) >> told_to(commands.Release()) << timedelta(seconds=17_300)

    assert life.session.plan is not None
    assert life.session.plan.rule == "quota"


def test_a_wait_covers_the_weaker_stop_that_comes_in_a_pause():
    life = Life(WAITING) >> stopped("quota", retry_after=18_000) << Status.WAITING

    life >> told_to(commands.Hold()) >> stopped("rate_limit", key="weaker", retry_after=5)
    life >> passed(600) >> told_to(commands.Release()) << timedelta(seconds=17_400)

    assert life.session.plan is not None
    assert life.session.plan.rule == "quota"


RENEWING = policy(rule("full", "stop.reason == 'context_exhausted'", "new-session"))
HEIR = SessionId("ses_2")


def begun(life: Life) -> Life:
    """A new session is under way."""
    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="p")
    return life << "new-session"


def test_a_session_that_begins_after_the_heard_stop_is_ended_and_left_alone():
    life = begun(Life(RENEWING))

    life >> stopped("user_abort", key="hers") >> ended("new-session", session=HEIR)

    life << "interrupt"
    assert life.last["interrupt"].session == HEIR  # type: ignore[union-attr]
    heir = life.world.sessions[HEIR]
    assert heir.latched
    assert heir.predecessor == SES
    life >> ended("interrupt") >> stopped("context_exhausted", key="more", session=HEIR)
    life.claim_nothing_more()
    assert life.world.sessions[HEIR].status is Status.STOOD_DOWN


def test_so_is_one_that_begins_after_the_operators_abort():
    life = begun(Life(RENEWING))

    life >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("new-session", session=HEIR) << "interrupt"

    life.claim_nothing_more()


def test_a_session_that_begins_after_the_person_went_on_herself_is_hers():
    life = begun(Life(RENEWING))

    life >> person_prompts >> ended("new-session", session=HEIR)

    life.claim_nothing_more()


# ── an order that came to something, and one that did not ─────────────────────────────────────


def test_a_prompt_that_has_arrived_means_that_its_agent_works_on_the_session():
    life = Life(policy(RATE)) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    assert life.session.at_work == ()

    life >> ended("resume")

    assert life.session.at_work == (AGENT,)


@pytest.mark.parametrize(
    ("detail", "why"), [("her prompt was first", "her prompt was first"), ("", "the session has")]
)
def test_what_was_overtaken_says_what_overtook_it(detail: str, why: str):
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"
    ending = ended("resume", "superseded")(life)
    assert isinstance(ending, events.EffectEnded)

    life.take(replace(ending, detail=detail))

    assert life.decisions[-1].kind == "cancelled"
    assert life.decisions[-1].why.startswith(why)
    life << Status.WORKING


def test_what_was_overtaken_in_a_pause_works_after_it():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> told_to(commands.Hold()) >> ended("resume", "superseded") << Status.PAUSED
    assert life.session.plan is None
    life >> told_to(commands.Release()) << Status.WORKING

    life.claim_nothing_more()


def test_a_step_that_was_put_off_is_ordered_under_another_name_and_the_next_under_its_own():
    life = Life(policy(rule("on", "", {"snapshot": {}}, {"resume": {}}, event=["stopped"])))
    life >> stopped("network") << "snapshot"
    first = life.last["snapshot"].id
    life >> ended("snapshot", "failed", not_before="2026-02-05T02:10:00+00:00")

    life >> passed(600) << "snapshot"
    assert life.last["snapshot"].id == f"{first}.1"
    life >> ended("snapshot") << "resume"

    assert life.last["resume"].id == f"{first.removesuffix('0')}1"


def test_a_wait_after_a_hook_is_kept_by_a_stop_in_a_pause_that_it_covers():
    hooked = policy(
        rule("rate", "", {"run": {"hook": "backup"}}, {"wait": {"for": "10m"}}, {"resume": {}}),
    )
    life = Life(hooked) >> stopped("rate_limit") << "run" >> ended("run") << timedelta(minutes=10)

    life >> told_to(commands.Hold()) >> stopped("rate_limit", key="newer")
    life >> passed(60) >> told_to(commands.Release()) << timedelta(minutes=9)

    assert life.decisions[-1].kind == "kept"
    life.claim_nothing_more()


def test_what_may_have_happened_is_told_under_the_name_of_a_session_without_a_title():
    life = Life(AGAIN)
    life.world = replace(life.world, sessions={SES: replace(life.session, title="")})

    life >> stopped("rate_limit") << "resume" >> ended("resume", "unknown", **LEFT)

    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert notice.title == SES


def test_an_order_on_an_agent_that_nobody_knows_any_more_has_failed():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"
    life.world = replace(life.world, agents={})

    life >> ended("resume", "failed") << timedelta(seconds=10)

    assert life.decisions[-1].event == "action_failed"


# ── its server has died since ─────────────────────────────────────────────────────────────────


def crashed(life: Life) -> bool:
    assert life.session.stop is not None
    return life.session.stop.reason is StopReason.CRASH


def test_a_sign_of_life_from_before_our_prompt_does_not_say_that_the_prompt_died():
    life = Life(policy(RATE, CRASH)) >> alive >> passed(5)
    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume" >> passed(1)

    life >> died() << "restart" >> passed(1) >> agent_up >> ended("resume")

    assert not crashed(life)
    life << Status.VERIFYING


@pytest.mark.parametrize(("after", "dead"), [(0, False), (1, True)])
def test_a_server_that_was_started_after_the_sign_of_life_is_another_one(after: int, dead: bool):
    life = Life(policy(RATE, CRASH)) >> stopped("rate_limit", retry_after=1) >> passed(1)
    life << "resume" >> passed(1) >> working >> alive >> passed(after)

    life >> agent_up >> passed(1) >> ended("resume")

    assert crashed(life) is dead


def test_a_restart_that_failed_is_an_action_that_failed_and_no_second_crash():
    life = Life(policy(CRASH, rule("failed", "", "attention", event=["action_failed"])))
    life >> died() >> passed(2) << "restart" >> ended("restart", "failed")

    assert life.decisions[-1].event == "action_failed"
    life << Status.ATTENTION


def test_a_restart_for_nobody_is_tried_again_although_somebody_waits_for_something_else():
    life = Life(policy(RATE)) >> stopped("rate_limit", retry_after=18_000) << Status.WAITING

    life >> died() << "restart" >> ended("restart", "failed") >> passed(300)

    life << "restart" << Status.WAITING


def test_the_end_of_what_an_older_version_left_under_way_at_a_question_moves_nothing():
    life = Life(policy(rule("full", "", "new-session"))) >> stopped("context_exhausted")
    life << "snapshot"
    asking = replace(life.session, status=Status.BLOCKED)
    life.world = replace(life.world, sessions={SES: asking})

    life >> ended("snapshot", path="p")

    assert life.session == asking
    life.claim_nothing_more()


# ── a program of hers ─────────────────────────────────────────────────────────────────────────

WAITS = policy(rule("limit", "", {"wait": {"for": "10m"}}, {"resume": {}}))


def test_a_prompt_that_arrived_in_a_program_that_ended_by_itself_has_died_with_it():
    life = at_home(policy(rule("always", "", {"resume": {}}, event=["stopped"])))
    life >> stops(HERS) << "resume" >> down(HERS, DownCause.DONE)

    life >> ended("resume")

    assert crashed(life)


@pytest.mark.parametrize("result", ["failed", "unknown"])
def test_an_order_that_met_a_program_that_lets_us_in_no_more_waits_until_it_does(result: str):
    life = at_home(WAITS) >> stops(HERS) >> passed(600) << "resume" >> passed(1)

    life >> up(HERS, Way.OBSERVED) >> ended("resume", result) << timedelta(minutes=5)

    assert life.session.outlook == f"{HERS} does not answer"
    life >> passed(1) >> up(HERS) << "resume"
