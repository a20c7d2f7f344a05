"""The loop writes down before it acts, and acts on nothing it could not write down."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from palingenesis.core import events
from palingenesis.core.effects import Effect, Notify, Resume
from palingenesis.core.values import AgentId, SessionId, Status
from palingenesis.core.world import World
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Entry
from tests.core.life import START, Life, stopped
from tests.core.policies import NIGHT
from tests.runtime.loopback import JumpingClock, ListJournal
from tests.torture.night.virtual import VirtualLoop

SES = SessionId("ses_1")


class Nobody:
    """Remembers what was started, and what the journal held at that instant."""

    def __init__(self, journal: ListJournal) -> None:
        self.started: list[tuple[Effect, int]] = []
        self._journal = journal

    def start(self, effect: Effect) -> None:
        self.started.append((effect, len(self._journal.entries)))


def a_night() -> tuple[Loop, ListJournal, JumpingClock, Life]:
    life = Life(NIGHT)
    clock, journal = JumpingClock(), ListJournal()
    loop = Loop(world=life.world, policy=NIGHT, journal=journal, clock=clock)
    return loop, journal, clock, life


def run_until(loop: Loop, performer: Nobody, done: Callable[[], bool]) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(loop.run(performer))
            while not done():
                await asyncio.sleep(0)
            task.cancel()

    asyncio.run(run())


def a_stop(life: Life, reason: str, retry_after: float) -> events.Event:
    event = stopped(reason, retry_after=retry_after)(life)
    assert event is not None
    return event


def test_an_intent_is_in_the_journal_before_it_is_started():
    loop, journal, _clock, life = a_night()
    nobody = Nobody(journal)

    loop.emit(a_stop(life, "rate_limit", 0))
    run_until(loop, nobody, lambda: bool(nobody.started))

    effect, written = nobody.started[0]
    assert isinstance(effect, Resume)
    assert effect in journal.entries[written - 1].effects


def test_nothing_is_started_while_the_journal_cannot_be_written():
    loop, journal, clock, life = a_night()
    journal.refusals = 5
    nobody = Nobody(journal)
    troubles: list[str] = []
    loop.attend(lambda *_: troubles.append(loop.journal_trouble))

    loop.emit(a_stop(life, "rate_limit", 0))
    run_until(loop, nobody, lambda: len(nobody.started) > 1)

    assert [type(effect) for effect, _ in nobody.started] == [Notify, Resume]
    assert clock.slept.count(1.0) >= 5
    assert loop.journal_trouble == ""


class VirtualClock:
    """Time as a virtual loop has it; remembers how often somebody slept."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.slept = 0
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.now)

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        await asyncio.sleep(seconds)


def test_a_deadline_that_passes_while_the_journal_cannot_be_written_is_no_busy_loop():
    life, journal, virtual = Life(NIGHT), ListJournal(), VirtualLoop()
    clock = VirtualClock(virtual)
    loop = Loop(world=life.world, policy=NIGHT, journal=journal, clock=clock)
    virtual.create_task(loop.run(Nobody(journal)))
    loop.emit(a_stop(life, "rate_limit", 60))
    virtual.run_ready()
    journal.refusals = 1_000_000
    loop.emit(events.SessionAlive(at=clock.now(), session=SES, what="text"))

    while virtual.now < 600:
        virtual.run_ready()
        virtual.advance(virtual.next_timer() or 0.0)

    assert clock.slept <= 2 * 600 + 60
    virtual.bury()


def test_a_deadline_is_kept_by_the_clock_alone():
    loop, journal, clock, life = a_night()
    nobody = Nobody(journal)
    began = clock.now()

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(loop.run(nobody))
            loop.emit(a_stop(life, "rate_limit", 3600))
            while loop.world.sessions[SES].status is not Status.WAITING:
                await asyncio.sleep(0)
            clock.at += timedelta(seconds=3600)
            loop.emit(events.Ticked(at=clock.now()))
            while not nobody.started:
                await asyncio.sleep(0)
            task.cancel()

    asyncio.run(run())

    assert clock.now() - began >= timedelta(seconds=3600)


def test_a_tick_that_changes_nothing_is_not_written_down():
    loop, journal, clock, _life = a_night()

    asyncio.run(loop.take(events.Ticked(at=clock.now())))

    assert journal.entries == []


def test_whoever_submits_an_event_learns_what_came_of_it():
    loop, journal, _clock, life = a_night()
    nobody = Nobody(journal)

    async def run() -> World:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(loop.run(nobody))
            turn = await loop.submit(a_stop(life, "auth", 0))
            task.cancel()
        return turn.world

    world = asyncio.run(run())

    assert world.sessions[SES].status is Status.ATTENTION
    assert len(journal.entries) == 1


def test_listeners_hear_every_written_turn_with_its_number():
    loop, _journal, _clock, life = a_night()
    heard: list[tuple[int, Entry]] = []

    def listen(seq: int, entry: Entry, _world: World) -> None:
        heard.append((seq, entry))

    loop.attend(listen)
    asyncio.run(loop.take(a_stop(life, "auth", 0)))
    loop.dismiss(listen)
    asyncio.run(loop.take(a_stop(life, "billing", 0)))

    ((seq, entry),) = heard
    assert seq == 1
    assert entry.decisions[0]["rule"] == "default"


@pytest.mark.parametrize("reason", ["rate_limit", "auth"])
def test_decisions_are_written_as_plain_data(reason):
    loop, journal, _clock, life = a_night()

    asyncio.run(loop.take(a_stop(life, reason, 5)))

    (entry,) = journal.entries
    assert all(isinstance(key, str) for decision in entry.decisions for key in decision)
    assert not [e for e in entry.effects if isinstance(e, Notify)]
    assert AgentId("opencode") in loop.world.agents
