"""Everything that is known of one session, and what the policy would say about it now."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from palingenesis.core.facts import show
from palingenesis.core.kernel.quota import canary_of
from palingenesis.core.kernel.quota_keys import concerns, place_of
from palingenesis.core.kernel.snapshot import decided, facts_of
from palingenesis.core.plans import word_of
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.explain import explain
from palingenesis.core.policy.model import Policy
from palingenesis.core.safety import PROMPTS_PER_HOUR
from palingenesis.core.values import Status
from palingenesis.core.world import Plan, Session, World
from palingenesis.runtime import door, touched
from palingenesis.runtime.considering import considered_of
from palingenesis.runtime.limits import limits
from palingenesis.runtime.views import instant, session_status

_HOUR = timedelta(hours=1)
_PROMPTS = 20


class PlanView(TypedDict):
    """A decision that is being carried out."""

    decision: int
    rule: str
    event: str
    steps: Sequence[str]
    at: int
    """Which of the steps is at hand; as many as there are: all are taken."""
    begun: str
    deadline: str | None
    """When the pending wait, or the time for an answer, ends."""
    because: str
    awaits: str
    """The condition that would end the wait early."""
    question: str
    limited: str
    """The limit of the policy that put these steps in the place of its own; "": none did."""
    tries: int


class EpisodeView(TypedDict):
    """The stretch of trouble that it is in."""

    begun: str
    first_reason: str
    attempts: int
    tries: Mapping[str, int]
    """Plans made since the last progress, by rule."""


class HoldView(TypedDict):
    """A rule that has to stay true a while before it decides."""

    rule: str
    event: str
    until: str


class Would(TypedDict):
    """What the policy says now."""

    event: str
    """On which event, if it came now."""
    rule: str
    why: str
    steps: Sequence[str]
    limited: bool
    considered: Sequence[door.Considered]


class Attempts(TypedDict):
    """What we sent, and what came of it."""

    prompts: Sequence[str]
    """When, oldest first; the newest 20."""
    last_hour: int
    most_an_hour: int
    unproductive: int
    """Prompts in a row after which nothing was achieved."""
    repeats: int
    """Stops since the last progress."""


class Inspection(TypedDict):
    """All of it. Instants are RFC 3339 in UTC."""

    schema_version: Literal[1]
    at: str
    session: door.SessionStatus
    parent: str | None
    predecessor: str | None
    agent: door.AgentStatus | None
    times: Mapping[str, str | None]
    facts: Mapping[str, bool | int | float | str]
    plan: PlanView | None
    holds: Sequence[HoldView]
    episode: EpisodeView | None
    attempts: Attempts
    rails: Sequence[str]
    limits: Sequence[door.LimitStatus]
    work: Mapping[str, bool | int | float | str]
    would: Would
    history: Sequence[door.EventRow]
    """Since the episode began; without one, what happened last."""


def inspect(
    world: World,
    policy: Policy,
    session: Session,
    at: datetime,
    history: Iterable[door.EventRow] = (),
) -> Inspection:
    """Everything known of a session, and what the policy would say."""
    event = event_of(session)
    facts = facts_of(world, session, event, at, policy)
    shown = {name: show(name, value) for name, value in sorted(facts.items())}
    agent = next((one for one in touched.agents(world, at) if one["id"] == session.agent), None)
    return {
        "schema_version": 1,
        "at": instant(at),
        "session": session_status(session, at),
        "parent": session.parent,
        "predecessor": session.predecessor,
        "agent": agent,
        "times": _times(session),
        "facts": shown,
        "plan": _plan(session.plan) if session.plan is not None else None,
        "holds": [
            {"rule": hold.rule, "event": hold.event, "until": instant(hold.deadline)}
            for hold in session.holds
        ],
        "episode": _episode(session),
        "attempts": _attempts(session, at),
        "rails": session_status(session, at)["rails"],
        "limits": _limits(world, session, at),
        "work": {name: value for name, value in shown.items() if name.startswith("work.")},
        "would": _would(world, policy, session, at, event),
        "history": list(history),
    }


def event_of(session: Session) -> str:
    """The event about which the policy would be asked next."""
    plan = session.plan
    if session.status is Status.BLOCKED:
        return "blocked"
    if session.status is Status.STALLED:
        return "stalled"
    if plan is not None and plan.event != "operator":
        return plan.event
    return "stopped" if session.stop is not None else "progress"


def _would(world: World, policy: Policy, session: Session, at: datetime, event: str) -> Would:
    facts = facts_of(world, session, event, at, policy)

    def used(rule: str, per: timedelta) -> int:
        return decided(session, rule, at - per)

    ruling = decide(policy, facts, used)
    told = explain(policy.for_directory(session.directory), facts, used)
    return {
        "event": event,
        "rule": ruling.rule,
        "why": ruling.why,
        "steps": [word_of(step) for step in ruling.steps],
        "limited": ruling.limited,
        "considered": considered_of(told, limited=ruling.limited),
    }


def _plan(plan: Plan) -> PlanView:
    return {
        "decision": plan.decision,
        "rule": plan.rule,
        "event": plan.event,
        "steps": [word_of(step) for step in plan.steps],
        "at": plan.index,
        "begun": instant(plan.started_at),
        "deadline": _instant(plan.deadline),
        "because": plan.because,
        "awaits": plan.awaits,
        "question": plan.question,
        "limited": plan.capped,
        "tries": plan.tries,
    }


def _episode(session: Session) -> EpisodeView | None:
    episode = session.episode
    if episode is None:
        return None
    return {
        "begun": instant(episode.started_at),
        "first_reason": episode.first_reason.value,
        "attempts": episode.attempts,
        "tries": dict(sorted(episode.tries.items())),
    }


def _attempts(session: Session, at: datetime) -> Attempts:
    return {
        "prompts": [instant(one) for one in session.prompts[-_PROMPTS:]],
        "last_hour": sum(1 for one in session.prompts if one > at - _HOUR),
        "most_an_hour": PROMPTS_PER_HOUR,
        "unproductive": session.unproductive,
        "repeats": session.repeats,
    }


def _limits(world: World, session: Session, at: datetime) -> list[door.LimitStatus]:
    """The shared limits that its next prompt meets."""
    place = place_of(session)
    meant = {key for key, quota in world.quota.items() if concerns(quota, place)}
    meant |= {
        key
        for key, quota in world.quota.items()
        if (canary := canary_of(world, quota, at)) is not None and canary.id == session.id
    }
    return [row for row in limits(world, at) if row["key"] in meant]


def _times(session: Session) -> dict[str, str | None]:
    return {
        "created": _instant(session.created),
        "seen": _instant(session.seen_at),
        "alive": _instant(session.alive_at),
        "progressed": _instant(session.progressed_at),
        "stopped": _instant(session.stopped_at),
        "person": _instant(session.person_at),
        "reopens": _instant(session.reopen_at),
        "verify_until": _instant(session.verify_until),
    }


def _instant(at: datetime | None) -> str | None:
    return instant(at) if at is not None else None
