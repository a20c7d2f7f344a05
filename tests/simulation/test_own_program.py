"""Nights in a program of the person's own: limits waited out there, its end, and what follows."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import effects, events
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, Way
from palingenesis.simulation.performance import Performance, perform
from palingenesis.simulation.rehearsal import AGENT, BESIDE, Rehearsal
from tests.simulation.nights import ROOT, morning, night, policy_of, scenario_of, shipped

HOME = "version: 1\nworld:\n  way: integrated\n  sessions: [{id: a, work: {steps: 40}}]\n"
EXAMPLE = ROOT / "examples" / "policies" / "19-own-program.yaml"
EAGER = """
version: 1
rules:
  - {id: done, when: stop.reason == 'completed', do: [finish]}
  - {id: again, event: [stopped, action_failed], do: [restart, resume]}
default: {do: [attention]}
"""


INSISTING = EAGER.replace("[restart, resume]", "[{wait: {for: 10m}}, resume]")


def going_on() -> Policy:
    return policy_of(EXAMPLE.read_text(encoding="utf-8"), Path(EXAMPLE).stem)


def through(played: Performance) -> list[AgentId]:
    """Through whom it was prompted."""
    orders = [effect for one in played.past for effect in one.turn.effects]
    return [one.agent for one in orders if isinstance(one, effects.Resume | effects.NewSession)]


def test_a_limit_is_waited_out_in_the_program_itself():
    played = night(f"{HOME}  limits: [{{tokens: 500k, per: 2h}}]\n")

    assert set(through(played)) == {AGENT}
    assert sum(played.watch.savings.saves_by.values()) > 0
    assert played.watch.invariants.broken == []


def test_its_death_is_told_and_nothing_is_begun_anew():
    summary = morning(f"{HOME}story: [{{at: 1h, died: {{signal: SIGKILL}}}}]\n")

    (session,) = summary.sessions
    assert (session.status, summary.prompts, summary.restarts) == ("stood_down", 0, 0)
    assert summary.breaches == ()


def test_after_its_death_the_work_is_done_on_the_managed_server_by_a_policy_that_says_so():
    played = night(f"{HOME}story: [{{at: 1h, died: {{signal: SIGKILL}}}}]\n", going_on())

    assert through(played) == [BESIDE]
    (cast,) = played.casts
    assert cast.steps == 40
    assert played.world.sessions[cast.line[-1]].agent == BESIDE
    assert played.watch.invariants.broken == []


def test_it_does_not_come_back_by_itself_and_is_never_started_by_us():
    played = night(f"{HOME}story: [{{at: 1h, died: {{for: 5m}}}}]\n", policy_of(EAGER))

    assert not played.world.agents[AGENT].up
    ups = [one.event.agent for one in played.past if isinstance(one.event, events.AgentUp)]
    assert ups == [AGENT, BESIDE]


@pytest.mark.parametrize("policy", [shipped(), going_on(), policy_of(INSISTING)])
def test_her_exit_ends_it_also_while_it_waits(policy: Policy):
    played = night(
        f"{HOME}  limits: [{{tokens: 100k, per: 5h}}]\n"
        "story: [{at: 2h, stopped: {reason: user_exit}}]\n",
        policy,
    )

    (session,) = played.world.sessions.values()
    left = [at for at, _ in played.watch.prompts if at > played.start + timedelta(hours=2)]
    assert session.latched
    assert left == []
    assert played.watch.invariants.broken == []


def test_a_scenario_may_name_the_program_and_the_server_itself():
    played = night(
        "version: 1\n"
        "world:\n"
        "  agents: [{id: tui, way: integrated}, {id: ours}]\n"
        "  sessions: [{id: a, turns: 100, agent: tui}, {id: b, turns: 100, agent: ours}]\n"
        "story: [{at: 1h, agent: tui, died: {signal: SIGKILL}}]\n",
        going_on(),
    )

    assert through(played) == [AgentId("ours")]
    assert {one.agent for one in played.world.sessions.values()} == {AgentId("ours")}


def test_a_rehearsal_has_our_server_beside_a_program_of_hers_and_only_there():
    start = scenario_of(HOME).at

    assert [*Rehearsal(shipped(), start, way=Way.INTEGRATED).world.agents] == [AGENT, BESIDE]
    assert [*Rehearsal(shipped(), start).world.agents] == [AGENT]


@given(
    what=st.lists(
        st.sampled_from(("crash", "network", "server_error", "question", "silence", "user_abort")),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    policy=st.sampled_from([shipped(), going_on(), policy_of(EAGER)]),
    faults=st.integers(0, 40),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=30, deadline=None)
def test_no_mixture_of_faults_breaks_an_invariant(*, what, policy, faults, seed):
    rates = ", ".join(f"{{what: {one}, per-hour: 0.7, lasts: 1m..20m}}" for one in what)
    scenario = scenario_of(
        "version: 1\n"
        "world:\n"
        f"  seed: '{seed}'\n"
        "  agents: [{id: tui, way: integrated}, {id: ours}, {id: seen, way: observed}]\n"
        "  sessions: [{id: a, work: {steps: 40}, pauses: 20%, agent: tui},\n"
        "    {id: b, turns: 90, agent: ours}, {id: c, turns: 90, agent: seen}]\n"
        "  limits: [{tokens: 400k, per: 2h}]\n"
        f"  failures: [{rates}]\n"
        "  person: {answers: 20m}\n"
        f"faults: {{duplicates: {faults}%, late: {faults}%, lost: {faults}%}}\n"
    )

    played = perform(policy, scenario, remember=False)

    assert played.watch.invariants.broken == []
