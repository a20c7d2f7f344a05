"""What is ordered: on which model, with which words, on whose server, and what is counted of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.policy.model import Cap, Mode
from palingenesis.core.values import DownCause, SessionId, Status, StopReason
from tests.core.house import HERS, OURS, at_home, down
from tests.core.life import (
    AGENT,
    SES,
    START,
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
    text_of,
    told_to,
    working,
)
from tests.core.policies import CRASH, NIGHT, RATE, policy, rule

OTHER = SessionId("ses_other")
HOUR = timedelta(hours=1)
ABORT, SKIP = told_to(commands.Abort(session=SES)), told_to(commands.Skip(session=SES))
END = policy(rule("end", "stop.reason == 'billing'", "stop"), CRASH)


def order(life: Life, name: str) -> effects.Resume | effects.Retry | effects.NewSession:
    effect = life.last[name]
    assert isinstance(effect, effects.Resume | effects.Retry | effects.NewSession)
    return effect


# ── prompts ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["resume", "retry", "new-session"])
@pytest.mark.parametrize(
    ("step", "chosen", "model"),
    [
        ("openai/gpt", None, "openai/gpt"),
        (None, "openai/mini", "openai/mini"),
        ("openai/gpt", "openai/mini", "openai/gpt"),
        (None, None, None),
    ],
)
def test_a_prompt_goes_to_the_model_of_its_step_or_else_to_the_one_that_was_chosen(
    name: str, step: str | None, chosen: str | None, model: str | None
):
    life = Life(policy(rule("on", "", {name: {"model": step} if step else {}})))
    life.world = replace(life.world, sessions={SES: replace(life.session, model=chosen)})

    life >> stopped("network")
    if name == "new-session":
        life << "snapshot" >> ended("snapshot", path="p")

    assert order(life, name).model == model


def test_what_a_person_sends_on_is_said_in_words_where_a_rule_would_run_it_again_silently():
    silent = Life(policy(RATE)) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    asked_for = Life(policy(RATE)) >> stopped("rate_limit", retry_after=90) >> SKIP
    asked_for << "interrupt" >> ended("interrupt", idle_since=START.isoformat()) << "resume"

    for life, words in ((silent, False), (asked_for, True)):
        resume = order(life, "resume")
        assert isinstance(resume, effects.Resume)
        assert resume.words is words


def test_a_backup_says_what_it_is_for():
    before = Life(policy(rule("new", "", "new-session"))) >> stopped("network")
    named = Life(policy(rule("keep", "", "snapshot"))) >> stopped("network")

    said = [life.last["snapshot"] for life in (before, named)]

    assert [one.why for one in said if isinstance(one, effects.Snapshot)] == [
        "before a new session",
        "rule keep",
    ]


def test_a_new_session_is_counted_as_a_prompt_and_as_a_beginning():
    life = Life(policy(rule("new", "", "new-session"))) >> stopped("network")
    assert (life.world.prompted, life.world.begun) == ((), ())

    life << "snapshot" >> ended("snapshot", path="p") << "new-session"

    assert (life.world.prompted, life.world.begun) == ((life.now,), (life.now,))


# ── servers ───────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_is_being_started_again_is_ended_by_a_rule_that_says_so():
    life = Life(END)
    life.work(OTHER)
    life >> died() >> passed(2) << "restart"

    life >> stopped("billing", key="b", session=OTHER) << "stop"

    assert life.world.agents[AGENT].stopped


def test_one_that_is_down_is_only_marked_and_the_plan_goes_on():
    marked = policy(rule("end", "stop.reason == 'crash'", "stop", "finish"))

    life = Life(marked) >> died() << Status.COMPLETED

    life.claim_nothing_more()
    assert life.world.agents[AGENT].stopped


def test_no_server_is_ended_for_a_session_that_she_has_stopped():
    failing = policy(rule("failed", "", "stop", event=["action_failed"]))
    life = Life(failing) >> ABORT << "interrupt" >> ended("interrupt", "failed")

    life.claim_nothing_more() << Status.STOOD_DOWN
    assert life.session.outlook == "the person stopped this session"


def test_the_end_of_a_server_counts_as_an_action():
    limited = replace(END, caps=(Cap(what="actions", most=1, per=HOUR, then=()),))
    life = Life(limited)
    life.world = replace(life.world, used={"actions": (life.now,)})

    life >> stopped("billing") << "notify" << Status.ATTENTION

    life.claim_nothing_more()
    assert not life.world.agents[AGENT].stopped


def test_five_restarts_in_ten_minutes_open_the_breaker_which_is_told_once():
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))
    for number in range(5):
        life >> passed(60) >> died() << "restart"
        assert life.world.agents[AGENT].tripped is (number == 4)
        life >> ended("restart") >> agent_up

    assert text_of(life.orders[0]).startswith(
        f"{AGENT} had to be started again 5 times within 10 minutes: from now on once every 30"
    )
    life << "notify" >> passed(1800) >> died() << "restart"
    life.claim_nothing_more()


def test_a_wait_after_a_restart_that_a_rail_put_off_begins_when_it_is_done():
    slow = rule("slow", "stop.reason == 'network'", "restart", {"wait": {"for": "10m"}}, "resume")
    life = Life(policy(slow))
    tripped = replace(life.world.agents[AGENT], restarts=(life.now,), tripped=True)
    life.world = replace(life.world, agents={AGENT: tripped})
    life >> passed(1) >> stopped("network") << timedelta(minutes=30) - timedelta(seconds=1)

    life >> told_to(commands.Hold()) >> passed(1900) >> told_to(commands.Release()) << "restart"
    life >> ended("restart") << timedelta(minutes=10)


def test_a_session_whose_own_program_has_died_is_our_servers_while_that_is_started_for_it():
    life = at_home(policy(CRASH)) >> down(OURS, DownCause.EXITED)
    life.orders.clear()

    life >> down(HERS, DownCause.EXITED) >> passed(2) << Status.ACTING

    assert life.session.agent == OURS


def test_the_server_of_another_assistant_goes_on_with_nothing():
    life = at_home(policy(CRASH))
    other = replace(life.world.agents[OURS], assistant="another")
    life.world = replace(life.world, agents={**life.world.agents, OURS: other})

    life >> down(HERS, DownCause.EXITED) >> passed(2) << "notify" << Status.ATTENTION

    assert life.session.agent == HERS


def test_a_hook_counts_in_the_hour_of_all_hooks():
    life = (
        Life(policy(rule("hook", "", {"run": {"hook": "backup"}}))) >> stopped("network") << "run"
    )

    assert life.world.used["hooks"] == (life.now,)


# ── decisions ─────────────────────────────────────────────────────────────────────────────────


def test_a_policy_that_is_off_decides_nothing_about_silence():
    off = replace(policy(rule("s", "", "resume", event=["stalled"])), mode=Mode.OFF)

    life = Life(off) >> passed(600) << Status.WORKING

    life.claim_nothing_more()
    assert life.decisions == []


def test_a_decision_says_how_often_its_rule_was_tried_and_whether_its_limit_is_reached():
    limit = {"max": 2, "per": "6h", "then": [{"attention": {"reason": "enough"}}]}
    life = Life(policy(rule("on", "", "resume", limit=limit)))

    for key in ("a", "b"):
        life >> stopped("network", key=key) << "resume" >> ended("resume") >> working >> alive
    life >> stopped("network", key="c") << Status.ATTENTION

    decided = [one for one in life.decisions if one.kind == "decided"]
    assert [(one.tries, one.limited) for one in decided] == [(0, False), (1, False), (2, True)]
    assert life.session.outlook == "enough"


@pytest.mark.parametrize("reason", ["quota", "overloaded"])
def test_a_refusal_without_a_time_leaves_a_longer_wait_as_it_is(reason: str):
    life = Life(NIGHT) >> stopped("quota", key="a", retry_after=3600) << HOUR

    life >> passed(60) >> stopped(reason, key="b") << HOUR - timedelta(minutes=1)

    kept = life.decisions[-1]
    assert (kept.kind, kept.session) == ("kept", SES)


def test_prompts_that_were_excused_are_never_fewer_than_none():
    life = Life(policy(RATE)) >> stopped("rate_limit", key="a") >> passed(15) << "resume"
    life >> ended("resume") >> progressed
    assert life.session.unproductive == 0

    life >> stopped("rate_limit", key="b")

    assert life.session.unproductive == 0


def test_how_long_it_works_well_is_counted_from_the_first_progress_after_the_newest_stop():
    life = Life(NIGHT) >> progressed >> passed(60) >> stopped("overloaded") >> person_prompts
    assert life.session.healthy_since is None
    assert life.session.episode is not None
    assert life.session.episode.first_reason is StopReason.OVERLOADED

    life >> passed(10) >> progressed >> passed(10) >> progressed

    assert life.session.healthy_since == life.now - timedelta(seconds=10)


def test_a_notice_about_progress_is_its_rules_first_try():
    tell = rule("tell", "", {"notify": {"message": "try ${rule.tries}"}}, event=["progress"])
    life = Life(policy(tell)) >> progressed

    assert text_of(life.orders[0]) == "try 1"


def test_a_reminder_whose_rule_is_not_true_any_more_reminds_nobody():
    remind = rule(
        "remind", "host.network", {"notify": {"message": "!"}}, event=["blocked"], **{"for": "5m"}
    )
    life = Life(policy(remind))
    life.take(events.FactsObserved(at=life.now, facts={"host.network": True}))
    life >> asked() << "notify"
    assert len(life.session.holds) == 1
    life.take(events.FactsObserved(at=life.now, facts={"host.network": False}))

    life >> passed(300) << Status.BLOCKED

    life.claim_nothing_more()
    assert life.session.holds == ()


@pytest.mark.parametrize(("title", "told"), [("night", "night"), ("", SES)])
def test_what_fails_twice_is_told_under_the_title_of_the_session_or_its_name(title: str, told: str):
    again = rule("again", "", "resume", event=["stopped", "action_failed"])
    life = Life(policy(again))
    life.world = replace(life.world, sessions={SES: replace(life.session, title=title)})

    life >> stopped("network") << "resume" >> ended("resume", "failed")
    life << "resume" >> ended("resume", "failed") << Status.ATTENTION

    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert (notice.title, notice.message) == (told, "failed: failed")
