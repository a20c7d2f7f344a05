"""The ledger of shared limits, as a surface shows it: plain data, no judgement of its own."""

from datetime import datetime

from palingenesis.core.kernel.quota import canary_of, floor_of
from palingenesis.core.kernel.quota_keys import name_of
from palingenesis.core.kernel.quota_line import in_line, is_refused_by
from palingenesis.core.ledger import Quota
from palingenesis.core.values import Status
from palingenesis.core.world import Session, World
from palingenesis.runtime import door
from palingenesis.runtime.views import instant


def limits(world: World, at: datetime) -> list[door.LimitStatus]:
    """Every limit that is known of, the closed ones first."""
    rows = sorted(world.quota.items(), key=lambda row: (not row[1].closed, row[0]))
    return [_limit(world, key, quota, at) for key, quota in rows]


def _limit(world: World, key: str, quota: Quota, at: datetime) -> door.LimitStatus:
    canary = canary_of(world, quota, at) if quota.closed else None
    floor = floor_of(quota) if quota.closed else None
    answered = quota.answered_at
    return {
        "key": key,
        "name": name_of(quota),
        "provider": quota.provider or None,
        "account": quota.account or None,
        "model": quota.model or None,
        "agent": quota.agent,
        "window": quota.window,
        "state": "asked" if canary is not None else "closed" if quota.closed else "open",
        "until": instant(floor) if floor is not None and floor > at else None,
        "shown": instant(quota.shown) if quota.shown is not None else None,
        "drift_s": quota.drift.total_seconds(),
        "canary": canary.id if canary is not None else None,
        "waiting": sum(1 for one in world.sessions.values() if _waits_for(one, key)),
        "refusals": quota.refusals,
        "refused": instant(quota.refused_at),
        "answered": instant(answered) if answered is not None else None,
    }


def _waits_for(session: Session, key: str) -> bool:
    plan = session.plan
    if session.status is not Status.WAITING or plan is None:
        return False
    return is_refused_by(session, key) or (in_line(session) and plan.line == key)
