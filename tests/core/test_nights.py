"""Nights of one session, told as plays."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, effects
from palingenesis.core.events import AgentDown, AgentUp, DaemonStarted, SessionSeen
from palingenesis.core.values import (
    AgentId,
    DownCause,
    SessionId,
    Severity,
    Status,
    StopReason,
    Way,
    WorkState,
)
from tests.core.life import (
    AGENT,
    SES,
    START,
    Act,
    Life,
    agent_up,
    alive,
    answered,
    asked,
    died,
    ended,
    known,
    passed,
    person_prompts,
    progressed,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import CRASH, NIGHT, RATE, policy, rule


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


# ── limits ────────────────────────────────────────────────────────────────────────────────────


def test_a_rate_limited_session_waits_as_long_as_the_provider_asked_and_then_resumes():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) << seconds(90)
    life.claim_nothing_more()
    life >> passed(89) << Status.WAITING
    life >> passed(1) << "resume" << Status.ACTING
    life >> ended("resume") << Status.VERIFYING >> alive << Status.WORKING

    life.claim_nothing_more()
    assert [d.kind for d in life.decisions] == ["decided", "verified"]


def test_the_stop_that_stands_behind_our_own_summary_is_decided_about_once():
    life = Life(policy(rule("cut", "stop.reason == 'output_limit'", "compact", "resume")))

    life >> stopped("output_limit", key="msg_1:end") << "compact"
    life >> stopped("output_limit", key="msg_1:end:msg_2") << Status.ACTING
    life >> ended("compact") << "resume"
    life >> stopped("output_limit", key="msg_1:end:msg_2") << Status.ACTING

    life.claim_nothing_more()
    assert [d.kind for d in life.decisions] == ["decided"]


@pytest.mark.parametrize("what", ["stopped", "stalled", "action_failed"])
def test_a_plan_that_is_only_a_summary_is_not_begun_anew_by_a_start_of_ours(what: str):
    life = Life(policy(RATE, rule("sum", "", "compact", event=[what])))
    happens = {
        "stopped": (stopped("output_limit", key="msg_1:end"),),
        "stalled": (passed(615),),
        "action_failed": (
            stopped("rate_limit", retry_after=1),
            passed(1),
            ended("resume", "failed"),
        ),
    }
    for act in happens[what]:
        life >> act
    life >> ended("compact")
    assert life.names().count("compact") == 1

    for _ in range(3):
        life >> restarted_after(5) >> stopped("output_limit", key="msg_1:end:msg_2") >> passed(5)

    assert life.names().count("compact") == 1


def test_without_any_hint_the_waits_grow_and_then_stay_flat():
    life = Life(NIGHT)
    waits = []

    for _ in range(9):
        life >> stopped("rate_limit")
        plan = life.session.plan
        assert plan is not None
        assert plan.deadline is not None
        waits.append(plan.deadline - life.now)
        life >> passed(waits[-1].total_seconds()) >> ended("resume") >> alive

    assert waits == [seconds(s) for s in (15, 30, 60, 120, 240, 480, 600, 600, 600)]


def test_progress_lets_the_ladder_begin_anew():
    life = Life(NIGHT)

    life >> stopped("rate_limit") >> passed(15) >> ended("resume") >> alive >> progressed
    life >> passed(60) >> stopped("rate_limit") << seconds(15)


def test_a_week_of_refusals_never_gives_up():
    life = Life(NIGHT)

    for _ in range(200):
        life >> stopped("quota", retry_after=3600) >> passed(3600) >> ended("resume") >> alive

    life << Status.WORKING


def test_an_implausible_time_of_the_server_is_probed_earlier():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=86_400, evidence={"implausible": True}) << seconds(15)


def test_a_wait_beyond_eight_days_becomes_a_probe():
    life = Life(NIGHT)

    life >> stopped("quota", retry_after=30 * 86_400) << timedelta(days=8)


def test_the_same_trouble_again_keeps_the_deadline():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> passed(30) >> stopped("rate_limit", key="b")

    life << seconds(60)
    assert life.decisions[-1].kind == "kept"


def test_a_short_limit_never_shortens_the_wait_for_a_quota():
    life = Life(NIGHT)

    life >> stopped("quota", retry_after=5 * 3600) >> passed(60)
    life >> stopped("rate_limit", retry_after=2, key="other")

    life << seconds(5 * 3600 - 60)


def test_the_same_stop_seen_twice_is_decided_once():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90, key="k") >> stopped("rate_limit", key="k")

    assert len(life.decisions) == 1


def test_jitter_is_the_same_in_every_replay_and_never_negative():
    jittery = policy(rule("r", "", {"wait": {"for": "10s", "jitter": "5s"}}, {"resume": {}}))
    deadlines = set()

    for _ in range(3):
        life = Life(jittery) >> stopped("rate_limit")
        plan = life.session.plan
        assert plan is not None
        assert plan.deadline is not None
        deadlines.add(plan.deadline - life.now)

    (wait,) = deadlines
    assert seconds(10) <= wait < seconds(15)


# ── the assistant's own retry ─────────────────────────────────────────────────────────────────

DELEGATING = policy(
    rule("short", "stop.retrying and default(stop.retry_after, 0s) <= 5m", {"delegate": {}}),
    rule(
        "long",
        "stop.retrying",
        {"interrupt": {}},
        {"wait": {"until": "retry_after"}},
        {"resume": {}},
    ),
    rule("rate", "stop.reason == 'rate_limit'", {"wait": {"for": "1m"}}, {"resume": {}}),
)


def test_a_short_retry_is_left_to_the_assistant():
    life = Life(DELEGATING)

    life >> stopped("rate_limit", retry_after=20, retrying=True) << Status.WAITING
    life >> passed(20) >> working << Status.WORKING

    life.claim_nothing_more()


def test_a_retry_of_five_hours_is_taken_over_and_our_own_abort_is_not_the_persons():
    life = Life(DELEGATING)

    life >> stopped("rate_limit", retry_after=18_000, retrying=True) << "interrupt"
    life >> stopped("user_abort", key="aborted") >> ended("interrupt") << Status.WAITING
    life >> passed(17_999) << Status.WAITING
    life >> passed(1) << "resume"

    assert not life.session.latched
    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert resume.stop == "aborted"
    assert not resume.words


def test_our_abort_may_be_seen_after_its_outcome():
    life = Life(DELEGATING)

    life >> stopped("rate_limit", retry_after=18_000, retrying=True) << "interrupt"
    life >> ended("interrupt") >> stopped("user_abort", key="aborted")

    life << Status.WAITING
    assert not life.session.latched


def test_a_prompt_whose_server_died_under_it_is_a_crash_though_it_had_arrived():
    life = Life(policy(RATE, CRASH)) >> stopped("rate_limit", retry_after=1) >> passed(1)
    life << "resume" >> working >> alive  # its answer is lost, so nobody knows yet
    life >> passed(5) >> died() << "restart" >> ended("restart")

    life >> passed(5) >> ended("resume")

    life << Status.WAITING
    assert life.session.stop is not None
    assert life.session.stop.reason is StopReason.CRASH
    life >> passed(5) << "resume"


def test_what_follows_an_interrupt_of_ours_stands_on_where_it_left_the_session():
    life = Life(policy(RATE, rule("silent", "", "interrupt", "resume", event=["stalled"])))
    life >> stopped("rate_limit", retry_after=1, key="old") >> passed(1) << "resume"
    life >> ended("resume") >> working >> alive >> passed(615) << "interrupt"

    life >> ended("interrupt", stop="msg_9:end") << "resume"

    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert resume.stop == "msg_9:end"  # not "old": it has answered since
    life >> stopped("user_abort", key="msg_9:end") >> ended("resume") >> working >> alive
    life << Status.WORKING
    assert not life.session.latched


def test_a_retry_of_the_assistants_own_is_ended_and_told_before_a_prompt_takes_its_place():
    life = Life(policy(rule("always", "", "resume")))

    life >> stopped("rate_limit", key="m:retry-1", retry_after=60, retrying=True) << "interrupt"
    life >> stopped("user_abort", key="m:end")  # read by our next run: nobody was there to hush it
    life >> ended("interrupt", idle_since=at(1), again="yes", stop="m:end") << "resume"

    assert not life.session.latched
    life.claim_nothing_more()


def test_a_retry_that_came_good_before_our_interrupt_is_decided_as_what_it_became():
    done = rule("done", "stop.reason == 'completed'", "finish")
    life = Life(policy(done, rule("always", "", "interrupt", "resume")))
    life >> stopped("rate_limit", key="m:retry-1", retry_after=60, retrying=True) << "interrupt"

    life >> ended("interrupt", "superseded") << Status.WORKING
    life >> stopped("completed", key="m:end") << Status.COMPLETED

    life.claim_nothing_more()


def test_a_retry_that_was_refused_once_more_before_our_interrupt_is_ended_as_what_it_is_now():
    life = Life(policy(rule("always", "", "interrupt", "resume")))
    life >> stopped("rate_limit", key="m:retry-1", retry_after=60, retrying=True) << "interrupt"

    life >> ended("interrupt", "superseded") << Status.WORKING
    life >> stopped("rate_limit", key="m:retry-2", retry_after=600, retrying=True) << "interrupt"

    interrupt = life.last["interrupt"]
    assert isinstance(interrupt, effects.Interrupt)
    assert interrupt.stop == "m:retry-2"


SILENT = policy(RATE, rule("silent", "", "interrupt", "resume", event=["stalled"]))


def test_an_abort_while_ours_is_under_way_is_hers_if_there_was_nothing_left_to_abort():
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end") >> ended("interrupt", idle_since=at(-60))

    life << Status.STOOD_DOWN
    assert life.session.latched
    life.claim_nothing_more()


def test_an_abort_of_a_former_run_of_ours_is_ours():
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end")
    life >> passed(10) >> ended("interrupt", idle_since=at(616), again="yes")

    life << "resume"
    assert not life.session.latched


def test_an_abort_some_seconds_after_our_order_is_hers_if_we_died_in_between():
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end")
    life >> passed(10) >> ended("interrupt", idle_since=at(618), again="yes")

    life << "notify" << Status.STOOD_DOWN
    assert life.session.latched


def test_an_abort_right_after_her_own_command_is_hers_if_we_died_in_between():
    life = Life(NIGHT) >> told_to(commands.Skip(session=SES)) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end")
    life >> passed(10) >> ended("interrupt", idle_since=at(0), again="yes", stop="msg_1:end")

    life << "notify" << Status.STOOD_DOWN
    assert life.session.latched


@pytest.mark.parametrize("after", [0, 15])
def test_an_abort_after_her_own_command_that_is_not_told_yet_is_told_as_maybe_hers(after: int):
    life = Life(NIGHT) >> working >> told_to(commands.Skip(session=SES)) << "interrupt"

    life >> passed(20) >> ended("interrupt", idle_since=at(after), again="yes", stop="msg_1:end")

    life << "notify" << Status.WORKING
    life >> stopped("user_abort", key="msg_1:end") << Status.STOOD_DOWN
    assert life.session.latched


def test_a_prompt_that_is_told_after_her_stop_of_its_turn_does_not_end_that_stop():
    life = Life(NIGHT) >> working >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end") << Status.STOOD_DOWN

    life >> person_prompts >> stopped("user_abort", key="msg_1:end")

    life << Status.STOOD_DOWN
    assert life.session.latched


def test_a_prompt_from_before_her_command_does_not_end_it():
    life = Life(NIGHT) >> working
    prompt = person_prompts(life)  # told, and not yet written down: the disk is full

    life >> passed(30) >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end") << Status.STOOD_DOWN
    life >> (lambda _: prompt) >> stopped("auth", key="msg_1:end")

    life << Status.STOOD_DOWN
    assert life.session.latched


def test_a_session_that_she_detaches_after_her_prompt_stays_detached():
    life = Life(NIGHT) >> working >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end") >> person_prompts
    life >> told_to(commands.Detach(session=SES))

    life >> stopped("user_abort", key="msg_1:end") << Status.DETACHED


def test_a_prompt_after_her_stop_ends_it_however_often_the_stop_is_told():
    life = Life(NIGHT) >> working >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end") << Status.STOOD_DOWN

    life >> person_prompts >> working >> stopped("user_abort", key="msg_1:end")

    life << Status.WORKING
    assert not life.session.latched


def test_a_turn_that_ended_with_its_server_was_not_ended_by_our_interrupt():
    life = Life(SILENT) >> passed(615) << "interrupt" >> passed(5) >> agent_up

    life >> ended("interrupt", idle_since=at(616), again="yes", cut_off="yes") << Status.WORKING

    life.claim_nothing_more()


def test_an_abort_of_ours_is_ours_although_its_server_has_died_since():
    life = Life(SILENT) >> passed(615) << "interrupt" >> passed(5) >> agent_up

    life >> ended("interrupt", idle_since=at(615), again="yes", stop="msg_1:end") << "resume"


def test_what_our_interrupt_left_behind_is_for_a_person_if_nothing_follows_it():
    life = Life(SILENT) >> passed(615) << "interrupt" >> ended("interrupt", stop="msg_1:end")
    life << "resume" >> ended("resume", "superseded") << Status.WORKING

    life >> stopped("user_abort", key="msg_2:end") << Status.ATTENTION
    assert not life.session.latched


def test_an_abort_of_ours_that_is_told_again_after_a_start_is_still_ours():
    life = Life(DELEGATING) >> stopped("rate_limit", retry_after=18_000, retrying=True)
    life << "interrupt" >> stopped("user_abort", key="m:end") >> ended("interrupt", stop="m:end")
    life << Status.WAITING >> told_to(commands.Renew(session=SES)) << "interrupt"

    life >> stopped("user_abort", key="m:end") >> ended("interrupt", idle_since=at(0), stop="m:end")

    life << "snapshot"
    assert not life.session.latched


def test_an_abort_of_hers_after_ours_was_told_is_hers_also_while_our_prompt_has_no_outcome_yet():
    life = Life(policy(rule("always", "", "resume")))
    life >> stopped("rate_limit", key="m:retry-1", retry_after=60, retrying=True) << "interrupt"
    life >> ended("interrupt", stop="m:end") << "resume"
    life >> stopped("user_abort", key="m:end")  # ours, told by the sensor

    life >> stopped("user_abort", key="n:end")  # the turn that our prompt began

    life << Status.STOOD_DOWN
    assert life.session.latched


def test_an_abort_of_another_turn_is_hers_although_ours_was_never_told():
    life = Life(policy(rule("always", "", "resume")))
    life >> stopped("rate_limit", key="m:retry-1", retry_after=60, retrying=True) << "interrupt"
    life >> ended("interrupt", stop="m:end") << "resume"

    life >> stopped("user_abort", key="n:end")

    life << Status.STOOD_DOWN
    assert life.session.latched


def test_an_abort_while_our_interrupt_was_overtaken_by_a_prompt_of_hers_is_hers():
    life = Life(NIGHT) >> told_to(commands.Renew(session=SES)) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end") >> ended("interrupt", "superseded")

    life << "notify" << Status.STOOD_DOWN
    assert life.session.latched


def test_an_abort_after_our_interrupt_came_too_late_is_hers():
    life = Life(policy(rule("always", "", "resume")))
    life >> stopped("rate_limit", key="m:retry-1", retry_after=2, retrying=True) << "interrupt"
    life >> working >> ended("interrupt", "superseded") << Status.WORKING

    life >> stopped("user_abort", key="n:end") << Status.STOOD_DOWN

    assert life.session.latched


def test_each_prompt_is_excused_once_however_often_the_provider_refuses_after_it():
    life = Life(policy(rule("on", "not stop.retrying", "resume"), rule("own", "", "stand-down")))
    for number in (1, 2):
        life >> stopped("crash", key=f"m{number}:end") << "resume"
        life >> ended("resume") >> working >> alive
    assert life.session.unproductive == 2

    for attempt in (1, 2, 3):
        life >> stopped("rate_limit", key=f"n:retry-{attempt}", retry_after=60, retrying=True)
        life >> working

    assert life.session.unproductive == 1


def test_an_abort_that_may_be_hers_is_hers_and_is_told():
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> stopped("user_abort", key="msg_1:end")
    life >> passed(90) >> ended("interrupt", idle_since=at(660), again="yes")

    life << "notify" << Status.STOOD_DOWN
    assert life.session.latched


def test_a_session_that_came_to_rest_before_our_interrupt_has_its_stop_told_first():
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> ended("interrupt", idle_since=at(614)) << Status.WORKING
    life.claim_nothing_more()
    life >> stopped("user_abort", key="msg_1:end") << Status.STOOD_DOWN


def test_a_session_that_rests_for_long_and_nobody_knows_why_is_for_a_person():
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> ended("interrupt", idle_since=at(0)) << Status.ATTENTION


def test_what_she_began_since_the_decision_is_hers_however_late_its_interrupt_is_ordered():
    keeping = policy(RATE, rule("silent", "", "snapshot", "interrupt", "resume", event=["stalled"]))
    life = Life(keeping) >> passed(615) << "snapshot"

    life >> passed(3600) >> ended("snapshot") << "interrupt"

    (interrupt,) = (one for one in life.world.open.values() if isinstance(one, effects.Interrupt))
    assert life.session.plan is not None
    assert interrupt.ordered is not None
    assert interrupt.ordered == life.session.plan.started_at
    assert interrupt.ordered.isoformat() == at(615)


@pytest.mark.parametrize("again", [{}, {"again": "yes"}])
def test_an_abort_long_before_our_order_is_hers_although_nobody_told_it(again):
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> ended("interrupt", idle_since=at(0), stop="msg_1:end", **again)

    if again:
        life << "notify"
    life << Status.STOOD_DOWN
    life.claim_nothing_more()
    assert life.session.latched


@pytest.mark.parametrize("how", ["by_itself", "cut_off"])
def test_what_no_abort_has_ended_long_before_our_order_is_for_a_person(how):
    life = Life(SILENT) >> passed(615) << "interrupt"

    life >> ended("interrupt", idle_since=at(0), stop="msg_1:end", **{how: "yes"})

    life << Status.ATTENTION


def test_nobody_is_stalled_right_after_our_start_because_nobody_watched():
    life = Life(SILENT)

    life >> passed(0) >> restarted_after(620) >> passed(1) << Status.WORKING
    life.claim_nothing_more()
    life >> passed(620) << "interrupt"


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def restarted_after(seconds: float) -> Act:
    def act(life: Life) -> DaemonStarted:
        life.now += timedelta(seconds=seconds)
        return DaemonStarted(at=life.now, version="test", seed="another seed")

    return act


def test_nothing_is_left_to_an_assistant_that_does_not_try():
    life = Life(policy(rule("own", "", {"delegate": {}})))

    life >> stopped("rate_limit") << Status.ATTENTION


def test_a_wait_of_the_assistants_own_that_is_told_again_does_not_make_our_abort_the_persons():
    life = Life(DELEGATING)

    life >> stopped("rate_limit", retry_after=18_000, retrying=True, key="retry") << "interrupt"
    life >> ended("interrupt") << Status.WAITING
    life >> stopped("rate_limit", retry_after=18_000, retrying=True, key="retry")
    life >> stopped("user_abort", key="aborted")

    life << Status.WAITING
    assert not life.session.latched


def test_that_it_began_to_work_told_again_after_it_stopped_cancels_no_wait():
    life = Life(DELEGATING)
    began = working(life)
    assert began is not None
    life >> passed(1) >> stopped("rate_limit", retry_after=18_000, retrying=True) << "interrupt"
    life >> ended("interrupt") << Status.WAITING

    life.take(began)
    life >> stopped("user_abort", key="aborted")

    life << Status.WAITING
    assert not life.session.latched


def test_when_the_assistant_gives_up_its_retries_we_decide():
    life = Life(DELEGATING)

    life >> stopped("rate_limit", retry_after=20, retrying=True) >> passed(20) >> working
    life >> stopped("rate_limit", key="gave up") << seconds(60)


# ── the person ────────────────────────────────────────────────────────────────────────────────


def test_a_user_abort_is_latched_until_the_person_prompts():
    stubborn = policy(rule("always", "", {"resume": {}}))
    life = Life(stubborn)

    life >> stopped("user_abort") << Status.STOOD_DOWN
    life >> stopped("rate_limit", key="later") << Status.STOOD_DOWN
    life.claim_nothing_more()

    life >> person_prompts << Status.WORKING >> stopped("rate_limit", key="third") << "resume"


def test_the_person_prompting_during_our_wait_cancels_it():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> passed(30) >> person_prompts << Status.WORKING
    life >> passed(100)

    life.claim_nothing_more()
    assert life.decisions[-1].kind == "cancelled"


def test_a_session_that_goes_on_by_itself_cancels_our_wait():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> working << Status.WORKING >> passed(100)

    life.claim_nothing_more()


def test_an_effect_that_reality_overtook_cancels_the_plan():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    life >> ended("resume", "superseded") << Status.WORKING

    life.claim_nothing_more()


def test_the_person_leaving_her_program_is_a_user_exit():
    life = Life(NIGHT)

    life >> died("ended", None) << Status.STOOD_DOWN

    life.claim_nothing_more()


def test_a_finished_session_that_works_again_is_supervised_again():
    life = Life(NIGHT)

    life >> stopped("completed") << Status.COMPLETED >> working << Status.WORKING
    life >> stopped("rate_limit", retry_after=90) << seconds(90)


def test_a_session_that_the_person_stopped_is_hers_until_she_prompts_it():
    life = Life(NIGHT)

    life >> stopped("user_abort") << Status.STOOD_DOWN >> working << Status.STOOD_DOWN


# ── questions ─────────────────────────────────────────────────────────────────────────────────


def test_a_permission_is_told_at_once_with_its_text_and_never_answered():
    life = Life(NIGHT)

    life >> asked("permission", "rm -rf build?") << Status.BLOCKED
    (notice,) = life.orders
    assert "rm -rf build?" in text_of(notice)
    life << "notify" >> passed(3600)
    life.claim_nothing_more()
    life >> answered << Status.WORKING


def test_a_question_during_a_wait_voids_the_plan():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> asked("question") << "notify"
    life >> passed(100)

    life.claim_nothing_more()
    life << Status.BLOCKED


def test_a_reminder_comes_only_if_the_question_still_waits():
    reminding = policy(
        rule("remind", "", {"notify": {"message": "still ${block.kind}"}}, event=["blocked"])
        | {"for": "5m"}
    )
    life = Life(reminding)

    life >> asked() << "notify" >> passed(299)
    life.claim_nothing_more()
    life >> passed(1)
    assert text_of(life.orders[0]) == "still permission"

    life = Life(reminding)
    life >> asked() << "notify" >> answered >> passed(400)
    life.claim_nothing_more()


# ── context ───────────────────────────────────────────────────────────────────────────────────


def test_a_full_context_is_backed_up_before_a_new_session_continues_the_work():
    life = Life(NIGHT)

    life >> stopped("context_exhausted") << "snapshot" << Status.ACTING
    life >> ended("snapshot", path="/b/session-backup.md") << "new-session"
    order = life.last["new-session"]
    assert isinstance(order, effects.NewSession)
    assert order.snapshot == "/b/session-backup.md"
    life >> ended("new-session", session="ses_2") << Status.COMPLETED

    heir = life.world.sessions[SessionId("ses_2")]
    assert heir.status is Status.VERIFYING
    assert heir.predecessor == SES
    assert life.session.successor == "ses_2"


def test_without_a_backup_there_is_no_new_session():
    life = Life(NIGHT)

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", "failed")

    life.claim_nothing_more()
    life << Status.ATTENTION


def test_an_agent_that_never_comes_up_is_listed_and_told_about_once():
    life = Life(NIGHT)
    gone = AgentDown(
        at=life.now,
        agent=AgentId("opencode@127.0.0.1:1"),
        cause=DownCause.UNREACHABLE,
        assistant="opencode",
        way=Way.ATTACHED,
        detail="nobody answers",
    )

    life.take(gone)
    life.take(gone)

    assert text_of(life.orders[0]) == "opencode@127.0.0.1:1 cannot be watched: nobody answers"
    life << "notify"
    life.claim_nothing_more()
    assert not life.world.agents[gone.agent].up


def test_an_observed_session_whose_program_crashed_goes_on_on_the_managed_server():
    life = Life(policy(rule("go-on", "stop.reason == 'crash'", {"resume": {}})), way=Way.OBSERVED)
    managed = AgentId("opencode-managed")
    life.take(
        AgentUp(
            at=life.now,
            agent=managed,
            assistant="opencode",
            way=Way.MANAGED,
            version="1.18.33",
            supported=True,
            started_at=life.now,
        )
    )

    life >> died() << "resume"

    assert life.session.agent == managed
    life.claim_nothing_more()


def test_an_observed_session_whose_program_runs_is_not_taken_away():
    life = Life(policy(rule("go-on", "", {"resume": {}})), way=Way.OBSERVED)

    life >> stopped("rate_limit") << "notify" << Status.ATTENTION

    life.claim_nothing_more()


# ── episodes ────────────────────────────────────────────────────────────────────────────────


def test_a_finished_turn_begins_no_trouble():
    life = Life(NIGHT)

    life >> stopped("completed") << Status.COMPLETED

    assert life.session.episode is None


def test_trouble_lasts_until_progress_has_held():
    life = Life(NIGHT)

    life >> stopped("rate_limit", key="a") >> passed(15) >> ended("resume") >> progressed
    life >> passed(599) >> stopped("overloaded", key="b")
    first = life.session.episode
    assert first is not None
    assert first.first_reason == "rate_limit"

    life >> passed(15) >> ended("resume") >> progressed
    life >> passed(600) >> stopped("overloaded", key="c")
    second = life.session.episode
    assert second is not None
    assert second.first_reason == "overloaded"


# ── completion ────────────────────────────────────────────────────────────────────────────────


def test_finished_work_is_left_alone():
    life = Life(NIGHT)

    life >> stopped("completed") << Status.COMPLETED >> passed(3600)

    life.claim_nothing_more()


def test_torn_work_is_never_continued_nor_called_done():
    life = Life(NIGHT)

    life >> known(work__state=WorkState.TORN.value) >> stopped("completed") << Status.ATTENTION

    life.claim_nothing_more()


# ── crashes ───────────────────────────────────────────────────────────────────────────────────


def test_a_crash_is_one_restart_and_one_continuation():
    life = Life(NIGHT)

    life >> died() << seconds(2) >> passed(2) << "restart"
    life >> passed(3) >> agent_up >> ended("restart") << "resume"
    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    assert resume.words
    life >> ended("resume") >> alive << Status.WORKING

    life.claim_nothing_more()


def test_two_sessions_of_one_server_share_one_restart():
    life = Life(NIGHT)
    life.work(SessionId("ses_2"))

    life >> died() >> passed(2) << "restart"
    life.claim_nothing_more()
    life >> passed(3) >> agent_up >> ended("restart") << "resume" << "resume"

    life.claim_nothing_more()


def test_a_server_that_died_while_nobody_worked_is_brought_back_quietly():
    life = Life(NIGHT)

    life >> stopped("completed") >> died() << "restart"

    life.claim_nothing_more()


def test_a_server_that_we_stopped_ourselves_is_no_crash():
    life = Life(NIGHT)

    life >> died("stopped", "SIGTERM") << Status.WORKING

    life.claim_nothing_more()


def test_a_wait_whose_server_died_meanwhile_restarts_it_before_resuming():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> passed(10) >> died() << "restart"
    life >> ended("restart", "failed") >> passed(80) << "restart" >> passed(3) >> agent_up
    life >> ended("restart") << "resume"

    life.claim_nothing_more()


# ── proof ─────────────────────────────────────────────────────────────────────────────────────


def test_a_resume_without_a_sign_of_life_is_a_failed_action():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume" >> ended("resume")
    life >> passed(119) << Status.VERIFYING
    life >> passed(1) << Status.ATTENTION


def test_a_silent_session_is_a_stall_only_where_a_rule_says_so():
    stalling = policy(
        rule("stall", "progress.age > 15m", {"interrupt": {}}, {"resume": {}}, event=["stalled"])
    )
    life = Life(stalling)

    life >> progressed >> passed(611) << Status.WORKING
    life.claim_nothing_more()
    life >> passed(600) << "interrupt" >> ended("interrupt") << "resume"


def test_signs_of_life_are_told_now_and_then_and_are_no_stall_in_between():
    stalling = policy(
        rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"]),
        **{"stall-after": "5s"},
    )
    life = Life(stalling)

    for _ in range(6):
        life >> alive >> passed(12) << Status.WORKING
    life.claim_nothing_more()
    life >> passed(3) << "interrupt"


def test_a_sign_of_life_before_the_interrupt_ends_what_was_planned_about_a_stall():
    careful = policy(
        rule("stall", "", {"snapshot": {}}, {"interrupt": {}}, {"resume": {}}, event=["stalled"])
    )
    life = Life(careful)

    life >> passed(700) << "snapshot" >> alive << Status.WORKING
    life >> ended("snapshot", path="/backup.md") << Status.WORKING
    life.claim_nothing_more()
    assert life.decisions[-1].why == "it is alive after all"


def test_a_sign_of_life_after_the_interrupt_is_the_end_of_the_turn_and_no_reason_to_stop():
    stalling = policy(
        rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"]),
    )
    life = Life(stalling)

    life >> passed(700) << "interrupt" >> alive << Status.ACTING
    life >> ended("interrupt") << "resume"


# ── the operator ──────────────────────────────────────────────────────────────────────────────


def test_a_pause_holds_everything_and_a_release_keeps_the_old_deadline():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> told_to(commands.Hold()) << Status.PAUSED
    life >> passed(60) << Status.PAUSED >> told_to(commands.Release()) << seconds(30)


def test_a_wait_that_is_over_during_a_pause_acts_at_once_on_release():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> told_to(commands.Hold()) >> passed(500)
    life.claim_nothing_more()
    life >> told_to(commands.Release()) << "resume"


def test_a_stop_during_a_pause_is_decided_on_release():
    life = Life(NIGHT)

    life >> told_to(commands.Hold()) >> stopped("rate_limit", retry_after=90) << Status.PAUSED
    life >> told_to(commands.Release()) << seconds(90)


def test_an_abort_interrupts_and_stands_down_for_good():
    life = Life(NIGHT)

    life >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> stopped("user_abort", key="ours") >> ended("interrupt") << Status.STOOD_DOWN
    life >> stopped("rate_limit", key="later")

    life.claim_nothing_more()


def test_an_operator_may_ask_for_a_new_session():
    life = Life(NIGHT)

    life >> told_to(commands.Renew(session=SES)) << "interrupt" >> ended("interrupt") << "snapshot"
    life >> ended("snapshot", path="p") << "new-session"


def test_a_session_in_attention_is_decided_anew_on_release():
    life = Life(NIGHT)

    life >> stopped("unknown") << Status.ATTENTION >> told_to(commands.Release(session=SES))

    life << Status.ATTENTION
    assert [d.rule for d in life.decisions if d.kind == "decided"] == ["default", "default"]


# ── who is supervised ─────────────────────────────────────────────────────────────────────────


def test_a_session_that_was_never_seen_working_is_listed_and_not_touched():
    life = Life(NIGHT)
    old = SessionId("ses_yesterday")
    life.take(SessionSeen(at=life.now, session=old, agent=AGENT, title="yesterday"))
    life >> stopped("crash", session=old)

    life.claim_nothing_more()
    assert life.world.sessions[old].status is Status.DISCOVERING


def test_a_version_that_was_not_tested_is_told_about_once_and_never_acted_on():
    life = Life(NIGHT)
    life.supported = False

    life >> agent_up << "notify" >> agent_up
    life.claim_nothing_more()
    life >> stopped("rate_limit", retry_after=1) >> passed(1) << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_a_policy_may_notify_before_it_waits():
    telling = policy(
        rule(
            "r",
            "",
            {"notify": {"message": "back at ${resume_at}", "severity": "critical"}},
            {"wait": {"for": "60s"}},
            {"resume": {}},
        )
    )
    life = Life(telling) >> stopped("quota")

    notice = life.orders[0]
    assert isinstance(notice, effects.Notify)
    assert notice.severity is Severity.CRITICAL
    assert notice.message == "back at 2026-02-05 02:01:00 UTC"


def test_a_crash_that_a_new_server_tells_of_needs_no_further_restart():
    life = Life(NIGHT)

    life >> stopped("crash", key="msg_1:crash", words=True) >> passed(2) << "resume"
    life.claim_nothing_more()
