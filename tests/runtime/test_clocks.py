"""The loop notices that the clock was set, or that the machine slept, before it takes an event."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from palingenesis.core import events
from palingenesis.core.events import Event
from palingenesis.core.values import SessionId, Status
from palingenesis.core.world import World
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.event_rows import event_row
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Entry, Reading, Recorded
from tests.core.life import Life, stopped
from tests.core.policies import NIGHT
from tests.runtime.loopback import START, ListJournal

SES = SessionId("ses_1")
HOURS = timedelta(hours=2)


@dataclass
class ThreeClocks:
    """Moved by hand: time passes, the machine sleeps, the wall clock is set."""

    wall: Reading = field(
        default_factory=lambda: Reading(at=START, elapsed_s=5_000.0, awake_s=4_000.0)
    )

    def now(self):
        return self.wall.at

    def reading(self) -> Reading:
        return self.wall

    async def sleep(self, seconds: float) -> None:
        self.passes(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def passes(self, span: timedelta, *, awake: bool = True) -> None:
        was, by_s = self.wall, span.total_seconds()
        self.wall = Reading(
            at=was.at + span,
            elapsed_s=was.elapsed_s + by_s,
            awake_s=was.awake_s + (by_s if awake else 0.0),
        )

    def is_set(self, by: timedelta) -> None:
        was = self.wall
        self.wall = Reading(at=was.at + by, elapsed_s=was.elapsed_s, awake_s=was.awake_s)


def a_start(clocks: ThreeClocks) -> Event:
    return events.DaemonStarted(
        at=clocks.now(),
        version="test",
        seed="5eed",
        boot_id="one",
        booted_at=clocks.reading().booted_at,
    )


def a_loop(clocks: ThreeClocks) -> tuple[Loop, ListJournal, Life]:
    life = Life(NIGHT)
    journal = ListJournal()
    loop = Loop(
        world=life.world, policy=NIGHT, journal=journal, clock=clocks, clocks=clocks.reading
    )
    return loop, journal, life


def a_stop(life: Life, clocks: ThreeClocks) -> Event:
    life.now = clocks.now()
    event = stopped("rate_limit", retry_after=18_000)(life)
    assert event is not None
    return event


def names(journal: ListJournal) -> list[str]:
    return [type(entry.event).__name__ for entry in journal.entries]


def takes(loop: Loop, told: Sequence[Event]) -> None:
    async def take() -> None:
        for event in told:
            await loop.take(event)

    asyncio.run(take())


def test_a_clock_that_was_set_is_told_before_the_event_that_shows_it():
    clocks = ThreeClocks()
    loop, journal, life = a_loop(clocks)
    takes(loop, [a_start(clocks), a_stop(life, clocks)])
    clocks.passes(timedelta(hours=1))

    clocks.is_set(HOURS)
    takes(loop, [events.Ticked(at=clocks.now())])

    assert names(journal) == ["DaemonStarted", "SessionStopped", "ClockStepped"]
    step = journal.entries[-1].event
    assert isinstance(step, events.ClockStepped)
    assert (step.at, step.by) == (clocks.now(), HOURS)
    plan = loop.world.sessions[SES].plan
    assert plan is not None
    assert plan.deadline == START + timedelta(hours=5) + HOURS
    assert loop.world.sessions[SES].status is Status.WAITING


def test_it_is_told_once():
    clocks = ThreeClocks()
    loop, journal, life = a_loop(clocks)
    takes(loop, [a_start(clocks), a_stop(life, clocks)])

    clocks.is_set(-HOURS)
    takes(loop, [events.Ticked(at=clocks.now()) for _ in range(3)])

    assert names(journal)[2:] == ["ClockStepped"]


def test_small_differences_add_up_until_they_matter():
    clocks = ThreeClocks()
    loop, journal, life = a_loop(clocks)
    takes(loop, [a_start(clocks), a_stop(life, clocks)])

    for _ in range(6):
        clocks.is_set(timedelta(milliseconds=200))
        takes(loop, [events.Ticked(at=clocks.now())])

    steps = [one.event for one in journal.entries if isinstance(one.event, events.ClockStepped)]
    assert [step.by for step in steps] == [timedelta(milliseconds=600)] * 2


def test_a_suspend_is_told_and_is_no_step():
    clocks = ThreeClocks()
    loop, journal, life = a_loop(clocks)
    takes(loop, [a_start(clocks), a_stop(life, clocks)])

    clocks.passes(timedelta(hours=8), awake=False)
    takes(loop, [events.Ticked(at=clocks.now())])

    assert names(journal)[2:] == ["MachineSlept", "Ticked"]
    slept = journal.entries[2].event
    assert isinstance(slept, events.MachineSlept)
    assert slept.span == timedelta(hours=8)
    assert [type(effect).__name__ for effect in journal.entries[3].effects] == ["Resume"]


def test_a_clock_that_is_set_during_a_suspend_is_both():
    clocks = ThreeClocks()
    loop, journal, life = a_loop(clocks)
    takes(loop, [a_start(clocks), a_stop(life, clocks)])

    clocks.passes(timedelta(hours=1), awake=False)
    clocks.is_set(HOURS)
    takes(loop, [events.Ticked(at=clocks.now())])

    assert names(journal)[2:] == ["ClockStepped", "MachineSlept"]


def test_every_event_of_the_queue_is_taken_on_the_clock_of_its_own_moment():
    clocks = ThreeClocks()
    loop, journal, life = a_loop(clocks)
    takes(loop, [a_start(clocks)])

    loop.emit(a_stop(life, clocks))
    clocks.is_set(HOURS)
    loop.emit(events.SessionAlive(at=clocks.now(), session=SES, what="text"))

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(loop.run(Nobody()))
            while len(journal.entries) < 4:
                await asyncio.sleep(0)
            task.cancel()

    asyncio.run(run())
    assert names(journal) == ["DaemonStarted", "SessionStopped", "ClockStepped", "SessionAlive"]
    plan = loop.world.sessions[SES].plan
    assert plan is not None
    assert plan.deadline == START + timedelta(hours=5) + HOURS


class Nobody:
    """Carries nothing out."""

    def start(self, _effect: object) -> None:
        return


def test_without_clocks_nothing_is_noticed():
    clocks = ThreeClocks()
    life, journal = Life(NIGHT), ListJournal()
    loop = Loop(world=life.world, policy=NIGHT, journal=journal, clock=clocks)
    takes(loop, [a_stop(life, clocks)])

    clocks.is_set(HOURS)
    takes(loop, [events.Ticked(at=clocks.now())])

    assert names(journal) == ["SessionStopped"]


def test_events_tell_a_step_and_a_sleep_in_a_line():
    def line(event: Event) -> str:
        return event_row(Recorded(seq=1, event=event), {})["summary"]

    assert line(events.ClockStepped(at=START, by=HOURS)) == "the clock was set forward by 2h"
    assert line(events.ClockStepped(at=START, by=-HOURS)) == "the clock was set back by 2h"
    assert line(events.MachineSlept(at=START, span=HOURS)) == "the machine slept for 2h"
    odd = HOURS + timedelta(milliseconds=412)
    assert line(events.MachineSlept(at=START, span=odd)) == "the machine slept for 2h"
    assert line(events.ClockStepped(at=START, by=-odd)) == "the clock was set back by 2h"


def test_the_machines_own_clocks_agree_with_one_another():
    clock = SystemClock()

    one, other = clock.reading(), clock.reading()

    assert one is not None
    assert other is not None
    assert timedelta(0) <= other.at - one.at < timedelta(minutes=1)
    assert abs(other.booted_at - one.booted_at) < timedelta(milliseconds=500)
    assert one.elapsed_s <= other.elapsed_s
    assert one.slept_s >= -1.0


def test_a_world_that_knows_no_boot_is_not_moved():
    clocks = ThreeClocks()
    journal = ListJournal()
    loop = Loop(world=World(), policy=NIGHT, journal=journal, clock=clocks, clocks=clocks.reading)

    clocks.is_set(HOURS)
    takes(loop, [events.Ticked(at=clocks.now())])

    assert journal.entries == list[Entry]()
