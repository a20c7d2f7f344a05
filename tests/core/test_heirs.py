"""A session that continues another: what it takes over, and what it is when it is told."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.copies import replace
from palingenesis.core.effects import name_of
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.touching import hand_on_touched, say_touched
from palingenesis.core.step import next_deadline
from palingenesis.core.values import DownCause, SessionId, Status, Stop, StopReason
from palingenesis.core.world import Episode, Session
from tests.core.house import HERS, at_home, down, stops, works
from tests.core.life import AGENT, SES, Act, Life, ended, passed, stopped, text_of, told_to
from tests.core.policies import policy, rule

HEIR = SessionId("ses_2")
RENEWING = policy(rule("full", "stop.reason == 'context_exhausted'", "new-session"))
HOLD_ONE = told_to(commands.Hold(session=SES))
RELEASE_ONE = told_to(commands.Release(session=SES))


def begins(life: Life) -> Life:
    """A new session is under way."""
    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="p")
    return life << "new-session"


def begun(life: Life) -> Session:
    life >> ended("new-session", session=HEIR)
    return life.world.sessions[HEIR]


def alive(session: SessionId) -> Act:
    return lambda life: events.SessionAlive(at=life.now, session=session, what="text")


def test_a_backup_without_a_path_is_one_all_the_same():
    life = Life(RENEWING) >> stopped("context_exhausted") << "snapshot"

    life >> ended("snapshot") << "new-session"

    order = life.last["new-session"]
    assert isinstance(order, effects.NewSession)
    assert order.snapshot == "-"


def test_it_takes_over_what_happened_who_was_there_and_where_its_turns_went():
    life = Life(RENEWING) >> passed(30) >> HOLD_ONE >> RELEASE_ONE
    stop = Stop(
        key="k",
        reason=StopReason.CONTEXT_EXHAUSTED,
        provider="anthropic",
        model="sonnet",
        evidence={"went_to": "anthropic/sonnet"},
    )
    life.take(events.SessionStopped(at=life.now, session=SES, agent=AGENT, stop=stop))
    old = replace(life.session, went_to="anthropic/sonnet")
    life.world = replace(life.world, sessions={SES: old})
    life >> ended("snapshot", path="p")

    heir = begun(life)

    assert (heir.title, heir.predecessor, heir.supervised) == ("night", SES, True)
    assert heir.went_to == "anthropic/sonnet"
    assert heir.person_at == old.person_at == life.now
    assert set(old.happened) <= set(heir.happened)
    assert heir.episode == Episode(
        started_at=life.now,
        first_reason=StopReason.CONTEXT_EXHAUSTED,
        attempts=1,
        tries={"full": 1},
    )
    assert heir.spent_before == 0.0


def test_what_is_known_of_it_before_its_birth_is_told_is_kept():
    life = begins(Life(RENEWING) >> HOLD_ONE >> RELEASE_ONE)
    life >> passed(5) >> works(AGENT, HEIR)
    life.take(events.PersonPrompted(at=life.now, session=HEIR, message="m"))
    here = life.now

    life >> passed(5)

    assert begun(life).person_at == here


def test_one_that_is_alive_before_its_birth_is_told_works():
    life = begins(Life(RENEWING)) >> passed(1) >> works(AGENT, HEIR) >> alive(HEIR)

    assert begun(life).status is Status.WORKING
    assert life.decisions[-1].kind == "verified"


def test_one_that_shows_no_sign_of_life_is_an_action_without_effect():
    life = begins(Life(RENEWING))
    assert begun(life).status is Status.VERIFYING
    due = life.now + life.policy.verify_within
    assert next_deadline(life.world, life.policy) == due

    life >> passed(119)
    assert life.world.sessions[HEIR].status is Status.VERIFYING
    life >> passed(1)

    decision = life.decisions[-1]
    assert (decision.session, decision.event) == (HEIR, "action_failed")
    assert decision.facts["action.error"] == "no sign of life within 0:02:00"


def test_one_that_began_in_a_pause_is_proven_after_it_and_the_old_one_is_completed():
    life = begins(Life(RENEWING)) >> HOLD_ONE
    assert begun(life).status is Status.PAUSED
    life << Status.PAUSED

    life >> RELEASE_ONE << Status.COMPLETED

    assert life.world.sessions[HEIR].status is Status.VERIFYING
    assert life.session.successor == HEIR


def test_one_without_an_id_that_began_in_a_pause_comes_to_nothing_after_it():
    life = begins(Life(RENEWING)) >> HOLD_ONE >> ended("new-session") << Status.PAUSED

    life >> RELEASE_ONE

    decision = life.decisions[-1]
    assert (decision.event, decision.facts["action.error"]) == (
        "action_failed",
        "the new session has no id",
    )


def test_one_of_a_session_that_is_deleted_meanwhile_is_nobodys():
    life = begins(Life(RENEWING))
    life.take(events.SessionGone(at=life.now, session=SES))

    life >> ended("new-session", session=HEIR)

    assert life.world.sessions == {}
    life.claim_nothing_more()


@pytest.mark.parametrize("cause", [DownCause.ENDED, DownCause.EXITED])
def test_one_that_she_has_stopped_before_its_program_ended_stays_stopped(cause: DownCause):
    life = at_home(policy(rule("new", "stop.reason == 'quota'", {"new-session": {}})))
    life >> stops(HERS, "quota") << "snapshot" >> ended("snapshot", path="/b") << "new-session"
    life >> works(HERS, HEIR) >> stops(HERS, "user_abort", session=HEIR) >> down(HERS, cause)
    decided = [one for one in life.decisions if one.kind == "decided" and one.session == HEIR]

    heir = begun(life)

    assert (heir.status, heir.latched) == (Status.STOOD_DOWN, True)
    assert [one for one in life.decisions if one.kind == "decided" and one.session == HEIR] == (
        decided
    )
    life << Status.COMPLETED


@pytest.mark.parametrize("promise", [{}, {"promise": "at most once"}])
def test_that_one_may_have_begun_although_she_ended_the_session_is_told_once(
    promise: dict[str, str],
):
    life = begins(Life(RENEWING)) >> told_to(commands.Abort(session=SES)) << "interrupt"

    life >> ended("new-session", "unknown", **promise) << "notify"

    assert text_of(life.last["notify"]) == "new-session: unknown"
    life >> ended("interrupt") << Status.STOOD_DOWN
    life.claim_nothing_more()


def test_nobody_is_told_of_one_that_did_not_begin():
    life = begins(Life(RENEWING)) >> told_to(commands.Abort(session=SES)) << "interrupt"

    life >> ended("new-session", "failed") >> ended("interrupt") << Status.STOOD_DOWN

    life.claim_nothing_more()


def test_one_that_begins_in_a_pause_in_which_she_stopped_the_old_one_is_ended():
    life = begins(Life(RENEWING)) >> HOLD_ONE >> stopped("user_abort")

    assert begun(life).latched

    life << "interrupt"
    order = life.last["interrupt"]
    assert isinstance(order, effects.Interrupt)
    assert order.session == life.session.successor == HEIR
    life >> ended("interrupt") >> RELEASE_ONE << Status.STOOD_DOWN
    assert life.world.sessions[HEIR].status is Status.STOOD_DOWN
    life.claim_nothing_more()


def test_what_was_told_of_a_rail_is_not_told_again_of_the_one_that_continues_it():
    life = Life(RENEWING) >> works(AGENT, HEIR)
    draft = Draft(life.world, life.policy, life.now)
    say_touched(draft, life.session, "full", "12 prompts an hour")

    hand_on_touched(draft, SES, HEIR)
    say_touched(draft, life.world.sessions[HEIR], "full", "12 prompts an hour")

    assert [name_of(effect) for effect in draft.effects] == ["notify"]


def test_its_wait_for_a_sign_of_life_counts_from_its_birth():
    life = begins(Life(RENEWING)) >> passed(300)

    assert begun(life).verify_until == life.now + timedelta(minutes=2)
