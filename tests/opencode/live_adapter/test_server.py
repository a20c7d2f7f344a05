"""The server that we run: started, adopted, protected, restarted, ended; with real processes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.executable import (
    data_directory,
    database,
    find_executable,
    free_port,
    origin_of,
    program_stamp,
    server_environment,
)
from palingenesis.assistants.opencode.record import Record, RecordFile
from palingenesis.assistants.opencode.running import Ending
from palingenesis.assistants.opencode.server import Launch, ManagedServer
from palingenesis.assistants.opencode.versions import is_beyond, is_supported, what_is_wrong
from palingenesis.core.errors import AssistantError, BusyError, PassingError
from palingenesis.core.values import DownCause
from palingenesis.processes.exits import Exit
from palingenesis.processes.finding import carrying
from palingenesis.processes.identity import Identity, identify, is_alive, send_signal
from palingenesis.runtime.clock import SystemClock, SystemDice

PRETEND = Path(__file__).parent / "pretend.py"
Story = Callable[[ManagedServer], Awaitable[None]]


def launch(tmp_path: Path, mode: str = "plain", port: int = 0) -> Launch:
    state = tmp_path / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    return Launch(
        state=state,
        directory=tmp_path,
        environ={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        command=(sys.executable, str(PRETEND), mode),
        port=port,
    )


def server(how: Launch) -> ManagedServer:
    return ManagedServer(how, SystemClock(), SystemDice())


def lives(story: Story, how: Launch) -> None:
    async def go() -> None:
        one = server(how)
        try:
            await story(one)
        finally:
            await one.stop(1.0)

    asyncio.run(go())


def test_a_server_that_was_left_open_is_not_adopted(tmp_path: Path) -> None:
    async def story(one: ManagedServer) -> None:
        running = await one.start()
        assert running.identity is not None
        file = RecordFile(tmp_path / "state", data_directory({"HOME": str(tmp_path)}))
        one.leave()
        record = file.read()
        assert record is not None
        strange = replace(launch(tmp_path, "open"), port=0)
        opened = subprocess.Popen(
            [*strange.command, "serve", "--port", str(port := free_port("127.0.0.1"))],
            env={**strange.environ, "OPENCODE_SERVER_PASSWORD": record.password},
        )
        try:
            who = await as_soon_as_it_answers(opened.pid, port)
            file.write(
                replace(
                    record,
                    pid=who.pid,
                    start_ticks=who.start_ticks,
                    origin=origin_of("127.0.0.1", port),
                )
            )

            other = server(launch(tmp_path))
            now = await other.start()

            assert now.identity != who
            assert not is_alive(who)
            await other.stop(1.0)
        finally:
            opened.kill()
            opened.wait()
        await asyncio.to_thread(send_signal, running.identity, signal.SIGKILL)

    lives(story, launch(tmp_path))


async def as_soon_as_it_answers(pid: int, port: int) -> Identity:
    async with asyncio.timeout(20):
        while True:
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
            except OSError:
                await asyncio.sleep(0.02)
                continue
            who = identify(pid)
            assert who is not None
            return who


def test_it_is_started_and_its_record_is_for_our_eyes_only(tmp_path: Path) -> None:
    how = launch(tmp_path)

    async def story(one: ManagedServer) -> None:
        running = await one.start()
        assert running.version == "1.18.33"
        assert not running.adopted
        assert await one.up() == await one.start() == running
        [record] = how.state.glob("*.json")
        assert record.stat().st_mode & 0o777 == 0o600
        assert running.password is not None
        assert len(running.password) == 64
        assert running.password not in repr(running)

    lives(story, how)
    assert list(how.state.glob("*.json")) == []


def test_the_next_daemon_adopts_the_one_that_was_left_running(tmp_path: Path) -> None:
    how = launch(tmp_path)

    async def story(one: ManagedServer) -> None:
        left = await one.start()
        one.leave()
        two = server(how)
        adopted = await two.start()
        assert adopted.identity == left.identity
        assert adopted.adopted
        assert adopted.password == left.password
        await two.stop(1.0)

    lives(story, how)


def test_a_server_whose_start_we_did_not_live_to_write_down_is_ended_by_the_next_daemon(
    tmp_path: Path,
) -> None:
    how = launch(tmp_path)
    file = RecordFile(how.state, data_directory(how.environ))

    async def story(one: ManagedServer) -> None:
        first = await one.start()
        record = file.read()
        assert record is not None
        one.leave()
        file.write(replace(record, pid=0, start_ticks=0))  # all that we had written before

        second = await one_more.start()

        assert first.identity is not None
        assert not is_alive(first.identity)
        assert second.identity != first.identity
        await one_more.stop(1.0)

    one_more = server(how)
    lives(story, how)


def test_while_the_record_cannot_be_read_no_second_server_is_started(tmp_path: Path) -> None:
    how = launch(tmp_path)
    next_daemon = server(how)

    async def story(one: ManagedServer) -> None:
        first = await one.start()
        one.leave()
        [record] = how.state.glob("*.json")
        aside = record.rename(tmp_path / "aside")
        record.mkdir()

        with pytest.raises(PassingError, match=r"cannot read .*\.json: Is a directory"):
            await next_daemon.start()
        record.rmdir()
        aside.rename(record)
        second = await next_daemon.start()

        assert second.identity == first.identity
        await next_daemon.stop(1.0)

    lives(story, how)


def test_that_a_server_is_about_to_be_started_is_written_down_before_it_is(tmp_path: Path) -> None:
    program = tmp_path / "opencode"
    program.write_text("no program at all")
    program.chmod(0o700)
    how = replace(launch(tmp_path), command=(str(program),))
    file = RecordFile(how.state, data_directory(how.environ))
    file.write(record_of(how, program=program_stamp(str(program))))

    async def story(one: ManagedServer) -> None:
        with pytest.raises(AssistantError, match="exec format error"):
            await one.start()

        written = file.read()
        assert written is not None
        assert written.pid == 0
        assert len(written.password) == 64

    lives(story, how)


def record_of(how: Launch, *, program: str) -> Record:
    """Of a server that ended long ago."""
    return Record(
        pid=2**22 + 1,
        start_ticks=1,
        boot_id="",
        origin="http://127.0.0.1:1",
        password="old",
        data=str(data_directory(how.environ)),
        version="",
        program=program,
    )


def test_two_daemons_never_run_a_server_on_the_same_data(tmp_path: Path) -> None:
    how = launch(tmp_path)

    async def story(one: ManagedServer) -> None:
        await one.start()
        with pytest.raises(BusyError, match="another palingenesis runs a server on"):
            await server(how).start()

    lives(story, how)


def test_its_end_is_seen_and_a_restart_ends_the_tools_it_left_behind(tmp_path: Path) -> None:
    async def story(one: ManagedServer) -> None:
        first = await one.start()
        assert first.identity is not None
        mark = {"OPENCODE_PID": str(first.identity.pid)}
        assert len(carrying(mark)) == 1

        send_signal(first.identity, signal.SIGKILL)
        assert await one.gone(first) == Exit(signal="SIGKILL")
        assert one.running is None
        ending = await one.why_gone(first, Exit(signal="SIGKILL"), ())
        assert ending == Ending(cause=DownCause.EXITED, detail="ended by SIGKILL")
        assert len(carrying(mark)) == 1  # an orphan now

        second = await one.restart(1.0)
        assert second.identity != first.identity
        assert carrying(mark) == []

    lives(story, launch(tmp_path, "tools"))


def test_a_restart_leaves_the_server_that_was_started_while_it_waited(tmp_path: Path) -> None:
    async def story(one: ManagedServer) -> None:
        started, restarted = await asyncio.gather(one.start(), one.restart(1.0))

        assert restarted == started
        assert one.running == started

        assert started.identity is not None
        send_signal(started.identity, signal.SIGKILL)
        await one.gone(started)

        again, once_more = await asyncio.gather(one.restart(1.0), one.restart(1.0))

        assert again == once_more != started
        assert one.running == again

    lives(story, launch(tmp_path))


def test_a_server_that_is_being_ended_is_not_the_one_to_prompt(tmp_path: Path) -> None:
    async def story(one: ManagedServer) -> None:
        ended = await one.start()
        assert ended.identity is not None

        restarting = asyncio.ensure_future(one.restart(1.0))
        await asyncio.sleep(0)

        assert is_alive(ended.identity)
        assert one.running is None
        assert await one.up() == await restarting != ended

    lives(story, launch(tmp_path))


def test_a_stop_ends_the_server_and_its_tools_and_is_known_as_ours(tmp_path: Path) -> None:
    async def go() -> None:
        one = server(launch(tmp_path, "tools"))
        running = await one.start()
        assert running.identity is not None
        await one.stop(1.0)
        assert not is_alive(running.identity)
        assert (await one.why_gone(running, Exit(code=0), ())).cause is DownCause.STOPPED
        assert carrying({"OPENCODE_PID": str(running.identity.pid)}) == []

    asyncio.run(go())


def test_when_a_stranger_holds_the_port_another_one_is_taken_and_told(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]

        async def story(one: ManagedServer) -> None:
            running = await one.start()
            assert running.detail.startswith(f"port {port} is taken by another program; using ")

        lives(story, launch(tmp_path, port=port))


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("broken", r"ended while it started \(exit code 1\): Configuration is invalid"),
        ("open", "answers without its password; it was ended again"),
        ("next", "would convert its database for good"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_and_not_left_behind(
    tmp_path: Path, mode: str, told: str
) -> None:
    how = launch(tmp_path, mode)

    async def story(one: ManagedServer) -> None:
        with pytest.raises(AssistantError, match=told) as error:
            await one.start()
        assert "hunter2hunter2" not in error.value.message
        assert one.running is None

    lives(story, how)
    assert carrying({"HOME": str(tmp_path)}) == []


def test_one_connection_that_is_lost_while_it_starts_does_not_end_it(tmp_path: Path) -> None:
    async def story(one: ManagedServer) -> None:
        running = await one.start()
        assert one.running is running

    lives(story, launch(tmp_path, "shy"))


def test_a_missing_program_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="'opencode' is not on PATH") as told:
        find_executable(None, {"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert "npm install -g opencode-ai" in told.value.hint

    with pytest.raises(AssistantError, match="names no program: /no/such"):
        find_executable("/no/such", {"PATH": ""})


def test_the_program_is_found_where_it_is_configured_named_on_path_or_usual(
    tmp_path: Path,
) -> None:
    def program(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    usual = program(tmp_path / ".opencode/bin/opencode")
    on_path = program(tmp_path / "bin/opencode")
    other = program(tmp_path / "other/oc")
    home = {"HOME": str(tmp_path), "PATH": ""}

    assert find_executable(None, home) == usual
    assert find_executable(None, {**home, "PATH": str(on_path.parent)}) == on_path
    assert find_executable(None, {**home, "PALINGENESIS_OPENCODE": str(other)}) == other
    assert find_executable(str(other), home) == other


def test_our_settings_are_laid_over_those_of_the_person_and_an_agent_s_marks_are_left_out() -> None:
    given = {
        "OPENCODE_CONFIG_CONTENT": '{"theme": "dark", "mcp": {"hers": {}}}',
        "OPENCODE_PID": "1",
        "HOME": "/home/her",
    }

    out = server_environment(given, password="pw", settings={"mcp": {"ours": {}}})

    assert json.loads(out["OPENCODE_CONFIG_CONTENT"]) == {
        "theme": "dark",
        "mcp": {"hers": {}, "ours": {}},
    }
    assert "OPENCODE_PID" not in out
    assert data_directory(out) == Path("/home/her/.local/share/opencode")
    assert database({**out, "OPENCODE_DB": "/x/y.db"}) == Path("/x/y.db")
    with pytest.raises(AssistantError, match="is not JSON"):
        server_environment({"OPENCODE_CONFIG_CONTENT": "{"}, password="x", settings={"a": 1})


def test_a_torn_record_is_no_record(tmp_path: Path) -> None:
    file = RecordFile(tmp_path, Path("/data"))
    record = Record(
        pid=1, start_ticks=2, boot_id="b", origin="http://x:1", password="s", data="/d", version="1"
    )
    file.write(record)
    assert file.read() == record
    assert "password" not in repr(record)

    [path] = tmp_path.glob("*.json")
    path.write_text(path.read_text()[:20])
    assert file.read() is None


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("1.18.16", False), ("1.18.17", True), ("1.18.33", True), ("1.19.3", True),
        ("2.0.0", False), ("0.0.0-dev-1", False), ("", False), ("1.19", False),
    ],
)  # fmt: skip
def test_only_tested_lines_are_acted_on(version: str, supported: bool) -> None:
    assert is_supported(version) is supported
    assert (what_is_wrong(version) == "") is supported


def test_the_next_line_is_known_also_before_its_release() -> None:
    assert is_beyond("2.0.0-beta.1")
    assert not is_beyond("1.99.0")


def test_a_server_that_listens_everywhere_is_reached_on_this_machine() -> None:
    assert origin_of("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert origin_of("::1", 1) == "http://[::1]:1"
