"""What the configuration says about pauses and restarts, and how a silent server is asked."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from palingenesis.assistants.opencode.pacing import Pace, PacedServer, Pulse, Rounds
from palingenesis.assistants.opencode.running import AtWork, Ending, Running
from palingenesis.core.errors import AssistantError, AssistantUnreachableError
from palingenesis.core.values import Way
from palingenesis.processes.exits import Exit
from palingenesis.runtime.config import Config, DaemonConfig, OpenCodeConfig
from tests.runtime.loopback import START, JumpingClock
from tests.torture.night.virtual import VirtualLoop

UP = Running(origin="http://127.0.0.1:1", version="1.18.33", started_at=START)


class StandInServer:
    """Remembers what it was asked for."""

    way = Way.MANAGED

    def __init__(self, running: Running | None) -> None:
        self.running = running
        self.restarts: list[float] = []

    async def up(self) -> Running:
        return UP

    async def gone(self, running: Running) -> Exit:
        return Exit()

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        return Ending.of_server(ended, by_us=False)

    async def restart(self, grace_s: float) -> Running:
        self.restarts.append(grace_s)
        return UP

    async def stop(self, grace_s: float) -> None:
        self.running = None


class StartingClock(JumpingClock):
    """While somebody sleeps, somebody else starts the server."""

    def __init__(self, server: StandInServer) -> None:
        super().__init__()
        self._server = server

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self._server.running = UP


class StandInClient:
    """Answers as long as it is told to, and can do something when it is asked."""

    def __init__(self, *answers: bool, asked: Callable[[], None] = lambda: None) -> None:
        self.answers = list(answers)
        self.times = 0
        self._asked = asked

    async def version(self, *, timeout_s: float) -> str:
        self.times += 1
        self._asked()
        if self.answers and not self.answers.pop(0):
            raise AssistantUnreachableError("no answer")
        return "1.18.33"


def test_a_pace_goes_by_the_configuration():
    pace = Pace()

    pace.follow(
        Config(
            daemon=DaemonConfig(check_interval=timedelta(seconds=9)),
            opencode=OpenCodeConfig(
                health_check_interval=timedelta(seconds=7),
                restart_delay=timedelta(milliseconds=250),
                auto_restart=False,
            ),
        )
    )

    assert pace == Pace(interval_s=9, health_s=7, restart_delay_s=0.25, restarts=False)


def test_a_restart_comes_after_the_pause_that_was_asked_for():
    clock, server = JumpingClock(), StandInServer(None)

    asyncio.run(PacedServer(server, Pace(restart_delay_s=2.5), clock).restart(5.0))

    assert clock.slept == [2.5]
    assert server.restarts == [5.0]


def test_a_server_that_came_up_in_the_pause_is_left_alone():
    server = StandInServer(None)
    clock = StartingClock(server)

    running = asyncio.run(PacedServer(server, Pace(restart_delay_s=2.5), clock).restart(5.0))

    assert running == UP
    assert server.restarts == []


def test_a_server_that_is_gone_stays_so_where_the_person_wants_that():
    server = StandInServer(None)
    paced = PacedServer(server, Pace(restarts=False), JumpingClock())

    with pytest.raises(AssistantError, match="auto_restart is false"):
        asyncio.run(paced.restart(5.0))

    assert server.restarts == []


def test_a_server_that_hangs_is_restarted_all_the_same():
    server = StandInServer(UP)

    asyncio.run(PacedServer(server, Pace(restarts=False), JumpingClock()).restart(5.0))

    assert server.restarts == [5.0]


def test_a_silent_server_is_lost_when_two_questions_in_a_row_went_unanswered():
    clock, client = JumpingClock(), StandInClient(True, False, True, False, False)

    error = asyncio.run(Pulse(Pace(health_s=3.0), clock).lost(client))  # type: ignore[arg-type]

    assert error.message == "no answer"
    assert client.times == 5
    assert clock.slept == [13.0, 13.0, 3.0, 13.0, 3.0]


def test_a_server_that_speaks_while_it_does_not_answer_lives():
    pulse = Pulse(Pace(), JumpingClock())

    def speaks_at_first() -> None:
        if client.times < 4:
            pulse.heard()

    client = StandInClient(*([False] * 5), asked=speaks_at_first)

    asyncio.run(pulse.lost(client))  # type: ignore[arg-type]

    assert client.times == 5  # three while it speaks, and two in a row while it does not


class Silence:
    """A server that says something at some moments and answers no question, in virtual time."""

    def __init__(self, pace: Pace, *, speaks_at: tuple[float, ...] = ()) -> None:
        self.loop = VirtualLoop()
        self.asked_at: list[float] = []
        self.lost_at: float | None = None
        self._pulse = Pulse(pace, self)
        for at in speaks_at:
            self.loop.call_at(at, self._pulse.heard)
        self._losing = self.loop.create_task(self._lose())

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.now)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def version(self, *, timeout_s: float) -> str:
        self.asked_at.append(self.loop.now)
        await asyncio.sleep(timeout_s)
        raise AssistantUnreachableError("no answer")

    async def _lose(self) -> None:
        await self._pulse.lost(self)  # type: ignore[arg-type]
        self.lost_at = self.loop.now

    def until(self, now: float) -> "Silence":
        self.loop.run_ready()
        while (due := self.loop.next_timer()) is not None and due <= now:
            self.loop.advance(due)
            self.loop.run_ready()
        return self


def test_a_server_whose_heartbeat_comes_is_never_asked():
    heartbeats = tuple(float(at) for at in range(10, 3_600, 10))

    assert Silence(Pace(), speaks_at=heartbeats).until(3_600).asked_at == []


@pytest.mark.parametrize(
    ("granted", "asked_at", "lost_at"), [(5.0, [35.0, 48.0], 58.0), (1.0, [31.0, 42.0], 52.0)]
)
def test_a_server_that_hangs_is_asked_when_its_heartbeat_is_overdue_and_then_lost(
    granted: float, asked_at: list[float], lost_at: float
):
    silence = Silence(Pace(health_s=granted), speaks_at=(10.0, 20.0)).until(3_600)

    assert silence.asked_at == asked_at
    assert silence.lost_at == lost_at


def test_a_clock_that_is_set_back_puts_no_question_off():
    clock, client = JumpingClock(), StandInClient(False, False)
    pulse = Pulse(Pace(), clock)

    async def story() -> None:
        losing = asyncio.ensure_future(pulse.lost(client))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        clock.at -= timedelta(hours=2)
        await losing

    asyncio.run(story())

    assert clock.slept == [15.0, 3.0]


class Watch:
    """One pause between two looks, in virtual time."""

    def __init__(self, *, is_busy: bool) -> None:
        self.loop = VirtualLoop()
        self.rounds = Rounds(Pace(interval_s=5))
        self.looked_at: float | None = None
        self.loop.create_task(self._rest(is_busy=is_busy))
        self.loop.run_ready()

    async def _rest(self, *, is_busy: bool) -> None:
        await self.rounds.rest(is_busy=is_busy)
        self.looked_at = self.loop.now

    def at(self, now: float, happens: Callable[[], None]) -> "Watch":
        self.loop.advance(now)

        async def happen() -> None:
            happens()

        self.loop.create_task(happen())
        self.loop.run_ready()
        return self

    def out(self) -> float | None:
        while self.looked_at is None:
            due = self.loop.next_timer()
            assert due is not None, "the next look never comes"
            self.loop.advance(due)
            self.loop.run_ready()
        return self.looked_at


@pytest.mark.parametrize(("is_busy", "pause"), [(True, 5.0), (False, 30.0)])
def test_a_look_comes_sooner_while_somebody_is_at_work(is_busy: bool, pause: float):
    assert Watch(is_busy=is_busy).out() == pause


def test_who_gets_to_work_is_looked_at_at_the_pace_of_work_and_not_at_once():
    watch = Watch(is_busy=False)

    watch.at(10, watch.rounds.attend)

    assert watch.looked_at is None  # the turn begins, and nothing is asked
    assert watch.out() == 15


@pytest.mark.parametrize(("is_busy", "due"), [(True, 5.0), (False, 30.0)])
def test_who_gets_to_work_puts_no_look_off(is_busy: bool, due: float):
    watch = Watch(is_busy=is_busy)

    watch.at(due - 1, watch.rounds.attend)

    assert watch.out() == due


def test_a_look_is_hastened_at_once_also_when_nobody_rests_yet():
    watch = Watch(is_busy=False)

    assert watch.at(3, watch.rounds.hasten).looked_at == 3
    watch.rounds.hasten()
    watch.looked_at = None
    watch.loop.create_task(watch._rest(is_busy=True))
    watch.loop.run_ready()
    assert watch.looked_at == 3
