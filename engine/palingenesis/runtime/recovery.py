"""After a start: the world as it was, from the newest snapshot and the entries since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from palingenesis.core.copies import replace
from palingenesis.core.errors import PalingenesisError
from palingenesis.core.events import PolicyAdopted, ShadowStarted
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.runtime.ports import Recorded

NOTHING_YET: Final[Mapping[str, Any]] = {
    "version": 1,
    "name": "none",
    "rules": [],
    "default": {"do": [{"attention": {"reason": "no policy is in force yet"}}]},
}
"""What decides before the first policy: nothing is done, a person has to look."""


class Memory(Protocol):
    """What recovery reads of the journal."""

    def latest_snapshot(self) -> tuple[int, Any] | None:
        """Number of the entry it follows, and the plain world."""
        ...

    def entries(self, after: int = 0) -> Iterable[Recorded]:
        """Everything written after that entry, oldest first."""
        ...

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        """Name and resolved form of a policy that was adopted once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """Where we stand after a start.

    `differing` counts turns that come out with other decisions than were recorded, which happens
    only when palingenesis itself has changed in between.
    """

    world: World
    policy: Policy
    candidate: Policy | None = None
    """What decides beside it, in shadow."""
    seq: int = 0
    differing: int = 0
    broken: Exception | None = None
    """What broke when the past was folded; then the world is only nearly what was lived."""
    began: int = 0
    """After which entry the snapshot was made that it began with; 0: it began with nothing."""
    unordered: frozenset[str] = frozenset()
    """Effects that are open only because turns come out differently now: they were never ordered,
    so they must not be taken up."""


def recover(memory: Memory) -> Recovered:
    """Fold the journal, from its newest snapshot on, into the world.

    Raises:
        JournalError: the journal cannot be read.
    """
    world, seq = World(), 0
    snapshot = memory.latest_snapshot()
    if snapshot is not None:
        seq, plain = snapshot
        try:
            world = from_plain(World, plain)
        except PalingenesisError:
            world, seq = World(), 0  # another version's; the entries tell it all again
    began = seq
    policy = _policy_of(memory, world.policy)
    if policy is None:
        world, policy = replace(world, policy=""), build(NOTHING_YET)
    candidate = _candidate_of(memory, world)
    differing, broken = 0, None
    ordered = set(world.open)
    for entry in memory.entries(seq):
        seq = entry.seq
        ordered |= {effect.id for effect in entry.effects}
        try:
            if isinstance(entry.event, PolicyAdopted):
                policy = build(entry.event.resolved)
            elif isinstance(entry.event, ShadowStarted):
                candidate = build(entry.event.resolved)
            turn = step(world, entry.event, policy, candidate)
        except Exception as error:  # noqa: BLE001 - as the loop's edge: it becomes the safe hold
            # In safe hold the loop wrote the event down and folded nothing: so does this.
            broken = broken if world.safe_hold is not None else broken or error
            continue
        differing += [d.rule for d in turn.decisions] != [d.get("rule") for d in entry.decisions]
        world = turn.world
    unordered = frozenset(world.open) - ordered
    return Recovered(
        world=world,
        policy=policy,
        candidate=candidate if world.shadow is not None else None,
        seq=seq,
        differing=differing,
        broken=broken,
        began=began,
        unordered=unordered,
    )


def _candidate_of(memory: Memory, world: World) -> Policy | None:
    """The policy in shadow; None when there is none, or the journal lost it: it never acts."""
    return _kept(memory, world.shadow.digest) if world.shadow is not None else None


def _policy_of(memory: Memory, digest: str) -> Policy | None:
    """The policy that was in force; None: damage took it, so it is read anew from its file."""
    return _kept(memory, digest) if digest else build(NOTHING_YET)


def _kept(memory: Memory, digest: str) -> Policy | None:
    """A policy as the journal kept it; None: it is lost, or of a form that nobody knows now."""
    found = memory.policy(digest)
    try:
        return build(found[1]) if found is not None else None
    except PalingenesisError:
        return None
