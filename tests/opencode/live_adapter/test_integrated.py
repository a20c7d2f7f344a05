"""A program of hers that lets us in: how it comes, goes, comes again, and ends."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.integrated import IntegratedProgram, how_it_ended
from palingenesis.assistants.opencode.plugged import Plugged
from palingenesis.assistants.opencode.programs import IntegratedPrograms, Known, Remembered
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.core import events as ev
from palingenesis.core.errors import AssistantError, AssistantUnreachableError, PalingenesisError
from palingenesis.core.values import AgentId, DownCause, SessionId, Way
from palingenesis.processes.exits import Exit
from palingenesis.processes.finding import started_at
from palingenesis.processes.identity import Identity, identify
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.linking import Caller
from tests.opencode.live_adapter.fake import FakeWork, QuickClock, Told, answer, user
from tests.opencode.live_adapter.plugin_end import Line, Plugin, json_answer, settled
from tests.opencode.live_adapter.test_observed import Database

ONE = SessionId("ses_1")
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
        for refused in (one.restart(1.0), one.stop(1.0)):
            with pytest.raises(AssistantError, match="never restarted or ended by us"):
                await refused

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
            Storage(database.path), (ONE,), farewell=farewell, ends_itself=one_prompt
        )
        assert ending.cause is cause
        assert ending.detail

    play(story)


@pytest.mark.parametrize(("at_work", "cause"), [((ONE,), DownCause.EXITED), ((), DownCause.ENDED)])
def test_without_a_database_what_was_seen_last_is_believed(
    tmp_path: Path, at_work: tuple[SessionId, ...], cause: DownCause
):
    async def story() -> None:
        ending = await how_it_ended(Storage(tmp_path / "gone.db"), at_work)
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


def programs(tmp_path: Path, **known: object) -> IntegratedPrograms:
    data = tmp_path / "opencode.db"
    return IntegratedPrograms(
        SystemClock(),
        FakeWork(),
        data=data,
        known=Known(**known),  # type: ignore[arg-type]
    )


def test_a_program_of_hers_is_let_in_claimed_and_acted_through(tmp_path: Path):
    with somebody({"HOME": str(tmp_path)}) as pid:
        here = programs(tmp_path)
        who = identify(pid)
        assert who is not None
        assert not here.claims(who)
        here.admit(Caller(pid=pid))
        assert here.claims(who)
        actuator = here.actuator_of(AgentId(f"opencode-{pid}"))
        assert actuator is not None
        assert not actuator.offers.owns_process


def test_who_is_no_program_of_hers_is_turned_away(tmp_path: Path):
    here = programs(tmp_path)
    with pytest.raises(PalingenesisError, match="none of this user"):
        here.admit(Caller(pid=DEAD.pid))
    tools = pytest.raises(PalingenesisError, match="an agent's own tool")
    with somebody({"OPENCODE_PID": "7"}) as pid, tools:
        here.admit(Caller(pid=pid))
    with somebody({}) as pid:
        here = programs(tmp_path, served=lambda: (identify(pid),))
        with pytest.raises(PalingenesisError, match="another way"):
            here.admit(Caller(pid=pid))


@pytest.mark.parametrize("word", ["models", "auth", "session", "attach"])
def test_a_command_that_is_over_in_a_moment_is_no_program_of_hers(tmp_path: Path, word: str):
    no_program = pytest.raises(PalingenesisError, match="has no sessions of its own")

    with somebody({}, tmp_path / word) as pid, no_program:
        programs(tmp_path).admit(Caller(pid=pid))


@pytest.mark.parametrize("word", ["serve", "web", "acp", "run"])
def test_a_server_and_a_single_run_of_hers_are_let_in(tmp_path: Path, word: str):
    with somebody({}, tmp_path / word) as pid:
        here = programs(tmp_path)
        here.admit(Caller(pid=pid))

        assert here.actuator_of(AgentId(f"opencode-{pid}")) is not None


def watching(here: IntegratedPrograms, until: Callable[[Told], bool]) -> Told:
    """What is told until that is so."""
    told = Told()

    async def story() -> None:
        task = asyncio.ensure_future(here.watch(told))
        while not until(told):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(story)
    return told


def test_a_program_that_ended_while_we_did_not_run_is_told_to_have_ended(tmp_path: Path):
    at = SystemClock().now()
    gone = Remembered(pid=DEAD.pid, started_at=at)
    here = programs(tmp_path, remembered=(gone,), supervised=lambda _agent: (ONE,))
    told = watching(here, lambda told: bool(told.of(ev.AgentDown)))
    (down,) = told.of(ev.AgentDown)
    assert (down.agent, down.cause) == (f"opencode-{DEAD.pid}", DownCause.EXITED)


def test_a_program_that_lives_on_is_claimed_until_its_plugin_comes_again(tmp_path: Path):
    with somebody({}) as pid:
        who = identify(pid)
        assert who is not None
        began = started_at(who)
        assert began is not None
        here = programs(tmp_path, remembered=(Remembered(pid=pid, started_at=began),))
        assert here.claims(who)

        later = SystemClock().now()
        another = Remembered(pid=pid, started_at=later.replace(year=later.year - 1))
        assert not programs(tmp_path, remembered=(another,)).claims(who)


def test_its_whole_life_is_told_from_the_first_word_to_the_end_of_its_process(tmp_path: Path):
    with somebody({"HOME": str(tmp_path)}) as pid:
        here = programs(tmp_path)
        join = here.admit(Caller(pid=pid, directories=("/p",), plugin="1"))
        told = Told()

        def answers(ask: Line) -> Line:
            if ask["path"] == "/global/health":
                return healthy(ask)
            return json_answer({} if ask["path"] == "/session/status" else [])

        async def story() -> None:
            plugin = Plugin()
            plugin.answers = answers
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(here.watch(told))
                living = group.create_task(join(plugin))
                while not told.of(ev.AgentUp):
                    await asyncio.sleep(0.01)
                os.kill(pid, 9)
                plugin.end()
                await living
                while not told.of(ev.AgentDown):
                    await asyncio.sleep(0.01)
                while here.actuator_of(AgentId(f"opencode-{pid}")) is not None:
                    await asyncio.sleep(0.01)
                watch.cancel()

        play(story)
    (up,), (down,) = told.of(ev.AgentUp), told.of(ev.AgentDown)
    assert (up.agent, up.way, up.pid) == (f"opencode-{pid}", Way.INTEGRATED, pid)
    assert (down.agent, down.cause) == (up.agent, DownCause.EXITED)
