"""The real daemon holds itself over a restart, and outlives a sensor of its own that breaks."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from palingenesis import __version__
from palingenesis.app.agents import Agents
from palingenesis.app.daemon import Daemon
from palingenesis.assistants.opencode.server import ManagedServer
from palingenesis.core.events import (
    AgentUp,
    InvariantBroken,
    SessionStopped,
    SessionWorking,
    Ticked,
)
from palingenesis.core.values import AgentId, SessionId, Stop, StopReason, Way
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.config import Config, PolicyChoice
from palingenesis.runtime.paths import find_paths
from palingenesis.runtime.ports import Emit, Entry
from palingenesis.surfaces.cli.program import run
from tests.cli.test_projects_in_the_daemon import OWN, until
from tests.runtime.loopback import ScriptedActuator, names

AGENT, SESSION = AgentId("opencode"), SessionId("ses_1")
AT = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)


class Breaking:
    """A sensor that tells of one session at work, and breaks when it is told to."""

    name = "opencode"

    def __init__(self) -> None:
        self.breaks = asyncio.Event()
        self.begun = 0

    async def watch(self, emit: Emit) -> None:
        self.begun += 1
        emit(
            AgentUp(
                at=AT,
                agent=AGENT,
                assistant="opencode",
                way=Way.MANAGED,
                version="1.18.33",
                supported=True,
                started_at=AT,
            )
        )
        emit(SessionWorking(at=AT, session=SESSION, agent=AGENT))
        await self.breaks.wait()
        self.breaks.clear()
        raise KeyError("sessionID")


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PALINGENESIS_STATE_DIR": str(tmp_path / "s"),
        "PALINGENESIS_CONFIG_DIR": str(tmp_path / "c"),
        "PALINGENESIS_RUNTIME_DIR": str(tmp_path),
        "HOME": str(tmp_path),
    }


def a_daemon(
    tmp_path: Path,
    sensor: Breaking,
    *,
    actuator: ScriptedActuator | None = None,
    managed: ManagedServer | None = None,
) -> Daemon:
    paths = find_paths(environment(tmp_path))
    paths.prepare()
    (tmp_path / "policy.yaml").write_text(OWN)
    agents = Agents(
        sensors=(sensor,),
        actuators={} if actuator is None else {AGENT: actuator},
        managed=managed,
        server=None,
        executable=None,
    )
    return Daemon(
        config=Config(),
        paths=paths,
        choice=PolicyChoice(path=tmp_path / "policy.yaml", origin="--policy"),
        environ=environment(tmp_path),
        journal=SqliteJournal.open(paths.journal),
        make=lambda _: agents,
    )


async def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], *args: str) -> str:
    await asyncio.to_thread(run, args, environment(tmp_path))
    return capsys.readouterr().out


@pytest.mark.e2e
def test_a_hold_survives_a_restart_and_ends_by_the_persons_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SqliteJournal.open(find_paths(environment(tmp_path)).journal) as journal:
        what, where = "the person stopped this session", "walking.py:7 in walk"
        broke = InvariantBroken(at=AT, what=what, where=where, version=__version__)
        journal.append(Entry(event=broke, decisions=(), effects=()))

    async def story() -> None:
        daemon = a_daemon(tmp_path, Breaking())
        running = asyncio.create_task(daemon.run(None))
        await until(lambda: daemon.loop.world.sessions)

        told = await said(tmp_path, capsys, "status")
        assert "palingenesis holds itself" in told
        assert "the person stopped this session (walking.py:7 in walk)" in told
        assert "paused" in told
        shown = json.loads(await said(tmp_path, capsys, "daemon", "status", "--json"))
        assert shown["safe_hold"]["where"] == "walking.py:7 in walk"

        assert "acts again" in await said(tmp_path, capsys, "daemon", "act-again")
        assert "holds itself" not in await said(tmp_path, capsys, "status")
        assert "does not hold itself" in await said(tmp_path, capsys, "daemon", "act-again")
        daemon.stop()
        await running

    asyncio.run(story())


@pytest.mark.e2e
def test_a_sensor_that_breaks_ends_nothing_and_is_named_until_it_watches_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        sensor = Breaking()
        daemon = a_daemon(tmp_path, sensor)
        running = asyncio.create_task(daemon.run(None))
        await until(lambda: daemon.loop.world.sessions)

        sensor.breaks.set()
        await until(lambda: daemon.loop.world.unseen)

        told = await said(tmp_path, capsys, "status")
        assert "opencode cannot be watched now, so nothing is done there (KeyError" in told
        await until(lambda: sensor.begun > 1)
        assert not running.done()
        daemon.stop()
        await running

    asyncio.run(story())


class Ending:
    """A managed server; while it is ended, a turn breaks off that a rule would continue."""

    def __init__(self) -> None:
        self.daemon: Daemon | None = None

    async def stop(self) -> None:
        assert self.daemon is not None
        loop = self.daemon.loop
        stop = Stop(key="m1", reason=StopReason.CRASH)
        now = datetime.now(UTC)
        await loop.submit(SessionStopped(at=now, session=SESSION, agent=AGENT, stop=stop))
        loop.emit(Ticked(at=now))
        await until(lambda: loop.world.open)
        for _ in range(100):  # time enough for whatever was begun
            await asyncio.sleep(0)


@pytest.mark.e2e
def test_once_she_said_stop_nothing_is_begun_any_more_and_the_next_run_takes_it_up(
    tmp_path: Path,
) -> None:
    actuator = ScriptedActuator(seen=[None])

    async def stopped() -> None:
        ending = Ending()
        managed = cast("ManagedServer", ending)
        daemon = ending.daemon = a_daemon(tmp_path, Breaking(), actuator=actuator, managed=managed)
        running = asyncio.create_task(daemon.run(None))
        await until(lambda: daemon.loop.world.sessions)
        daemon.stop(agents=True)
        await running

    async def again() -> None:
        daemon = a_daemon(tmp_path, Breaking(), actuator=actuator)
        running = asyncio.create_task(daemon.run(None))
        await until(lambda: names(actuator.asked) == ["reconcile", "perform"])
        daemon.stop()
        await running

    asyncio.run(stopped())
    assert actuator.asked == []
    asyncio.run(again())
