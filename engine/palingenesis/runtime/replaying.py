"""Replay: the journal through the kernel again, and whatever comes out otherwise than recorded.

Theory of operation. The world is a fold over the journal, so folding the same entries again must
make the same decisions and order the same effects, field by field. It begins where the journal
begins, or at the snapshot of the world that a compacted journal begins with. Every snapshot that is
passed must be the world of the fold, because recovery starts from one. Where entries are lost to
damage, the world of the next snapshot is taken; without one the fold goes on as recovery does, and
what differs from there on is marked: it may come from what is missing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, Protocol

from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect
from palingenesis.core.errors import JournalError
from palingenesis.core.events import Event, PolicyAdopted, ShadowStarted
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import Turn, step
from palingenesis.core.world import Decision, World
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.recovery import NOTHING_YET

DIFFERENCES_KEPT: Final = 1000
"""How many differences are told in full; all are counted."""

Plain = Mapping[str, Any]


class Archive(Protocol):
    """What a replay reads of the journal."""

    skipped: set[int]
    """Numbers of the entries that turned out to be damaged."""

    def first_seq(self) -> int:
        """Number of the oldest entry; 0 when there is none."""
        ...

    def snapshots(self) -> Mapping[int, Any]:
        """The plain worlds that were kept, by the number of the entry they follow."""
        ...

    def entries(self, after: int = 0) -> Iterable[Recorded]:
        """Everything written after that entry, oldest first."""
        ...

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        """Name and resolved form of a policy that was adopted once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that came out otherwise; None: one of the two has nothing in its place."""

    seq: int
    at: datetime
    event: str
    """Class of the event that was answered."""
    what: str
    """`decision`, `effect` or `snapshot`."""
    recorded: Plain | None
    now: Plain | None
    after_damage: bool = False
    """Entries before it are lost, so it may come from what they told."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that differ."""
        one, other = self.recorded or {}, self.now or {}
        names = dict.fromkeys((*one, *other))
        return tuple(name for name in names if one.get(name) != other.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it."""

    first: int
    """Number of the first entry that was replayed; 0: none was."""
    last: int
    snapshot: int
    """The snapshot that it began with; 0: it began with nothing, as the journal did."""
    entries: int
    decisions: int
    effects: int
    snapshots: int
    different: int
    differences: tuple[Difference, ...]
    damaged: tuple[int, ...]
    """Numbers of entries that are damaged."""
    missing: tuple[tuple[int, int], ...]
    """Stretches of entries that are not there, first and last; damaged ones among them."""
    unchecked: int
    """Entries after lost ones that were passed over, up to the next snapshot."""
    broken: int = 0
    """Turns that broke: a mistake in palingenesis. Nothing came of them."""
    broke: str = ""
    """How the first of them did."""


def replay(
    archive: Archive, after: int = 0, tell: Callable[[int], None] = lambda _seq: None
) -> Replayed:
    """Fold the journal again and hold what comes out against what is recorded.

    Args:
        archive: the journal.
        after: number of the last entry that is not wanted; the fold begins before, where it can.
        tell: called with the number of every entry, for people who wait.

    Raises:
        JournalError: it cannot be read, or holds nothing to begin with.
    """
    fold = _Fold(archive, after)
    for entry in archive.entries(fold.seq):
        fold.take(entry)
        tell(entry.seq)
    return fold.found()


class _Fold:
    """The world on its way through the journal."""

    def __init__(self, archive: Archive, after: int) -> None:
        self._archive = archive
        self._kept = {
            seq: world
            for seq, plain in archive.snapshots().items()
            if (world := _world(plain)) is not None
        }
        self.seq = _start(archive, self._kept, after)
        self._snapshot = self.seq
        self._wanted = max(after, self.seq)
        self._world, self._policy, self._candidate = self._standing(self.seq)
        self._first = 0
        self._entries = self._decisions = self._effects = self._snapshots = 0
        self._different = self._unchecked = self._broken = 0
        self._broke = ""
        self._differences: list[Difference] = []
        self._missing: list[tuple[int, int]] = []
        self._goal = 0
        """Entries up to this one are passed over, because its snapshot tells the world again."""

    def take(self, entry: Recorded) -> None:
        """Fold one entry."""
        if entry.seq != self.seq + 1:
            self._missing.append((self.seq + 1, entry.seq - 1))
            later = (seq for seq in sorted(self._kept) if seq >= entry.seq - 1)
            self._goal = next(later, 0)
            if self._goal == entry.seq - 1:
                self._world, self._policy, self._candidate = self._standing(self._goal)
        self.seq = entry.seq
        if entry.seq <= self._goal:
            self._unchecked += entry.seq > self._wanted
            if entry.seq == self._goal:
                self._world, self._policy, self._candidate = self._standing(entry.seq)
            return
        self._fold(entry)

    def _fold(self, entry: Recorded) -> None:
        turn = self._turn(entry.event)
        self._world = turn.world
        if entry.seq <= self._wanted:
            return
        self._first = self._first or entry.seq
        self._entries += 1
        self._decisions += len(entry.decisions)
        self._effects += len(entry.effects)
        for found in _compared(entry, turn.decisions, turn.effects):
            self._differs(entry, *found)
        kept = self._kept.get(entry.seq)
        if kept is not None:
            self._snapshots += 1
            if _with_its_count(kept, self._world) != self._world:
                self._differs(entry, "snapshot", to_plain(kept), to_plain(self._world))

    def _turn(self, event: Event) -> Turn:
        """One turn; one that breaks changes nothing, as the loop and recovery have it."""
        try:
            if isinstance(event, PolicyAdopted):
                self._policy = build(event.resolved)
            elif isinstance(event, ShadowStarted):
                self._candidate = build(event.resolved)
            return step(self._world, event, self._policy, self._candidate)
        except Exception as error:  # noqa: BLE001 - it is told, as what it is
            self._broken += 1
            self._broke = self._broke or f"{type(error).__name__}: {error}"[:300]
            return Turn(self._world, (), ())

    def _differs(
        self, entry: Recorded, what: str, recorded: Plain | None, now: Plain | None
    ) -> None:
        self._different += 1
        if len(self._differences) < DIFFERENCES_KEPT:
            self._differences.append(
                Difference(
                    seq=entry.seq,
                    at=entry.event.at,
                    event=type(entry.event).__name__,
                    what=what,
                    recorded=recorded,
                    now=now,
                    after_damage=bool(self._missing) and not self._goal,
                )
            )

    def _standing(self, seq: int) -> tuple[World, Policy, Policy | None]:
        """The world of a snapshot and who decides in it; 0: before the first entry."""
        world = self._kept.get(seq, World())
        beside = self._archive.policy(world.shadow.digest) if world.shadow is not None else None
        candidate = build(beside[1]) if beside is not None else None
        return world, _policy_of(self._archive, world.policy), candidate

    def found(self) -> Replayed:
        """What came of it, after the last entry."""
        return Replayed(
            first=self._first,
            last=self.seq if self._first else 0,
            snapshot=self._snapshot,
            entries=self._entries,
            decisions=self._decisions,
            effects=self._effects,
            snapshots=self._snapshots,
            different=self._different,
            differences=tuple(self._differences),
            damaged=tuple(sorted(self._archive.skipped)),
            missing=tuple(self._missing),
            unchecked=self._unchecked,
            broken=self._broken,
            broke=self._broke,
        )


def _with_its_count(kept: World, now: World) -> World:
    """The snapshot; a count that began elsewhere (by an older version) is no difference."""
    began_alike = kept.savings.since == now.savings.since
    return kept if began_alike else replace(kept, savings=now.savings, tally=now.tally)


def _world(plain: object) -> World | None:
    try:
        return from_plain(World, plain)
    except JournalError:
        return None  # another version's; the entries tell it all again


def _start(archive: Archive, kept: Mapping[int, World], after: int) -> int:
    """The newest snapshot before what is wanted, else the beginning, else the oldest snapshot."""
    before = [seq for seq in kept if seq <= after]
    if before:
        return max(before)
    first = archive.first_seq()
    if first <= 1:
        return 0
    usable = [seq for seq in kept if seq >= first - 1]
    if not usable:
        raise JournalError(
            f"the journal begins with entry {first} and holds no snapshot to begin with",
            "a daemon that runs writes one now and then, and when it stops",
        )
    return min(usable)


def _policy_of(archive: Archive, digest: str) -> Policy:
    if not digest:
        return build(NOTHING_YET)
    found = archive.policy(digest)
    if found is None:
        raise JournalError(f"the journal does not hold the policy {digest[:8]} that was in force")
    return build(found[1])


def _compared(
    entry: Recorded, decisions: tuple[Decision, ...], effects: tuple[Effect, ...]
) -> Iterator[tuple[str, Plain | None, Plain | None]]:
    """What of a turn differs: which kind of thing, as it was recorded, as it is now."""
    for recorded, decision in zip_longest(entry.decisions, decisions):
        if recorded is None or decision is None or _decision(recorded) != decision:
            yield "decision", recorded, to_plain(decision) if decision is not None else None
    for ordered, effect in zip_longest(entry.effects, effects):
        if ordered != effect:
            before = to_plain(ordered) if ordered is not None else None
            yield "effect", before, to_plain(effect) if effect is not None else None


def _decision(plain: Plain) -> Decision | None:
    try:
        return from_plain(Decision, dict(plain))
    except JournalError:
        return None
