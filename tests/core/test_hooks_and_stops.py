"""Hooks that run by name, and servers that are ended on purpose."""

from datetime import timedelta

from palingenesis.core import commands, effects, events
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import DownCause, SessionId, Status, Stop, StopReason, Way
from palingenesis.simulation.rehearsal import Rehearsal
from tests.core.life import (
    AGENT,
    SES,
    START,
    Act,
    Life,
    agent_up,
    answered,
    asked,
    died,
    ended,
    passed,
    progressed,
    stopped,
    told_to,
)
from tests.core.policies import CRASH, policy, rule

OTHER = SessionId("ses_other")
HOOK = policy(rule("hook", "", {"run": {"hook": "backup"}}, {"retry": {}}))
STOP = policy(
    rule("stop", "stop.reason == 'billing'", {"stop": {"grace": "3s"}}, {"attention": {}}), CRASH
)


def down(cause: str) -> Act:
    return died(cause, signal=None)


# ── run ───────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_goes_on_when_its_hook_has_ended_well():
    life = Life(HOOK)

    life >> stopped("network")
    life << "run" << Status.ACTING
    run = life.last["run"]
    assert isinstance(run, effects.Run)
    assert (run.hook, run.session, run.rule) == ("backup", SES, "hook")
    life >> ended("run")

    life << "retry"


def test_a_hook_that_fails_is_an_action_that_failed():
    life = Life(HOOK)

    life >> stopped("network") >> ended("run", "failed")

    assert [(d.event, d.rule) for d in life.decisions if d.kind == "decided"] == [
        ("stopped", "hook"),
        ("action_failed", "default"),
    ]
    assert life.decisions[-1].facts["action.kind"] == "failed"


def test_a_hook_touches_no_agent_so_it_runs_while_the_agent_is_down():
    hooked = policy(rule("hook", "", {"run": {"hook": "page"}}, {"attention": {}}))
    life = Life(hooked, way=Way.ATTACHED)

    life >> down("exited")

    life << "run"
    life >> ended("run")
    life << Status.ATTENTION


# ── stop ──────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_a_rule_ends_is_not_started_again():
    life = Life(STOP)
    life.work(OTHER)

    life >> stopped("billing")
    life << "stop" << Status.ACTING
    stop = life.last["stop"]
    assert isinstance(stop, effects.Stop)
    assert (stop.agent, stop.grace_s) == (AGENT, 3.0)
    assert life.world.agents[AGENT].stopped
    life >> down("stopped") >> ended("stop")

    life << Status.ATTENTION
    life.claim_nothing_more()
    other = life.world.sessions[OTHER]
    assert other.status is Status.ATTENTION
    assert other.outlook == "a rule stopped opencode while it was at work there"


def test_a_rule_that_restarts_finds_that_the_server_was_ended_on_purpose():
    ending = policy(rule("stop", "", {"stop": {}}, {"resume": {}}))
    life = Life(ending)
    life >> stopped("billing")
    life << "stop"

    life >> down("stopped") >> ended("stop")

    life << "notify" << Status.ATTENTION
    life.claim_nothing_more()
    assert life.session.rails == ("a rule stopped this server; no rule starts it again",)


def test_a_person_may_have_the_server_again():
    life = Life(STOP)
    life >> stopped("billing") >> down("stopped") >> ended("stop")
    life << "stop"

    life >> told_to(commands.Renew(session=SES))

    life << "restart"
    life >> ended("restart")
    assert not life.world.agents[AGENT].stopped


def test_a_server_that_answers_again_is_like_any_other():
    life = Life(STOP)
    life >> stopped("billing") >> down("stopped") >> ended("stop")
    life << "stop"

    life >> passed(60) >> agent_up

    assert not life.world.agents[AGENT].stopped


def test_a_server_that_could_not_be_ended_is_still_ours():
    life = Life(STOP)

    life >> stopped("billing") >> ended("stop", "failed")

    assert not life.world.agents[AGENT].stopped


def refused(policy: Policy, way: Way) -> Life:
    life = Life(policy, way=way)
    life >> stopped("billing")
    return life


def test_a_server_that_is_not_ours_is_never_ended():
    hers = "a program of the person's own"
    whose = {Way.ATTACHED: "a server that is attached", Way.INTEGRATED: hers, Way.OBSERVED: hers}
    for way, what in whose.items():
        life = refused(STOP, way)
        life << "notify" << Status.ATTENTION
        life.claim_nothing_more()
        assert life.session.rails == (f"{what} is never stopped by us",)


def test_a_server_that_is_down_already_is_only_kept_down():
    ending = policy(rule("stop", "", {"stop": {}}, {"stand-down": {}}))
    life = Life(ending)

    life >> died()

    life << Status.STOOD_DOWN
    life.claim_nothing_more()
    assert life.world.agents[AGENT].stopped
    assert life.world.agents[AGENT].down is DownCause.EXITED


def test_a_server_that_was_ended_is_not_brought_back_by_the_kernel():
    life = Life(STOP)
    life >> stopped("billing")
    life << "stop"

    life >> progressed
    life.take(events.AgentDown(at=life.now, agent=AGENT, cause=DownCause.EXITED))

    life.claim_nothing_more()


def test_a_rehearsed_server_that_is_ended_is_down():
    night = Rehearsal(policy=STOP, start=START)

    night.happen(
        events.SessionStopped(
            at=START,
            session=night.session,
            agent=AGENT,
            stop=Stop(key="k", reason=StopReason.BILLING),
        )
    )
    night.advance(timedelta(minutes=1))

    assert not night.world.agents[AGENT].up
    assert night.world.sessions[night.session].status is Status.ATTENTION


def test_a_session_that_waits_for_a_person_still_does_after_a_hook_has_run():
    stalls = rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"])
    beeps = rule("beep", "", {"run": {"hook": "beep"}}, event=["blocked"])
    life = Life(policy(beeps, stalls))
    life >> asked()
    life << "notify" << "run"

    life >> ended("run")

    life << Status.BLOCKED
    assert life.session.outlook == "permission: rm -rf build?"
    life >> passed(7200)
    life.claim_nothing_more()
    life >> answered
    life << Status.WORKING
