"""A recorded night, through the kernel again: what the journal says, and what comes out now."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palingenesis.core.events import PolicyAdopted
from palingenesis.core.policy.build import build
from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.journal.readonly import ReadOnlyJournal
from palingenesis.runtime.recovery import NOTHING_YET


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One turn: its number, and the bytes that were recorded and that come out now."""

    seq: int
    event: str
    recorded: bytes
    again: bytes


def replay(journal: Path) -> Iterator[Replayed]:
    """Feed every recorded event to the kernel, from an empty world on."""
    world, policy = World(), build(NOTHING_YET)
    with ReadOnlyJournal.open(journal) as reader:
        for entry in reader.entries():
            if isinstance(entry.event, PolicyAdopted):
                policy = build(entry.event.resolved)
            turn = step(world, entry.event, policy)
            world = turn.world
            yield Replayed(
                seq=entry.seq,
                event=type(entry.event).__name__,
                recorded=canonical(entry.decisions, entry.effects),
                again=canonical([to_plain(one) for one in turn.decisions], turn.effects),
            )


def canonical(decisions: Any, effects: Any) -> bytes:
    """Decisions and effects as canonical JSON."""
    plain = {"decisions": list(decisions), "effects": [to_plain(effect) for effect in effects]}
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
