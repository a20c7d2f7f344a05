"""Two times: the night's, which jumps over waits, and the agent's, which is real.

Theory of operation. The daemon of a demo lives on a `JumpingClock`: real time plus an offset that
grows whenever nothing is under way. An assistant cannot jump; its messages, the ids it orders them
by and the deadlines it names are in real time. So its sensor and its actuator run on the real
clock, and every instant that passes between them and the daemon is translated here, each by the
offset of its own moment.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from palingenesis.core.effects import Compact, Effect, Interrupt, NewSession, Resume, Retry
from palingenesis.core.events import Event
from palingenesis.core.values import FactValue, SessionId
from palingenesis.runtime.ports import Actuator, Clock, Emit, Handoff, Outcome, Sensor, Work

T = TypeVar("T")

_DOWN = re.compile(r"down:(\d{8}T\d{6}\.\d{6})Z")
_DOWN_FORMAT = "%Y%m%dT%H%M%S.%f"


class JumpingClock:
    """Real time plus an offset; a `Clock` whose sleepers wake when it jumps past their time."""

    def __init__(self, real: Clock, *, begins: datetime) -> None:
        """Let the night begin now, at the instant `begins`."""
        self._real = real
        now = real.now()
        self._offsets = [(now, begins - now)]  # each holds from that real instant on
        self._jumped = asyncio.Event()

    def now(self) -> datetime:
        """The night's present."""
        return self._real.now() + self._offsets[-1][1]

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of the night, however long they really take."""
        until = self.now() + timedelta(seconds=max(0.0, seconds))
        await asyncio.sleep(0)
        while (left_s := (until - self.now()).total_seconds()) > 0:
            jumped = self._jumped
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await jumped.wait()

    def jump_to(self, instant: datetime) -> timedelta:
        """Make it that instant at once; returns the time that passed. Never jumps back."""
        span = max(instant - self.now(), timedelta(0))
        self._offsets.append((self._real.now(), self._offsets[-1][1] + span))
        jumped, self._jumped = self._jumped, asyncio.Event()
        jumped.set()
        return span

    def in_the_night(self, real: datetime) -> datetime:
        """When a real instant was, by the night's clock."""
        offset = self._offsets[0][1]
        for since, later in self._offsets:
            if since <= real:
                offset = later
        return real + offset

    def in_reality(self, night: datetime) -> datetime:
        """When an instant of the night really was; one that was jumped over: at the jump."""
        real = night - self._offsets[0][1]
        for since, offset in self._offsets[1:]:
            if since < real:
                real = max(since, night - offset)
        return real


class NightSensor:
    """A sensor that lives in real time, heard by a daemon that lives in the night."""

    def __init__(self, sensor: Sensor, clock: JumpingClock) -> None:
        self._sensor = sensor
        self._clock = clock

    @property
    def name(self) -> str:
        """See `ports.Sensor`."""
        return self._sensor.name

    async def watch(self, emit: Emit) -> None:
        """See `ports.Sensor`."""

        def translated(event: Event) -> None:
            emit(_with_instants(event, self._clock))

        await self._sensor.watch(translated)


class NightActuator:
    """An actuator that lives in real time, ordered about by a daemon that lives in the night."""

    def __init__(self, actuator: Actuator, clock: JumpingClock) -> None:
        self.offers = actuator.offers
        self._actuator = actuator
        self._clock = clock

    async def perform(self, effect: Effect) -> Outcome:
        """See `ports.Actuator`."""
        return await self._actuator.perform(_in_reality(effect, self._clock))

    async def reconcile(self, effect: Effect) -> Outcome | None:
        """See `ports.Actuator`."""
        return await self._actuator.reconcile(_in_reality(effect, self._clock))


class NightWork:
    """A work whose backups are named by the night's clock."""

    def __init__(self, work: Work, clock: JumpingClock) -> None:
        self._clock = clock
        self._work = work

    def facts(self, directory: str, written: Sequence[str]) -> "dict[str, FactValue | None]":
        """See `ports.Work`."""
        return dict(self._work.facts(directory, written))

    def handoff(
        self,
        directory: str,
        written: Sequence[str],
        *,
        source: str,
        todos: Sequence[str],
        last: str,
    ) -> Handoff | None:
        """See `ports.Work`."""
        return self._work.handoff(directory, written, source=source, todos=todos, last=last)

    def keep(self, session: SessionId, at: datetime, document: str) -> str:
        """See `ports.Work`."""
        return self._work.keep(session, self._clock.in_the_night(at), document)


def _with_instants(value: T, clock: JumpingClock) -> T:
    """The value with every instant in it, however deep, by the night's clock."""
    found: Any = value
    if isinstance(found, datetime):
        found = clock.in_the_night(found)
    elif is_dataclass(found) and not isinstance(found, type):
        changed = {}
        for place in fields(found):
            before = getattr(found, place.name)
            if (after := _with_instants(before, clock)) is not before:
                changed[place.name] = after
        found = replace(found, **changed) if changed else found
    return cast("T", found)


def _in_reality(effect: Effect, clock: JumpingClock) -> Effect:
    """The order with every instant that the actuator compares with messages by the real clock.

    The kernel keys a crash by its instant, too.
    """
    if isinstance(effect, Interrupt) and effect.ordered is not None:
        return replace(effect, ordered=clock.in_reality(effect.ordered))
    if not isinstance(effect, Resume | Retry | NewSession | Compact):
        return effect
    if effect.alive_at is not None:
        effect = replace(effect, alive_at=clock.in_reality(effect.alive_at))
    found = _DOWN.fullmatch(effect.stop)
    if found is None:
        return effect
    night = datetime.strptime(found[1], _DOWN_FORMAT).replace(tzinfo=UTC)
    key = f"down:{clock.in_reality(night):{_DOWN_FORMAT}}Z"
    return replace(effect, stop=key)
