"""A sensor that breaks is begun anew after a growing pause, and ends nothing."""

import asyncio
from dataclasses import dataclass, field

from palingenesis.core.events import Event, SensorBroke, SensorMended
from palingenesis.runtime.ports import Emit
from palingenesis.runtime.watchkeeper import PAUSES_S, WHOLE_AFTER_S, keep_watching
from tests.runtime.loopback import JumpingClock


@dataclass
class BreakingSensor:
    """Breaks as often as `lasts` has entries, each time after so many turns; then watches."""

    clock: JumpingClock
    lasts: list[int]
    name: str = "opencode"
    begun: int = 0
    well: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, emit: Emit) -> None:
        self.begun += 1
        if not self.lasts:
            self.well.set()
            await asyncio.Event().wait()
        for _ in range(self.lasts.pop(0)):
            await asyncio.sleep(0)
        raise KeyError("sessionID")


def kept(*lasts: int) -> tuple[list[Event], BreakingSensor, JumpingClock]:
    said: list[Event] = []
    clock = JumpingClock()
    sensor = BreakingSensor(clock, list(lasts))

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(keep_watching(sensor, said.append, clock))
            await sensor.well.wait()
            while lasts and not isinstance(said[-1], SensorMended):
                await asyncio.sleep(0)
            task.cancel()

    asyncio.run(run())
    return said, sensor, clock


def test_a_sensor_that_works_is_left_alone():
    said, sensor, clock = kept()

    assert (said, sensor.begun, clock.slept) == ([], 1, [])


def test_one_that_breaks_is_begun_anew_and_said_to_be_whole_when_it_has_watched_for_a_while():
    said, sensor, _clock = kept(0)

    broke, mended = said
    assert isinstance(broke, SensorBroke)
    assert broke.sensor == "opencode"
    assert "KeyError: 'sessionID' (test_watchkeeper.py:" in broke.detail
    assert isinstance(mended, SensorMended)
    assert mended.at >= broke.at
    assert sensor.begun == 2


def test_one_that_breaks_at_once_every_time_is_left_alone_longer_and_longer():
    said, sensor, clock = kept(*[0] * 8)

    pauses = [slept for slept in clock.slept if slept != WHOLE_AFTER_S]
    assert pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1], PAUSES_S[-1]]
    assert sum(isinstance(one, SensorBroke) for one in said) == 8
    assert sensor.begun == 9


def test_one_that_watched_for_a_while_in_between_begins_with_the_shortest_pause_again():
    said, sensor, clock = kept(0, 0, 50, 0)

    pauses = [slept for slept in clock.slept if slept != WHOLE_AFTER_S]
    assert pauses == [PAUSES_S[0], PAUSES_S[1], PAUSES_S[0], PAUSES_S[1]]
    assert [type(one).__name__ for one in said][:4] == [
        "SensorBroke",
        "SensorBroke",
        "SensorMended",
        "SensorBroke",
    ]
    assert sensor.begun == 5
