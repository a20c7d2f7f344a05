"""Lateness: how a session comes to wait for nothing, or for longer than it may."""

from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.values import Status
from palingenesis.core.world import Session, World

SLACK: Final = timedelta(seconds=1)
"""So much later than due is not late."""


def lost(session: Session, world: World, ticked_at: datetime | None) -> str:
    """How a session came to wait for nothing; "" when all is well."""
    plan, deadline = session.plan, None
    match session.status:
        case Status.WAITING | Status.ASKING:
            deadline = plan.deadline if plan is not None else None
            if plan is not None and plan.index == 0 and deadline is not None:
                longest = plan.started_at + WAIT_MAX + SLACK
                if deadline > longest:
                    return "waits longer than any wait may take"
        case Status.VERIFYING:
            deadline = session.verify_until
        case Status.HOLDING:
            deadline = min((hold.deadline for hold in session.holds), default=None)
        case Status.ACTING:
            under_way = plan is not None and plan.effect in world.open
            return "" if under_way else "acts, and no effect is under way"
        case Status.DECIDING:
            return "was left without a decision"
        case _:
            return ""
    if deadline is None:
        return f"is {session.status} without a deadline"
    if ticked_at is not None and deadline < ticked_at - SLACK:
        return f"is still {session.status} after its deadline"
    return ""
