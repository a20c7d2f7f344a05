"""Plays against the four sins: prompting twice, acting after a stop, losing a wait, storms."""

from datetime import timedelta

from palingenesis.core import commands, events
from palingenesis.core.safety import why_void
from palingenesis.core.values import Block, BlockKind, SessionId, Status
from tests.core.life import (
    AGENT,
    SES,
    Life,
    agent_up,
    alive,
    asked,
    died,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import CRASH, NIGHT, RATE, policy, rule
from tests.policy import texts

OTHER = SessionId("ses_2")
REOPEN = {"attention": {"reopen-after": "1h"}}
STALLING = policy(
    rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"]), RATE, CRASH
)


# ── the person's stop ─────────────────────────────────────────────────────────────────────────


def test_no_name_of_a_rule_makes_a_policy_the_person():
    posing = policy(rule("operator", "", {"resume": {}}), rule("kernel", "", {"resume": {}}))
    life = Life(posing)

    life >> stopped("user_abort") << Status.STOOD_DOWN

    life.claim_nothing_more()


def test_an_abort_after_the_person_took_over_is_hers_though_we_had_asked_for_one_before():
    life = Life(STALLING)

    life >> passed(700) << "interrupt" >> person_prompts >> working
    life >> stopped("user_abort", key="hers")

    assert life.session.latched
    life << Status.STOOD_DOWN


def test_an_abort_of_the_turn_that_we_prompted_is_the_persons():
    life = Life(STALLING)

    life >> passed(700) << "interrupt" >> ended("interrupt") << "resume" >> working
    life >> ended("resume") >> stopped("user_abort", key="hers")

    assert life.session.latched
    life << Status.STOOD_DOWN


def test_a_release_of_everything_does_not_overrule_the_persons_own_stop():
    stubborn = policy(
        rule("look", "stop.reason == 'user_abort' and count(user_abort, 1m) > 0", "attention"),
        rule("always", "", {"resume": {}}),
    )
    life = Life(stubborn)

    life >> stopped("user_abort") << Status.ATTENTION >> told_to(commands.Hold())
    life >> passed(3600) >> told_to(commands.Release())

    assert life.session.latched
    life << Status.ATTENTION
    life.claim_nothing_more()


def test_an_abort_of_a_held_session_ends_its_running_turn_too():
    life = Life(NIGHT)

    life >> told_to(commands.Hold(session=SES)) >> told_to(commands.Abort(session=SES))

    life << "interrupt" >> ended("interrupt") << Status.STOOD_DOWN


def test_a_session_that_the_person_sends_on_by_command_is_looked_after_again():
    life = Life(NIGHT)

    life >> stopped("user_abort") << Status.STOOD_DOWN >> told_to(commands.Skip(session=SES))
    life << "interrupt" >> ended("interrupt") << "resume" >> ended("resume") >> alive
    life >> stopped("rate_limit", retry_after=60) << timedelta(seconds=60)


# ── a pause ───────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_done_during_a_pause_to_a_session_that_began_after_it():
    life = Life(STALLING)
    life >> told_to(commands.Hold())
    life.work(OTHER)

    life >> passed(700)
    life.claim_nothing_more()
    life >> died() >> passed(60)

    assert [n for n in life.names() if n != "restart"] == []
    life >> told_to(commands.Release()) >> passed(60)
    assert life.world.sessions[OTHER].status is not Status.PAUSED


def test_a_pause_between_an_interrupt_and_its_outcome_does_not_lose_the_plan():
    life = Life(STALLING)

    life >> passed(700) << "interrupt" >> told_to(commands.Hold()) >> ended("interrupt")
    life.claim_nothing_more()
    life >> told_to(commands.Release()) << "resume"


def test_a_release_before_the_outcome_still_waits_for_it():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    life >> told_to(commands.Hold()) >> told_to(commands.Release()) << Status.ACTING
    life >> ended("resume", "failed") << Status.ATTENTION


def test_a_pause_while_a_proof_is_awaited_does_not_do_without_the_proof():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume" >> ended("resume")
    life >> told_to(commands.Hold()) >> passed(600) >> told_to(commands.Release())
    life << Status.VERIFYING >> passed(121) << Status.ATTENTION


def test_a_new_session_that_arises_during_a_pause_is_the_only_one_that_goes_on():
    life = Life(NIGHT)

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="/b")
    life << "new-session" >> told_to(commands.Hold())
    life >> ended("new-session", session="ses_2") >> told_to(commands.Release())

    life << Status.COMPLETED
    assert life.world.sessions[OTHER].status is Status.VERIFYING
    life.claim_nothing_more()


def test_a_session_first_seen_working_while_held_is_supervised_after_its_release():
    life = Life(NIGHT)
    life.take(events.SessionSeen(at=life.now, session=OTHER, agent=AGENT))

    life >> told_to(commands.Hold(session=OTHER))
    life.take(events.SessionWorking(at=life.now, session=OTHER, agent=AGENT))
    life >> told_to(commands.Release(session=OTHER))
    life >> stopped("rate_limit", retry_after=60, session=OTHER)

    assert life.world.sessions[OTHER].status is Status.WAITING


# ── waits that must not be lost ───────────────────────────────────────────────────────────────


def test_a_heir_that_was_refused_before_its_birth_was_told_keeps_its_wait():
    life = Life(NIGHT)

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="/b")
    life << "new-session"
    life.work(OTHER)
    life >> stopped("rate_limit", retry_after=90, session=OTHER)
    life >> ended("new-session", session="ses_2")

    heir = life.world.sessions[OTHER]
    assert heir.status is Status.WAITING
    assert heir.predecessor == SES
    life >> passed(90) << "resume"


def test_a_heir_that_asks_before_its_birth_was_told_is_not_typed_into():
    life = Life(NIGHT)

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="/b")
    life << "new-session"
    life.work(OTHER)
    block = Block(id="per_9", kind=BlockKind.PERMISSION, text="?", since=life.now)
    life.take(events.SessionBlocked(at=life.now, session=OTHER, agent=AGENT, block=block))
    life >> ended("new-session", session="ses_2")

    assert life.world.sessions[OTHER].status is Status.BLOCKED


def test_a_server_that_dies_under_our_hands_is_a_crash_and_no_failed_action():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume" >> died()
    life << "restart" >> ended("resume", "failed") << Status.WAITING >> ended("restart", "failed")
    life >> passed(2) << "restart" >> ended("restart") << "resume"

    life.claim_nothing_more()


def test_a_restart_for_one_session_is_a_crash_for_the_others_that_worked_there():
    both = policy(
        rule("stall", "", {"restart": {}}, {"resume": {}}, event=["stalled"]), CRASH, RATE
    )
    life = Life(both) >> passed(400)
    life.work(OTHER)

    life >> passed(300) << "restart" >> died("stopped", "SIGTERM")

    assert life.world.sessions[OTHER].status is Status.WAITING
    life >> passed(3) >> ended("restart") << "resume" << "resume"
    life.claim_nothing_more()


def test_a_refusal_for_lack_of_quota_after_a_reopening_is_waited_for():
    reopening = policy(
        RATE, rule("net", "count(network, 30m) < 2", {"resume": {}}), default=[REOPEN]
    )
    life = Life(reopening)

    (
        life
        >> stopped("network")
        << "resume"
        >> ended("resume")
        >> alive
        >> stopped("network", key="b")
    )
    life << Status.ATTENTION >> passed(3600) << "resume" >> ended("resume") >> alive
    life >> stopped("rate_limit", retry_after=60, key="c")

    life << timedelta(seconds=60)


def test_a_session_found_working_waits_for_no_answer_any_more():
    life = Life(STALLING)

    life >> asked() << "notify" >> working << Status.WORKING >> passed(700) << "interrupt"


def test_a_reload_during_the_last_allowed_wait_does_not_use_the_limit_twice():
    limit = {"max": 1, "per": "1h", "then": [{"attention": {"reason": "too often"}}]}
    one = policy(rule("r", "", {"wait": {"for": "60s"}}, {"resume": {}}, limit=limit))
    life = Life(one) >> stopped("network") << timedelta(seconds=60)

    life.take(events.PolicyAdopted(at=life.now, name="test", digest="x", resolved={}))

    life << timedelta(seconds=60)


def test_a_stall_that_has_to_stay_true_is_dealt_with():
    patient = policy(
        rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"]) | {"for": "5m"}
    )
    life = Life(patient)

    life >> passed(611) >> passed(290)
    life.claim_nothing_more()
    life >> passed(11) << "interrupt"

    life = Life(patient) >> passed(611) >> alive >> passed(301)
    life.claim_nothing_more()


# ── storms ────────────────────────────────────────────────────────────────────────────────────


def test_stalls_are_not_excused_by_a_limit_of_long_ago():
    life = Life(STALLING)
    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume" >> ended("resume")
    life >> alive >> progressed

    for _ in range(3):
        life >> passed(700) << "interrupt" >> ended("interrupt") << "resume" >> ended("resume")
        life >> alive
    life >> passed(700) << "interrupt" >> ended("interrupt") << "notify" << Status.ATTENTION


def test_a_release_of_the_old_session_reaches_the_new_one():
    life = Life(NIGHT)

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="/b")
    life << "new-session" >> told_to(commands.Hold(session=SES))
    life >> ended("new-session", session="ses_2")
    assert life.world.sessions[OTHER].status is Status.PAUSED
    life >> told_to(commands.Release(session=SES))

    assert life.world.sessions[OTHER].status is Status.VERIFYING


def test_an_action_that_failed_with_a_server_that_runs_again_needs_no_other_restart():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume" >> passed(1) >> died()
    life << "restart" >> passed(3) >> agent_up >> ended("restart")
    life >> ended("resume", "failed") << Status.WAITING >> passed(2) << "resume"

    life.claim_nothing_more()


def test_what_was_ordered_before_the_persons_abort_is_void():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    assert not why_void(life.world, life.last["resume"])
    life >> told_to(commands.Abort(session=SES))

    assert why_void(life.world, life.last["resume"])
    assert not why_void(life.world, life.last["interrupt"])


def test_what_was_ordered_before_a_pause_is_void_until_the_release():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    life >> told_to(commands.Hold())
    assert why_void(life.world, life.last["resume"])
    life >> ended("resume", "failed") >> told_to(commands.Release()) << "resume"
    assert not why_void(life.world, life.last["resume"])


# ── growth ────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_session_is_forgotten():
    life = Life(NIGHT)
    life >> stopped("rate_limit", retry_after=60)

    life.take(events.SessionGone(at=life.now, session=SES))
    life >> passed(60)

    assert SES not in life.world.sessions
    life.claim_nothing_more()


def test_sessions_that_were_only_ever_listed_are_forgotten_after_a_month():
    life = Life(NIGHT)
    life.take(events.SessionSeen(at=life.now, session=OTHER, agent=AGENT))
    life >> passed(31 * 86_400)

    life.take(events.DaemonStarted(at=life.now, version="test", seed="feedfeed"))

    assert OTHER not in life.world.sessions
    assert SES in life.world.sessions


# ── an outage of half a night ─────────────────────────────────────────────────────────────────

OUTAGE = policy(
    rule(
        "transient",
        "stop.reason in ('server_error', 'network')",
        {"wait": {"backoff": {"first": "10s", "factor": 2, "max": "10m"}}},
        {"resume": {}},
        limit={"max": 12, "per": "6h", "then": [REOPEN]},
    )
)


def test_an_outage_of_half_a_night_is_probed_slowly_and_does_not_end_the_night():
    life = Life(OUTAGE)
    began, prompts = life.now, 0
    life >> stopped("network", key="first")

    while life.now - began < timedelta(hours=6):
        life >> passed(60)
        if life.session.status is Status.ACTING:
            prompts += 1
            life >> ended("resume") >> alive >> stopped("network", key=f"{prompts}")
    assert 12 <= prompts <= 20

    while life.session.status is not Status.ACTING:
        life >> passed(60)
    life >> ended("resume") >> alive >> progressed << Status.WORKING
    assert life.now - began < timedelta(hours=8)


def test_what_is_no_outage_still_ends_after_three_prompts_that_achieve_nothing():
    stubborn = policy(rule("always", "", {"resume": {}}))
    life = Life(stubborn)

    for n in range(3):
        life >> stopped("auth", key=str(n)) << "resume" >> ended("resume") >> alive
    life >> stopped("auth", key="last") << "notify" << Status.ATTENTION >> passed(90_000)

    life.claim_nothing_more()


def test_under_the_shipped_policy_one_restart_that_fails_does_not_end_the_night():
    life = Life(texts.policy(texts.SHIPPED.read_text(encoding="utf-8")))

    life >> died() >> passed(10) << "restart" >> ended("restart", "failed") << "notify"
    life << Status.ATTENTION >> passed(900) >> passed(10) << "restart"
    life >> ended("restart", "failed") << Status.ATTENTION >> passed(900) >> passed(30)
    life << "restart" >> agent_up >> ended("restart") << "resume" >> ended("resume") >> alive
    life << Status.WORKING

    life.claim_nothing_more()


def test_an_older_stop_that_is_told_again_does_not_displace_the_wait_for_the_newer_one():
    life = Life(NIGHT) >> stopped("crash", key="old") >> working
    life >> stopped("quota", retry_after=3600, key="new") << timedelta(hours=1)

    life >> stopped("crash", key="old")

    life << timedelta(hours=1)
    life.claim_nothing_more()


def test_what_a_person_commands_is_hers_although_a_plan_is_cancelled_for_it():
    for command in (commands.Skip(session=SES), commands.Abort(session=SES)):
        life = Life(NIGHT)
        life >> stopped("rate_limit", retry_after=90)

        life >> told_to(command)

        order = life.orders[0] if life.orders else None
        decision = next(one for one in life.decisions if one.kind == "commanded")
        assert order is None or order.decision == decision.id
        plan = life.session.plan
        assert plan is None or plan.decision == decision.id


def test_a_retry_of_the_assistant_that_is_long_overdue_is_not_waited_for():
    life = Life(policy(rule("late", "", {"wait": {"for": "5m"}}, {"delegate": {}}, {"finish": {}})))
    life >> stopped("rate_limit", retry_after=0, retrying=True)

    life >> passed(300)

    life << Status.COMPLETED


def test_a_session_that_works_while_time_jumps_is_not_taken_for_stalled():
    life = Life(STALLING) >> progressed

    life >> passed(3600)

    life << Status.WORKING
    life.claim_nothing_more()
    life >> passed(700) << "interrupt"
