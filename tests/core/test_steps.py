"""Each step of a plan: when it is taken, passed over, or left to somebody else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.values import Status
from tests.core.life import SES, Life, alive, ended, passed, stopped, told_to, working
from tests.core.policies import NIGHT, RATE, policy, rule

HOUR = timedelta(hours=1)
LEFT = policy(rule("own", "", {"delegate": {"until": "10m"}}, "resume"))
CHAIN = ["a/one", "a/two", "b/three"]


# ── left to the assistant ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("retry_after", "left"), [(None, False), (-60, False), (-59, True), (600, True), (601, False)]
)
def test_a_retry_is_left_to_the_assistant_if_it_says_when_and_that_is_soon(
    retry_after: float | None, left: bool
):
    life = Life(LEFT) >> stopped("rate_limit", retry_after=retry_after, retrying=True)

    assert life.names() == ([] if left else ["interrupt"])
    life << (Status.WAITING if left else Status.ACTING)


def test_what_is_left_to_it_says_so_and_has_a_minute_more_than_it_asked_for():
    life = Life(LEFT)
    started = events.DaemonStarted(at=life.now, version="t", seed="5eed5eed5eed", boot_id="boot1")
    life.take(started)

    life >> stopped("rate_limit", retry_after=60, retrying=True) << timedelta(seconds=120)

    plan = life.session.plan
    assert plan is not None
    assert (plan.wait_from, plan.boot) == (life.now, "boot1")
    assert plan.because == life.session.outlook == "the assistant, which tries again by itself"


def test_where_nothing_follows_it_is_its_business_from_then_on():
    life = Life(policy(rule("own", "", "delegate")))
    life >> stopped("rate_limit", retry_after=10, retrying=True) << Status.WAITING

    life >> passed(70) << Status.WORKING

    life.claim_nothing_more()


# ── another model ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("chosen", "known", "model"),
    [
        (None, None, "a/one"),
        (None, "a/one", "a/two"),
        ("a/two", "a/one", "b/three"),
        ("b/three", None, "b/three"),
        ("another", "a/one", "a/one"),
    ],
)
def test_the_model_after_the_one_in_use_is_chosen_and_at_the_end_the_last(
    chosen: str | None, known: str | None, model: str
):
    switching = policy(rule("next", "", {"switch-model": {"chain": CHAIN}}, "resume"))
    life = Life(switching)
    facts = {"session.model": known} if known else {}
    life.world = replace(
        life.world, sessions={SES: replace(life.session, model=chosen, facts=facts)}
    )

    life >> stopped("network") << "resume"

    assert (life.session.model, life.session.model_until) == (model, None)


# ── rails of the one and of the other ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(("step", "waits"), [("new-session", True), ("resume", False)])
def test_a_full_hour_of_new_sessions_holds_back_new_sessions_and_nothing_else(
    step: str, waits: bool
):
    life = Life(policy(rule("on", "", step)))
    life.world = replace(life.world, begun=tuple(life.now for _ in range(20)))

    life >> stopped("network")

    assert (life.session.status is Status.WAITING) is waits


# ── a pause of all ────────────────────────────────────────────────────────────────────────────


def test_what_she_asks_for_in_a_pause_of_all_is_carried_out_to_its_end():
    life = Life(NIGHT) >> told_to(commands.Hold()) >> told_to(commands.Skip(session=SES))

    life << "interrupt" >> ended("interrupt") << "resume" << Status.ACTING

    life.claim_nothing_more()


# ── it works again ────────────────────────────────────────────────────────────────────────────


def test_that_it_works_again_is_written_down_for_the_session_and_its_rule():
    life = Life(policy(RATE)) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    life >> ended("resume") << Status.VERIFYING

    life >> working >> alive << Status.WORKING

    proven = life.decisions[-1]
    assert (proven.kind, proven.session, proven.rule) == ("verified", SES, "rate")
    assert proven.facts == {"stop.reason": "rate_limit"}
    assert life.session.plan is None
