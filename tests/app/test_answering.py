"""Answers to questions of a running daemon: counted once, and told what became of them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from palingenesis.app.answering import answer
from palingenesis.core import events
from palingenesis.core.effects import Effect
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.values import Status
from palingenesis.runtime.loop import Loop
from tests.core.life import SES, Life, passed, stopped
from tests.core.policies import policy, rule
from tests.runtime.loopback import JumpingClock, ListJournal

GATE = policy(
    rule("gate", "", {"ask": {"question": "Again?", "timeout": "30m"}}, {"attention": {}})
)


class Nobody:
    def start(self, effect: Effect) -> None:
        pass


def asked() -> tuple[Loop, ListJournal, Life]:
    """A daemon of which a session asks `q1`."""
    life = Life(GATE)
    life >> stopped("refused")
    journal = ListJournal()
    loop = Loop(world=life.world, policy=GATE, journal=journal, clock=JumpingClock())
    return loop, journal, life


def lived(loop: Loop, story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(loop.run(Nobody()))
            await story()
            running.cancel()

    asyncio.run(run())


def test_an_answer_is_written_down_before_it_is_confirmed_and_twice_is_no_error():
    loop, journal, life = asked()

    async def story() -> None:
        told = await answer(loop, life.now, "q1", "anna", yes=True)
        assert told == {"ok": True, "message": "yes to q1 by anna"}
        written = len(journal.entries)

        again = await answer(loop, life.now, "q1", "bert", yes=True)

        assert again == told
        assert len(journal.entries) == written

    lived(loop, story)
    assert loop.world.sessions[SES].status is Status.ATTENTION


def test_the_other_answer_afterwards_is_told_what_was_answered():
    loop, _, life = asked()

    async def story() -> None:
        await answer(loop, life.now, "q1", "anna", yes=False)
        with pytest.raises(PalingenesisError, match="q1 is settled already: no to q1 by anna"):
            await answer(loop, life.now, "q1", "anna", yes=True)

    lived(loop, story)


def test_an_answer_that_comes_late_is_told_what_silence_meant():
    _, _, life = asked()
    life >> passed(1800)
    loop = Loop(world=life.world, policy=GATE, journal=ListJournal(), clock=JumpingClock())

    async def story() -> None:
        with pytest.raises(PalingenesisError, match="nobody answered q1 in time: no"):
            await answer(loop, life.now, "q1", "anna", yes=True)

    lived(loop, story)


def test_a_question_that_nobody_asks_is_unknown():
    loop, journal, life = asked()

    async def story() -> None:
        with pytest.raises(PalingenesisError, match="no question 'q99'"):
            await answer(loop, life.now, "q99", "anna", yes=True)

    lived(loop, story)
    assert journal.entries == []


def test_an_answer_that_cannot_be_written_down_is_refused_and_the_question_stays():
    loop, journal, life = asked()
    journal.refusals = 1_000_000

    async def story() -> None:
        loop.emit(events.SessionAlive(at=life.now, session=SES, what="text"))
        while not loop.journal_trouble:
            await asyncio.sleep(0)
        with pytest.raises(JournalError, match="cannot be written down"):
            await answer(loop, life.now, "q1", "anna", yes=True)

    lived(loop, story)
    assert loop.world.sessions[SES].status is Status.ASKING
