"""Programs of the person's own: what becomes of their sessions when they come, go and let us in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, DownCause, SessionId, Status, StopReason, Way
from tests.core.house import HERS, OTHER, OURS, at_home, down, lists, stops, up, works
from tests.core.life import (
    SES,
    START,
    Act,
    Life,
    alive,
    asked,
    ended,
    passed,
    person_prompts,
    progressed,
    text_of,
    told_to,
)
from tests.core.policies import policy, rule

LIMIT = "stop.reason in ('rate_limit', 'overloaded')"
CAREFUL = policy(
    rule("hers", "stop.reason in ('user_exit', 'user_abort')", "stand-down"),
    rule("observed", "agent.way == 'observed'", "stand-down"),
    rule("limit", LIMIT, {"wait": {"for": "10m"}}, {"resume": {}}),
    rule("died", "stop.reason == 'crash' and agent.way == 'integrated'", "stand-down"),
)
GO_ON = policy(
    rule("hers", "stop.reason == 'user_exit'", "stand-down"),
    rule("limit", LIMIT, {"wait": {"for": "10m"}}, {"resume": {}}),
    rule("died", "stop.reason == 'crash'", {"restart": {}}, {"resume": {}}),
)
EAGER = policy(rule("always", "", {"resume": {}}, event=["stopped", "action_failed"]))


def observed(agent: AgentId = HERS) -> Act:
    return up(agent, Way.OBSERVED)


def resumed(life: Life) -> list[AgentId]:
    """Through whom it was resumed so far."""
    return [one.agent for one in life.orders if isinstance(one, effects.Resume)]


# ── the plugin connects, and its link is lost ─────────────────────────────────────────────────


def test_a_session_at_work_stays_at_work_when_its_program_lets_us_in_and_when_it_does_not() -> None:
    life = at_home(CAREFUL, HERS, Way.OBSERVED)

    life >> up(HERS) << Status.WORKING >> observed() << Status.WORKING >> up(HERS)

    life.claim_nothing_more() << Status.WORKING
    assert life.session.agent == HERS
    assert life.world.agents[HERS].way is Way.INTEGRATED


def test_a_stop_that_could_only_be_told_is_decided_about_when_the_program_lets_us_in() -> None:
    life = at_home(CAREFUL, HERS, Way.OBSERVED)

    life >> stops(HERS) << Status.STOOD_DOWN >> passed(2) >> up(HERS) << Status.WAITING
    life >> passed(600) << "resume"

    life.claim_nothing_more()


def test_so_is_one_whose_plan_the_rail_has_refused() -> None:
    life = at_home(EAGER, HERS, Way.OBSERVED)

    life >> stops(HERS) << "notify" << Status.ATTENTION >> up(HERS) << "resume"

    life.claim_nothing_more() << Status.ACTING


@pytest.mark.parametrize("reason", ["user_abort", "user_exit"])
def test_her_own_stop_is_not_decided_about_again(reason: str) -> None:
    life = at_home(EAGER, HERS, Way.OBSERVED)

    life >> stops(HERS, reason) << Status.STOOD_DOWN >> up(HERS)

    life.claim_nothing_more() << Status.STOOD_DOWN


def test_what_a_rule_stood_down_while_it_could_act_stays_as_it_is() -> None:
    life = at_home(policy(rule("leave", "", "stand-down")))

    life >> stops(HERS) << Status.STOOD_DOWN >> observed() >> up(HERS) << Status.STOOD_DOWN
    assert len([one for one in life.decisions if one.kind == "decided"]) == 1


def test_it_is_decided_about_once_however_often_the_link_comes_and_goes() -> None:
    life = at_home(policy(rule("leave", "", "stand-down")), HERS, Way.OBSERVED)

    life >> stops(HERS) >> up(HERS) >> observed() >> up(HERS) << Status.STOOD_DOWN

    assert len([one for one in life.decisions if one.kind == "decided"]) == 2


def test_a_session_that_she_holds_is_decided_about_only_when_she_releases_it() -> None:
    life = at_home(CAREFUL, HERS, Way.OBSERVED)

    life >> stops(HERS) >> told_to(commands.Hold(session=SES)) >> up(HERS) << Status.PAUSED
    life >> told_to(commands.Release(session=SES)) << Status.WAITING


@pytest.mark.parametrize("between", [(), (observed(),)])
@pytest.mark.parametrize("gap_s", [2, 700])
def test_a_wait_is_kept_while_the_link_is_gone_and_ends_in_one_prompt(between, gap_s) -> None:
    """Also when it falls due meanwhile, unless she would wait for it for long."""
    life = at_home(CAREFUL)

    life >> stops(HERS) << Status.WAITING >> passed(599 if gap_s == 2 else 300)
    life >> down(HERS, DownCause.UNREACHABLE)
    for act in between if gap_s == 2 else ():
        life >> act
    life >> passed(gap_s) << Status.WAITING
    life.claim_nothing_more()
    life >> up(HERS) >> passed(300)

    assert resumed(life) == [HERS]
    life >> ended("resume") >> up(HERS) >> observed() >> up(HERS) >> passed(60)
    assert resumed(life) == [HERS]


def test_a_program_that_lives_on_and_lets_us_in_no_more_is_told_about_when_its_wait_is_over() -> (
    None
):
    life = at_home(CAREFUL)

    life >> stops(HERS) >> down(HERS, DownCause.UNREACHABLE) >> observed() >> passed(600)
    life << "notify" << Status.ATTENTION
    life.claim_nothing_more()

    life >> up(HERS) << Status.WAITING >> passed(600) << "resume"


def test_a_wait_goes_on_over_our_own_restart_until_the_program_is_back() -> None:
    life = at_home(CAREFUL)

    life >> stops(HERS) >> passed(700 - 101)
    life.take(events.DaemonStarted(at=life.now, version="test", seed="5eed"))
    assert not life.world.agents[HERS].up
    life >> passed(2) << Status.WAITING >> observed() >> passed(1) >> up(HERS)

    assert resumed(life) == [HERS]


def test_no_sign_of_life_is_missed_while_nobody_could_see_one() -> None:
    life = at_home(CAREFUL)

    life >> stops(HERS) >> passed(600) << "resume" >> ended("resume") << Status.VERIFYING
    life >> down(HERS, DownCause.UNREACHABLE) >> passed(121) << Status.VERIFYING
    life >> up(HERS) >> passed(60) << Status.VERIFYING >> alive << Status.WORKING

    life.claim_nothing_more()


def test_silence_is_no_stall_while_the_program_is_out_of_reach() -> None:
    life = at_home(policy(rule("stall", "", {"resume": {}}, event=["stalled"])))

    life >> down(HERS, DownCause.UNREACHABLE) >> passed(611) << Status.WORKING
    life.claim_nothing_more()
    life >> up(HERS) >> passed(599) << Status.WORKING >> passed(1) << "resume"


@pytest.mark.parametrize("result", ["failed", "unknown"])
@pytest.mark.parametrize("back_first", [False, True])
def test_an_order_that_met_a_lost_link_is_given_again_when_the_program_is_back(
    result: str, back_first: bool
) -> None:
    life = at_home(CAREFUL)
    life >> stops(HERS) >> passed(600) << "resume" >> passed(1)
    first = life.last["resume"]

    life >> down(HERS, DownCause.UNREACHABLE)
    if back_first:
        life >> up(HERS) >> ended("resume", result) >> passed(0)
    else:
        life >> ended("resume", result) << Status.WAITING >> passed(2) >> up(HERS)

    life << "resume"
    assert life.last["resume"].id != first.id
    assert life.last["resume"].stop == first.stop
    assert len(life.session.prompts) == (1 if result == "failed" else 2)
    life.claim_nothing_more()


def test_a_question_still_waits_after_the_link_was_gone() -> None:
    life = at_home(CAREFUL)

    life >> asked("question") << "notify" >> down(HERS, DownCause.UNREACHABLE) >> up(HERS)

    life.claim_nothing_more() << Status.BLOCKED


def restarted(life: Life) -> events.Event:
    return events.DaemonStarted(at=life.now, version="test", seed=life.world.seed)


LINK = st.one_of(
    st.sampled_from([up(HERS), observed(), down(HERS, DownCause.UNREACHABLE), restarted]),
    st.builds(passed, st.sampled_from([0, 1, 2, 59, 61, 300, 600, 4000])),
)


@settings(max_examples=300, deadline=None)
@given(acts=st.lists(LINK, max_size=25))
def test_however_the_link_comes_and_goes_a_wait_ends_in_one_prompt(acts: list[Act]) -> None:
    life = at_home(CAREFUL)
    life >> stops(HERS)

    for act in acts:
        life >> act
    life >> up(HERS) >> passed(601) >> passed(601)

    assert resumed(life) == [HERS]
    assert life.session.status is Status.ACTING


# ── it ends ───────────────────────────────────────────────────────────────────────────────────


def test_her_exit_at_work_is_her_stop() -> None:
    life = at_home(GO_ON)

    life >> down(HERS, DownCause.ENDED) << Status.STOOD_DOWN >> passed(4000)

    life.claim_nothing_more()
    assert life.session.latched
    assert life.session.stop is not None
    assert life.session.stop.reason is StopReason.USER_EXIT


def test_her_exit_while_it_waits_ends_the_wait() -> None:
    life = at_home(GO_ON)

    life >> stops(HERS) << Status.WAITING >> down(HERS, DownCause.ENDED) << Status.STOOD_DOWN
    life >> passed(4000)

    life.claim_nothing_more()
    assert life.session.latched


def test_her_exit_ends_what_a_timer_would_have_looked_at_again() -> None:
    life = at_home(policy(rule("later", "", {"attention": {"reopen-after": "1h"}})))

    life >> stops(HERS) << Status.ATTENTION >> down(HERS, DownCause.ENDED) >> passed(4000)

    life.claim_nothing_more() << Status.ATTENTION


def test_her_exit_while_an_order_is_under_way_is_her_stop() -> None:
    life = at_home(EAGER)

    life >> stops(HERS) << "resume" >> down(HERS, DownCause.ENDED) >> ended("resume", "failed")

    life.claim_nothing_more() << Status.STOOD_DOWN
    assert life.session.latched


def test_a_new_session_that_came_to_life_in_a_program_that_she_left_is_left_too() -> None:
    life = at_home(policy(rule("new", "stop.reason == 'quota'", {"new-session": {}})))

    life >> stops(HERS, "quota") << "snapshot" >> ended("snapshot", path="/b") << "new-session"
    life >> down(HERS, DownCause.ENDED) >> ended("new-session", session="ses_2") >> passed(4000)

    heir = life.world.sessions[SessionId("ses_2")]
    assert heir.latched
    assert heir.status is Status.STOOD_DOWN
    life.claim_nothing_more()


def test_after_her_exit_her_prompt_in_another_program_makes_it_ours_again() -> None:
    life = at_home(GO_ON)

    life >> down(HERS, DownCause.ENDED) >> lists(OTHER) >> person_prompts >> works(OTHER)
    life >> stops(OTHER) >> passed(600)

    assert resumed(life) == [OTHER]


def test_a_program_that_dies_at_work_is_a_crash_and_goes_on_on_our_server_by_a_rule() -> None:
    life = at_home(GO_ON)

    life >> down(HERS, DownCause.EXITED)

    assert life.names() == ["resume"]
    assert resumed(life) == [OURS]
    assert life.session.agent == OURS


def test_our_server_is_started_for_that_if_it_does_not_run() -> None:
    life = at_home(GO_ON)

    life >> down(OURS, DownCause.EXITED)
    life.orders.clear()
    life >> down(HERS, DownCause.EXITED)

    under_way = [one for one in life.world.open.values() if isinstance(one, effects.Restart)]
    assert [one.agent for one in under_way] == [OURS]
    life << Status.ACTING


def test_a_program_that_dies_at_work_is_a_crash_for_a_session_that_waits_there_too() -> None:
    life = at_home(CAREFUL)
    other = SessionId("ses_2")
    life >> lists(HERS, other) >> works(HERS, other)

    life >> stops(HERS) << Status.WAITING >> down(HERS, DownCause.EXITED) << Status.STOOD_DOWN
    life >> passed(4000)

    life.claim_nothing_more()
    assert not life.session.latched
    assert life.world.sessions[other].status is Status.STOOD_DOWN


def test_a_program_that_is_killed_while_nobody_works_there_is_news_for_what_waits() -> None:
    life = at_home(CAREFUL)

    life >> stops(HERS) << Status.WAITING >> down(HERS, DownCause.EXITED) << Status.STOOD_DOWN


def test_a_program_that_comes_to_its_end_by_itself_leaves_the_wait_to_our_server() -> None:
    cause = DownCause.DONE
    life = at_home(CAREFUL)

    life >> stops(HERS) << Status.WAITING >> down(HERS, cause) << Status.WAITING
    life >> passed(600)

    assert resumed(life) == [OURS]


def test_one_that_ends_with_the_turn_that_we_have_ended_leaves_what_follows() -> None:
    life = at_home(
        policy(rule("own", "", {"interrupt": {}}, {"wait": {"for": "1m"}}, {"resume": {}}))
    )

    life >> stops(HERS) << "interrupt" >> down(HERS, DownCause.DONE) >> ended("interrupt", "failed")
    life << Status.WAITING >> passed(60)

    assert resumed(life) == [OURS]


@pytest.mark.parametrize("result", ["failed", "unknown"])
def test_what_came_to_nothing_in_one_that_ended_by_itself_is_done_on_our_server(
    result: str,
) -> None:
    life = at_home(EAGER)

    life >> stops(HERS) << "resume" >> down(HERS, DownCause.DONE) >> ended("resume", result)

    assert life.names() == ["resume"]
    assert resumed(life) == [OURS]
    assert len(life.session.prompts) == (1 if result == "failed" else 2)


@pytest.mark.parametrize("result", ["failed", "ok"])
def test_so_does_a_new_session_begin_there_whose_snapshot_was_under_way(result: str) -> None:
    life = at_home(policy(rule("new", "stop.reason == 'quota'", {"new-session": {}})))

    life >> stops(HERS, "quota") << "snapshot" >> down(HERS, DownCause.DONE)
    life >> ended("snapshot", result, path="/b")

    if result == "failed":
        life << "snapshot" >> ended("snapshot", path="/b")
    life << "new-session"
    order = life.last["new-session"]
    assert isinstance(order, effects.NewSession)
    assert order.agent == OURS


def test_what_the_person_has_gone_on_with_is_not_done_again_after_the_end_of_its_program() -> None:
    life = at_home(EAGER)

    life >> stops(HERS) << "resume" >> down(HERS, DownCause.DONE) >> ended("resume", "superseded")

    life.claim_nothing_more() << Status.WORKING


@pytest.mark.parametrize("result", ["failed", "unknown", "ok"])
def test_its_own_retry_that_we_have_ended_is_not_ended_once_more_on_our_server(
    result: str,
) -> None:
    life = at_home(EAGER)

    life >> stops(HERS, retrying=True) << "interrupt"
    life >> down(HERS, DownCause.DONE) >> ended("interrupt", result)

    assert life.names() == ["resume"]
    assert resumed(life) == [OURS]


def test_its_own_retry_is_over_with_it_and_nothing_is_to_be_ended_on_our_server() -> None:
    life = at_home(CAREFUL)

    life >> stops(HERS, retrying=True) << Status.WAITING >> down(HERS, DownCause.DONE)
    life >> passed(600)

    assert life.names() == ["resume"]
    assert resumed(life) == [OURS]


def test_without_a_server_of_ours_a_person_is_told_that_nobody_goes_on() -> None:
    life = at_home(GO_ON)
    agents = {name: agent for name, agent in life.world.agents.items() if name != OURS}
    life.world = life.world.__class__(
        seed=life.world.seed, agents=agents, sessions=life.world.sessions
    )

    life >> down(HERS, DownCause.EXITED) << Status.ATTENTION

    assert "no server of ours" in text_of(life.orders[0])


@pytest.mark.parametrize("step", ["restart", "stop"])
def test_a_program_of_hers_is_neither_restarted_nor_ended(step: str) -> None:
    life = at_home(policy(rule("never", "", step)))

    life >> stops(HERS) << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_our_server_is_not_ended_for_a_session_whose_own_program_has_ended() -> None:
    life = at_home(policy(rule("end", "stop.reason == 'crash'", "stop")))

    life >> down(HERS, DownCause.EXITED)

    assert "stop" not in life.names()
    assert life.world.agents[OURS].up


@pytest.mark.parametrize("cause", [DownCause.UNREACHABLE, DownCause.ENDED, DownCause.DONE])
def test_nobody_is_told_of_a_program_that_was_gone_before_it_had_answered(cause) -> None:
    life, brief = at_home(CAREFUL), AgentId("opencode-400")

    life.take(
        events.AgentDown(
            at=life.now, agent=brief, cause=cause, assistant="opencode", way=Way.INTEGRATED
        )
    )

    life.claim_nothing_more()
    assert brief not in life.world.agents


def test_its_end_after_its_link_was_lost_is_its_end() -> None:
    life = at_home(GO_ON)

    life >> down(HERS, DownCause.UNREACHABLE) << Status.WORKING >> down(HERS, DownCause.EXITED)

    assert resumed(life) == [OURS]


def test_its_end_is_told_once_by_whoever_sees_it_first() -> None:
    life = at_home(CAREFUL)

    life >> down(HERS, DownCause.EXITED) >> down(HERS, DownCause.ENDED)

    assert len([one for one in life.decisions if one.kind == "decided"]) == 1
    assert life.world.agents[HERS].down is DownCause.EXITED


@pytest.mark.parametrize("again", [DownCause.EXITED, DownCause.ENDED])
def test_so_it_is_for_what_waits_to_be_looked_at_again(again: DownCause) -> None:
    looks = {"attention": {"reopen-after": "1h"}}
    life = at_home(policy(rule("crash", "stop.reason == 'crash'", {"wait": {"for": "1m"}}, looks)))
    life >> down(HERS, DownCause.EXITED) << Status.WAITING
    life >> passed(1) >> down(HERS, again) << Status.WAITING
    life >> passed(59) << Status.ATTENTION

    life >> down(HERS, again)

    assert life.session.repeats == 1
    assert life.session.reopen_at is not None
    life.claim_nothing_more()


def test_her_exit_from_a_program_that_refused_us_is_her_exit() -> None:
    life = at_home(GO_ON) >> stops(HERS) << Status.WAITING

    life >> down(HERS, DownCause.REFUSED) << "notify" >> down(HERS, DownCause.ENDED)

    assert life.session.latched
    life << Status.STOOD_DOWN


def test_a_program_that_refused_us_and_is_out_of_reach_now_may_be_at_work() -> None:
    life = at_home(GO_ON) >> down(HERS, DownCause.REFUSED) << "notify" << Status.WORKING

    life >> down(HERS, DownCause.UNREACHABLE) << Status.WORKING

    life.claim_nothing_more()


def test_progress_in_a_program_that_is_back_counts_as_ever() -> None:
    life = at_home(CAREFUL)

    life >> down(HERS, DownCause.UNREACHABLE) >> up(HERS) >> progressed << Status.WORKING

    assert life.session.progressed_at == START


@pytest.mark.parametrize("of", [CAREFUL, GO_ON, EAGER])
def test_a_managed_server_that_is_out_of_reach_has_crashed_as_ever(of: Policy) -> None:
    life = at_home(of, OURS)

    life >> down(OURS, DownCause.UNREACHABLE)

    assert life.session.stop is not None
    assert life.session.stop.reason is StopReason.CRASH
