"""What the runtime needs from the world outside; adapters provide it, tests fake it by hand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from palingenesis.core.contract import Offers
from palingenesis.core.effects import Effect, Run
from palingenesis.core.events import Event
from palingenesis.core.values import FactValue, Result, SessionId, Severity

Emit = Callable[[Event], None]
"""Hand an event to the loop; never blocks, may be called from the loop's own thread only."""

Void = Callable[[Effect], str]
"""Why an effect must not be carried out any more; "" while it stands (`core.safety.why_void`)."""


def stands(_effect: Effect) -> str:
    """The `Void` that calls nothing off."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an effect ended, as its actuator saw it."""

    result: Result
    detail: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The wall clock and the two that nobody can set, read at the same moment."""

    at: datetime
    elapsed_s: float
    """Since the machine was booted, with the time it was suspended."""
    awake_s: float
    """The same without; since when does not matter."""

    @property
    def booted_at(self) -> datetime:
        """When it was booted, by the wall clock as it is now."""
        return self.at - timedelta(seconds=self.elapsed_s)

    @property
    def slept_s(self) -> float:
        """Grows by as much as the machine is suspended."""
        return self.elapsed_s - self.awake_s


Clocks = Callable[[], Reading | None]
"""Reads all clocks; None where there is but one."""


def one_clock() -> Reading | None:
    """The `Clocks` of a time that is never set and never sleeps, a virtual one."""
    return None


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return after that many seconds of real (or virtual) time."""
        ...


class Dice(Protocol):
    """The only source of randomness."""

    def token(self) -> str:
        """32 random hexadecimal digits."""
        ...


class Sensor(Protocol):
    """Turns a part of the world into events until it is cancelled."""

    @property
    def name(self) -> str:
        """What it watches: the id of an agent, or a word such as `host`."""
        ...

    async def watch(self, emit: Emit) -> None:
        """Watch for ever. It may be begun anew after it raised."""
        ...


class Actuator(Protocol):
    """Carries out the effects of one kind of assistant."""

    @property
    def offers(self) -> Offers:
        """What the assistant offers: what is done about an unknown outcome follows from it."""
        ...

    async def perform(self, effect: Effect) -> Outcome:
        """Carry the effect out; never raises for an operating error: that is an Outcome.

        Checks freshness immediately before acting: when the session has moved on since the stop
        that was decided about, or a person has acted, the outcome is `superseded`.
        """
        ...

    async def reconcile(self, effect: Effect) -> Outcome | None:
        """After a crash of ours: did it happen? None: it certainly did not."""
        ...


class Hooks(Protocol):
    """The programs that the daemon's own configuration lets a policy run, by name."""

    async def run(self, effect: Run) -> Outcome:
        """Run one to its end, or to its limit; never raises for an operating error."""
        ...


class _NoHooks:
    async def run(self, effect: Run) -> Outcome:
        return Outcome(result=Result.FAILED, detail=f"no hook named {effect.hook}")


NO_HOOKS: Hooks = _NoHooks()
"""Where the configuration defines none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a channel is asked to deliver; `key` stays the same when it is sent again."""

    key: str
    at: datetime
    severity: Severity
    title: str
    message: str
    session: SessionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """What a new session is told, and where that text came from."""

    text: str
    origin: str
    """`Next-step.md` (a file of the person or the agent), or `written by palingenesis`."""


class Work(Protocol):
    """What the assistant works on: documents in the session's directory, read and never judged.

    `written` are the paths that the session's own tools wrote: they bind documents to it.
    """

    def facts(self, directory: str, written: Sequence[str]) -> Mapping[str, FactValue | None]:
        """The `work.*` facts, three-valued: a torn document never says done."""
        ...

    def handoff(
        self,
        directory: str,
        written: Sequence[str],
        *,
        source: str,
        todos: Sequence[str],
        last: str,
    ) -> Handoff | None:
        """The text for a new session; None when there is nothing to go by.

        `todos` are the open items of the assistant's own list, `last` its last answer.

        Raises:
            UnreadableError: `source` is there, or may be, and cannot be read.
        """
        ...

    def keep(self, session: SessionId, at: datetime, document: str) -> str:
        """Store a backup durably (file and directory synced) and return its path.

        Raises:
            JournalError: it could not be stored; then nothing that depends on it may happen.
        """
        ...


class Channel(Protocol):
    """A place where people are told."""

    name: str

    async def send(self, notice: Notice) -> Outcome:
        """Deliver, or say why not. `failed` may be tried again; `superseded` never will."""
        ...


class Journal(Protocol):
    """The append-only memory. A row is on the disk when `append` returns."""

    def append(self, entry: "Entry") -> int:
        """Write one turn of the loop in one transaction; returns its sequence number."""
        ...


class Reserve(Protocol):
    """Room on the disk that is kept for the moment when there is none."""

    def release(self) -> bool:
        """Give the room away if the disk is full; whether there is some room now."""
        ...

    def restore(self) -> bool:
        """Take the room again; whether it is there, with some more to go on with."""
        ...


class _NoReserve:
    def release(self) -> bool:
        return False

    def restore(self) -> bool:
        return True


class Alarm(Protocol):
    """Tells people what cannot be written down first: that nothing can be written down."""

    def sound(self, why: str, since: datetime) -> None:
        """Begin to tell them, in the background; once for each trouble."""
        ...

    def is_heard(self) -> bool:
        """Whether somebody was told of the trouble that it sounds for."""
        ...

    def silence(self) -> None:
        """The trouble is over: tell nobody any more."""
        ...


class _NoAlarm:
    def sound(self, why: str, since: datetime) -> None:
        pass

    def is_heard(self) -> bool:
        return False

    def silence(self) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What helps when nothing can be written down."""

    reserve: Reserve = field(default_factory=_NoReserve)
    alarm: Alarm = field(default_factory=_NoAlarm)


NO_EMERGENCY: Emergency = Emergency()
"""Where nothing is kept free, and nobody can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One turn of the loop: what happened, what was decided, what will be done. Plain data."""

    event: Event
    decisions: Sequence[Mapping[str, object]]
    effects: Sequence[Effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One turn of the loop, as it was read back from the journal."""

    seq: int
    event: Event
    decisions: tuple[Mapping[str, Any], ...] = ()
    effects: tuple[Effect, ...] = ()
