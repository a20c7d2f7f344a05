"""What is told of a session: for the first time, once more, too late, and in a pause."""

from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.copies import replace
from palingenesis.core.values import AgentId, Block, BlockKind, SessionId, Status, Stop, StopReason
from palingenesis.core.world import Floor, Session
from tests.core.house import HERS, OTHER, at_home, stops, works
from tests.core.life import (
    AGENT,
    SES,
    Act,
    Life,
    alive,
    answered,
    asked,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import NIGHT, RATE, policy, rule

NEW, CHILD, GHOST = SessionId("ses_new"), SessionId("ses_child"), AgentId("ghost")
HOLD, RELEASE = told_to(commands.Hold()), told_to(commands.Release())
ALWAYS = policy(rule("always", "", {"resume": {}}))
OWN = policy(rule("own", "", {"interrupt": {}}, {"resume": {}}))
HOUR = timedelta(hours=1)


def works_on(session: SessionId, agent: AgentId = AGENT) -> Act:
    return lambda life: events.SessionWorking(at=life.now, session=session, agent=agent)


def lists(session: SessionId, agent: AgentId = AGENT, parent: SessionId | None = None) -> Act:
    return lambda life: events.SessionSeen(at=life.now, session=session, agent=agent, parent=parent)


def prompts(session: SessionId, ago: float = 0) -> Act:
    return lambda life: events.PersonPrompted(
        at=life.now - timedelta(seconds=ago), session=session, message="m"
    )


def asks(session: SessionId) -> Act:
    def act(life: Life) -> events.Event:
        block = Block(id="per_1", kind=BlockKind.PERMISSION, text="rm?", since=life.now)
        return events.SessionBlocked(at=life.now, session=session, agent=AGENT, block=block)

    return act


def changed(life: Life, **changes: object) -> Life:
    life.world = replace(life.world, sessions={SES: replace(life.session, **changes)})
    return life


def of(life: Life, session: SessionId) -> Session:
    return life.world.sessions[session]


# ── for the first time ────────────────────────────────────────────────────────────────────────


def test_a_session_that_is_first_seen_at_work_is_supervised_and_its_tellers():
    life = Life(NIGHT) >> works_on(NEW)

    session = of(life, NEW)
    assert (session.id, session.agent, session.status) == (NEW, AGENT, Status.WORKING)
    assert (session.supervised, session.at_work) == (True, (AGENT,))


def test_a_session_of_nobody_we_know_is_the_first_ones_that_lists_it():
    life = Life(NIGHT) >> works_on(NEW, GHOST)
    assert of(life, NEW).agent == GHOST

    life >> lists(NEW)

    assert of(life, NEW).agent == AGENT


def test_a_prompt_of_hers_makes_a_listed_session_ours_and_a_child_stays_its_parents():
    life = Life(NIGHT) >> lists(NEW) >> lists(CHILD, parent=SES)
    assert not of(life, NEW).supervised

    life >> prompts(NEW) >> prompts(CHILD)

    assert of(life, NEW).supervised
    assert not of(life, CHILD).supervised
    assert of(life, NEW).status is Status.WORKING


def test_a_question_in_a_listed_session_makes_it_ours_and_a_child_stays_its_parents():
    life = Life(NIGHT) >> lists(NEW) >> lists(CHILD, parent=SES)

    life >> asks(NEW) << "notify" >> asks(CHILD) << "notify"

    assert of(life, NEW).supervised
    assert not of(life, CHILD).supervised
    assert of(life, CHILD).status is Status.BLOCKED


def test_a_child_that_she_has_enrolled_stays_enrolled_when_it_works_or_asks():
    life = Life(NIGHT) >> lists(CHILD, parent=SES) >> told_to(commands.Enrol(session=CHILD))
    life >> told_to(commands.Hold(session=CHILD)) >> works_on(CHILD)
    assert of(life, CHILD).supervised

    life >> told_to(commands.Release(session=CHILD)) >> asks(CHILD) << "notify"

    assert of(life, CHILD).supervised


# ── once more ─────────────────────────────────────────────────────────────────────────────────


def test_the_twenty_stops_before_the_newest_are_known_when_they_are_told_again():
    life = Life(NIGHT)
    for number in range(22):
        life >> stopped("rate_limit", key=f"k{number}", retry_after=90)
    before = life.world.decisions

    life >> stopped("rate_limit", key="k1", retry_after=90)
    assert life.world.decisions == before

    life >> stopped("rate_limit", key="k0", retry_after=90)
    assert life.world.decisions > before


def test_a_stop_of_before_is_decided_about_again_where_nothing_is_pending():
    """The person has taken the turn back that came after it."""
    life = Life(ALWAYS)
    for key in ("k1", "k2"):
        life >> stopped("network", key=key) << "resume" >> ended("resume") >> working >> alive

    life >> stopped("network", key="k1") << "resume"


def test_a_stop_that_is_told_again_while_our_interrupt_is_under_way_is_no_news():
    life = Life(OWN) >> stopped("network", key="m:end") << "interrupt"

    life >> stopped("network", key="m:end") << Status.ACTING

    life.claim_nothing_more()
    assert [one.kind for one in life.decisions] == ["decided"]


def test_nor_is_a_retry_that_is_told_with_another_reason():
    life = Life(OWN) >> stopped("rate_limit", key="m:retry-1", retrying=True) << "interrupt"

    life >> stopped("overloaded", key="m:retry-1", retrying=True) << Status.ACTING

    life.claim_nothing_more()
    assert [one.kind for one in life.decisions] == ["decided"]


def test_work_that_is_told_with_the_time_of_the_stop_is_younger_than_it():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) << Status.WAITING

    life >> working << Status.WORKING


def test_work_from_before_the_stop_is_told_too_late():
    life = Life(NIGHT)
    late = working(life)
    life >> passed(1) >> stopped("rate_limit", retry_after=90) >> (lambda _: late)

    life << Status.WAITING


# ── questions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("permission", "opencode asks permission for bash: rm -rf build?"),
        ("question", "opencode asks you: rm -rf build?"),
    ],
)
def test_she_is_told_whether_a_permission_or_an_answer_is_wanted(kind: str, text: str):
    life = Life(NIGHT) >> asked(kind)

    assert text_of(life.orders[0]) == text


def test_a_stop_ends_the_question_before_it_and_something_may_be_typed_again():
    life = Life(ALWAYS) >> asked() << "notify" << Status.BLOCKED

    life >> stopped("network") << "resume"

    assert life.session.block is None


def test_an_answered_question_is_gone():
    life = Life(NIGHT) >> asked() << "notify" >> answered << Status.WORKING

    assert life.session.block is None


def test_what_is_answered_in_a_pause_works_after_it():
    life = Life(NIGHT) >> asked() << "notify" >> HOLD >> answered << Status.PAUSED

    life >> RELEASE << Status.WORKING


def test_an_answer_leaves_a_stop_in_the_pause_to_be_decided_about():
    life = Life(NIGHT) >> HOLD >> asked() << "notify"
    life >> stopped("rate_limit", retry_after=90) >> answered

    life >> RELEASE << timedelta(seconds=90)


def test_an_answer_to_another_question_answers_nothing():
    life = Life(NIGHT) >> asked() << "notify"

    life.take(events.SessionUnblocked(at=life.now, session=SES, block="per_0"))

    life << Status.BLOCKED
    assert life.session.block is not None


# ── her prompt ────────────────────────────────────────────────────────────────────────────────


def test_her_prompt_takes_the_clock_of_a_rule_the_timer_and_the_count_of_vain_prompts_away():
    patient = policy(rule("patient", "stop.reason == 'network'", {"resume": {}}, **{"for": "1m"}))
    life = Life(patient) >> stopped("network") << Status.HOLDING
    changed(life, unproductive=2, reopen_at=life.now + HOUR, half_open=True)

    life >> person_prompts << Status.WORKING >> passed(60)

    life.claim_nothing_more() << Status.WORKING
    session = life.session
    assert (session.unproductive, session.reopen_at, session.half_open) == (0, None, False)


def test_an_abort_after_her_prompt_is_hers_although_our_interrupt_was_under_way():
    life = Life(OWN) >> stopped("network") << "interrupt"

    life >> person_prompts << Status.WORKING >> stopped("user_abort", key="hers")

    life << Status.STOOD_DOWN
    assert life.session.latched


def test_a_prompt_that_is_told_late_still_ends_what_is_pending_unless_she_said_stop_since():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=900) >> passed(30) >> HOLD >> RELEASE
    assert life.session.person_at == life.now

    life >> prompts(SES, ago=20) << Status.WORKING


def test_work_on_a_session_at_rest_is_somebody_elses_and_ends_its_timer():
    life = Life(policy(rule("look", "", {"attention": {"reopen-after": "1h"}})))
    life >> stopped("network") << Status.ATTENTION >> passed(60)

    life >> working << Status.WORKING

    assert (life.session.reopen_at, life.session.supervised) == (None, True)
    life >> passed(3600 - 60)
    life.claim_nothing_more()


def test_what_she_went_on_with_in_another_program_is_stopped_by_her_there():
    life = at_home(OWN)
    life >> stops(HERS, retrying=True) << "interrupt" >> works(OTHER) << Status.WORKING
    assert life.session.agent == OTHER

    life >> stops(OTHER, "user_abort") << Status.STOOD_DOWN

    assert life.session.latched


# ── what the provider asked for ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked_for", "model", "until"),
    [
        (timedelta(hours=5), "sonnet", timedelta(hours=5)),
        (timedelta(days=20), None, timedelta(days=8)),
    ],
)
def test_what_the_provider_asked_for_is_kept_for_its_model_and_for_eight_days_at_most(
    asked_for: timedelta, model: str | None, until: timedelta
):
    life = Life(NIGHT)
    stop = Stop(key="k", reason=StopReason.QUOTA, retry_at=life.now + asked_for, model=model)

    life.take(events.SessionStopped(at=life.now, session=SES, agent=AGENT, stop=stop))

    assert life.session.floor == Floor(since=life.now, until=life.now + until, model=model or "")


def test_it_counts_from_the_first_refusal_until_the_model_answers():
    life = Life(NIGHT) >> stopped("quota", key="k1", retry_after=18_000)
    first = life.now
    life >> passed(60) >> stopped("quota", key="k2", retry_after=18_000)
    assert life.session.floor is not None
    assert life.session.floor.since == first

    life >> person_prompts

    assert life.session.floor is None


# ── progress ──────────────────────────────────────────────────────────────────────────────────


def test_progress_forgets_what_led_nowhere_in_the_session_and_in_its_agent():
    life = Life(NIGHT) >> stopped("network") << Status.ATTENTION >> person_prompts
    changed(life, unproductive=2, repeats=3, half_open=True)
    tripped = replace(life.world.agents[AGENT], restarts=(life.now,), tripped=True)
    life.world = replace(life.world, agents={AGENT: tripped})

    life >> progressed

    assert (life.session.unproductive, life.session.repeats, life.session.half_open) == (
        0,
        0,
        False,
    )
    assert life.world.agents[AGENT].restarts == ()
    assert not life.world.agents[AGENT].tripped


# ── a prompt of ours in a pause ───────────────────────────────────────────────────────────────


def test_work_that_a_prompt_of_ours_began_in_a_pause_does_not_make_the_prompt_void():
    life = Life(policy(RATE)) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"

    life >> HOLD >> working >> ended("resume") >> RELEASE

    assert "cancelled" not in [one.kind for one in life.decisions]
    life << Status.VERIFYING


# ── the one more try of a timer ───────────────────────────────────────────────────────────────


def half_open(reason: str) -> Life:
    """It needed a person, its timer has reopened it, and our prompt has it at work again."""
    life = Life(policy(rule("look", "", {"attention": {"reopen-after": "1h"}})))
    life >> stopped(reason) << Status.ATTENTION
    life.policy = ALWAYS
    life >> passed(3600) << "resume" >> ended("resume") >> working >> alive << Status.WORKING
    assert life.session.half_open
    return life


def test_one_that_stops_again_after_its_timer_for_the_same_reason_needs_a_person_again():
    life = half_open("network") >> passed(5) >> stopped("network") << Status.ATTENTION

    assert life.session.outlook == "stopped again after it was reopened"
    assert life.session.reopen_at == life.now + HOUR
    life.claim_nothing_more()
    life >> passed(3600) << "resume"


def test_one_that_stops_for_another_reason_is_decided_about():
    life = half_open("network") >> passed(5) >> stopped("server_error") << "resume"

    assert not life.session.half_open


def test_so_is_one_that_the_provider_refuses_again():
    life = half_open("rate_limit") >> passed(5) >> stopped("rate_limit") << "resume"

    assert not life.session.half_open
