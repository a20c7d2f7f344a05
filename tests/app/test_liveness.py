"""The manager hears of us by the turns of the loop, and only once everything is reconciled."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from palingenesis.app.liveness import Liveness
from palingenesis.core import events
from palingenesis.core.errors import BrokenRailError
from palingenesis.processes.supervisor import Supervisor
from palingenesis.runtime.loop import Loop
from tests.core.life import Life, stopped
from tests.core.policies import NIGHT
from tests.processes.test_supervisor import Ear
from tests.runtime.loopback import JumpingClock, ListJournal


class Kept:
    """A loop, and a manager that listens."""

    def __init__(self, folder: Path) -> None:
        self.ear = Ear(str(folder / "notify"))
        self.runner = asyncio.Runner()
        self.life = Life(NIGHT)
        self.journal, self.clock = ListJournal(), JumpingClock()
        self.loop = Loop(
            world=self.life.world, policy=NIGHT, journal=self.journal, clock=self.clock
        )
        self.liveness = Liveness(Supervisor(self.ear.address), self.loop)
        self.loop.pulse = self.liveness.pulse

    def turn(self, event: events.Event | None = None) -> list[str]:
        """One turn of the running loop; what the manager heard of it."""
        event = event or events.Ticked(at=self.clock.now())

        async def once() -> None:
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self.loop.run(self))
                await self.loop.submit(event)
                running.cancel()

        self.runner.run(once())
        return self.ear.heard()

    def start(self, effect: object) -> None:
        """Nothing is carried out here."""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.runner.close()
    kept.ear.close()


def test_we_are_ready_with_the_first_turn_after_everything_is_reconciled(kept: Kept):
    assert kept.turn() == []
    kept.liveness.reconciled()
    assert kept.ear.heard() == []

    assert kept.turn()[:3] == ["READY=1", "STATUS=watching; sessions: 1 working", "WATCHDOG=1"]
    assert kept.turn()[0] == "WATCHDOG=1"


def test_the_status_tells_what_the_sessions_do(kept: Kept):
    kept.liveness.reconciled()
    stop = stopped("rate_limit", retry_after=90)(kept.life)
    assert stop is not None

    assert "STATUS=watching; sessions: 1 waiting" in kept.turn(stop)


def test_while_the_journal_cannot_be_written_we_live_and_say_why_nothing_is_done(kept: Kept):
    kept.liveness.reconciled()
    kept.journal.refusals = 3
    stop = stopped("auth")(kept.life)
    assert stop is not None

    heard = kept.turn(stop)

    assert heard.count("WATCHDOG=1") >= 3
    assert "STATUS=nothing is done until the journal can be written: the disk is full" in heard
    assert heard[-1] == "STATUS=watching; sessions: 1 attention"


def test_the_status_tells_that_we_hold_ourselves(kept: Kept):
    kept.liveness.reconciled()
    kept.runner.run(kept.loop.hold_safe(BrokenRailError("a mistake")))

    assert any("holds itself" in line for line in kept.turn())


def test_no_sign_of_life_comes_out_of_the_middle_of_a_turn(kept: Kept):
    kept.liveness.reconciled()
    kept.turn()
    in_the_middle: list[str] = []
    kept.loop.attend(lambda *_: in_the_middle.extend(kept.ear.heard()))
    stop = stopped("auth")(kept.life)
    assert stop is not None

    heard = kept.turn(stop)

    assert in_the_middle == []
    assert "WATCHDOG=1" in heard


def test_a_reload_is_told_from_beginning_to_end(kept: Kept):
    async def reload() -> str:
        return "policy is in force"

    assert kept.runner.run(kept.liveness.reloading(reload())) == "policy is in force"
    assert kept.ear.heard() == []  # nobody is told before the start is over
    kept.liveness.reconciled()
    kept.turn()

    assert kept.runner.run(kept.liveness.reloading(reload())) == "policy is in force"
    assert kept.ear.heard() == ["RELOADING=1", "READY=1"]
