"""Waits, and a policy that is exchanged again and again: none is lost or moved without a reason."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random

from palingenesis.core import events
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import next_deadline
from palingenesis.core.values import Status
from palingenesis.core.world import Session
from tests.core.life import SES, Life, stopped
from tests.core.policies import CRASH, RATE, policy, rule

REASONS = ("quota", "rate_limit", "overloaded", "server_error", "network")
_HELD = frozenset({Status.WAITING, Status.HOLDING, Status.ASKING})


def adopt_often(count: int, seed: int = 1) -> Counter[str]:
    """Adopt so many policies while something waits; counts what became of the waits."""
    dice, tally = Random(seed), Counter[str](adoptions=0, waits=0, moved=0, lost=0)
    life = _waiting(dice)
    while tally["adoptions"] < count:
        if life.session.status not in _HELD or dice.random() < 0.02:
            life = _waiting(dice)
        before = life.session
        life.now += timedelta(seconds=dice.randint(0, 20))
        made = _policy(dice)
        life.policy = made
        turn = life.take(
            events.PolicyAdopted(
                at=life.now, name=made.name, digest=made.digest, resolved=made.resolved
            )
        )
        told = any(decision.session == SES for decision in turn.decisions)
        after, due = life.session, next_deadline(life.world, life.policy)
        tally["adoptions"] += 1
        tally["waits"] += 1
        if (after.status, _due(after)) == (before.status, _due(before)):
            continue
        tally["moved" if told or _counts_on(before, after) else "lost"] += 1
        if after.status in _HELD and (_due(after) is None or due is None):
            tally["lost"] += 1
    return tally


def _counts_on(before: Session, after: Session) -> bool:
    """Whether the same rule's `for:` goes on from the same beginning, with its new span."""
    old, new = before.holds[:1], after.holds[:1]
    return bool(old and new) and (old[0].rule, old[0].began) == (new[0].rule, new[0].began)


def _due(session: Session) -> datetime | None:
    """When a session that is held goes on."""
    if session.status is Status.HOLDING and session.holds:
        return session.holds[0].deadline
    return session.plan.deadline if session.plan is not None else None


def _waiting(dice: Random) -> Life:
    """A session that waits for something."""
    while True:
        life = Life(_policy(dice))
        life.take(stopped(dice.choice(REASONS), retry_after=dice.choice((None, 90, 4000)))(life))
        if life.session.status in _HELD:
            return life


def _policy(dice: Random) -> Policy:
    """One of very many policies: other waits, other rules, in another order."""
    spans = ("1m", "5m", "10m", "1h", "5h")
    rules = []
    for number, reason in enumerate(dice.sample(REASONS, dice.randint(2, 5))):
        steps = [{"wait": {"for": dice.choice(spans)}}, dice.choice(("resume", "retry"))]
        if dice.random() < 0.2:
            steps.insert(0, {"ask": {"question": "Go on?", "timeout": "30m", "default": "no"}})
        options = {"for": dice.choice(spans)} if dice.random() < 0.1 else {}
        name = reason.replace("_", "-") if dice.random() < 0.8 else f"rule-{number}"
        rules.append(rule(name, f"stop.reason == '{reason}'", *steps, **options))
    rules += dice.sample([RATE, CRASH], dice.randint(0, 1))
    return policy(*rules)
