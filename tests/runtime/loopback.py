"""What the loop needs, made by hand: a jumping clock, a journal in memory, a scripted actuator."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from palingenesis.assistants.opencode.offers import OPENCODE
from palingenesis.core.contract import Offers
from palingenesis.core.effects import Effect
from palingenesis.core.errors import JournalError
from palingenesis.core.values import Result, Way
from palingenesis.runtime.ports import Entry, Notice, Outcome

START = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)


@dataclass
class JumpingClock:
    """Sleeping lets time pass at once; real time only serves to let other tasks run."""

    at: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class ListJournal:
    """Keeps entries in a list; refuses as often as `refusals` says."""

    entries: list[Entry] = field(default_factory=list)
    refusals: int = 0

    def append(self, entry: Entry) -> int:
        if self.refusals:
            self.refusals -= 1
            raise JournalError("the disk is full")
        self.entries.append(entry)
        return len(self.entries)


@dataclass
class ScriptedActuator:
    """Answers from lists; remembers what was asked of it, in order."""

    outcomes: list[Outcome | Exception] = field(default_factory=list)
    seen: list[Outcome | None] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    offers: Offers = OPENCODE[Way.MANAGED]

    async def perform(self, effect: Effect) -> Outcome:
        self.asked.append(("perform", effect.id))
        answer = self.outcomes.pop(0) if self.outcomes else Outcome(result=Result.OK)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def reconcile(self, effect: Effect) -> Outcome | None:
        self.asked.append(("reconcile", effect.id))
        return self.seen.pop(0) if self.seen else None


@dataclass
class ScriptedChannel:
    """A channel that answers from a list, and is delighted otherwise."""

    name: str = "test"
    outcomes: list[Outcome | Exception] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    async def send(self, notice: Notice) -> Outcome:
        self.notices.append(notice)
        answer = self.outcomes.pop(0) if self.outcomes else Outcome(result=Result.OK)
        if isinstance(answer, Exception):
            raise answer
        return answer


def names(calls: Sequence[tuple[str, str]]) -> list[str]:
    return [name for name, _ in calls]
