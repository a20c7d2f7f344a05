"""Turns that a night seldom takes; each of them is a promise all the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Mode
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    Result,
    SessionId,
    Severity,
    Status,
    Way,
)
from tests.core.house import HERS, at_home, up
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
    progressed,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import CRASH, NIGHT, STUBBORN, policy, rule

NOBODY = SessionId("ses_nobody")
STRANGER = AgentId("stranger")
FOR_A_MINUTE = policy(
    rule("patient", "stop.reason == 'network'", {"resume": {}}) | {"for": "1m"},
    rule("other", "", {"retry": {}}),
)
PLAN_WITH_TURN_ENDED = policy(rule("end", "", {"interrupt": {}}, {"resume": {}}))


def broke(life: Life) -> Event:
    return events.InvariantBroken(at=life.now, what="w", where="x", version="test")


def holding() -> Life:
    return Life(NIGHT) >> broke << "notify"


HOLD = told_to(commands.Hold())
HOLD_ONE = told_to(commands.Hold(session=SES))


# ── events about what nobody knows ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "event",
    [
        lambda at: events.SessionProgressed(at=at, session=NOBODY, what="a turn"),
        lambda at: events.SessionAlive(at=at, session=NOBODY, what="text"),
        lambda at: events.PersonPrompted(at=at, session=NOBODY, message="m"),
        lambda at: events.SessionUnblocked(at=at, session=NOBODY, block="b"),
        lambda at: events.SessionGone(at=at, session=NOBODY),
        lambda at: events.AgentDown(at=at, agent=STRANGER, cause=DownCause.EXITED),
        lambda at: events.EffectEnded(at=at, effect="5eed5eed-9.0", result=Result.OK),
    ],
)
def test_what_is_said_of_somebody_whom_nobody_knows_changes_nothing(event):
    life = Life(STUBBORN)
    before = life.world.sessions, life.world.agents

    life.take(event(life.now))

    assert (life.world.sessions, life.world.agents) == before
    life.claim_nothing_more()


def test_a_command_about_a_session_that_nobody_knows_changes_nothing():
    life = Life(STUBBORN)

    life >> told_to(commands.Abort(session=NOBODY)) >> told_to(commands.Skip(session=NOBODY))

    assert list(life.world.sessions) == [SES]
    life.claim_nothing_more()


def test_a_session_of_an_agent_that_nobody_knows_is_given_to_a_person():
    life = Life(policy(rule("again", "", "restart", event=["stopped"])))
    life.world = replace(life.world, agents={})

    life >> stopped("crash")

    life << "notify" << Status.ATTENTION
    assert life.session.rails == ("its agent is not known",)
    assert life.decisions[-1].facts.get("agent.up") is None


def test_a_server_of_an_agent_that_nobody_knows_is_not_ended():
    life = Life(policy(rule("end", "", "stop", event=["stopped"])))
    life.world = replace(life.world, agents={})

    life >> stopped("crash")

    life << "notify" << Status.ATTENTION
    assert life.session.rails == ("its agent is not known",)


# ── the clock of a hold ───────────────────────────────────────────────────────────────────────


def test_a_hold_that_is_due_decides_nothing_when_the_policy_is_off_by_then():
    life = Life(FOR_A_MINUTE) >> stopped("network") << Status.HOLDING
    life.policy = replace(FOR_A_MINUTE, mode=Mode.OFF)

    life >> passed(60)

    life.claim_nothing_more()
    assert life.session.holds == ()


def test_a_hold_whose_rule_is_not_true_any_more_decides_by_the_rule_that_is():
    once = policy(
        rule("patient", "not host.network", {"resume": {}}) | {"for": "1m"},
        rule("other", "", {"retry": {}}),
    )
    life = Life(once)
    life.take(events.FactsObserved(at=life.now, facts={"host.network": False}))
    life >> stopped("network") << Status.HOLDING
    life.take(events.FactsObserved(at=life.now, facts={"host.network": True}))

    life >> passed(60)

    assert life.decisions[-1].rule == "other"
    life << "retry"


# ── servers ───────────────────────────────────────────────────────────────────────────────────


def test_a_session_that_waits_for_somebody_elses_server_goes_on_when_it_answers_again():
    life = Life(policy(rule("again", "", {"resume": {}}, event=["stopped"])), way=Way.ATTACHED)

    life >> died("unreachable", None)
    life << Status.WAITING
    assert life.session.outlook == f"{AGENT} does not answer"
    life >> agent_up << "resume"

    life.claim_nothing_more()


def test_a_session_in_a_pause_needs_a_person_once_a_rule_has_ended_its_server():
    life = Life(policy(rule("end", "stop.reason == 'billing'", "stop")))
    other = SessionId("ses_2")
    life.work(other)
    life >> HOLD_ONE << Status.PAUSED
    life >> stopped("billing", session=other) << "stop"

    life >> died("stopped", None)

    life << Status.PAUSED
    assert life.session.paused_from is Status.ATTENTION


def test_a_server_that_came_back_by_itself_is_not_brought_back_when_its_time_comes():
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))
    life >> died() << "restart" >> ended("restart", "failed")
    agent = life.world.agents[AGENT]
    assert agent.revive_at is not None
    life.world = replace(life.world, agents={AGENT: replace(agent, up=True)})

    life >> passed(3600)

    life.claim_nothing_more()
    assert life.world.agents[AGENT].revive_at is None


@pytest.mark.parametrize("changes", [{"up": True}, {"stopped": True}])
def test_a_restart_that_failed_is_not_repeated_where_nobody_needs_it(changes: dict[str, bool]):
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))
    life >> died() << "restart"
    agent = replace(life.world.agents[AGENT], **changes)  # type: ignore[arg-type]
    life.world = replace(life.world, agents={AGENT: agent})

    life >> ended("restart", "failed") >> passed(3600)

    life.claim_nothing_more()


# ── safe hold ─────────────────────────────────────────────────────────────────────────────────


def test_a_session_that_only_was_listed_is_left_as_it_is_by_a_safe_hold():
    life = Life(NIGHT)
    listed = SessionId("ses_listed")
    life.take(events.SessionSeen(at=life.now, session=listed, agent=AGENT))

    life >> broke

    assert life.world.sessions[listed].status is Status.DISCOVERING
    assert life.session.status is Status.PAUSED


def test_a_policy_that_is_adopted_in_safe_hold_is_in_force_and_decides_nothing():
    life = holding() >> stopped("network")
    resolved = {"name": "new"}

    life.take(events.PolicyAdopted(at=life.now, name="new", digest="d2", resolved=resolved))

    assert (life.world.policy, life.world.policy_name) == ("d2", "new")
    life.claim_nothing_more()


def test_a_prompt_of_the_person_in_an_unknown_session_makes_no_session_in_safe_hold():
    life = holding()

    life.take(events.PersonPrompted(at=life.now, session=NOBODY, message="m"))

    assert list(life.world.sessions) == [SES]


def test_a_pause_that_is_asked_for_in_safe_hold_stays_after_it():
    life = holding()

    life >> HOLD >> told_to(commands.ActAgain())
    life << Status.PAUSED
    assert life.world.paused
    assert life.world.paused_by == "anna"
    assert life.session.paused_by == "anna"


def test_a_pause_that_is_ended_in_safe_hold_is_over_after_it():
    life = Life(NIGHT) >> HOLD
    life >> broke << "notify" >> told_to(commands.Release())
    assert not life.world.paused

    life >> told_to(commands.ActAgain())

    life << Status.WORKING


def test_an_abort_of_a_session_that_nobody_knows_is_left_out_in_safe_hold():
    life = holding()

    life >> told_to(commands.Abort(session=NOBODY))

    assert list(life.world.sessions) == [SES]


def test_an_abort_of_a_session_that_is_over_latches_it_in_safe_hold():
    life = Life(NIGHT) >> told_to(commands.Detach(session=SES)) << Status.DETACHED
    life >> broke << "notify" >> told_to(commands.Abort(session=SES))

    life << Status.DETACHED
    assert life.session.latched
    life.claim_nothing_more()


def test_a_command_that_would_act_is_left_out_in_safe_hold():
    life = holding()

    life >> told_to(commands.Renew(session=SES)) >> told_to(commands.Skip(session=SES))

    life.claim_nothing_more()
    life << Status.PAUSED


def test_a_permission_that_was_asked_for_in_safe_hold_is_told_of_after_it():
    life = holding() >> asked()
    life.claim_nothing_more()

    life >> told_to(commands.ActAgain())

    assert "rm -rf build?" in text_of(life.orders[0])
    life << "notify" << Status.BLOCKED


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────


def test_a_new_session_without_an_id_is_an_action_that_failed():
    life = Life(policy(rule("on", "", {"new-session": {}})))

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="p")
    life << "new-session" >> ended("new-session")

    assert life.decisions[-1].event == "action_failed"
    assert life.decisions[-1].facts["action.error"] == "the new session has no id"


def test_a_new_session_that_begins_in_a_pause_waits_for_its_end():
    life = Life(policy(rule("on", "", {"new-session": {}})))
    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="p")
    life << "new-session" >> HOLD_ONE

    life >> ended("new-session", session="ses_heir")

    heir = life.world.sessions[SessionId("ses_heir")]
    assert (heir.status, heir.paused_by) == (Status.PAUSED, "anna")
    assert heir.paused_from is Status.VERIFYING
    life.claim_nothing_more()


def test_a_stop_of_a_server_that_failed_leaves_the_server_to_the_rules():
    life = Life(policy(rule("end", "stop.reason == 'billing'", "stop")))
    life >> stopped("billing") << "stop"
    assert life.world.agents[AGENT].stopped

    life >> ended("stop", "failed")

    assert not life.world.agents[AGENT].stopped


def test_a_failed_stop_of_an_agent_that_is_not_known_any_more_is_nobodys():
    life = Life(policy(rule("end", "stop.reason == 'billing'", "stop")))
    life >> stopped("billing") << "stop"
    life.world = replace(life.world, agents={})

    life >> ended("stop", "failed")

    assert life.world.agents == {}


@pytest.mark.parametrize(
    ("not_before", "waits"),
    [("2026-02-05T02:10:00+00:00", True), ("2026-02-05T02:10:00", False), ("soon", False)],
)
def test_an_order_that_comes_too_early_waits_until_the_instant_that_is_named(
    not_before: str, waits: bool
):
    life = Life(policy(rule("on", "", {"resume": {}}, event=["stopped"])))
    life >> stopped("network") << "resume"

    life >> ended("resume", "failed", not_before=not_before)

    if waits:
        life << timedelta(minutes=10)
        assert life.session.prompts == ()
        assert life.session.unproductive == 0
    else:
        assert life.session.status is not Status.WAITING


def test_a_backup_that_comes_too_early_takes_no_prompt_back():
    life = Life(policy(rule("on", "", {"snapshot": {}}, {"resume": {}}, event=["stopped"])))
    life >> stopped("network") << "snapshot"

    life >> ended("snapshot", "failed", not_before="2026-02-05T02:10:00+00:00")

    life << timedelta(minutes=10)
    life >> passed(600) << "snapshot"


# ── writing ───────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_is_told_of_once_and_so_is_its_end():
    life = Life(NIGHT)

    life.take(events.WritingFailed(at=life.now, why="the disk is full"))
    life.take(events.WritingFailed(at=life.now, why="the disk is full", told=True))
    life.now += timedelta(minutes=2)
    since = life.now - timedelta(minutes=2)
    over = events.WritingResumed(at=life.now, since=since, why="the disk is full", told=False)
    life.take(over)
    life.take(replace(over, told=True))

    first, second = life.orders
    assert isinstance(first, effects.Notify)
    assert isinstance(second, effects.Notify)
    assert (first.severity, first.title) == (Severity.CRITICAL, "nothing can be written down")
    assert first.message.startswith("the disk is full. Until this is over nothing is done")
    assert (second.severity, second.title) == (
        Severity.WARNING,
        "it can be written down again",
    )
    assert second.message.startswith("for 2m nothing could be written down (the disk is full)")


def test_a_damaged_journal_is_told_of_with_the_names_that_are_kept():
    life = Life(NIGHT)
    names = tuple(f"journal.damaged-{number}" for number in range(25))

    life.take(events.JournalMended(at=life.now, what="two entries are lost", kept_as=names))

    (notice,) = life.orders
    assert isinstance(notice, effects.Notify)
    assert (notice.severity, notice.message) == (Severity.WARNING, "two entries are lost")
    assert life.world.mended == names[-20:]


# ── odds ──────────────────────────────────────────────────────────────────────────────────────


def test_an_agent_that_refuses_our_password_is_told_of_and_stops_no_session():
    life = Life(NIGHT)

    life.take(events.AgentDown(at=life.now, agent=AGENT, cause=DownCause.REFUSED, detail="401"))

    (notice,) = life.orders
    assert text_of(notice) == f"{AGENT} refuses our password: 401"
    life << Status.WORKING


def test_a_model_that_was_chosen_for_a_while_is_the_agents_own_again_after_it():
    life = Life(NIGHT)
    chosen = replace(
        life.session, model="openai/gpt-5.2", model_until=life.now + timedelta(seconds=60)
    )
    life.world = replace(life.world, sessions={SES: chosen})

    life >> passed(59)
    assert life.session.model == "openai/gpt-5.2"
    life >> passed(1)

    assert (life.session.model, life.session.model_until) == (None, None)


def test_a_sensor_that_is_mended_moves_nobody_who_waits_for_something_else():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) << Status.WAITING

    life.take(events.SensorMended(at=life.now, sensor=AGENT))
    life << Status.WAITING

    life.claim_nothing_more()


def test_nothing_is_left_to_an_assistant_that_does_not_try_by_itself():
    life = Life(policy(rule("leave", "", {"delegate": {}}, {"resume": {}}, event=["stopped"])))

    life >> stopped("rate_limit", retry_after=90, retrying=False)

    life << "resume"


def test_what_is_told_says_when_it_goes_on():
    told = policy(
        rule(
            "tell",
            "",
            {"notify": {"message": "on at ${resume_at}"}},
            {"wait": {"for-condition": "host.network", "max": "1h", "else": "1m"}},
            {"resume": {}},
        ),
    )
    life = Life(told)

    life >> stopped("network")

    assert text_of(life.orders[0]) == "on at as soon as host.network"


def test_what_is_told_before_no_wait_says_at_once():
    life = Life(policy(rule("t", "", {"notify": {"message": "on ${resume_at}"}}, {"resume": {}})))

    life >> stopped("network")

    assert text_of(life.orders[0]) == "on at once"


def test_a_session_that_is_waited_for_and_alive_after_all_works():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> person_prompts >> working

    life >> progressed << Status.WORKING

    life.claim_nothing_more()


# ── words that change little ──────────────────────────────────────────────────────────────────


def refused(life: Life) -> Event:
    return events.PolicyRefused(at=life.now, name="p", digest="d", problems=("p:1:1: no", "p:2:1"))


def test_the_problems_of_a_refused_policy_are_known_until_one_is_adopted():
    life = Life(NIGHT) >> refused
    life.claim_nothing_more()
    assert life.world.policy_problems == ("p:1:1: no", "p:2:1")

    life.take(
        events.PolicyAdopted(
            at=life.now, name=NIGHT.name, digest=NIGHT.digest, resolved=NIGHT.resolved
        )
    )

    assert life.world.policy_problems == ()


def test_a_changed_configuration_changes_nothing_that_is_under_way():
    life = Life(FOR_A_MINUTE) >> stopped("overloaded")
    before = life.session
    life.orders.clear()

    life.take(events.ConfigurationChanged(at=life.now, changed=("notify.ntfy",)))

    life.claim_nothing_more()
    assert life.session == before


def test_a_new_policy_leaves_alone_what_a_person_has_ordered():
    life = Life(NIGHT) >> stopped("billing") >> told_to(commands.Renew(session=SES))
    ordered = life.session.plan
    assert ordered is not None
    assert ordered.event == "operator"

    life.take(events.PolicyAdopted(at=life.now, name="other", digest="other", resolved="{}"))

    assert life.session.plan == ordered


# ── questions ─────────────────────────────────────────────────────────────────────────────────


def asks_again(life: Life) -> Event:
    block = Block(id="per_2", kind=BlockKind.QUESTION, text="Which?", tool="ask", since=life.now)
    return events.SessionBlocked(at=life.now, session=SES, agent=AGENT, block=block)


def test_a_question_of_a_session_that_was_detached_is_nobodys_business():
    life = Life(NIGHT) >> told_to(commands.Detach(session=SES))

    life >> asked()

    life.claim_nothing_more() << Status.DETACHED
    assert life.session.block is None


def test_a_second_question_is_told_although_the_first_is_not_answered():
    life = Life(NIGHT) >> asked() << "notify"

    life >> asks_again << "notify" << Status.BLOCKED

    life.claim_nothing_more()
    assert life.session.block is not None
    assert life.session.block.id == "per_2"


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("attention", Status.ATTENTION),
        ("stand-down", Status.STOOD_DOWN),
        ("finish", Status.COMPLETED),
    ],
)
def test_a_question_of_a_session_that_was_let_go_is_told_and_takes_it_up_no_more(
    step: str, status: Status
):
    life = Life(policy(rule("let-go", "", step))) >> stopped("billing")
    life.orders.clear()

    life >> asked() << "notify" << status

    life.claim_nothing_more()


# ── ends that are told again ──────────────────────────────────────────────────────────────────


def test_an_end_that_is_told_while_its_server_is_brought_back_brings_it_back_once():
    life = Life(NIGHT)
    life.take(events.SessionGone(at=life.now, session=SES))
    life >> died() << "restart"

    life >> agent_up >> died()

    life.claim_nothing_more()


def test_a_program_that_let_us_in_once_is_waited_for_no_longer_however_often_it_is_seen():
    life = at_home(NIGHT, HERS) >> passed(60) >> up(HERS, Way.OBSERVED)
    let_in = life.world.agents[HERS].let_in_until
    assert let_in is not None

    life >> passed(60) >> up(HERS, Way.OBSERVED)

    assert life.world.agents[HERS].let_in_until == let_in
