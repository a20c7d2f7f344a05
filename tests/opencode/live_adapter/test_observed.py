"""The person's own programs: found, read and told about, and never written to."""

import asyncio
import json
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from palingenesis.assistants.opencode.command_line import Program, read_command
from palingenesis.assistants.opencode.observed import ObservedSensor
from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.core import events as ev
from palingenesis.core.errors import AssistantError
from palingenesis.core.values import DownCause, StopReason, Way
from palingenesis.processes.children import Child
from palingenesis.processes.identity import Identity, send_signal
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.ports import Emit, Sensor
from tests.opencode.live_adapter.fake import START, Json, QuickClock, Told, answer, user

SCHEMA = """
CREATE TABLE session (id, directory, title, version, cost, time_created, time_updated, parent_id,
    time_archived);
CREATE TABLE message (id, session_id, time_created, data);
CREATE TABLE part (id, message_id, session_id, data);
"""


class Database:
    """OpenCode's database, as the person's program writes it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.run(SCHEMA.replace("\n", " "), script=True)

    def run(self, words: str, *values: Any, script: bool = False) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            if script:
                db.executescript(words)
            else:
                db.execute(words, values)

    def session(self, directory: Path, key: str = "ses_1", **more: Any) -> None:
        at = int(SystemClock().now().timestamp() * 1000)
        row = {"parent_id": None, "time_archived": None, "time_updated": at, **more}
        self.run(
            "INSERT INTO session VALUES (?, ?, 'a title', '1.18.33', 0.25, ?, ?, ?, ?)",
            key, str(directory), at, row["time_updated"], row["parent_id"], row["time_archived"],
        )  # fmt: skip

    def says(self, message: Json, session: str = "ses_1") -> None:
        info = {k: v for k, v in message["info"].items() if k not in {"id", "sessionID"}}
        key = message["info"]["id"]
        self.run("DELETE FROM message WHERE id = ?", key)
        self.run("DELETE FROM part WHERE message_id = ?", key)
        created = info["time"]["created"]
        self.run("INSERT INTO message VALUES (?, ?, ?, ?)", key, session, created, json.dumps(info))
        for part in message["parts"]:
            data = json.dumps({k: v for k, v in part.items() if k not in {"id", "messageID"}})
            self.run("INSERT INTO part VALUES (?, ?, ?, ?)", part["id"], key, session, data)


def test_messages_read_from_the_database_look_as_the_server_would_tell_them(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path)
    said = [user(1), answer(2), user(3)]
    for message in said:
        database.says(message)
    storage = Storage(database.path)

    told = storage.messages("ses_1", 2)
    assert [dict(m["info"]) for m in told] == [m["info"] for m in said[1:]]  # type: ignore[call-overload]
    assert told[0]["parts"] == [{**answer(2)["parts"][0], "sessionID": "ses_1"}]
    [row] = storage.sessions_since(START, [str(tmp_path)])
    assert (row.info.title, row.cost) == ("a title", 0.25)
    assert storage.session("ses_9") is None


def test_children_archived_and_old_sessions_are_left_out(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path, "ses_child", parent_id="ses_1")
    database.session(tmp_path, "ses_archived", time_archived=1)
    database.session(tmp_path, "ses_old", time_updated=1)
    database.session(tmp_path / "elsewhere", "ses_elsewhere")

    assert Storage(database.path).sessions_since(START, [str(tmp_path)]) == []


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    path.write_text("hello" * 1000)
    with pytest.raises(AssistantError, match="cannot read OpenCode's database"):
        Storage(path).sessions_since(START, ["/"])
    with pytest.raises(AssistantError, match="cannot read OpenCode's database"):
        Storage(tmp_path / "missing.db").session("ses_1")
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ("", Program()),
        ("/home/her/project", Program(project="/home/her/project")),
        ("--prompt serve", Program()),
        ("-s ses_1 -m a/b", Program(session="ses_1")),
        ("--session=ses_1 --port 0 there", Program(session="ses_1", project="there")),
        ("run -s ses_1 go on", Program(is_run=True, session="ses_1")),
        ("serve --port 4096", None),
        ("--print-logs serve", None),
        ("attach http://x", None),
        ("--version", None),
        ("auth login", None),
    ],
)
def test_a_command_line_tells_what_runs(words: str, program: Program | None) -> None:
    assert read_command(["opencode", *words.split()]) == program


Scene = Callable[[Database, Path, Child, Told], Awaitable[None]]


def observed(tmp_path: Path, scene: Scene, **options: Any) -> None:
    """A program of hers (it only sleeps), and what the sensor tells about it."""
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    project = tmp_path / "60"  # what `sleep` takes for seconds, OpenCode takes for a project
    database = Database(tmp_path / "data" / "opencode" / "opencode.db")
    environment = {"XDG_DATA_HOME": str(tmp_path / "data")}

    async def go() -> None:
        child = Child.start(
            [str(program), "60"], cwd=tmp_path, env=environment, log=tmp_path / "log"
        )
        told = Told()
        sensor = ObservedSensor(
            SystemClock(), pace=Pace(interval_s=0.05), data=database.path, **options
        )
        assert child.identity is not None
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(sensor.watch(Mine(told, child.pid)))
                await told.wait(ev.AgentUp)
                await scene(database, project, child, told)
                watching.cancel()
        finally:
            send_signal(child.identity, signal.SIGKILL)
            await child.wait()

    asyncio.run(go())


class Mine:
    """Only what concerns our program: others may run OpenCode on this machine."""

    def __init__(self, told: Told, pid: int) -> None:
        self.told = told
        self.pid = pid

    def __call__(self, event: Any) -> None:
        if getattr(event, "agent", f"opencode-{self.pid}") == f"opencode-{self.pid}":
            self.told(event)


def just_now(message: Json) -> Json:
    """The same message, said now; a prompt older than some seconds is believed unanswered."""
    now = int(SystemClock().now().timestamp() * 1000)
    time = dict.fromkeys(message["info"]["time"], now)
    return {**message, "info": {**message["info"], "time": time}}


def test_her_program_is_told_from_its_work_to_its_stop(tmp_path: Path) -> None:
    async def scene(database: Database, project: Path, _child: Child, told: Told) -> None:
        up = told.of(ev.AgentUp)[0]
        assert up.way is Way.OBSERVED
        database.session(project)
        database.says(just_now(user(1)))
        database.says(just_now(answer(2, finish=None)))
        await told.wait(ev.SessionWorking)
        assert told.of(ev.SessionSeen)[0].title == "a title"

        database.says(just_now(answer(2)))
        stop = await told.wait(ev.SessionStopped)
        assert stop.stop.reason is StopReason.COMPLETED

        database.says(just_now(user(3, "and now this")))
        assert (await told.wait(ev.PersonPrompted)).session == "ses_1"
        await told.wait(ev.SessionWorking, 2)

    observed(tmp_path, scene)


class LetIn:
    """The programs that let us in, and how often somebody asked for them."""

    def __init__(self, *, from_the: int = 0) -> None:
        self.all: set[Identity] = set()
        self.asked = 0
        self.from_the = from_the
        """From this question on, all of them do; 0: nobody does by that."""

    def __call__(self, identity: Identity) -> bool:
        self.asked += 1
        return identity in self.all or bool(self.from_the and self.asked >= self.from_the)


def test_a_program_that_lets_us_in_meanwhile_is_told_about_by_nobody_twice(tmp_path: Path) -> None:
    let_in = LetIn()

    async def scene(database: Database, project: Path, child: Child, told: Told) -> None:
        database.session(project)
        database.says(just_now(user(1)))
        database.says(just_now(answer(2, finish=None)))
        await told.wait(ev.SessionWorking)
        assert child.identity is not None
        asked = let_in.asked
        let_in.all.add(child.identity)
        async with asyncio.timeout(5):
            while let_in.asked == asked:
                await asyncio.sleep(0.005)
        seen = len(told.events)
        database.says(just_now(answer(2)))
        database.says(just_now(user(3)))
        send_signal(child.identity, signal.SIGKILL)
        await child.wait()
        assert len(told.events) == seen

    observed(tmp_path, scene, claimed=let_in)


def told_of_one(
    tmp_path: Path,
    look: Callable[[Identity], Sensor],
    until: Callable[[Identity, Told], Awaitable[None]],
) -> list[ev.Event]:
    """What a sensor tells until then of a program that does nothing."""
    told = Told()

    async def go() -> None:
        program = tmp_path / "opencode"
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
        child = Child.start([str(program), "60"], cwd=tmp_path, env={}, log=tmp_path / "log")
        assert child.identity is not None
        try:
            async with asyncio.TaskGroup() as group:
                sensor = look(child.identity)
                watching = group.create_task(sensor.watch(Mine(told, child.pid)))
                async with asyncio.timeout(5):
                    await until(child.identity, told)
                watching.cancel()
        finally:
            send_signal(child.identity, signal.SIGKILL)
            await child.wait()

    asyncio.run(go())
    return list(told.events)


def test_a_program_that_lets_us_in_soon_after_its_start_is_never_told_as_only_seen(
    tmp_path: Path,
) -> None:
    let_in = LetIn()

    def look(who: Identity) -> ObservedSensor:
        return ObservedSensor(
            QuickClock(SystemClock().now()),
            pace=Pace(interval_s=0.02),
            claimed=let_in,
            may_let_in=lambda found: found.identity == who,
        )

    async def until(who: Identity, _told: Told) -> None:
        while not let_in.asked:
            await asyncio.sleep(0.005)
        let_in.all.add(who)
        asked = let_in.asked
        while let_in.asked == asked:
            await asyncio.sleep(0.005)

    assert told_of_one(tmp_path, look, until) == []


def test_a_program_that_lets_us_in_while_it_says_its_version_is_not_told_as_only_seen(
    tmp_path: Path,
) -> None:
    """Otherwise it would be taken for observed from then on, for that is told later."""
    let_in = LetIn(from_the=3)

    def look(who: Identity) -> ObservedSensor:
        return ObservedSensor(
            SystemClock(),
            pace=Pace(interval_s=0.02),
            claimed=lambda one: one != who or let_in(one),
        )

    async def until(_who: Identity, told: Told) -> None:
        while let_in.asked < 4 and not told.events:
            await asyncio.sleep(0.005)

    assert told_of_one(tmp_path, look, until) == []


class BegunAnew:
    """A sensor that is begun anew after a mistake."""

    name = "programs"

    def __init__(self, sensor: ObservedSensor) -> None:
        self.sensor = sensor

    async def watch(self, emit: Emit) -> None:
        try:
            await self.sensor.watch(emit)
        except* ZeroDivisionError:
            await self.sensor.watch(emit)


def test_a_sensor_that_made_a_mistake_sees_the_same_programs_when_it_is_begun_anew(
    tmp_path: Path,
) -> None:
    asked = 0

    def look(who: Identity) -> BegunAnew:
        def claimed(one: Identity) -> bool:
            nonlocal asked
            asked += one == who
            return one != who or bool(asked == 4 and 1 / 0)

        return BegunAnew(ObservedSensor(SystemClock(), pace=Pace(interval_s=0.02), claimed=claimed))

    async def until(_who: Identity, told: Told) -> None:
        await told.wait(ev.AgentUp, 2)

    assert len(told_of_one(tmp_path, look, until)) == 2


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        (answer(2, finish=None), DownCause.EXITED),
        (answer(2, error={"name": "MessageAbortedError", "data": {}}), DownCause.ENDED),
    ],
)
def test_how_her_program_ended_is_read_from_its_last_message(
    tmp_path: Path, last: Json, cause: DownCause
) -> None:
    async def scene(database: Database, project: Path, child: Child, told: Told) -> None:
        database.session(project)
        database.says(just_now(user(1)))
        database.says(just_now(answer(2, finish=None)))
        await told.wait(ev.SessionWorking)
        database.says(just_now(last))
        assert child.identity is not None
        send_signal(child.identity, signal.SIGKILL)
        assert (await told.wait(ev.AgentDown)).cause is cause

    observed(tmp_path, scene)


def test_sessions_of_our_own_server_in_the_same_database_are_not_hers(tmp_path: Path) -> None:
    async def scene(database: Database, project: Path, _child: Child, told: Told) -> None:
        database.session(project, "ses_ours")
        database.session(project, "ses_hers")
        await told.wait(ev.SessionSeen)
        await asyncio.sleep(0.15)

        assert [event.session for event in told.of(ev.SessionSeen)] == ["ses_hers"]

    observed(tmp_path, scene, owned=lambda: ["ses_ours"])


def test_nothing_is_ever_written_to_her_database(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path)
    before = database.path.read_bytes()

    Storage(database.path).sessions_since(START - timedelta(days=1), [str(tmp_path)])
    Storage(database.path).messages("ses_1", 5)

    assert database.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [database.path]
