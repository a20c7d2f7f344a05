"""Beginning a wait: until an instant, for a span, or for a condition to come true.

A condition that only events can change needs no clock. One that asks how long ago something was,
how often, or whether a calendar's window is open is looked at again every minute.
"""

from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import plans
from palingenesis.core.copies import replace
from palingenesis.core.facts import Kind
from palingenesis.core.kernel.draft import Draft, fraction
from palingenesis.core.kernel.quota import drift_of
from palingenesis.core.kernel.snapshot import facts_of
from palingenesis.core.kernel.waits import deadline_of, named_by, source_of
from palingenesis.core.policy.conditions import Condition, Truth
from palingenesis.core.policy.terms import Count, FactOf, Term, Within, parts
from palingenesis.core.world import Plan, Session

LOOK_EVERY: Final = timedelta(minutes=1)
_BY_THE_CLOCK: Final = ("budget.",)
"""Facts that a new day changes, without an event."""


def begin(draft: Draft, session: Session, plan: Plan, step: plans.Wait, begun: datetime) -> Plan:
    """The plan with its wait, which began at `begun`, worked out."""
    awaited = truth_of(draft, session, plan, step.condition) is False
    until = deadline_of(
        step,
        session.stop,
        begun,
        tries=plan.tries,
        seed=plan.seed,
        calendars=draft.policy_of(session).calendars,
        awaited=awaited,
        drift=drift_of(draft.world, session),
    )
    timed = replace(
        plan,
        wait_from=begun,
        deadline=until.deadline,
        because=until.because,
        source=until.source,
        dated=None,
        boot=draft.world.boot_id,
        awaits=(step.condition or "") if awaited else "",
    )
    return replace(timed, look_at=next_look(draft, session, timed))


def truth_of(draft: Draft, session: Session, plan: Plan, text: str | None) -> Truth:
    """Whether a condition of the policy is true now; None: it cannot be told."""
    condition = draft.policy_of(session).conditions.get(text or "")
    if condition is None:
        return None
    facts = facts_of(draft.now(), session, plan.event, draft.at, draft.policy)
    return condition.holds(facts)


def next_look(draft: Draft, session: Session, plan: Plan) -> datetime | None:
    """When to look again although nothing happens; None: only an event can make it true."""
    condition = draft.policy_of(session).conditions.get(plan.awaits)
    moves = condition is not None and moves_by_itself(condition)
    return draft.at + LOOK_EVERY if moves else None


def come_true(draft: Draft, session: Session, plan: Plan, step: plans.Wait) -> Plan:
    """The plan whose condition is true now: its wait ends, but not before the server said."""
    named = named_by(session.stop, draft.at, drift_of(draft.world, session))
    ends = max(draft.at, named or draft.at) + step.jitter * fraction(plan.seed, "jitter")
    assert plan.deadline is not None, "a wait has an end"
    deadline = min(ends, plan.deadline)
    because = f"{plan.awaits}: it is so now"
    source = source_of(session.stop) if named is not None and named > draft.at else plan.source
    return replace(
        plan,
        deadline=deadline,
        because=because,
        source=source,
        boot=draft.world.boot_id,
        awaits="",
        look_at=None,
    )


def moves_by_itself(condition: Condition) -> bool:
    """Whether time alone, without an event, can change the truth of a condition."""
    todo: list[Term] = [part.term for part in condition.parts]
    while todo:
        term = todo.pop()
        match term:
            case Count() | Within():
                return True
            case FactOf(kind=kind, name=name):
                if kind is Kind.DURATION or name.startswith(_BY_THE_CLOCK):
                    return True
            case _:
                todo += parts(term)
    return False
