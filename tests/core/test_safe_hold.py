"""In safe hold everything is known and nothing is done, until a person has looked."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.holding import ITSELF
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.safety import why_void
from palingenesis.core.step import next_deadline
from palingenesis.core.values import SessionId, Severity, Status
from palingenesis.core.world import World
from tests.core.any_policy import any_policy
from tests.core.life import (
    AGENT,
    SES,
    Life,
    agent_up,
    asked,
    died,
    ended,
    passed,
    person_prompts,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import NIGHT, STUBBORN
from tests.core.test_laws import ACTS


def broke(life: Life) -> events.Event:
    return events.InvariantBroken(
        at=life.now, what="a rail was passed", where="walking.py:7 in walk", version="test"
    )


def started(version: str):
    def act(life: Life) -> events.Event:
        return events.DaemonStarted(at=life.now, version=version, seed="another5eed0")

    return act


ACT_AGAIN = told_to(commands.ActAgain())


def holding(life: Life) -> Life:
    """A life that has just begun to hold itself."""
    life >> broke << "notify"
    life.orders.clear()
    return life


def test_what_broke_is_said_once_and_aloud():
    life = Life(NIGHT)

    life >> broke >> broke >> passed(60)

    (notice,) = life.orders
    assert isinstance(notice, effects.Notify)
    assert notice.severity is Severity.CRITICAL
    assert "a rail was passed (walking.py:7 in walk)" in text_of(notice)
    assert "palingenesis daemon act-again" in text_of(notice)
    assert life.world.safe_hold is not None
    assert life.world.safe_hold.since == life.now - timedelta(seconds=60)


def test_nothing_is_done_while_it_holds_itself_and_all_is_remembered():
    life = Life(STUBBORN)
    holding(life)

    life >> stopped("rate_limit", retry_after=5) >> passed(3600) << Status.PAUSED
    life.claim_nothing_more()

    assert life.session.stop is not None
    assert life.session.outlook == "palingenesis holds itself: it is only watched"
    assert next_deadline(life.world, life.policy) is None


def test_a_wait_goes_on_as_it_was_when_a_person_has_looked():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=600)
    until = life.session.plan.deadline  # type: ignore[union-attr]
    holding(life)

    life >> passed(60) >> ACT_AGAIN << Status.WAITING

    life.claim_nothing_more()
    assert life.session.plan.deadline == until  # type: ignore[union-attr]


def test_a_wait_that_ended_meanwhile_is_over_at_once():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=600)
    holding(life)

    life >> passed(3600) >> ACT_AGAIN << "resume" << Status.ACTING

    life.claim_nothing_more()


def test_what_stopped_meanwhile_is_decided_afterwards():
    life = holding(Life(NIGHT))

    life >> stopped("rate_limit", retry_after=5) >> passed(60) >> ACT_AGAIN << "resume"

    life.claim_nothing_more()


def test_a_session_that_went_on_meanwhile_is_left_to_it():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=600)
    holding(life)

    life >> person_prompts >> working >> passed(3600) >> ACT_AGAIN << Status.WORKING

    life.claim_nothing_more()


def test_the_persons_stop_holds_beyond_it():
    life = holding(Life(STUBBORN))

    life >> stopped("user_abort") >> ACT_AGAIN >> passed(3600)

    life.claim_nothing_more() << Status.STOOD_DOWN


def test_a_question_that_came_meanwhile_is_told_afterwards():
    life = holding(Life(NIGHT))

    life >> asked() >> passed(60)
    life.claim_nothing_more()
    life >> ACT_AGAIN << "notify" << Status.BLOCKED


def test_an_outcome_that_comes_meanwhile_is_taken_and_not_acted_upon():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=0) << "resume"
    holding(life)

    life >> ended("resume", "failed")
    life.claim_nothing_more()

    assert life.last["resume"].id not in life.world.open


def test_what_was_ordered_before_is_called_off():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=0) << "resume"
    holding(life)

    assert why_void(life.world, life.last["resume"]) == "palingenesis holds itself"
    restart = effects.Restart(id="5eed5eed-9.0", decision=9, agent=AGENT)
    assert why_void(life.world, restart) == "palingenesis holds itself"
    assert why_void(life.world, life.last["notify"]) == ""


def test_a_server_that_dies_meanwhile_is_not_brought_back():
    life = holding(Life(NIGHT))

    life >> died() >> passed(60)

    life.claim_nothing_more()
    assert not life.world.agents[AGENT].up


def test_a_session_that_appears_meanwhile_becomes_ours_afterwards():
    life = holding(Life(NIGHT))

    life.work("ses_2")  # type: ignore[arg-type]

    session = life.world.sessions["ses_2"]  # type: ignore[index]
    assert (session.status, session.paused_from) == (Status.PAUSED, Status.WORKING)
    life >> ACT_AGAIN
    assert life.world.sessions["ses_2"].status is Status.WORKING  # type: ignore[index]


def test_it_survives_our_restart_and_the_notice_is_not_repeated():
    life = holding(Life(NIGHT))

    life.world = from_plain(World, to_plain(life.world))
    life >> started("test")

    life.claim_nothing_more()
    assert life.world.safe_hold is not None


def test_another_version_acts_again_and_says_so():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=600)
    holding(life)

    life >> passed(3600) >> started("test-2") << "resume" << "notify"

    life.claim_nothing_more()
    assert life.world.safe_hold is None


def test_what_the_operator_paused_stays_paused():
    paused_before = Life(NIGHT) >> told_to(commands.Hold(session=SES))
    holding(paused_before) >> ACT_AGAIN << Status.PAUSED
    paused_meanwhile = holding(Life(NIGHT)) >> told_to(commands.Hold())
    paused_meanwhile >> ACT_AGAIN << Status.PAUSED
    assert paused_meanwhile.world.paused


def test_a_pause_that_the_operator_ends_meanwhile_does_not_outlive_the_hold():
    life = Life(NIGHT) >> told_to(commands.Hold())

    holding(life) >> told_to(commands.Release()) << Status.PAUSED >> ACT_AGAIN << Status.WORKING


def test_an_abort_is_remembered_and_sends_nothing():
    life = Life(STUBBORN) >> stopped("rate_limit", retry_after=600) << "resume"

    holding(life) >> told_to(commands.Abort(session=SES)) >> ACT_AGAIN >> stopped("auth", key="z")

    life.claim_nothing_more()
    assert life.session.latched


@pytest.mark.parametrize("command", [commands.Skip, commands.Renew, commands.Enrol])
def test_a_command_that_would_act_is_left_out(command: type):
    life = holding(Life(NIGHT))

    life >> told_to(command(session=SES)) << Status.PAUSED

    life.claim_nothing_more()


def test_to_act_again_without_a_hold_changes_nothing():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=600)
    before = life.session

    life >> ACT_AGAIN

    life.claim_nothing_more()
    assert life.session == before


@settings(max_examples=150, deadline=None)
@given(any_policy(), st.lists(ACTS, max_size=15), st.lists(ACTS, max_size=15), st.lists(ACTS))
def test_whatever_happens_in_safe_hold_nothing_is_ordered_and_the_world_stays_sound(
    chosen, before, meanwhile, after
):
    life = Life(chosen)
    for act in before:
        life >> act
    life >> broke
    life.orders.clear()
    for act in meanwhile:
        life >> act
        assert life.names() == []
        held = {s.status for s in life.world.sessions.values() if s.supervised}
        assert held <= {Status.PAUSED, Status.DETACHED}
    life >> ACT_AGAIN
    for act in after:
        life >> act
        assert life.session.status is not Status.DECIDING, "no session stays undecided"


def test_whoever_orders_something_meanwhile_orders_nothing():
    life = holding(Life(NIGHT))
    draft = Draft(life.world, life.policy, life.now)

    draft.order(effects.Log(id="e", decision=1, session=SES, message="m"))

    assert (draft.effects, draft.frozen().open) == ([], life.world.open)


def test_a_session_that_she_detaches_meanwhile_is_left_alone_at_once_and_after_it():
    life = holding(Life(NIGHT)) >> told_to(commands.Detach(session=SES)) << Status.DETACHED

    life >> ACT_AGAIN >> stopped("network") << Status.DETACHED

    life.claim_nothing_more()


def test_what_the_daemon_itself_was_asked_for_meanwhile_leaves_its_line():
    life = holding(Life(NIGHT)) >> told_to(commands.Order(what="reload"))

    assert life.decisions[-1].why == "reload by anna"
    life.claim_nothing_more()


def test_an_agent_that_appears_meanwhile_is_known_afterwards():
    life = holding(Life(NIGHT, supported=False))

    life >> agent_up

    life.claim_nothing_more()
    assert not life.world.agents[AGENT].supported


# ── who is held, and by whom ──────────────────────────────────────────────────────────────────

NEW, CHILD = SessionId("ses_new"), SessionId("ses_child")


def works_on(session: SessionId):
    return lambda life: events.SessionWorking(at=life.now, session=session, agent=AGENT)


def test_what_is_said_of_it_names_the_journal_and_the_instant_and_never_a_count():
    life = Life(NIGHT) >> passed(1.5) >> broke

    assert life.last["notify"].id == "5eed5eed-held-20260205T020001500000Z"


def test_a_child_at_work_and_a_session_that_was_enrolled_are_held_too():
    life = Life(NIGHT)
    for session, parent in ((CHILD, SES), (NEW, None)):
        life.take(events.SessionSeen(at=life.now, session=session, agent=AGENT, parent=parent))
    life >> works_on(CHILD) >> told_to(commands.Enrol(session=NEW))
    assert not life.world.sessions[CHILD].supervised
    assert life.world.sessions[NEW].status is Status.DISCOVERING

    holding(life)

    assert {one.status for one in life.world.sessions.values()} == {Status.PAUSED}


def test_a_session_that_is_first_seen_at_work_meanwhile_is_held_and_its_tellers():
    life = holding(Life(NIGHT)) >> works_on(NEW)

    session = life.world.sessions[NEW]
    assert (session.id, session.agent, session.status) == (NEW, AGENT, Status.PAUSED)
    assert session.paused_by == life.session.paused_by == ITSELF
    life.claim_nothing_more()


def test_a_command_leaves_its_line_there_too():
    life = (
        holding(Life(NIGHT)) >> told_to(commands.Hold()) >> told_to(commands.Order(what="reload"))
    )

    lines = [one.why for one in life.decisions if one.kind == "commanded"]
    assert lines == ["hold by anna", "reload by anna"]


def test_she_pauses_the_session_that_she_names_and_no_other():
    life = Life(NIGHT)
    life.work(NEW)
    holding(life) >> passed(60) >> told_to(commands.Hold(session=SES))

    assert (life.session.paused_by, life.session.person_at) == ("anna", life.now)
    other = life.world.sessions[NEW]
    assert (other.paused_by, other.person_at) == (ITSELF, None)
    life >> ACT_AGAIN
    life << Status.PAUSED
    assert life.world.sessions[NEW].status is Status.WORKING


def test_whose_pause_it_is_stays_as_it_was_when_another_person_pauses_all():
    life = Life(NIGHT) >> told_to(commands.Hold(session=SES), by="bob")

    holding(life) >> told_to(commands.Hold())

    assert life.session.paused_by == "bob"


def test_a_release_takes_her_pause_back_and_the_hold_stays():
    life = Life(NIGHT) >> told_to(commands.Hold(session=SES), by="bob")
    life.work(NEW)
    holding(life) >> passed(60) >> told_to(commands.Release())

    assert life.session.paused_by == ITSELF
    assert life.session.person_at == life.now
    assert life.world.sessions[NEW].person_at is None
    life << Status.PAUSED >> ACT_AGAIN << Status.WORKING


def test_a_release_of_one_session_leaves_the_pause_of_all():
    life = Life(NIGHT) >> told_to(commands.Hold(session=SES), by="bob")
    holding(life) >> told_to(commands.Hold()) >> told_to(commands.Release(session=SES))

    assert life.session.paused_by == ITSELF
    assert life.world.paused


def test_what_is_not_paused_is_nobodys_pause():
    life = Life(NIGHT) >> told_to(commands.Detach(session=SES))

    holding(life) >> told_to(commands.Hold()) >> told_to(commands.Release())

    assert life.session.paused_by == ""


def test_whoever_says_stop_meanwhile_has_looked():
    life = holding(Life(NIGHT)) >> passed(60) >> told_to(commands.Abort(session=SES))

    assert (life.session.latched, life.session.person_at) == (True, life.now)


def test_what_is_met_in_her_pause_is_paused_by_her_after_the_hold():
    life = holding(Life(NIGHT)) >> told_to(commands.Hold()) >> works_on(NEW) >> ACT_AGAIN

    session = life.world.sessions[NEW]
    assert (session.status, session.paused_by, session.outlook) == (
        Status.PAUSED,
        "anna",
        "paused",
    )
