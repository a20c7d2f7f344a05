"""Programs of hers that ended while nobody watched them: told once, with what they left behind."""

import asyncio
import os
import resource
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.missing import MissingPrograms, Remembered
from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.core import events as ev
from palingenesis.core.values import AgentId, DownCause, SessionId, StopReason
from palingenesis.processes.seeing import look_at
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.ports import Emit
from tests.opencode.live_adapter.fake import START, FakeWork, Json, Told, answer, refused, user
from tests.opencode.live_adapter.test_observed import Database

ONE = SessionId("ses_1")
GONE = Remembered(pid=2**22 + 1, started_at=START)
AGENT = AgentId(f"opencode-{GONE.pid}")


class World:
    """What is known of the programs: whose end was told is known no more."""

    def __init__(self, *known: Remembered) -> None:
        self.known = known
        self.looks = 0
        self.looked: Callable[[], None] = lambda: None

    def __call__(self) -> tuple[Remembered, ...]:
        self.looks += 1
        self.looked()
        return self.known


def told_of(world: World, data: Path, *, looks: int = 4) -> Told:
    """What is told in so many looks."""
    told = Told()

    def tell(event: ev.Event) -> None:
        told(event)
        if isinstance(event, ev.AgentDown):
            gone = event.agent
            world.known = tuple(one for one in world.known if f"opencode-{one.pid}" != gone)

    look_on(world, data, tell, looks=looks)
    return told


def look_on(world: World, data: Path, tell: Emit, *, looks: int) -> None:
    """Let somebody look so often."""

    async def story() -> None:
        sensor = MissingPrograms(
            SystemClock(),
            FakeWork(),
            data=data,
            known=world,
            under_way=lambda _agent: (ONE,),
            pace=Pace(interval_s=0.01),
        )
        watching = asyncio.ensure_future(sensor.watch(tell))
        async with asyncio.timeout(10):
            while world.looks <= looks:
                await asyncio.sleep(0.005)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())


def ourselves(change: Callable[[Remembered], Remembered] = lambda one: one) -> Remembered:
    found = look_at(os.getpid())
    assert found is not None
    return change(Remembered(pid=os.getpid(), started_at=found.started_at))


def a_year_before(one: Remembered) -> Remembered:
    return replace(one, started_at=one.started_at - timedelta(days=365))


def written(tmp_path: Path, *said: Json) -> Path:
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path)
    for message in said:
        database.says(message)
    return database.path


@pytest.mark.parametrize(
    ("last", "ends_itself", "reason", "cause"),
    [
        (answer(2), False, StopReason.COMPLETED, DownCause.ENDED),
        (answer(2), True, StopReason.COMPLETED, DownCause.DONE),
        (refused(2), True, StopReason.AUTH, DownCause.DONE),
        (answer(2, finish=None), True, None, DownCause.EXITED),
        (answer(2, finish=None), False, None, DownCause.EXITED),
    ],
)
def test_how_its_last_turn_ended_is_told_before_its_end(
    tmp_path: Path,
    last: Json,
    ends_itself: bool,
    reason: StopReason | None,
    cause: DownCause,
):
    world = World(replace(GONE, ends_itself=ends_itself))

    told = told_of(world, written(tmp_path, user(1), last))

    assert [stop.stop.reason for stop in told.of(ev.SessionStopped)] == ([reason] if reason else [])
    (down,) = told.of(ev.AgentDown)
    assert told.events[-1] is down
    assert (down.agent, down.cause) == (AGENT, cause)


def test_its_end_is_told_once_however_late_it_is_taken_in(tmp_path: Path):
    world, told = World(GONE), Told()

    look_on(world, tmp_path / "opencode.db", told, looks=6)

    assert len(told.of(ev.AgentDown)) == 1


def test_another_one_of_that_number_has_an_end_of_its_own(tmp_path: Path):
    world, told = World(GONE), Told()

    def tell(event: ev.Event) -> None:
        told(event)
        world.known = (
            (replace(GONE, started_at=START + timedelta(hours=1)),) if len(told.events) == 1 else ()
        )

    look_on(world, tmp_path / "opencode.db", tell, looks=6)

    assert len(told.of(ev.AgentDown)) == 2


def test_what_is_known_of_its_work_is_told_with_that(tmp_path: Path):
    told = told_of(World(GONE), written(tmp_path, user(1), answer(2)))

    (facts,) = told.of(ev.FactsObserved)
    assert facts.facts["work.state"] == "absent"


def test_without_its_database_what_was_seen_last_is_believed(tmp_path: Path):
    told = told_of(World(GONE), tmp_path / "gone.db")

    (down,) = told.events
    assert isinstance(down, ev.AgentDown)
    assert down.cause is DownCause.EXITED


def test_a_program_that_lives_is_not_missing(tmp_path: Path):
    told = told_of(World(ourselves()), written(tmp_path, user(1), answer(2)))

    assert told.events == []


def test_a_program_of_which_nothing_can_be_read_is_not_missing(tmp_path: Path):
    world, data = World(ourselves()), written(tmp_path, user(1), answer(2))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    world.looked = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        told = told_of(world, data)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert told.events == []


def test_another_process_with_its_number_is_another_program(tmp_path: Path):
    world = World(ourselves(a_year_before))

    told = told_of(world, written(tmp_path, user(1), answer(2)))

    assert len(told.of(ev.AgentDown)) == 1


def test_of_one_that_somebody_watches_no_clock_says_that_it_is_another(tmp_path: Path):
    world = World(replace(ourselves(a_year_before), is_up=True))

    told = told_of(world, written(tmp_path, user(1), answer(2)))

    assert told.events == []


def test_who_watches_a_program_has_time_to_tell_its_end_first(tmp_path: Path):
    world, told = World(), Told()

    async def story() -> None:
        sensor = MissingPrograms(
            SystemClock(),
            FakeWork(),
            data=tmp_path / "opencode.db",
            known=world,
            under_way=lambda _agent: (),
            pace=Pace(interval_s=0.01),
        )
        watching = asyncio.ensure_future(sensor.watch(told))
        async with asyncio.timeout(10):
            while not world.looks > 1:
                await asyncio.sleep(0.001)
            world.known = (GONE,)
            seen = world.looks
            while world.looks == seen:
                await asyncio.sleep(0)
            world.known = ()
            while world.looks < seen + 4:
                await asyncio.sleep(0.001)
            assert told.events == []
            world.known = (GONE,)
            await told.wait(ev.AgentDown)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
