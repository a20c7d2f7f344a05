"""Servers and programs that come and go: what is told, what is kept, and who starts one again."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.copies import replace
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    SessionId,
    Status,
    StopReason,
    Way,
)
from palingenesis.core.world import Agent
from tests.core.house import HERS, at_home, down, stops, up
from tests.core.life import (
    AGENT,
    SES,
    START,
    Act,
    Life,
    agent_up,
    asked,
    died,
    ended,
    passed,
    stopped,
    text_of,
    told_to,
)
from tests.core.policies import CRASH, NIGHT, policy, rule

CHILD, NEW = SessionId("ses_child"), AgentId("new")
LOOK = policy(rule("look", "", "attention"))
LATER = policy(rule("later", "", {"attention": {"reopen-after": "1h"}}))
ON = policy(rule("on", "", {"resume": {}}, event=["stopped"]))


def agent(life: Life, id_: AgentId = AGENT) -> Agent:
    return life.world.agents[id_]


def goes(cause: DownCause, id_: AgentId = AGENT, **told: object) -> Act:
    return lambda life: replace(events.AgentDown(at=life.now, agent=id_, cause=cause), **told)


def comes(**told: object) -> Act:
    def act(life: Life) -> events.Event:
        event = agent_up(life)
        assert isinstance(event, events.AgentUp)
        return replace(event, **told)

    return act


def idle(of: Way = Way.MANAGED) -> Life:
    """A server, and nobody who works there."""
    life = Life(policy(CRASH), way=of)
    life.take(events.SessionGone(at=life.now, session=SES))
    return life


# ── who is started again ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("way", "cause", "again"),
    [
        (Way.MANAGED, DownCause.EXITED, True),
        (Way.MANAGED, DownCause.ENDED, False),
        (Way.MANAGED, DownCause.STOPPED, False),
        (Way.ATTACHED, DownCause.EXITED, False),
    ],
)
def test_a_server_where_nobody_works_is_started_again_if_it_is_ours_and_died(
    way: Way, cause: DownCause, again: bool
):
    life = idle(way) >> goes(cause)

    assert life.names() == (["restart"] if again else [])


def test_where_somebody_worked_the_policy_says_whether_it_is_started_again():
    life = Life(LOOK) >> died() << Status.ATTENTION

    life.claim_nothing_more()


@pytest.mark.parametrize("cause", [DownCause.EXITED, DownCause.UNREACHABLE])
def test_one_end_that_is_told_twice_is_one_crash(cause: DownCause):
    waits = policy(rule("crash", "stop.reason == 'crash'", {"wait": {"for": "30s"}}, "restart"))
    life = Life(waits) >> goes(cause, detail="gone") << Status.WAITING
    first = agent(life)

    life >> passed(1) >> goes(DownCause.EXITED) << Status.WAITING

    life.claim_nothing_more()
    assert agent(life) == first
    assert life.world.tally.downs == {cause.value: 1}
    assert life.session.repeats == 1
    life >> passed(29) << "restart"
    life.claim_nothing_more()


def test_who_was_not_known_to_work_there_has_stopped_with_its_end_all_the_same():
    life = Life(LOOK) >> died() << Status.ATTENTION
    life.work(CHILD)

    life >> died()

    assert life.world.sessions[CHILD].status is Status.ATTENTION
    life.claim_nothing_more()


def test_that_it_refuses_us_is_news_of_a_server_that_was_gone():
    life = Life(LOOK) >> died() << Status.ATTENTION

    life >> goes(DownCause.REFUSED) << "notify"

    assert agent(life).down is DownCause.REFUSED


def test_its_end_is_news_of_a_server_that_only_refused_us():
    life = idle() >> goes(DownCause.REFUSED) << "notify"

    life >> died() << "restart"

    assert agent(life).down is DownCause.EXITED


def test_a_restart_that_was_in_vain_is_forgotten_where_nobody_knows_the_agent_any_more():
    life = idle() >> died() << "restart"
    life.world = replace(life.world, agents={})

    life >> ended("restart", "failed")

    assert life.world.agents == {}


@pytest.mark.parametrize("changes", [{"up": True}, {"stopped": True}])
def test_a_restart_that_failed_sets_no_clock_where_nobody_needs_it(changes: dict[str, bool]):
    life = idle() >> died() << "restart"
    life.world = replace(life.world, agents={AGENT: replace(agent(life), **changes)})

    life >> ended("restart", "failed")

    assert agent(life).revive_at is None


def test_what_was_restarted_is_counted_over_its_coming_up():
    life = idle() >> died() << "restart" >> passed(1) >> comes(started_at=START)

    assert len(agent(life).restarts) == 1


# ── what is known of it ───────────────────────────────────────────────────────────────────────


def test_of_a_server_that_is_gone_no_process_is_known_any_more():
    life = Life(NIGHT) >> comes(pid=4711)
    assert agent(life).pid == 4711

    life >> goes(DownCause.EXITED, detail="out of memory")

    assert (agent(life).pid, agent(life).down, agent(life).detail) == (
        None,
        DownCause.EXITED,
        "out of memory",
    )


def test_a_program_of_hers_that_is_out_of_reach_keeps_its_process():
    life = at_home(NIGHT)
    life.world = replace(
        life.world, agents={**life.world.agents, HERS: replace(agent(life, HERS), pid=4711)}
    )

    life >> down(HERS, DownCause.UNREACHABLE)

    assert agent(life, HERS).pid == 4711


@pytest.mark.parametrize("how", [Way.MANAGED, Way.ATTACHED])
def test_an_agent_that_never_came_up_is_listed_and_told_of_once_with_the_reason(how: Way):
    life = Life(NIGHT) >> goes(
        DownCause.EXITED, NEW, way=how, assistant="opencode", detail="no such file"
    )

    known = agent(life, NEW)
    assert (known.assistant, known.way, known.up, known.supported) == ("opencode", how, False, True)
    assert (known.down, known.detail) == (DownCause.EXITED, "no such file")
    assert text_of(life.orders[0]) == "new cannot be watched: no such file"


@pytest.mark.parametrize("nobody_s", [{}, {"way": Way.INTEGRATED}, {"way": Way.OBSERVED}])
def test_one_of_the_persons_own_or_of_nobody_is_not(nobody_s: dict[str, object]):
    life = Life(NIGHT) >> goes(DownCause.EXITED, NEW, **nobody_s)

    assert NEW not in life.world.agents
    life.claim_nothing_more()


def test_another_process_under_the_same_name_works_on_nothing_yet():
    life = Life(NIGHT)
    assert life.session.at_work == (AGENT,)

    life >> passed(3) >> agent_up

    assert life.session.at_work == ()


def test_the_same_process_works_on_although_its_start_is_told_two_seconds_apart():
    life = Life(NIGHT) >> comes(started_at=START + timedelta(seconds=2))

    assert life.session.at_work == (AGENT,)


# ── the stop that its end is ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "confidence", "says"),
    [
        ({"signal": "SIGKILL"}, 1.0, "ended by SIGKILL"),
        ({"exit_code": 0}, 1.0, "exited with code 0"),
        ({"exit_code": 1, "signal": "SIGTERM"}, 1.0, "ended by SIGTERM"),
        ({}, 0.8, "exited; how it ended is not known"),
        ({"exit_code": 1, "detail": "out of memory"}, 1.0, "out of memory"),
    ],
)
def test_a_crash_says_how_the_server_ended_and_how_sure_that_is(
    told: dict[str, object], confidence: float, says: str
):
    life = Life(LOOK) >> goes(DownCause.EXITED, **told)

    stop = life.session.stop
    assert stop is not None
    assert (stop.confidence, stop.message) == (confidence, f"{AGENT}: {says}")
    assert stop.evidence["cause"] == "exited"


def test_a_crash_ends_the_question_that_was_asked_there():
    life = Life(LOOK) >> asked() << "notify" << Status.BLOCKED

    life >> died()

    assert life.session.block is None


def test_the_crash_of_a_server_is_none_of_a_session_that_is_not_supervised():
    life = Life(LOOK)
    life.take(events.SessionSeen(at=life.now, session=CHILD, agent=AGENT, parent=SES))
    life.take(events.SessionWorking(at=life.now, session=CHILD, agent=AGENT))
    assert life.world.sessions[CHILD].status is Status.WORKING

    life >> died()

    assert life.world.sessions[CHILD].stop is None


def test_a_crash_does_not_take_her_stop_back():
    life = Life(policy(CRASH)) >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("interrupt", "superseded") << Status.WORKING

    life >> died()

    assert life.session.latched


def test_a_prompt_whose_server_is_another_one_by_now_has_died_with_the_old_one():
    life = Life(ON) >> stopped("network") << "resume" >> passed(5) >> agent_up >> passed(5)

    life >> ended("resume", "failed")

    stop = life.session.stop
    assert stop is not None
    assert (stop.reason, stop.evidence["cause"]) == ("crash", "exited")
    assert stop.message == f"{AGENT}: it was gone before our action came to anything"
    assert life.session.stopped_at == START
    life << "resume"


def test_one_whose_server_is_gone_has_stopped_when_that_went():
    life = Life(policy(rule("on", "stop.reason == 'network'", {"resume": {}})))
    life >> stopped("network") << "resume" >> passed(5)
    life >> goes(DownCause.UNREACHABLE, detail="connection refused") << "restart" >> passed(5)

    life >> ended("resume", "failed") << Status.ATTENTION

    stop = life.session.stop
    assert stop is not None
    assert (stop.message, stop.evidence["cause"]) == (f"{AGENT}: connection refused", "unreachable")
    assert life.session.stopped_at == START + timedelta(seconds=5)


def test_an_order_that_fails_in_a_program_of_hers_that_lives_is_no_crash():
    life = at_home(ON) >> passed(5) >> stops(HERS) << "resume"

    life >> ended("resume", "failed")

    (answer,) = [one for one in life.decisions if one.event == "action_failed"]
    assert answer.facts["action.kind"] == "failed"
    assert life.session.stop is not None
    assert life.session.stop.reason is StopReason.OVERLOADED


def test_an_order_to_a_server_that_refuses_us_has_failed_and_is_no_crash():
    life = Life(ON) >> stopped("network") << "resume"
    life >> goes(DownCause.REFUSED) << "notify"

    life >> ended("resume", "failed") << Status.ATTENTION

    assert life.decisions[-1].event == "action_failed"


# ── her programs ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cause", "left"), [(DownCause.ENDED, True), (DownCause.DONE, False), (DownCause.EXITED, False)]
)
def test_only_her_exit_leaves_a_session_with_a_timer_for_good(cause: DownCause, left: bool):
    life = at_home(LATER) >> stops(HERS) << Status.ATTENTION

    life >> down(HERS, cause)

    assert life.session.latched is left
    assert (life.session.reopen_at is None) is left


def test_a_server_of_ours_that_ended_leaves_the_timer_as_it_is():
    life = Life(LATER) >> stopped("network") << Status.ATTENTION >> goes(DownCause.ENDED)

    assert not life.session.latched
    assert life.session.reopen_at is not None


def test_her_exit_is_no_stop_of_what_is_at_rest_without_a_timer():
    life = at_home(LOOK) >> stops(HERS) << Status.ATTENTION >> down(HERS, DownCause.ENDED)

    assert not life.session.latched


def test_a_session_at_rest_without_a_stop_stays_as_it_is_when_its_program_lets_us_in():
    silent = policy(rule("silent", "", "stand-down", event=["stalled"]))
    life = at_home(silent, HERS, Way.OBSERVED) >> passed(600) << Status.STOOD_DOWN

    life >> up(HERS) << Status.STOOD_DOWN

    life.claim_nothing_more()


def test_a_wait_that_began_while_its_program_was_only_observed_goes_on_when_it_lets_us_in():
    waits = policy(rule("limit", "", {"wait": {"for": "10m"}}, {"resume": {}}))
    life = at_home(waits, HERS, Way.OBSERVED) >> stops(HERS) << timedelta(minutes=10)

    life >> passed(60) >> up(HERS) << timedelta(minutes=9)

    life.claim_nothing_more()


def test_rules_that_observe_see_a_stop_once_though_its_program_lets_us_in_later():
    noted = policy(
        rule("note", "", {"log": {"message": "seen"}}, **{"continue": True}),
        rule("leave", "", "stand-down"),
    )
    life = at_home(noted, HERS, Way.OBSERVED) >> stops(HERS) << "log" << Status.STOOD_DOWN

    life >> up(HERS) << Status.STOOD_DOWN

    life.claim_nothing_more()


@pytest.mark.parametrize(("gone", "silent_at"), [(True, 300 + 600), (False, 600)])
def test_the_time_for_a_sign_begins_anew_where_a_program_was_out_of_reach_and_only_there(
    gone: bool, silent_at: int
):
    silent = policy(rule("silent", "", {"log": {"message": "silent"}}, event=["stalled"]))
    life = at_home(silent) >> passed(300)
    if gone:
        life >> down(HERS, DownCause.UNREACHABLE)
    life >> up(HERS)

    life >> passed(silent_at - 300 - 1)
    life.claim_nothing_more()
    life >> passed(1) << "log"


# ── whom a rule's stop leaves behind ──────────────────────────────────────────────────────────


def test_who_was_asked_something_where_a_rule_stopped_the_server_needs_a_person():
    life = Life(policy(rule("end", "stop.reason == 'billing'", "stop")))
    other = SessionId("ses_2")
    life.work(other)
    block = Block(id="b", kind=BlockKind.QUESTION, since=life.now)
    life.take(events.SessionBlocked(at=life.now, session=other, agent=AGENT, block=block))
    life << "notify" >> stopped("billing") << "stop"

    life >> goes(DownCause.STOPPED)

    assert life.world.sessions[other].status is Status.ATTENTION
    said = f"a rule stopped {AGENT} while it was at work there"
    assert life.world.sessions[other].outlook == said
