"""Keeping a sensor at work: one that breaks is told about, and begun anew after a growing pause.

A sensor that breaks has made a mistake, or met something that nobody foresaw. It must not end the
daemon, which watches other things too; and while it does not watch, nothing is known, so nothing
may be done where it watched (`core.safety`). It is whole again when it has watched for a while.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from palingenesis.core.events import SensorBroke, SensorMended
from palingenesis.runtime.mistakes import told
from palingenesis.runtime.ports import Clock, Emit, Sensor

log = logging.getLogger("palingenesis.sensors")

PAUSES_S: Final = (1.0, 5.0, 15.0, 60.0, 300.0)
"""How long a sensor is left alone after it broke, the longest for ever."""
WHOLE_AFTER_S: Final = 30.0
"""How long it has to watch until it is believed to be whole again."""


def watch_all(
    tasks: asyncio.TaskGroup, clock: Clock, told: Mapping[Sensor, Emit]
) -> list["asyncio.Task[None]"]:
    """Have every sensor watch, each kept at it, and tell what it sees where it is meant to."""
    return [tasks.create_task(keep_watching(sensor, emit, clock)) for sensor, emit in told.items()]


async def keep_watching(sensor: Sensor, emit: Emit, clock: Clock) -> None:
    """Have a sensor watch for ever."""
    failures = 0
    while True:
        watched = _Watched(sensor, emit, clock, broken=failures > 0)
        try:
            await watched.watch()
        except Exception as error:
            what, where = told(error)
            failures = 0 if watched.is_whole else failures
            if failures == 0:
                log.exception("the sensor of %s broke; it is begun anew", sensor.name)
            else:
                log.warning("the sensor of %s broke again: %s (%s)", sensor.name, what, where)
            emit(SensorBroke(at=clock.now(), sensor=sensor.name, detail=f"{what} ({where})"))
        await clock.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
        failures += 1


class _Watched:
    """One run of a sensor, and whether it lasted."""

    def __init__(self, sensor: Sensor, emit: Emit, clock: Clock, *, broken: bool) -> None:
        self._sensor = sensor
        self._emit = emit
        self._clock = clock
        self._broken = broken
        self.is_whole = not broken

    async def watch(self) -> None:
        """Watch until it breaks; raises what it broke with."""
        mending = asyncio.ensure_future(self._mend())
        try:
            await self._sensor.watch(self._emit)
        finally:
            mending.cancel()

    async def _mend(self) -> None:
        if not self._broken:
            return
        await self._clock.sleep(WHOLE_AFTER_S)
        self.is_whole = True
        self._emit(SensorMended(at=self._clock.now(), sensor=self._sensor.name))
