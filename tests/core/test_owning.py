"""One session has one owner, whoever may show it: who that is, and when it becomes another's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import effects, events
from palingenesis.core.second_look import objection
from palingenesis.core.values import AgentId, DownCause, Result, SessionId, Status, Way
from palingenesis.simulation.invariants import Invariants
from tests.core.house import (
    HERS,
    OTHER,
    OURS,
    SEEN,
    WAYS,
    at_home,
    down,
    lists,
    stops,
    up,
    works,
)
from tests.core.life import (
    AGENT,
    SES,
    Act,
    Life,
    alive,
    asked,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    working,
)
from tests.core.policies import NIGHT, STUBBORN, policy, rule

WAIT = policy(rule("wait", "known(stop.reason)", {"wait": {"for": "1h"}}, {"resume": {}}))


@pytest.mark.parametrize("owner", [OURS, HERS])
def test_who_only_lists_a_session_does_not_get_it(owner: AgentId) -> None:
    life = at_home(WAIT, owner)

    life >> lists(OTHER) >> lists(SEEN)

    assert life.session.agent == owner


@pytest.mark.parametrize("owner", [OURS, HERS])
def test_a_session_that_rests_is_theirs_who_begin_to_work_on_it(owner: AgentId) -> None:
    life = at_home(WAIT, owner)

    life >> stops(owner) << Status.WAITING >> passed(60) >> works(OTHER) << Status.WORKING

    assert life.session.agent == OTHER
    assert [one.why for one in life.decisions if one.kind == "cancelled"] == [
        "it went on without us"
    ]


def test_it_is_theirs_also_when_the_person_s_prompt_is_told_first() -> None:
    life = at_home(WAIT)

    life >> stops(HERS) >> person_prompts << Status.WORKING >> works(OTHER)

    assert life.session.agent == OTHER


def test_what_is_decided_after_that_is_done_through_the_new_owner() -> None:
    life = at_home(WAIT)

    life >> stops(HERS) >> works(OTHER) >> stops(OTHER, key="second") >> passed(3600) << "resume"

    order = life.last["resume"]
    assert isinstance(order, effects.Resume)
    assert order.agent == OTHER


def test_an_owner_at_work_keeps_the_session() -> None:
    life = at_home(WAIT)

    life >> works(OTHER)

    assert life.session.agent == HERS


def test_what_another_tells_of_its_end_is_not_the_end_of_the_owner_s_work() -> None:
    life = at_home(WAIT)

    life >> works(OTHER) >> stops(OTHER) << Status.WORKING >> stops(OURS) << Status.WORKING

    assert life.session.stop is None


def test_an_owner_that_comes_to_rest_leaves_the_session_to_who_still_works_on_it() -> None:
    life = at_home(WAIT)

    life >> works(OTHER) >> stops(HERS) << Status.WORKING

    assert life.session.agent == OTHER
    life.claim_nothing_more()


def test_an_owner_that_ends_leaves_the_session_to_who_still_works_on_it() -> None:
    life = at_home(WAIT)

    life >> works(OTHER) >> down(HERS, DownCause.ENDED) << Status.WORKING

    assert life.session.agent == OTHER
    assert not life.session.latched


def test_a_prompt_without_effect_is_not_sent_again_where_another_works() -> None:
    life = at_home(STUBBORN)

    life >> stops(HERS) << "resume" >> ended("resume") >> works(OTHER) >> passed(121)

    life.claim_nothing_more() << Status.WORKING
    assert life.session.agent == OTHER


def test_an_order_under_way_is_void_when_the_person_goes_on_elsewhere() -> None:
    life = at_home(STUBBORN)

    life >> stops(HERS) << "resume" << Status.ACTING >> works(OTHER) << Status.WORKING
    life >> ended("resume")

    life.claim_nothing_more() << Status.WORKING
    assert life.session.agent == OTHER


def test_an_observed_program_takes_nothing_from_a_live_owner() -> None:
    life = at_home(WAIT)

    life >> stops(HERS) >> works(SEEN) << Status.WAITING

    assert life.session.agent == HERS


def test_an_observed_owner_yields_to_anybody_who_works_on_it() -> None:
    life = at_home(WAIT, SEEN)

    life >> stops(OTHER)
    assert life.session.agent == SEEN
    life >> works(OTHER)
    assert life.session.agent == OTHER


def test_a_program_out_of_reach_keeps_its_session() -> None:
    life = at_home(WAIT)

    life >> down(HERS, DownCause.UNREACHABLE) >> stops(OTHER) >> works(SEEN) << Status.WORKING

    assert life.session.agent == HERS


@pytest.mark.parametrize("tells", [works, stops])
def test_a_program_that_has_ended_keeps_nothing(tells) -> None:
    life = at_home(WAIT)

    life >> down(HERS, DownCause.EXITED) >> tells(OTHER)

    assert life.session.agent == OTHER


def test_a_program_that_reads_an_old_stop_takes_no_session_from_a_server_that_is_down() -> None:
    life = at_home(WAIT, OURS)

    life >> down(OURS, DownCause.EXITED) >> stops(OTHER, key="old")

    assert life.session.agent == OURS


def test_after_our_restart_it_is_theirs_who_are_seen_at_work_first() -> None:
    life = at_home(WAIT, OURS)

    life >> restarted >> works(OTHER)

    assert life.session.agent == OTHER


def test_an_old_message_makes_nobody_an_owner() -> None:
    life = at_home(WAIT)
    before = life.now

    life >> passed(10) >> stops(HERS)
    life.take(events.SessionWorking(at=before, session=SES, agent=OTHER))

    assert life.session.agent == HERS
    life << Status.WAITING


# ── laws ──────────────────────────────────────────────────────────────────────────────────────

AGENTS = st.sampled_from(tuple(WAYS))


def restarted(life: Life) -> events.Event:
    """Our own restart, at which everything is told anew."""
    return events.DaemonStarted(at=life.now, version="test", seed=life.world.seed)


def ends(result: str) -> Act:
    """What was ordered first, and has no outcome yet, ends."""

    def act(life: Life) -> events.Event | None:
        for id_ in life.world.open:
            data = {"session": f"ses_{id_}", "path": "/b"}
            return events.EffectEnded(
                at=life.now, effect=id_, result=Result(result), data=data if result == "ok" else {}
            )
        return None

    return act


ACTS = st.one_of(
    st.builds(works, AGENTS),
    st.builds(stops, AGENTS, st.sampled_from(["rate_limit", "completed", "user_abort", "crash"])),
    st.builds(lists, AGENTS),
    st.builds(up, AGENTS),
    st.builds(up, st.just(HERS), st.sampled_from([Way.OBSERVED, Way.INTEGRATED])),
    st.builds(down, AGENTS, st.sampled_from(tuple(DownCause))),
    st.just(restarted),
    st.builds(passed, st.sampled_from([1, 30, 300, 4000])),
    st.sampled_from([alive, progressed, person_prompts, asked("question")]),
    st.builds(ends, st.sampled_from(["ok", "failed", "unknown", "superseded"])),
)


@settings(max_examples=200, deadline=None)
@given(
    acts=st.lists(ACTS, max_size=30),
    owner=AGENTS,
    policy=st.sampled_from([WAIT, STUBBORN, NIGHT]),
)
def test_nothing_is_done_but_through_the_owner_and_no_live_owner_loses_a_session_at_rest_to_talk(
    acts, owner, policy
):
    life = at_home(policy, owner)
    watch = Invariants(policy)

    for act in acts:
        event, before = act(life), life.world
        if event is None:
            continue
        turn = life.take(event)
        watch.take(event, turn)
        made = {one.id for one in turn.decisions}
        said = objection(before, turn.world, turn.effects, made, life.now, enforced=True)
        assert said == ""
        for effect in turn.effects:
            if isinstance(effect, effects.SessionEffect):
                session = turn.world.sessions[effect.session]
                agent = turn.world.agents[effect.agent]
                assert effect.agent == session.agent
                assert agent.up
                assert agent.way is not Way.OBSERVED
        _owner_changed_rightly(before, turn.world, event)

    assert watch.broken == []


def is_a_child(life: Life) -> events.Event:
    return events.SessionSeen(at=life.now, session=SES, agent=AGENT, parent=SessionId("ses_top"))


def test_a_session_that_turns_out_to_be_a_subagent_s_is_left_to_its_parent() -> None:
    life = Life(WAIT)

    life >> stopped("rate_limit") << Status.WAITING
    life >> is_a_child << Status.STOOD_DOWN
    life >> passed(3600) >> working >> stopped("crash") >> passed(3600)

    life.claim_nothing_more()
    assert not life.session.supervised


def test_what_was_sent_before_that_was_known_has_no_sequel() -> None:
    life = Life(policy(rule("twice", "known(stop.reason)", "interrupt", "resume")))

    life >> stopped("rate_limit", retrying=True) << "interrupt"
    life >> is_a_child >> ended("interrupt") << Status.STOOD_DOWN

    life.claim_nothing_more()


def _owner_changed_rightly(before, after, event) -> None:
    """A live owner is left only for somebody who works on the session, and not by hearsay."""
    for id_, session in after.sessions.items():
        old = before.sessions.get(id_)
        if old is None or old.agent == session.agent:
            continue
        owner = after.agents[old.agent]
        new = after.agents[session.agent]
        if owner.is_live and isinstance(event, events.SessionWorking):
            assert event.agent == session.agent
            assert owner.way is Way.OBSERVED or old.agent not in old.at_work
            assert owner.way is Way.OBSERVED or new.way is not Way.OBSERVED
        elif owner.is_live:
            assert session.agent in old.at_work
            assert old.agent not in session.at_work
