"""The policy in force, for `status`: the file it was read from, and the one that was refused."""

from palingenesis.core.world import World
from palingenesis.runtime.door import PolicyStatus
from palingenesis.runtime.refusals import is_gone


def policy_status(world: World, *, decides: str, origin: str, read_from: str) -> PolicyStatus:
    """Which policy is in force.

    Args:
        world: knows the policy, and why the newest file was refused.
        decides: the file that is to decide, whatever it says now.
        origin: who says so.
        read_from: the file that this run has read the policy in force from; "": an earlier run has.
    """
    stale = world.policy_problems
    refused = bool(stale) and not is_gone(stale)
    return {
        "name": world.policy_name,
        "digest": world.policy,
        "path": read_from or world.policy_file or decides,
        "origin": origin,
        "refused": decides if refused else None,
        "stale": list(stale),
    }
