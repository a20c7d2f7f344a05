"""A program of hers that lets us in: how it comes, goes, comes again, and ends."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.ending import how_it_ended
from palingenesis.assistants.opencode.executable import database as database_of
from palingenesis.assistants.opencode.integrated import IntegratedProgram
from palingenesis.assistants.opencode.missing import Remembered
from palingenesis.assistants.opencode.plugged import Plugged
from palingenesis.assistants.opencode.programs import IntegratedPrograms, Known
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.core import events as ev
from palingenesis.core.errors import AssistantError, AssistantUnreachableError, PalingenesisError
from palingenesis.core.values import AgentId, DownCause, SessionId, StopReason, Way
from palingenesis.processes.exits import Exit
from palingenesis.processes.identity import Identity, identify
from palingenesis.processes.seeing import look_at
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.linking import Caller
from tests.opencode.live_adapter.fake import FakeWork, QuickClock, Told, answer, refused, user
from tests.opencode.live_adapter.plugin_end import Line, Plugin, json_answer, settled
from tests.opencode.live_adapter.test_observed import Database

ONE = SessionId("ses_1")
NOW = SystemClock().now()
DEAD = Identity(pid=2**22 + 1, start_ticks=1, boot_id="b")


def healthy(_ask: Line) -> Line:
    return json_answer({"healthy": True, "version": "1.18.33"})


def ourselves() -> Identity:
    found = identify(os.getpid())
    assert found is not None
    return found


def program(tmp_path: Path, who: Identity | None = None) -> IntegratedProgram:
    storage = Storage(tmp_path / "opencode.db")
    return IntegratedProgram(who or ourselves(), QuickClock(), storage)


def plugged_in(of: IntegratedProgram) -> tuple[Plugin, "asyncio.Task[None]"]:
    plugin = Plugin()
    plugin.answers = healthy
    return plugin, asyncio.ensure_future(of.live(Plugged(plugin)))


def play(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await story()

    asyncio.run(bounded())


# ── its connection ──


def test_it_is_up_as_soon_as_its_plugin_has_come(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path)
        coming = asyncio.ensure_future(one.up())
        await settled()
        assert not coming.done()
        assert one.running is None

        plugin, living = plugged_in(one)
        running = await coming
        assert (running.version, running.identity) == ("1.18.33", ourselves())
        assert one.running == running
        plugin.tell({"hello": {"directories": ["/home/anna/place"]}})
        await settled()
        assert running.directories is not None
        assert running.directories() == ("/home/anna/place",)
        plugin.end()
        await living
        assert one.running is None

    play(story)


def test_a_client_goes_on_over_the_next_connection(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path)
        plugin, living = plugged_in(one)
        await settled()
        async with one.client() as client:
            assert await client.version() == "1.18.33"
            plugin.end()
            await living
            with pytest.raises(AssistantUnreachableError):
                await client.version()
            plugin, living = plugged_in(one)
            await settled()
            assert await client.version() == "1.18.33"
        plugin.end()
        await living

    play(story)


def test_a_second_connection_of_the_same_process_takes_the_place_of_the_first(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path)
        first, living = plugged_in(one)
        await settled()
        second, also = plugged_in(one)
        await living
        assert first.closed
        assert not second.closed
        assert one.is_plugged
        second.end()
        await also

    play(story)


def test_it_is_given_up_only_when_its_plugin_stays_away(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path)
        plugin, living = plugged_in(one)
        away = asyncio.ensure_future(one.away_for(0.005))
        await settled()
        assert not away.done()
        plugin.end()
        await living
        await away

    play(story)


def test_it_is_hers_to_end_and_to_start(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path)
        for asked in (one.restart(1.0), one.stop(1.0)):
            with pytest.raises(AssistantError, match="never restarted or ended by us"):
                await asked

    play(story)


# ── its end ──

WORKING = [user(1), answer(2, finish=None)]
FINISHED = [user(1), answer(2)]


@pytest.mark.parametrize(
    ("said", "farewell", "one_prompt", "cause"),
    [
        (FINISHED, None, False, DownCause.ENDED),
        (FINISHED, True, False, DownCause.ENDED),
        (FINISHED, False, False, DownCause.EXITED),
        (WORKING, None, False, DownCause.EXITED),
        (WORKING, True, False, DownCause.ENDED),
        (WORKING, False, False, DownCause.EXITED),
        (FINISHED, None, True, DownCause.DONE),
        (FINISHED, True, True, DownCause.DONE),
        (WORKING, True, True, DownCause.EXITED),
    ],
)
def test_its_last_word_and_its_last_turn_say_whose_doing_its_end_was(
    tmp_path: Path,
    said: list[Line],
    farewell: bool,
    one_prompt: bool,
    cause: DownCause,
):
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path)
    for message in said:
        database.says(message)

    async def story() -> None:
        ending = await how_it_ended(
            Storage(database.path), (ONE,), NOW, farewell=farewell, ends_itself=one_prompt
        )
        assert ending.cause is cause
        assert ending.detail

    play(story)


@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP", "SIGTERM", "SIGQUIT"])
@pytest.mark.parametrize("one_prompt", [False, True])
def test_a_key_or_a_closed_terminal_that_left_no_time_for_a_farewell_is_her_doing(
    tmp_path: Path, number: str, one_prompt: bool
):
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path)
    for message in WORKING:
        database.says(message)

    async def story() -> None:
        ending = await how_it_ended(
            Storage(database.path),
            (ONE,),
            NOW,
            ended=Exit(signal=number),
            farewell=False,
            ends_itself=one_prompt,
        )
        assert (ending.cause, ending.detail) == (DownCause.ENDED, f"ended by {number}")

    play(story)


@pytest.mark.parametrize(("at_work", "cause"), [((ONE,), DownCause.EXITED), ((), DownCause.ENDED)])
def test_without_a_database_what_was_seen_last_is_believed(
    tmp_path: Path, at_work: tuple[SessionId, ...], cause: DownCause
):
    async def story() -> None:
        ending = await how_it_ended(Storage(tmp_path / "gone.db"), at_work, NOW)
        assert ending.cause is cause

    play(story)


def test_after_its_end_it_never_comes_up_again(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path, DEAD)
        plugin, living = plugged_in(one)
        with pytest.raises(AssistantUnreachableError, match="has just ended"):
            await one.up()
        plugin.tell({"bye": True})
        await settled()
        plugin.end()
        await living
        any_running = await program_running(tmp_path)
        ending = await one.why_gone(any_running, Exit(), ())
        assert (ending.cause, ending.detail) == (DownCause.ENDED, "it was closed")
        with pytest.raises(AssistantError, match="has ended"):
            await one.up()
        await one.over.wait()

    play(story)


def test_whoever_waits_for_it_learns_of_its_end(tmp_path: Path):
    async def story() -> None:
        one = program(tmp_path, DEAD)
        waiting = asyncio.ensure_future(one.up())
        await settled()
        assert not waiting.done()
        await one.why_gone(await program_running(tmp_path), Exit(), ())
        with pytest.raises(AssistantError, match="has ended"):
            await waiting

    play(story)


@pytest.mark.parametrize(
    ("says_farewell", "cause"), [(True, DownCause.EXITED), (False, DownCause.ENDED)]
)
def test_a_tui_that_was_heard_to_its_end_and_said_no_farewell_was_killed(
    tmp_path: Path,
    says_farewell: bool,
    cause: DownCause,
):
    async def story() -> None:
        storage = Storage(tmp_path / "opencode.db")
        one = IntegratedProgram(ourselves(), QuickClock(), storage, says_farewell=says_farewell)
        plugin, living = plugged_in(one)
        running = await one.up()
        plugin.end()
        await living
        ending = await one.why_gone(running, Exit(), ())
        assert ending.cause is cause

    play(story)


async def program_running(tmp_path: Path) -> object:
    one = program(tmp_path)
    plugin, living = plugged_in(one)
    running = await one.up()
    plugin.end()
    await living
    return running


# ── which programs are let in ──


@contextmanager
def somebody(environment: Mapping[str, str], program: Path | None = None) -> Iterator[int]:
    """A process of this user that does nothing; its pid. `program` is the file of its command."""
    does, folder = "print(flush=True); input()", None
    words = [sys.executable, "-c", does]
    if program is not None:
        program.write_text(does)
        words, folder = [sys.executable, program.name], program.parent
    with subprocess.Popen(
        words, cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.kill()


def programs(**known: object) -> IntegratedPrograms:
    return IntegratedPrograms(SystemClock(), FakeWork(), known=Known(**known))  # type: ignore[arg-type]


def remembered(pid: int) -> Remembered:
    """The process, as we knew it when we last ran."""
    found = look_at(pid)
    assert found is not None
    return Remembered(pid=pid, started_at=found.started_at)


def test_a_program_of_hers_is_let_in_claimed_and_acted_through(tmp_path: Path):
    with somebody({"HOME": str(tmp_path)}) as pid:
        here = programs()
        who = identify(pid)
        assert who is not None
        assert not here.claims(who)
        here.admit(Caller(pid=pid))
        assert here.claims(who)
        actuator = here.actuator_of(AgentId(f"opencode-{pid}"))
        assert actuator is not None
        assert not actuator.offers.owns_process


def test_who_is_no_program_of_hers_is_turned_away():
    here = programs()
    with pytest.raises(PalingenesisError, match="none of this user"):
        here.admit(Caller(pid=DEAD.pid))
    tools = pytest.raises(PalingenesisError, match="an agent's own tool")
    with somebody({"OPENCODE_PID": "7"}) as pid, tools:
        here.admit(Caller(pid=pid))
    with somebody({}) as pid:
        here = programs(served=lambda: (identify(pid),))
        with pytest.raises(PalingenesisError, match="another way"):
            here.admit(Caller(pid=pid))


@pytest.mark.parametrize("word", ["models", "auth", "session", "attach"])
def test_a_command_that_is_over_in_a_moment_is_no_program_of_hers(tmp_path: Path, word: str):
    no_program = pytest.raises(PalingenesisError, match="has no sessions of its own")

    with somebody({}, tmp_path / word) as pid, no_program:
        programs().admit(Caller(pid=pid))


@pytest.mark.parametrize("word", ["serve", "web", "acp", "run"])
def test_a_server_and_a_single_run_of_hers_are_let_in(tmp_path: Path, word: str):
    with somebody({}, tmp_path / word) as pid:
        here = programs()
        here.admit(Caller(pid=pid))

        assert here.actuator_of(AgentId(f"opencode-{pid}")) is not None


def test_a_program_that_lives_on_is_claimed_until_its_plugin_comes_again():
    with somebody({}) as pid:
        who = identify(pid)
        assert who is not None
        here = programs(remembered=(remembered(pid),))
        assert here.claims(who)

        later = SystemClock().now()
        another = Remembered(pid=pid, started_at=later.replace(year=later.year - 1))
        assert not programs(remembered=(another,)).claims(who)


def whole_life(here: IntegratedPrograms, pid: int) -> Told:
    """What is told of a program that lets us in, and is killed once its work was looked at."""
    join, told = here.admit(Caller(pid=pid, directories=("/p",), plugin="1")), Told()

    def answers(ask: Line) -> Line:
        if ask["path"] == "/global/health":
            return healthy(ask)
        looked.set()
        return json_answer({} if ask["path"].startswith("/session/status") else [])

    looked = asyncio.Event()

    async def story() -> None:
        plugin = Plugin()
        plugin.answers = answers
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(here.watch(told))
            living = group.create_task(join(plugin))
            await looked.wait()
            await settled()
            os.kill(pid, 9)
            plugin.end()
            await living
            while not told.of(ev.AgentDown):
                await asyncio.sleep(0.01)
            while here.actuator_of(AgentId(f"opencode-{pid}")) is not None:
                await asyncio.sleep(0.01)
            watch.cancel()

    play(story)
    return told


def first_and_last(told: Told) -> tuple[ev.AgentUp, ev.AgentDown]:
    (up,), (down,) = told.of(ev.AgentUp), told.of(ev.AgentDown)
    assert told.events[-1] is down
    return up, down


def test_its_whole_life_is_told_from_the_first_word_to_the_end_of_its_process(tmp_path: Path):
    with somebody({"HOME": str(tmp_path)}) as pid:
        up, down = first_and_last(whole_life(programs(), pid))
    assert (up.agent, up.way, up.pid) == (f"opencode-{pid}", Way.INTEGRATED, pid)
    assert (down.agent, down.cause) == (up.agent, DownCause.EXITED)


@pytest.mark.parametrize("remembers", [False, True])
def test_a_single_run_ends_by_itself_also_if_we_were_started_again_meanwhile(
    tmp_path: Path, remembers: bool
):
    with somebody({"HOME": str(tmp_path)}, tmp_path / "run") as pid:
        before = (remembered(pid),) if remembers else ()
        up, down = first_and_last(whole_life(programs(remembered=before), pid))
    assert up.ends_itself
    assert down.cause is DownCause.DONE


def test_a_tui_that_is_killed_after_we_were_started_again_was_not_left_by_her(tmp_path: Path):
    with somebody({"HOME": str(tmp_path)}) as pid:
        up, down = first_and_last(whole_life(programs(remembered=(remembered(pid),)), pid))
    assert not up.ends_itself
    assert down.cause is DownCause.EXITED


def test_how_the_turn_of_a_single_run_ended_is_told_before_its_end(tmp_path: Path):
    """It ends with its turn, so that nobody could be asked any more."""
    environment = {"HOME": str(tmp_path)}
    database = Database(database_of(environment))
    database.session(tmp_path)
    for message in [user(1), refused(2, 429, "slow down")]:
        database.says(message)

    with somebody(environment, tmp_path / "run") as pid:
        told = whole_life(programs(believed=lambda _agent: (ONE,)), pid)

    (stop,) = told.of(ev.SessionStopped)
    assert (stop.session, stop.stop.reason) == (ONE, StopReason.RATE_LIMIT)
    _, down = first_and_last(told)
    assert (down.agent, down.cause) == (stop.agent, DownCause.DONE)
    assert told.of(ev.FactsObserved)[-1].facts["agent.retrying"] is False
