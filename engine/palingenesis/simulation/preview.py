"""A preview of a reload: what a new policy would do to everything that is pending now.

The kernel's own `PolicyAdopted` is taken on a copy of the world; nothing of it is kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from palingenesis.core import effects, events, plans
from palingenesis.core.plans import word_of
from palingenesis.core.policy.build import build
from palingenesis.core.step import Turn, step
from palingenesis.core.values import SessionId, Status
from palingenesis.core.world import Plan, Session, World


class Change(StrEnum):
    """What becomes of something that is pending."""

    KEPT = "kept"
    MOVED = "moved"  # the same rule waits until another instant
    REDECIDED = "re-decided"  # another rule, or other steps, take its place
    ACTS = "acts now"
    CANCELLED = "cancelled"  # nothing is pending any more: a person, or the session's end


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What a session waits for; `rule` is "" when nothing is pending."""

    status: Status
    rule: str
    what: str
    until: datetime | None
    then: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table: a session in which something is pending."""

    session: SessionId
    title: str
    change: Change
    before: Pending
    after: Pending
    why: str
    told: tuple[str, ...] = ()
    """What people would be told about it, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The whole table; `idle` sessions have nothing pending and would not notice."""

    lines: tuple[Line, ...]
    idle: int


def preview(
    world: World, resolved: Mapping[str, Any], *, name: str, digest: str, at: datetime
) -> Preview:
    """What would happen if this policy were adopted at this instant."""
    adopted = events.PolicyAdopted(at=at, name=name, digest=digest, resolved=resolved)
    turn = step(world, adopted, build(resolved))
    ours = [one for one in world.sessions.values() if one.supervised and one.successor is None]
    waiting = [one for one in ours if pending_of(one).rule]
    return Preview(
        lines=tuple(_line(one, turn.world.sessions[one.id], turn) for one in waiting),
        idle=len(ours) - len(waiting),
    )


def pending_of(session: Session) -> Pending:
    """What is pending in a session."""
    plan = session.plan
    if plan is not None and plan.event != "operator" and plan.effect is None:
        return Pending(
            status=session.status,
            rule=plan.rule,
            what=_at_hand(plan),
            until=plan.deadline,
            then=tuple(word_of(one) for one in plan.steps[plan.index + 1 :]),
        )
    if session.holds:
        first = min(session.holds, key=lambda hold: hold.deadline)
        return Pending(
            status=session.status,
            rule=first.rule,
            what="has to stay true",
            until=first.deadline,
            then=(),
        )
    return Pending(status=session.status, rule="", what="", until=None, then=())


def _at_hand(plan: Plan) -> str:
    if plan.index >= len(plan.steps):
        return "its end"
    current = plan.steps[plan.index]
    if isinstance(current, plans.Ask):
        return "an answer"
    return word_of(current)


def _line(before: Session, after: Session, turn: Turn) -> Line:
    first, second = pending_of(before), pending_of(after)
    return Line(
        session=before.id,
        title=before.title,
        change=_change(before, after, first, second),
        before=first,
        after=second,
        why=next(_reasons(before, after), ""),
        told=tuple(
            effect.message
            for effect in turn.effects
            if isinstance(effect, effects.Notify) and effect.session == before.id
        ),
    )


def _change(before: Session, after: Session, first: Pending, second: Pending) -> Change:
    if after.status in {Status.ACTING, Status.VERIFYING} and after.status is not before.status:
        return Change.ACTS
    if not second.rule:
        return Change.CANCELLED
    if first == second:
        return Change.KEPT
    if _question_of(before) != _question_of(after):
        return Change.REDECIDED
    if first.rule != second.rule or (first.what, first.then) != (second.what, second.then):
        return Change.REDECIDED
    return Change.MOVED


def _question_of(session: Session) -> str:
    """The question that is open; another one closes it, even with the same words."""
    return session.plan.question if session.plan is not None else ""


def _reasons(before: Session, after: Session) -> Iterator[str]:
    """The status that it ends in, in words."""
    if after.status is not before.status and after.outlook:
        yield after.outlook
