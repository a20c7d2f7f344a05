"""Which rails are touched now, for `status`: what holds us back, since when, and until when."""

from datetime import UTC, datetime

from palingenesis.core.world import World
from palingenesis.runtime import door


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def safe_hold(world: World) -> door.SafeHoldStatus | None:
    """Why nothing is done, if it is our own fault."""
    held = world.safe_hold
    if held is None:
        return None
    return {
        "since": _instant(held.since),
        "what": held.what,
        "where": held.where,
        "version": held.version,
    }
