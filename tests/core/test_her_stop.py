"""What the person has ended stays ended, whatever is told of it afterwards."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, effects
from palingenesis.core.values import DownCause, SessionId, Status
from tests.core.life import (
    SES,
    START,
    Life,
    agent_up,
    alive,
    answered,
    asked,
    died,
    ended,
    passed,
    person_prompts,
    stopped,
    told_to,
    working,
)
from tests.core.policies import CRASH, policy, rule

OTHER = SessionId("ses_other")
HOOKED = policy(
    rule("hooked", "stop.reason in ('network', 'crash')", {"run": {"hook": "repair"}}, "retry"),
    rule("failed", "", {"run": {"hook": "repair"}}, event=["action_failed"]),
)
RESTARTED = policy(CRASH)
DELEGATED = rule("short", "stop.retrying", {"delegate": {}})
HERS = rule("hers", "stop.reason == 'user_abort'", "stand-down")


# ── a command of hers is under way ────────────────────────────────────────────────────────────


def test_no_rule_decides_about_a_stop_that_is_told_while_her_command_ends_the_session() -> None:
    life = Life(HOOKED)

    life >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> stopped("network") >> ended("interrupt", idle_since=START.isoformat(), by_itself="yes")

    life.claim_nothing_more() << Status.STOOD_DOWN
    assert life.session.stop is not None
    assert life.session.stop.reason == "network"


def test_so_it_is_where_she_holds_it_meanwhile_and_lets_it_go() -> None:
    life = Life(HOOKED)

    life >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> told_to(commands.Hold(session=SES)) >> stopped("network")
    life >> ended("interrupt", idle_since=START.isoformat(), by_itself="yes")
    life >> told_to(commands.Release())

    life.claim_nothing_more() << Status.STOOD_DOWN


@pytest.mark.parametrize("result", ["failed", "unknown"])
def test_no_hook_of_a_rule_runs_where_her_command_came_to_nothing(result: str) -> None:
    life = Life(HOOKED)

    life >> told_to(commands.Abort(session=SES)) << "interrupt" >> ended("interrupt", result)

    life.claim_nothing_more() << Status.STOOD_DOWN


def test_nor_where_its_server_died_under_her_command() -> None:
    life = Life(HOOKED)

    life >> told_to(commands.Abort(session=SES)) << "interrupt" >> passed(1) >> died()
    life << "restart" >> ended("interrupt", "failed")

    life.claim_nothing_more() << Status.STOOD_DOWN


HER_COMMANDS = [
    (commands.Abort(session=SES), []),
    (commands.Skip(session=SES), ["resume"]),
    (commands.Renew(session=SES), ["snapshot"]),
]


@pytest.mark.parametrize(("command", "then"), HER_COMMANDS)
def test_a_permission_asked_while_her_command_ends_the_turn_does_not_end_her_command(
    command: commands.Command, then: list[str]
) -> None:
    life = Life(HOOKED)

    life >> told_to(command) << "interrupt"
    life >> asked() << "notify" << Status.ACTING >> answered
    life >> ended("interrupt", stop="msg_1:end")

    assert life.names() == then
    life << (Status.ACTING if then else Status.STOOD_DOWN)


def test_nor_where_she_holds_the_session_and_lets_it_go_meanwhile() -> None:
    life = Life(HOOKED)

    life >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> told_to(commands.Hold(session=SES)) >> asked() << "notify"
    life >> told_to(commands.Release(session=SES)) << Status.ACTING
    life >> ended("interrupt", stop="msg_1:end")

    life.claim_nothing_more() << Status.STOOD_DOWN


def test_but_what_is_asked_in_the_turn_that_her_command_began_waits_for_her() -> None:
    life = Life(HOOKED)

    life >> told_to(commands.Skip(session=SES)) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end") << "resume" >> ended("resume")
    life >> passed(1) >> asked() << "notify"

    life << Status.BLOCKED
    assert life.session.plan is None


def retried(life: Life) -> None:
    """It stopped, tries again by itself, and works by now."""
    life >> stopped("rate_limit", retry_after=2, retrying=True) >> passed(2) >> working
    assert life.session.status is Status.WORKING


def test_her_abort_ends_the_turn_that_runs_and_no_retry_from_before_it() -> None:
    life = Life(policy(DELEGATED))
    retried(life)

    life >> told_to(commands.Abort(session=SES)) << "interrupt"

    interrupt = life.last["interrupt"]
    assert isinstance(interrupt, effects.Interrupt)
    assert interrupt.stop == ""


def test_so_does_the_end_of_a_turn_that_fell_silent_after_a_retry() -> None:
    life = Life(policy(DELEGATED, rule("silent", "", "interrupt", "resume", event=["stalled"])))
    retried(life)

    life >> passed(615) << "interrupt"

    interrupt = life.last["interrupt"]
    assert isinstance(interrupt, effects.Interrupt)
    assert interrupt.stop == ""


# ── its server dies after her abort ───────────────────────────────────────────────────────────


def resumed(life: Life) -> effects.Resume:
    life >> passed(2) >> ended("restart") >> passed(1)
    resume = life.last["resume"]
    assert isinstance(resume, effects.Resume)
    return resume


def test_what_goes_on_after_a_crash_is_told_until_when_its_server_was_known_to_run() -> None:
    life = Life(RESTARTED)

    life >> passed(5) >> agent_up >> passed(20) >> died(signal=None)

    assert resumed(life).alive_at == START + timedelta(seconds=5)


def test_a_sign_of_life_says_so_too() -> None:
    life = Life(RESTARTED)

    life >> passed(5) >> agent_up >> working >> passed(20) >> alive
    life >> passed(20) >> died(signal=None)

    assert resumed(life).alive_at == START + timedelta(seconds=25)


def test_one_that_was_killed_ran_to_its_end_and_marked_no_abort_in_it() -> None:
    life = Life(RESTARTED)

    life >> passed(5) >> agent_up >> passed(20) >> died(signal="SIGKILL")

    assert resumed(life).alive_at == START + timedelta(seconds=25)


def test_nobody_knows_that_where_an_abort_of_ours_may_be_the_one() -> None:
    silent = policy(rule("silent", "", "interrupt", event=["stalled"]), CRASH)
    life = Life(silent)

    life >> passed(615) << "interrupt" >> ended("interrupt", stop="msg_1:end") >> working
    life >> passed(20) >> died()

    assert resumed(life).alive_at is None


def test_one_that_was_killed_while_we_were_ending_it_may_have_marked_its_turns_itself() -> None:
    life = Life(policy(rule("again", "stop.reason == 'network'", "restart", "resume"), CRASH))
    life.work(OTHER)
    life >> passed(5) >> agent_up

    life >> passed(20) >> stopped("network", session=OTHER) << "restart"
    life >> passed(5) >> died(signal="SIGKILL")

    assert life.session.stop is not None
    assert life.session.stop.evidence["alive_at"] == (START + timedelta(seconds=5)).isoformat()


def test_nor_where_the_server_was_ended_by_us() -> None:
    life = Life(policy(rule("again", "stop.reason == 'network'", "restart", "resume"), CRASH))
    life.work(OTHER)

    life >> stopped("network", session=OTHER) << "restart"
    life >> died(DownCause.STOPPED.value)

    assert life.session.stop is not None
    assert life.session.stop.evidence == {"cause": "stopped"}


# ── an abort of ours is nobody else's, however late we look ───────────────────────────────────

SILENT = policy(rule("silent", "", "interrupt", "resume", event=["stalled"]), HERS)


def test_where_nothing_followed_our_own_abort_the_next_look_goes_on_with_it() -> None:
    """What she said before our abort was told after it, so that what was to follow was void."""
    life = Life(SILENT)
    life >> passed(615) << "interrupt" >> ended("interrupt", stop="msg_1:end") << "resume"
    life >> person_prompts >> ended("resume", "superseded") << Status.WORKING
    life >> stopped("user_abort", key="msg_1:end") << Status.WORKING

    rested = life.now.isoformat()
    life >> passed(615) << "interrupt"
    life >> ended("interrupt", stop="msg_1:end", idle_since=rested) << "resume"

    assert not life.session.latched


def test_an_abort_of_ours_whose_answer_is_lost_is_not_hers_for_words_from_before_it() -> None:
    life = Life(SILENT)
    said = person_prompts(life)
    life >> passed(615) << "interrupt"
    life.take(said)  # what she said then is told only now
    life >> stopped("user_abort", key="msg_1:end") >> ended("interrupt", "unknown")

    life << Status.ATTENTION  # the policy is asked, and she is told
    assert not life.session.latched


def test_what_she_says_and_aborts_while_ours_is_under_way_is_hers() -> None:
    life = Life(SILENT)
    life >> passed(615) << "interrupt"
    life >> passed(1) >> person_prompts >> stopped("user_abort", key="msg_2:end")

    life << Status.STOOD_DOWN
    assert life.session.latched


def test_but_what_she_has_aborted_since_is_hers() -> None:
    life = Life(SILENT)
    life >> passed(615) << "interrupt" >> ended("interrupt", stop="msg_1:end") << "resume"
    life >> person_prompts >> ended("resume", "superseded") << Status.WORKING
    life >> working

    rested = life.now.isoformat()
    life >> passed(615) << "interrupt"
    life >> ended("interrupt", stop="msg_2:end", idle_since=rested) << Status.STOOD_DOWN

    life.claim_nothing_more()
    assert life.session.latched
