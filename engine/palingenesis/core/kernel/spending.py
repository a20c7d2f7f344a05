"""What the sessions cost: by the day in the policy's time zone, and by the work they carry on."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.policy.calendars import Zone
from palingenesis.core.values import FactValue
from palingenesis.core.world import Session, World

COST: Final = "session.cost"
_DAYS: Final = 8
_WEEK: Final = 7


def count_cost(draft: Draft, session: Session, facts: Mapping[str, FactValue | None]) -> None:
    """Add to the day by how much a session's cost rose.

    The first cost that is told of a session counts whole if it was begun today; what an older one
    had cost before nobody can put into days.
    """
    cost = _amount(facts.get(COST))
    if cost is None:
        return
    before = _amount(session.facts.get(COST))
    today = _today(draft.policy.zone, draft.at)
    if before is None:
        begun = session.created
        new = session.predecessor is not None or (
            begun is not None and _today(draft.policy.zone, begun) == today
        )
        before = 0.0 if new else cost
    spent = dict(draft.world.spent)
    key = today.isoformat()
    spent[key] = spent.get(key, 0.0) + max(cost - before, 0.0)
    draft.world = replace(draft.world, spent=dict(sorted(spent.items())[-_DAYS:]))


def lasting(facts: Mapping[str, FactValue | None]) -> Mapping[str, FactValue | None]:
    """What is told of a session, without a cost that cannot be told: it was spent all the same."""
    if COST not in facts or _amount(facts[COST]) is not None:
        return facts
    return {name: value for name, value in facts.items() if name != COST}


def spent_in(session: Session) -> float | None:
    """What a session and those that it continues have cost; None: no cost was ever told."""
    cost = _amount(session.facts.get(COST))
    if cost is None:
        return session.spent_before or None
    return session.spent_before + cost


def budgets(world: World, session: Session, zone: Zone, at: datetime) -> dict[str, FactValue]:
    """The `budget.*` facts; those that nobody has told a cost for are left out."""
    found: dict[str, FactValue] = {}
    whole = spent_in(session)
    if whole is not None:
        found["budget.session"] = whole
    if world.spent:
        today = _today(zone, at)
        week = {(today - timedelta(days=ago)).isoformat() for ago in range(_WEEK)}
        found["budget.today"] = world.spent.get(today.isoformat(), 0.0)
        found["budget.week"] = sum(cost for day, cost in world.spent.items() if day in week)
    return found


def _today(zone: Zone, at: datetime) -> date:
    return zone.local(at).date()


def _amount(value: FactValue | None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < float("inf") else None
