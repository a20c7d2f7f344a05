"""The journal as it is seen from outside, beside the daemon that writes it and is killed."""

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Journaled:
    """What was written down so far."""

    path: Path
    seq: int = 0
    events: list[tuple[str, Json]] = field(default_factory=list)
    """(kind, event), oldest first."""
    rules: list[str] = field(default_factory=list)
    """The rules that decided."""
    ordered: dict[str, Json] = field(default_factory=dict)
    """Effects by id."""
    ended: dict[str, str] = field(default_factory=dict)
    """Results by the effect's id."""
    _connection: sqlite3.Connection | None = None

    def look(self) -> None:
        """Read what is new. Nothing is new while there is no journal, or it is locked."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self.path.as_uri()}?mode=ro", uri=True, timeout=0.2, isolation_level=None
                )
            rows = self._connection.execute(
                "SELECT seq, kind, event, decisions, effects FROM entries WHERE seq > ?"
                " ORDER BY seq",
                (self.seq,),
            ).fetchall()
        except sqlite3.OperationalError:
            return
        for seq, kind, event, decisions, effects in rows:
            self._take(kind, json.loads(event), json.loads(decisions), json.loads(effects))
            self.seq = seq

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def open(self) -> list[str]:
        """Effects without an outcome."""
        return [id_ for id_ in self.ordered if id_ not in self.ended]

    def is_up(self, pid: int) -> bool:
        """Whether the daemon of that pid has its agent in sight."""
        starts = [
            place
            for place, (kind, event) in enumerate(self.events)
            if kind == "DaemonStarted" and event["pid"] == pid
        ]
        return bool(starts) and any(kind == "AgentUp" for kind, _ in self.events[starts[-1] :])

    def has(self, kind: str, **fields: object) -> bool:
        """Whether there was such an event."""
        return any(
            kind == one and all(event.get(name) == value for name, value in fields.items())
            for one, event in self.events
        )

    def _take(self, kind: str, event: Json, decisions: list[Json], effects: list[Json]) -> None:
        self.events.append((kind, event))
        self.rules += [one["rule"] for one in decisions if one["kind"] == "decided"]
        for effect in effects:
            self.ordered[effect["id"]] = effect
        if kind == "EffectEnded":
            self.ended[event["effect"]] = event["result"]
