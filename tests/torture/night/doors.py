"""The daemon's doors to the house: what stands where its adapters stand. Each call is a boundary.

`Doors` belong to one run of the daemon; when it is killed they are shut for good.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from json import loads
from typing import Any, Final

from palingenesis.core.effects import Run
from palingenesis.core.errors import JournalError
from palingenesis.core.values import Result
from palingenesis.journal.rows import BEGINNING, PolicyText, Row, draft, policy_of, read, seal
from palingenesis.runtime.ports import Entry, Handoff, Notice, Outcome, Reading, Recorded
from tests.torture.night.house import House
from tests.torture.night.policies import resolved_of
from tests.torture.night.virtual import VirtualLoop

_TIMEOUT_S: Final = 10.0


class SilentError(Exception):
    """No answer came: whether the request arrived is not known."""


class UnreachableError(Exception):
    """Nobody listens."""


@dataclass(slots=True)
class Pages:
    """What is on the disk: the journal's rows, and its snapshots. It outlives every daemon."""

    rows: list[Row] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    """When each row was durable, in true time."""
    policies: dict[str, PolicyText] = field(default_factory=dict)
    snapshots: list[tuple[int, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    full: bool = False

    def copy(self) -> "Pages":
        return Pages(
            list(self.rows),
            list(self.at),
            dict(self.policies),
            list(self.snapshots),
            set(self.keys),
            self.full,
        )


class Memory:
    """The journal as recovery reads it: decoded anew from its text, once for equal text."""

    def __init__(self, pages: Pages, decoded: dict[Row, Recorded]) -> None:
        self._pages = pages
        self._decoded = decoded

    def latest_snapshot(self) -> tuple[int, Any] | None:
        if not self._pages.snapshots:
            return None
        seq, text = self._pages.snapshots[-1]
        return seq, loads(text)

    def entries(self, after: int = 0) -> Iterable[Recorded]:
        for row in self._pages.rows[after:]:
            found = self._decoded.get(row)
            if found is None:
                found = self._decoded[row] = self._read(row)
            yield found

    def _read(self, row: Row) -> Recorded:
        if not row.is_intact():
            raise JournalError(f"row {row.seq} is not what was written")
        content = policy_of(loads(row.event))
        return read(row, self._pages.policies[content] if content is not None else None)

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        for text in reversed(self._pages.policies.values()):
            if text.digest == digest:
                return text.name, resolved_of(text.resolved)
        return None


class Doors:
    """All doors of one run of the daemon."""

    def __init__(
        self,
        house: House,
        pages: Pages,
        loop: VirtualLoop,
        *,
        boundary: Callable[[str], None],
        seed: str,
        generation: int,
    ) -> None:
        self.house = house
        self.pages = pages
        self.loop = loop
        self.shut = False
        self._boundary = boundary
        self._seed = seed
        self.generation = generation
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._requests = 0
        self._refused = ""
        """What could not be written: trying the same again is no other boundary."""

    def boundary(self, name: str) -> None:
        """A crash may come here."""
        if self.shut:
            raise asyncio.CancelledError
        self._boundary(name)

    # ── clock and dice ──

    def now(self) -> datetime:
        return self.house.instant(self.house.wall)

    def reading(self) -> Reading:
        elapsed = self.house.now - self.house.booted
        return Reading(
            at=self.now(),
            elapsed_s=round(elapsed, 6),
            awake_s=round(elapsed - self.house.slept, 6),
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def token(self) -> str:
        text = f"{self._seed}:{len(self.pages.rows)}:{self.house.serial}"
        return sha256(text.encode()).hexdigest()[:32]

    # ── journal ──

    def append(self, entry: Entry) -> int:
        kind = type(entry.event).__name__
        pages = self.pages
        if not pages.full or self._refused != kind:
            self.boundary(f"append {kind}")
        elif self.shut:
            raise asyncio.CancelledError
        if pages.full:
            self._refused = kind
            raise JournalError("the disk is full")
        new = draft(entry)
        ids = [effect.id for effect in entry.effects]
        if pages.keys.intersection(ids) or len(set(ids)) != len(ids):
            raise AssertionError(f"an effect's key is used twice: {ids}")
        previous = pages.rows[-1].checksum if pages.rows else BEGINNING
        row = seal(new, seq=len(pages.rows) + 1, previous=previous)
        pages.keys.update(ids)
        if new.policy is not None:
            pages.policies[new.policy.content] = new.policy
        pages.rows.append(row)
        pages.at.append(self.house.now)
        self.boundary(f"appended {kind}")
        return row.seq

    # ── network ──

    async def request(self, what: str, *args: Any) -> Any:
        """One exchange with the assistant's server.

        Raises:
            SilentError: it is not known whether it arrived.
            UnreachableError: it did not.
        """
        house = self.house
        self.boundary(f"{what} before")
        house.exchanges += 1
        fate = house.fates.get(house.exchanges, "")
        self._requests += 1
        number = self._requests
        answer = self.loop.create_future()
        self._waiting[number] = answer
        if fate != "lost":
            house.later(
                _latency(house.exchanges), "request", self.generation, number, fate, what, args
            )
        self.boundary(f"{what} sent")
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                found = await answer
        except TimeoutError as error:
            raise SilentError(what) from error
        finally:
            self._waiting.pop(number, None)
        self.boundary(f"{what} after")
        if isinstance(found, UnreachableError):
            raise found
        return found

    def answered(self, number: int, found: Any) -> None:
        """The answer to a request arrives."""
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(found)

    # ── files ──

    def facts(self, directory: str, written: object) -> Mapping[str, Any]:
        raise AssertionError("read by the sensor")

    def keep(self, session: str, document: str) -> str:
        self.boundary("keep before")
        if self.pages.full:
            raise JournalError("the disk is full")
        self.house.mark("kept", session)
        self.boundary("keep after")
        return f"/backups/{session}.md"

    def handoff(self, session: str) -> Handoff:
        self.boundary("handoff before")
        self.boundary("handoff after")
        return Handoff(text=f"Go on with {session}.", origin="Next-step.md")


class Channel:
    """A channel that takes what it is sent, mostly."""

    def __init__(self, doors: Doors, name: str = "phone") -> None:
        self.name = name
        self._doors = doors

    async def send(self, notice: Notice) -> Outcome:
        doors, house = self._doors, self._doors.house
        doors.boundary("notice before")
        house.exchanges += 1
        fate = house.fates.get(house.exchanges, "")
        if fate == "lost":
            house.mark("notice-lost", notice.session or "", notice.key)
            return Outcome(result=Result.FAILED, detail="no route")
        house.mark("notice", notice.session or "", notice.key, notice.severity.value)
        await doors.sleep(0.01)
        if fate == "unanswered":
            house.unanswered += 1
            return Outcome(result=Result.FAILED, detail="no answer")
        doors.boundary("notice after")
        return Outcome(result=Result.OK)


class HookRunner:
    """Hooks that leave a line in the ledger."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def run(self, effect: Run) -> Outcome:
        self._doors.boundary("hook before")
        self._doors.house.mark("hook", effect.session or "", effect.id)
        await self._doors.sleep(0.5)
        self._doors.boundary("hook after")
        return Outcome(result=Result.OK)


def _latency(number: int) -> float:
    """Between 2 and 30 ms."""
    return (number * 7919 % 29 + 2) / 1000.0
