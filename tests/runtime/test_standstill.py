"""While nothing can be written nothing is done; people learn of it once; it goes on by itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.effects import Effect, Interrupt, Notify, Resume
from palingenesis.core.errors import JournalError
from palingenesis.core.events import Event
from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.values import Result, SessionId, Status
from palingenesis.core.world import World
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Emergency, Entry
from tests.core.life import SES, Life, stopped
from tests.core.policies import NIGHT
from tests.runtime.loopback import JumpingClock, ListJournal

FULL = "the disk is full"
BROKEN = "the disk reports an error"
OTHER = SessionId("ses_2")


@dataclass
class Disk:
    """A disk with a fault, which may be that it is full; then a ballast holds so much room."""

    clock: JumpingClock
    entries: list[Entry] = field(default_factory=list)
    fault: str = ""
    room: int = 0
    """How many entries still fit on a full disk."""
    ballast: int = 0
    heals_at: datetime | None = None

    def append(self, entry: Entry) -> int:
        if self.is_faulty():
            if self.fault != FULL or not self.room:
                raise JournalError(self.fault)
            self.room -= 1
        self.entries.append(entry)
        return len(self.entries)

    def is_faulty(self) -> bool:
        return bool(self.fault) and (self.heals_at is None or self.clock.now() < self.heals_at)

    def breaks(self, fault: str, *, lasts: float | None = None) -> None:
        self.fault = fault
        self.heals_at = None if lasts is None else self.clock.now() + timedelta(seconds=lasts)

    def release(self) -> bool:
        if not self.ballast or self.fault != FULL or not self.is_faulty():
            return False
        self.room, self.ballast = self.ballast, 0
        return True

    def restore(self) -> bool:
        if self.is_faulty():
            return False
        self.ballast, self.room = self.ballast or 100, 0
        return True


@dataclass
class Bell:
    """An alarm that is heard, or not."""

    heard: bool = True
    rung: list[str] = field(default_factory=list)
    silenced: int = 0

    def sound(self, why: str, since: datetime) -> None:
        self.rung.append(why)

    def is_heard(self) -> bool:
        return self.heard and bool(self.rung)

    def silence(self) -> None:
        self.silenced += 1


class Night:
    """A loop with two sessions at work, on that disk."""

    def __init__(self, *, ballast: int = 100, bell: Bell | None = None) -> None:
        self.life = Life(NIGHT)
        self.life.work(OTHER)
        self.clock = JumpingClock()
        self.disk = Disk(self.clock, ballast=ballast)
        self.bell = bell or Bell()
        self.started: list[Effect] = []
        self.loop = Loop(
            world=self.life.world,
            policy=NIGHT,
            journal=self.disk,
            clock=self.clock,
            emergency=Emergency(reserve=self.disk, alarm=self.bell),
        )

    def start(self, effect: Effect) -> None:
        self.started.append(effect)

    def stop(self, session: SessionId = SES, reason: str = "rate_limit", wait: float = 0) -> Event:
        event = stopped(reason, retry_after=wait, session=session)(self.life)
        assert event is not None
        return event

    def ended(self, effect: Effect, result: Result = Result.OK) -> Event:
        return events.EffectEnded(
            at=self.clock.now(), effect=effect.id, result=result, data={"path": "/backup.md"}
        )

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                await asyncio.sleep(0)

    def lives(self, story: Callable[["Night"], "asyncio.Future[None]"]) -> None:
        async def life() -> None:
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(self.loop.run(self))
                await story(self)  # type: ignore[misc]
                task.cancel()

        asyncio.run(life())

    def notices(self) -> list[Notify]:
        return [effect for effect in self.started if isinstance(effect, Notify)]

    def kinds(self) -> list[str]:
        return [type(entry.event).__name__ for entry in self.disk.entries]


def test_a_full_disk_is_recorded_told_once_and_nothing_is_done_until_there_is_room():
    night = Night()

    async def story(_: Night) -> None:
        night.disk.breaks(FULL, lasts=3600)
        night.loop.emit(night.stop())
        await night.until(lambda: night.loop.lives_on_reserve)
        assert night.kinds() == ["WritingFailed"]
        assert night.loop.journal_trouble == FULL
        await night.until(lambda: any(isinstance(it, Resume) for it in night.started))

    night.lives(story)

    assert night.kinds()[:3] == ["WritingFailed", "WritingResumed", "SessionStopped"]
    (notice,) = night.notices()
    assert "the disk is full" in notice.message
    assert night.loop.journal_trouble == ""
    assert night.clock.now() - night.disk.heals_at <= timedelta(seconds=10)
    assert night.disk.ballast
    assert night.bell.rung == []


def test_the_outcome_of_what_is_under_way_is_recorded_on_a_full_disk():
    night = Night()

    async def story(_: Night) -> None:
        night.loop.emit(night.stop())
        await night.until(lambda: bool(night.started))
        night.disk.breaks(FULL)
        night.loop.emit(night.stop(OTHER))
        night.loop.emit(night.ended(night.started[0]))
        await night.until(lambda: "EffectEnded" in night.kinds())
        assert night.kinds()[-2:] == ["WritingFailed", "EffectEnded"]
        assert night.loop.world.sessions[SES].status is Status.VERIFYING
        assert night.loop.world.sessions[OTHER].status is Status.WORKING
        assert night.loop.waiting <= 1

    night.lives(story)


def test_an_outcome_that_would_have_us_act_waits_for_room():
    night = Night()

    async def story(_: Night) -> None:
        night.loop.emit(night.stop(reason="context_exhausted"))
        await night.until(lambda: bool(night.started))
        night.disk.breaks(FULL, lasts=60)
        night.loop.emit(night.stop(OTHER, reason="auth"))
        night.loop.emit(night.ended(night.started[0]))
        await night.until(lambda: night.loop.lives_on_reserve)
        while night.disk.is_faulty():
            assert "EffectEnded" not in night.kinds()
            await asyncio.sleep(0)
        await night.until(lambda: "EffectEnded" in night.kinds())

    night.lives(story)

    acts = [type(it).__name__ for it in night.started if not isinstance(it, Notify)]
    assert acts == ["Snapshot", "NewSession"]
    assert [it.title for it in night.notices()].count("nothing can be written down") == 1


def test_a_person_can_stop_us_on_a_full_disk():
    night = Night()

    async def story(_: Night) -> None:
        night.disk.breaks(FULL)
        night.loop.emit(night.stop(OTHER))
        await night.until(lambda: night.loop.lives_on_reserve)
        abort = commands.Abort(session=SES)
        turn = await night.loop.submit(
            events.CommandGiven(at=night.clock.now(), command=abort, by="anna")
        )
        assert turn.world.sessions[SES].latched

    night.lives(story)

    assert any(isinstance(effect, Interrupt) for effect in night.started)


def test_what_restrains_us_is_taken_before_what_was_being_taken_when_it_began():
    night = Night()

    async def story(_: Night) -> None:
        night.disk.breaks(BROKEN, lasts=60)
        night.loop.emit(night.stop())
        await night.until(lambda: bool(night.loop.journal_trouble))
        assert not night.loop.lives_on_reserve
        night.loop.emit(
            events.CommandGiven(at=night.clock.now(), command=commands.Hold(session=SES), by="anna")
        )
        assert night.loop._inbox.told_of(SES)
        await night.until(lambda: "SessionStopped" in night.kinds())

    night.lives(story)

    assert night.kinds() == ["WritingResumed", "CommandGiven", "SessionStopped"]
    assert not any(isinstance(effect, Resume) for effect in night.started)


# ── telling people ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("heard", [True, False])
def test_of_a_broken_disk_people_are_told_at_once_if_that_can_be_and_never_twice(heard):
    night = Night(bell=Bell(heard=heard))

    async def story(_: Night) -> None:
        night.disk.breaks(BROKEN, lasts=3600)
        night.loop.emit(night.stop())
        await night.until(lambda: any(isinstance(it, Resume) for it in night.started))

    night.lives(story)

    assert set(night.bell.rung) == {BROKEN}
    assert night.bell.silenced == 1
    assert len(night.notices()) == (0 if heard else 1)
    (entry,) = [it for it in night.disk.entries if isinstance(it.event, events.WritingResumed)]
    assert entry.event.told is heard
    assert entry.event.why == BROKEN
    assert timedelta(minutes=59) < entry.event.at - entry.event.since < timedelta(minutes=61)


def test_a_short_trouble_is_told_afterwards():
    night = Night()

    async def story(_: Night) -> None:
        night.disk.breaks(BROKEN, lasts=2)
        night.loop.emit(night.stop())
        await night.until(lambda: any(isinstance(it, Resume) for it in night.started))

    night.lives(story)

    (notice,) = night.notices()
    assert night.bell.rung == []
    assert "nothing could be written down (the disk reports an error)" in notice.message


@pytest.mark.parametrize("fault", [FULL, BROKEN])
def test_trouble_that_comes_and_goes_is_told_once(fault):
    night = Night()

    async def story(_: Night) -> None:
        for number in range(5):
            night.disk.breaks(fault, lasts=20)
            night.loop.emit(events.SessionAlive(at=night.clock.now(), session=SES, what="text"))
            await night.until(lambda now=number: night.kinds().count("SessionAlive") > now)
            night.clock.at += timedelta(minutes=1)

    night.lives(story)

    assert len(night.notices()) + (fault is BROKEN) == 1
    assert night.kinds().count("WritingResumed") == 5


def test_trouble_on_another_day_is_told_again():
    night = Night()

    async def story(_: Night) -> None:
        for number in range(2):
            night.disk.breaks(FULL, lasts=20)
            night.loop.emit(events.SessionAlive(at=night.clock.now(), session=SES, what="text"))
            await night.until(lambda now=number: night.kinds().count("SessionAlive") > now)
            night.clock.at += timedelta(days=1)

    night.lives(story)

    assert len(night.notices()) == 2


def test_a_reserve_that_is_used_up_ends_in_a_standstill_that_ends_by_itself():
    night = Night(ballast=1)

    async def story(_: Night) -> None:
        night.loop.emit(night.stop())
        await night.until(lambda: bool(night.started))
        night.disk.breaks(FULL, lasts=120)
        night.loop.emit(night.stop(OTHER))
        night.loop.emit(night.ended(night.started[0]))
        await night.until(lambda: "EffectEnded" in night.kinds())

    night.lives(story)

    assert night.kinds()[1:4] == ["WritingFailed", "EffectEnded", "WritingResumed"]
    assert len(night.notices()) == 1


# ── while it lasts ────────────────────────────────────────────────────────────────────────────


def test_signs_of_life_of_a_whole_night_wait_in_little_room_and_are_counted():
    night = Night()

    async def story(_: Night) -> None:
        night.disk.breaks(BROKEN, lasts=1200)
        night.loop.emit(night.stop())
        for number in range(5_000):
            alive = events.SessionAlive(at=night.clock.now(), session=OTHER, what="text")
            night.loop.emit(alive)
            if number % 100 == 0:
                await asyncio.sleep(0)
            assert night.loop.waiting <= 1_000
        night.loop.emit(night.stop(OTHER))
        await night.until(lambda: night.kinds().count("SessionStopped") == 2)

    night.lives(story)

    (resumed,) = [
        it.event for it in night.disk.entries if isinstance(it.event, events.WritingResumed)
    ]
    assert resumed.dropped > 4_000


def test_the_world_is_the_same_after_a_start():
    night = Night()

    async def story(_: Night) -> None:
        night.disk.breaks(FULL, lasts=60)
        night.loop.emit(night.stop())
        await night.until(lambda: any(isinstance(it, Resume) for it in night.started))

    night.lives(story)
    world: World = night.life.world
    for entry in night.disk.entries:
        turn = step(world, entry.event, NIGHT)
        assert [to_plain(one) for one in turn.decisions] == list(entry.decisions)
        world = turn.world

    assert world == night.loop.world


def test_a_blip_of_a_list_journal_heals_without_any_emergency():
    journal = ListJournal(refusals=3)
    loop = Loop(world=Life(NIGHT).world, policy=NIGHT, journal=journal, clock=JumpingClock())

    asyncio.run(loop.take(events.SessionAlive(at=loop._clock.now(), session=SES, what="text")))

    assert [type(it.event).__name__ for it in journal.entries] == ["WritingResumed", "SessionAlive"]
