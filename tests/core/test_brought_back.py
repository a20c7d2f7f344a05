"""A server that died while nothing was done: started again when that is over, and not before."""

from collections.abc import Callable

import pytest

from palingenesis.core import commands, events
from palingenesis.core.copies import replace
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import next_deadline
from palingenesis.core.values import SessionId, Status
from tests.core.life import (
    AGENT,
    SES,
    Life,
    agent_up,
    died,
    ended,
    passed,
    stopped,
    told_to,
)
from tests.core.policies import CRASH, RATE, policy, rule, shadow

HOLD, RELEASE = told_to(commands.Hold()), told_to(commands.Release())
ACTS = policy(CRASH)
Change = Callable[[Life], object]


def broke(life: Life) -> events.Event:
    return events.InvariantBroken(at=life.now, what="w", where="x", version="test")


def adopts(now: Policy) -> Change:
    def change(life: Life) -> None:
        life.policy = now
        life.take(
            events.PolicyAdopted(
                at=life.now, name=now.name, digest=now.digest, resolved=now.resolved
            )
        )

    return change


PAUSES = [
    (lambda life: life >> HOLD, lambda life: life >> RELEASE),
    (adopts(shadow(ACTS)), adopts(ACTS)),
    (lambda life: life >> broke << "notify", lambda life: life >> told_to(commands.ActAgain())),
]
"""What keeps us from doing anything, and its end."""


def idle() -> Life:
    """A server, and nobody who works there."""
    life = Life(ACTS)
    life.take(events.SessionGone(at=life.now, session=SES))
    return life


@pytest.mark.parametrize(("begin", "end"), PAUSES)
def test_a_server_that_died_while_nothing_was_done_is_started_again_when_that_is_over(
    begin: Change, end: Change
):
    life = idle()
    begin(life)
    life >> died() >> passed(600)
    life.claim_nothing_more()
    assert next_deadline(life.world, life.policy) is None

    end(life)

    assert next_deadline(life.world, life.policy) is not None
    life >> passed(0) << "restart"
    life.claim_nothing_more()
    assert next_deadline(life.world, life.policy) is None


@pytest.mark.parametrize(("begin", "end"), PAUSES)
def test_one_that_had_to_wait_for_the_rails_has_not_been_forgotten_meanwhile(
    begin: Change, end: Change
):
    life = idle() >> died() << "restart" >> ended("restart", "failed")
    begin(life)
    life >> passed(600)
    life.claim_nothing_more()

    end(life)

    life >> passed(0) << "restart"


def test_one_that_came_back_in_the_pause_is_left_alone():
    life = idle() >> HOLD >> died() >> passed(60) >> agent_up >> RELEASE >> passed(600)

    life.claim_nothing_more()


def test_the_rails_hold_after_a_pause_too():
    life = idle()
    life.world = replace(
        life.world,
        agents={AGENT: replace(life.world.agents[AGENT], restarts=(life.now,), tripped=True)},
    )

    life >> HOLD >> died() >> RELEASE >> passed(1799)
    life.claim_nothing_more()

    life >> passed(1) << "restart"


def test_one_where_somebody_worked_in_the_pause_is_the_policys_to_start_again():
    life = Life(policy(rule("look", "", "attention"))) >> HOLD >> died() >> RELEASE >> passed(600)

    life.claim_nothing_more()
    life << Status.ATTENTION


def test_whoever_needs_it_after_the_pause_has_it_started_once():
    life = Life(policy(RATE)) >> stopped("rate_limit", retry_after=90) << Status.WAITING
    life.work(SessionId("ses_idle"))
    life.take(events.SessionGone(at=life.now, session=SessionId("ses_idle")))

    life >> HOLD >> died() >> passed(600) >> RELEASE << "restart" >> passed(0) >> passed(300)

    life.claim_nothing_more()
