"""From entries of the journal to the decisions that history is made of."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from palingenesis.core.events import SessionStopped
from palingenesis.core.record import from_plain
from palingenesis.core.values import FactValue
from palingenesis.runtime.ports import Recorded
from palingenesis.simulation.history import Past


def pasts(entries: Iterable[Recorded]) -> Iterator[Past]:
    """Every decision that a rule made about a session, and every stop that a wait covered."""
    for entry in entries:
        for plain in entry.decisions:
            if plain.get("session") is None:
                continue
            if plain["kind"] == "decided" and plain["facts"]:
                yield _past(entry, plain, from_plain(dict[str, FactValue], plain["facts"]))
            elif plain["kind"] == "kept" and isinstance(entry.event, SessionStopped):
                facts: dict[str, FactValue] = {"stop.reason": entry.event.stop.reason.value}
                yield _past(entry, plain, facts, kept=True)


def _past(
    entry: Recorded,
    plain: Mapping[str, Any],
    facts: Mapping[str, FactValue],
    *,
    kept: bool = False,
) -> Past:
    at: datetime = entry.event.at
    return Past(
        decision=plain["id"],
        at=at,
        session=plain["session"],
        event=plain["event"],
        rule=plain["rule"],
        facts=facts,
        policy=plain.get("policy", ""),
        kept=kept,
    )
