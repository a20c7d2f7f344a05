"""Her programs as they are seen from outside: what is theirs, and what was there before them."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.observed import ObservedSensor, agent_of
from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.core import events as ev
from palingenesis.core.values import AgentId, DownCause, SessionId, StopReason
from palingenesis.processes.children import Child
from palingenesis.processes.finding import Found
from palingenesis.processes.identity import send_signal
from palingenesis.runtime.clock import SystemClock
from tests.opencode.live_adapter.fake import Json, Told, answer, message_key, ms, user
from tests.opencode.live_adapter.test_observed import Database, Mine, just_now, observed

ONE = SessionId("ses_1")


def before(span: timedelta, message: Json) -> Json:
    """The same message, said so long ago."""
    time = dict.fromkeys(message["info"]["time"], ms(SystemClock().now() - span))
    return {**message, "info": {**message["info"], "time": time}}


def long_ago(message: Json) -> Json:
    """The same message, said a month ago."""
    return before(timedelta(days=30), message)


async def killed(child: Child, told: Told) -> ev.AgentDown:
    """How its end by a kill is told."""
    assert child.identity is not None
    send_signal(child.identity, signal.SIGKILL)
    down: ev.AgentDown = await told.wait(ev.AgentDown)
    return down


def test_a_turn_that_a_kill_cut_off_long_ago_is_not_under_way_in_the_program_that_shows_it(
    tmp_path: Path,
) -> None:
    async def scene(database: Database, project: Path, child: Child, told: Told) -> None:
        database.session(project)
        database.says(long_ago(user(1)))
        database.says(long_ago(answer(2, finish=None)))
        await told.wait(ev.SessionSeen)
        database.session(project, "ses_2")
        await told.wait(ev.SessionSeen, 2)  # in a later look: the first one is over
        down = await killed(child, told)

        assert told.of(ev.SessionWorking) == []
        assert down.cause is DownCause.ENDED

    observed(tmp_path, scene)


def test_what_she_goes_on_with_there_is_under_way_and_its_kill_is_no_exit_of_hers(
    tmp_path: Path,
) -> None:
    async def scene(database: Database, project: Path, child: Child, told: Told) -> None:
        database.session(project)
        database.says(long_ago(user(1)))
        database.says(long_ago(answer(2, finish=None)))
        database.says(just_now(user(3)))
        await told.wait(ev.SessionWorking)
        down = await killed(child, told)

        assert down.cause is DownCause.EXITED

    observed(tmp_path, scene)


def test_her_first_words_to_a_session_of_long_ago_are_told(tmp_path: Path) -> None:
    async def scene(database: Database, project: Path, _child: Child, told: Told) -> None:
        database.session(project)
        database.says(long_ago(user(1)))
        database.says(long_ago(answer(2)))
        prompt = just_now(user(3))
        database.says(prompt)
        database.says(just_now(answer(4, finish=None)))
        await told.wait(ev.SessionWorking)

        (said,) = told.of(ev.PersonPrompted)
        assert (said.session, said.message) == (ONE, prompt["info"]["id"])
        assert ms(said.at) == prompt["info"]["time"]["created"]

    observed(tmp_path, scene)


class Watchful(SystemClock):
    """We have been watching for half a minute."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = False

    def now(self) -> datetime:
        before, self.is_asked = self.is_asked, True
        return super().now() - timedelta(seconds=0 if before else 30)


def test_what_she_said_before_the_program_was_begun_is_no_news(tmp_path: Path) -> None:
    database, programs = a_session(tmp_path)
    database.says(before(timedelta(seconds=20), user(1)))
    database.says(just_now(answer(2, finish=None)))

    async def story() -> None:
        async with programs.watched(database, Watchful()) as told:
            await told.wait(ev.SessionWorking)

            assert told.of(ev.PersonPrompted) == []

    asyncio.run(story())


def test_what_was_said_before_we_began_to_watch_may_have_been_told_then(tmp_path: Path) -> None:
    database, programs = a_session(tmp_path)
    database.says(just_now(user(1)))
    database.says(just_now(answer(2, finish=None)))

    async def story() -> None:
        async with programs.watched(database) as told:
            await told.wait(ev.SessionWorking)

            assert told.of(ev.PersonPrompted) == []

    asyncio.run(story())


def test_her_words_are_told_once_when_another_program_shows_their_session_too(
    tmp_path: Path,
) -> None:
    database, programs = Database(tmp_path / "opencode.db"), Programs(tmp_path, 2)

    async def story() -> None:
        async with programs.watched(database) as told:
            await told.wait(ev.AgentUp, 2)
            database.session(programs.project)
            database.says(just_now(user(1)))
            database.says(just_now(answer(2, finish=None)))
            working = await told.wait(ev.SessionWorking)
            programs.kill(working.agent)
            await told.wait(ev.SessionWorking, 2)

            assert len({seen.agent for seen in told.of(ev.SessionSeen)}) == 2
            assert len(told.of(ev.PersonPrompted)) == 1

    asyncio.run(story())


@pytest.mark.parametrize("is_known", [True, False])
def test_a_turn_that_ended_while_we_did_not_run_is_told_of_what_was_under_way(
    tmp_path: Path, is_known: bool
) -> None:
    database, programs = a_session(tmp_path)
    database.says(just_now(user(1)))
    database.says(just_now(answer(2)))

    async def story() -> None:
        under_way = (ONE,) if is_known else ()
        async with programs.watched(database, under_way=under_way) as told:
            await told.wait(ev.SessionSeen)
            for key in ("ses_2", "ses_3", "ses_4"):  # each in a later look
                database.session(programs.project, key)
                await told.wait(ev.SessionSeen, int(key[-1]))

            reasons = [stopped.stop.reason for stopped in told.of(ev.SessionStopped)]
            assert reasons == [StopReason.COMPLETED] * is_known
            assert told.of(ev.SessionWorking) == []

    asyncio.run(story())


def test_a_prompt_that_is_answered_between_two_looks_comes_to_its_stop_too(tmp_path: Path) -> None:
    database, programs = a_session(tmp_path)
    database.says(just_now(user(1)))
    database.says(just_now(answer(2)))

    async def story() -> None:
        async with programs.watched(database, under_way=(ONE,)) as told:
            await told.wait(ev.SessionStopped)
            prompt, answered = just_now(user(3)), just_now(answer(4))
            database.says(answered)
            database.says(prompt)  # nobody sees it without its answer
            await told.wait(ev.PersonPrompted)

            assert (await told.wait(ev.SessionStopped, 2)).stop.key == f"{message_key(4)}:end"

    asyncio.run(story())


def test_a_turn_that_was_left_before_the_program_was_begun_is_no_stop_of_it(
    tmp_path: Path,
) -> None:
    database, programs = a_session(tmp_path)
    database.says(long_ago(user(1)))
    database.says(long_ago(answer(2, finish=None)))

    async def story() -> None:
        async with programs.watched(database, under_way=(ONE,)) as told:
            await told.wait(ev.SessionSeen)
            for key in ("ses_2", "ses_3", "ses_4"):
                database.session(programs.project, key)
                await told.wait(ev.SessionSeen, int(key[-1]))

            assert told.of(ev.SessionStopped) == []

    asyncio.run(story())


def a_session(tmp_path: Path) -> tuple[Database, "Programs"]:
    """A program of hers, and a session in its directory."""
    database, programs = Database(tmp_path / "opencode.db"), Programs(tmp_path, 1)
    database.session(programs.project)
    return database, programs


class Programs:
    """Programs of hers in one directory, which only sleep."""

    def __init__(self, place: Path, count: int) -> None:
        program = place / "bin" / "opencode"
        program.parent.mkdir()
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
        self.project = place / "60"
        self._children = [
            Child.start(
                [str(program), "60"],
                cwd=place,
                env={"OPENCODE_DB": str(place / "opencode.db")},
                log=place / "log",
            )
            for _ in range(count)
        ]

    @asynccontextmanager
    async def watched(
        self,
        database: Database,
        clock: SystemClock | None = None,
        *,
        under_way: tuple[SessionId, ...] = (),
    ) -> AsyncIterator[Told]:
        """What is told of them, until they are killed."""
        told = Told()
        pace = Pace(interval_s=0.02)
        sensor = ObservedSensor(
            clock or SystemClock(),
            pace=pace,
            data=database.path,
            under_way=lambda _agent: under_way,
        )
        ours = {agent_of(child.pid) for child in self._children}

        def emit(event: ev.Event) -> None:
            if getattr(event, "agent", None) in {None, *ours}:
                told(event)

        watching = asyncio.ensure_future(sensor.watch(emit))
        try:
            yield told
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            for child in self._children:
                self.kill(agent_of(child.pid))
                await child.wait()

    def kill(self, agent: AgentId) -> None:
        for child in self._children:
            if child.identity is not None and agent_of(child.pid) == agent:
                send_signal(child.identity, signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ends that has still time to let us in: it was not looked at yet."""

    command: str = "there"
    by: signal.Signals | None = None
    """None: by itself, with exit code 0."""
    last: Json = field(default_factory=lambda: answer(2, finish=None))


def told_of_its_end(tmp_path: Path, how: Ended) -> list[ev.Event]:
    """What is told of a program (a shell), which worked on a session in an earlier life of ours."""
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    shutil.copy(shutil.which("sh") or "/bin/sh", program)
    (tmp_path / how.command).write_text("while [ ! -e now ]; do sleep 0.02; done\n")
    database = Database(tmp_path / ".local" / "share" / "opencode" / "opencode.db")
    told = Told()

    async def go() -> None:
        child = Child.start(
            [str(program), how.command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            log=tmp_path / "log",
        )
        assert child.identity is not None
        database.session(tmp_path / "elsewhere")
        database.says(just_now(user(1)))
        database.says(just_now(how.last))
        asked = asyncio.Event()

        def may_let_in(found: Found) -> bool:
            if found.identity == child.identity:
                asked.set()
            return True

        sensor = ObservedSensor(
            SystemClock(),
            pace=Pace(interval_s=0.02),
            data=database.path,
            may_let_in=may_let_in,
            under_way=lambda agent: (ONE,) if agent == agent_of(child.pid) else (),
        )
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(sensor.watch(Mine(told, child.pid)))
            async with asyncio.timeout(5):
                await asked.wait()
            if how.by is not None:
                send_signal(child.identity, how.by)
            (tmp_path / "now").touch()
            await told.wait(ev.AgentDown)
            watching.cancel()
        await child.wait()

    asyncio.run(go())
    return told.events


@pytest.mark.parametrize(
    ("how", "cause", "detail"),
    [
        (Ended(by=signal.SIGKILL), DownCause.EXITED, "it ended in the middle of ses_1"),
        (Ended(by=signal.SIGHUP), DownCause.ENDED, "ended by SIGHUP"),
        (Ended(), DownCause.ENDED, "it ended"),
        (Ended(command="run"), DownCause.EXITED, "it ended in the middle of ses_1"),
        (Ended(command="run", by=signal.SIGHUP), DownCause.ENDED, "ended by SIGHUP"),
    ],
)
def test_the_end_of_one_before_it_was_looked_at_is_told_at_once_from_what_is_known_of_it(
    tmp_path: Path, how: Ended, cause: DownCause, detail: str
) -> None:
    (down,) = told_of_its_end(tmp_path, how)

    assert isinstance(down, ev.AgentDown)
    assert (down.cause, down.detail) == (cause, detail)


def test_a_run_that_is_over_before_it_was_looked_at_tells_what_its_prompt_came_to(
    tmp_path: Path,
) -> None:
    stopped, down = told_of_its_end(tmp_path, Ended(command="run", last=answer(2)))

    assert isinstance(stopped, ev.SessionStopped)
    assert (stopped.session, stopped.stop.reason) == (ONE, StopReason.COMPLETED)
    assert isinstance(down, ev.AgentDown)
    assert down.cause is DownCause.DONE
