"""Closed loops: the policy acts on a world that works, and the world answers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core.values import Status
from palingenesis.simulation.invariants import INVARIANTS
from palingenesis.simulation.performance import perform
from palingenesis.simulation.timeline import told
from tests.simulation.nights import morning, night, policy_of, scenario_of, shipped

STEADY = "version: 1\nworld: {sessions: [{id: a, work: {steps: 6}}]}\n"
EAGER = """
version: 1
rules:
  - {id: again, when: stop.reason != 'completed', do: [resume]}
  - {id: done, do: [finish]}
default: {do: [attention]}
"""


def test_a_session_that_nothing_stops_works_its_steps_off_and_completes():
    summary = morning(STEADY)

    (session,) = summary.sessions
    assert (session.status, session.steps, session.steps_total) == ("completed", 6, 6)
    assert summary.stops == {"completed": 1}
    assert summary.prompts == 0
    assert summary.breaches == ()


def test_a_resumed_session_works_on_uses_tokens_and_completes_steps_until_the_next_limit():
    summary = morning(
        "version: 1\n"
        "world:\n"
        "  sessions: [{id: a, work: {steps: 200}, turn: {tokens: 50k}}]\n"
        "  limits: [{tokens: 500k, per: 2h}]\n"
    )

    assert summary.stops["quota"] == 5, "in ten hours a window of two is used up five times"
    assert summary.saves == 4, "the fifth is still being waited for"
    assert 2_400_000 <= summary.tokens <= 2_600_000
    assert summary.steps >= 12
    assert summary.at_risk == pytest.approx(summary.cost * 0.8, rel=0.02)


def test_one_window_is_shared_by_all_sessions_of_the_account():
    played = night(
        "version: 1\n"
        "world:\n"
        "  until: 5h\n"
        "  sessions: [{id: a, turns: 500}, {id: b, turns: 500}, {id: c, model: openai/gpt}]\n"
        "  limits: [{models: anthropic/*, tokens: 400k, per: 5h}]\n"
    )

    lanes = played.watch.lanes
    assert [span.status for span in lanes["ses_a"].spans].count(Status.WAITING) == 1
    assert [span.status for span in lanes["ses_b"].spans].count(Status.WAITING) == 1
    assert Status.WAITING not in [span.status for span in lanes["ses_c"].spans]


def test_a_full_context_goes_on_in_a_new_session_where_the_old_one_stopped():
    summary = morning(
        "version: 1\n"
        "world: {sessions: [{id: a, work: {steps: 30}, context: 100k, turn: {grows: 10k}}]}\n"
    )

    (session,) = summary.sessions
    assert (session.status, session.steps) == ("completed", 30)
    assert session.conversations == summary.new_sessions + 1 > 5
    assert summary.snapshots >= summary.new_sessions


def test_a_server_that_dies_stops_all_its_sessions_and_is_restarted_once():
    summary = morning(
        "version: 1\n"
        "world: {sessions: [{id: a, turns: 100}, {id: b, turns: 100}]}\n"
        "story: [{after: 1h, died: }]\n"
    )

    assert summary.stops["crash"] == 2
    assert summary.restarts == 1
    assert [one.status for one in summary.sessions] == ["completed", "completed"]


def test_the_persons_abort_is_the_end_until_she_prompts():
    summary = morning(
        "version: 1\n"
        "world: {until: 6h, sessions: [{id: a, turns: 100}]}\n"
        "story:\n"
        "  - {after: 1h, stopped: {reason: user_abort}}\n"
        "  - {after: 2h, prompted: }\n"
    )

    (session,) = summary.sessions
    assert summary.prompts == 0
    assert session.status == "working"
    assert timedelta(hours=3, minutes=59) < summary.worked < timedelta(hours=4, minutes=1)


def test_a_question_holds_the_turn_up_until_the_person_has_slept():
    played = night(
        "version: 1\n"
        "world:\n"
        "  at: 2026-02-05T22:00:00+01:00\n"
        "  time-zone: Europe/Berlin\n"
        "  sessions: [{id: a, turns: 500}]\n"
        "  failures: [{what: question, at: 02:00, text: Which database?}]\n"
        "  person: {sleeps: 23:00..07:00, answers: 5m}\n"
        "expect: {told: {text: Which database?, within: 10s}}\n"
    )

    (blocked,) = [s for s in played.watch.lanes["ses_a"].spans if s.status is Status.BLOCKED]
    assert blocked.start == datetime(2026, 2, 6, 1, 0, tzinfo=UTC)
    assert blocked.end == datetime(2026, 2, 6, 6, 0, tzinfo=UTC)
    assert played.watch.invariants.broken == []


def test_asked_by_a_policy_the_person_answers_in_her_time():
    asking = policy_of(
        "version: 1\nrules:\n"
        "  - id: refused\n    when: stop.reason == 'refused'\n"
        "    do: [{ask: {question: Again?, timeout: 1h}}, resume]\n"
        "default: {do: [attention]}\n"
    )
    text = (
        "version: 1\nworld: {sessions: [a], person: {answers: 10m, says: %s}}\n"
        "story: [{after: 1h, stopped: {reason: refused}}]\n"
    )

    assert morning(text % "yes", asking).sessions[0].status != "attention"
    assert morning(text % "yes", asking).saves == 1
    assert morning(text % "no", asking).sessions[0].status == "attention"


def test_an_outcome_that_gets_lost_is_never_answered_with_a_second_prompt():
    summary = morning(
        "version: 1\n"
        "world: {sessions: [{id: a, turns: 400}], failures: [{what: network, per-hour: 2}]}\n"
        "faults: {lost: 100%, lost-of: resume}\n"
    )

    assert summary.breaches == ()


def test_a_sleeping_machine_takes_its_deadline_up_when_it_wakes_and_only_once():
    played = night(
        "version: 1\n"
        "world: {at: 2026-02-05T22:00:00Z, sessions: [{id: a, turns: 500, turn: {takes: 2m}}]}\n"
        "faults: {suspend: {at: 1h10m, for: 5h}}\n"
        "story: [{after: 1h, stopped: {reason: rate_limit, retry_after: 30m}}]\n"
    )

    ((at, _),) = played.watch.prompts
    assert at == datetime(2026, 2, 6, 4, 10, tzinfo=UTC)
    assert played.watch.invariants.broken == []


@pytest.mark.parametrize("by", ["-45m", "45m"])
def test_a_clock_that_is_set_loses_no_deadline(by):
    summary = morning(
        "version: 1\n"
        "world: {sessions: [{id: a, turns: 500}]}\n"
        f"faults: {{clock: {{at: 70m, by: {by}}}}}\n"
        "story: [{after: 1h, stopped: {reason: rate_limit, retry_after: 30m}}]\n"
        "expect: {status: working, prompts: 1}\n"
    )

    assert summary.is_good, summary


def test_a_reset_that_lies_is_asked_again_and_never_hammered():
    summary = morning(
        "version: 1\n"
        "world:\n"
        "  sessions: [{id: a, turns: 500}]\n"
        "  limits: [{tokens: 400k, per: 5h, lies: -2h}]\n"
    )

    assert summary.saves >= 1
    assert summary.prompts <= 12
    assert summary.breaches == ()


def test_the_same_seed_tells_the_same_night_and_another_seed_another_one():
    text = (
        "version: 1\n"
        "world: {sessions: [{id: a}], failures: [{what: crash, per-hour: 1}]}\n"
        "faults: {duplicates: 20%, late: 20%}\n"
    )
    lines = list(told(night(text).past))

    assert list(told(night(text).past)) == lines
    assert list(told(night(text, seed="another").past)) != lines


RATES = ("crash", "network", "server_error", "auth", "timeout", "question", "silence", "refused")


@given(
    what=st.lists(st.sampled_from(RATES), min_size=1, max_size=3, unique=True),
    duplicates=st.integers(0, 40),
    late=st.integers(0, 40),
    lost=st.integers(0, 40),
    capacity=st.integers(1, 20),
    lies=st.sampled_from(["0s", "-1h", "1h"]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_no_mixture_of_faults_breaks_an_invariant_under_the_default_policy(
    *, what, duplicates, late, lost, capacity, lies, seed
):
    rates = ", ".join(f"{{what: {one}, per-hour: 0.7, lasts: 1m..20m}}" for one in what)
    scenario = scenario_of(
        "version: 1\n"
        "world:\n"
        f"  seed: '{seed}'\n"
        "  sessions: [{id: a, work: {steps: 40}, pauses: 20%}, {id: b, turns: 90}]\n"
        f"  limits: [{{tokens: {capacity}00k, per: 2h, lies: {lies}}}]\n"
        f"  failures: [{rates}]\n"
        "  person: {answers: 20m}\n"
        f"faults: {{duplicates: {duplicates}%, late: {late}%, lost: {lost}%}}\n"
    )

    played = perform(shipped(), scenario, remember=False)

    assert played.watch.invariants.broken == []


def test_a_policy_that_always_resumes_is_stopped_by_the_rails_and_not_by_itself():
    summary = morning(
        "version: 1\nworld: {sessions: [a], failures: [{what: auth, at: 1h, lasts: 9h}]}\n",
        policy_of(EAGER),
    )

    assert summary.prompts == 3
    assert summary.sessions[0].status == "attention"
    assert summary.rails == {"3 prompts in a row achieved nothing": 1}
    assert summary.breaches == ()


def test_every_invariant_has_a_name_and_words():
    assert set(INVARIANTS) == {
        *("person-stop", "one-prompt", "no-typing", "held", "owner", "rails", "deadlines", "caps"),
        "canary",
    }
