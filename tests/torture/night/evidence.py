"""What a night left behind, as plain data: the journal's rows and the ledgers of the house.

Nothing here knows the kernel: rows are JSON, and the ledger is what truly happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from json import loads
from typing import Any, Final, NamedTuple

from palingenesis.journal.rows import Row
from tests.torture.night.house import House, Mark
from tests.torture.night.play import Play

Plain = dict[str, Any]
PROMPTS: Final = frozenset({"Resume", "Retry", "NewSession"})


LATE_S: Final = 35.0
"""Half a minute, and a moment for the act itself."""
EARLY_S: Final = 1.0


class Violation(NamedTuple):
    """A promise that was broken."""

    name: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the journal; `at` is true time, `wall` what the machine's clock said."""

    seq: int
    at: float
    wall: float
    kind: str
    event: Plain
    decisions: list[Plain]
    effects: list[Plain]


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect that was written down."""

    line: Line
    effect: Plain

    @property
    def id(self) -> str:
        return str(self.effect["id"])

    @property
    def kind(self) -> str:
        return str(self.effect["is"])


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and the line it is in."""

    line: Line
    plain: Plain


@dataclass(eq=False)
class Evidence:
    """All of it, with tables to look things up in."""

    house: House
    lines: list[Line]
    rows: Sequence[Row]
    downs: list[tuple[float, float]]
    until: float
    crashes: int
    intents: dict[str, Intent] = field(default_factory=dict)
    outcomes: dict[str, list[Line]] = field(default_factory=dict)
    decisions: dict[int, Decided] = field(default_factory=dict)
    of_session: dict[str, list[Decided]] = field(default_factory=dict)
    marks: dict[str, list[Mark]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line in self.lines:
            for effect in line.effects:
                self.intents.setdefault(effect["id"], Intent(line, effect))
            for decision in line.decisions:
                if decision["kind"] == "candidate":
                    continue
                made = Decided(line, decision)
                self.decisions[decision["id"]] = made
                if decision.get("session"):
                    self.of_session.setdefault(decision["session"], []).append(made)
            if line.kind == "EffectEnded":
                self.outcomes.setdefault(line.event["effect"], []).append(line)
        for mark in self.house.ledger:
            self.marks.setdefault(mark.what, []).append(mark)

    def all(self, *whats: str) -> list[Mark]:
        """Lines of the ledger of these kinds, oldest first."""
        found = [mark for what in whats for mark in self.marks.get(what, ())]
        return sorted(found, key=lambda mark: mark.at) if len(whats) > 1 else found

    def meant(self, session: str) -> set[str | None]:
        """Whose commands are about a session: all's, its own, and of those that it continues."""
        found: list[str] = [session]
        origin = {mark.session: mark.more for mark in self.all("create")}
        while found[-1] in origin:
            found.append(origin[found[-1]])
        return {None, *found}

    def true_of(self, line: Line) -> float:
        """When the event of a line happened, in true time: it may have been written down later."""
        offsets = [(0.0, 0.0)]
        for mark in self.all("step"):
            offsets.append((mark.at, offsets[-1][1] + float(mark.more)))
        for start, offset in reversed(offsets):
            at = line.wall - offset
            if start - 1.0 <= at <= line.at + 1.0:
                return min(at, line.at)
        return line.at

    def standing(self) -> list[tuple[float, float]]:
        """When nothing could be done: no daemon ran, the machine slept, the disk was full."""
        spans = list(self.downs)
        spans += [(m.at, m.at + float(m.more)) for m in self.all("suspend")]
        full = None
        for mark in self.all("disk"):
            if mark.more == "full":
                full = mark.at
            elif full is not None:
                spans.append((full, mark.at))
                full = None
        return sorted(spans)

    def orders(self, session: str) -> list[float]:
        """When something was ordered for that session."""
        ordered = self.intents.values()
        return [one.line.at for one in ordered if one.effect.get("session") == session]

    def by_latest(self, at: float, slack: float) -> float:
        """When something that is due at an instant has to be done by: later, if nothing could."""
        for start, end in self.standing():
            if start <= at + slack:
                at = max(at, end)
        return at + slack


_decoded: dict[Row, tuple[Plain, list[Plain], list[Plain]]] = {}


def evidence_of(play: Play) -> Evidence:
    """Read what a run left behind."""
    begins = play.house.begins
    lines = []
    if len(_decoded) > 20_000:
        _decoded.clear()
    for row, at in zip(play.pages.rows, play.pages.at, strict=True):
        plain = _decoded.get(row)
        if plain is None:
            plain = _decoded[row] = (loads(row.event), loads(row.decisions), loads(row.effects))
        wall = (datetime.fromisoformat(row.at) - begins).total_seconds()
        lines.append(Line(row.seq, at, wall, row.kind, *plain))
    return Evidence(
        house=play.house,
        lines=lines,
        rows=play.pages.rows,
        downs=play.downs,
        until=play.until,
        crashes=len(play.downs),
    )
