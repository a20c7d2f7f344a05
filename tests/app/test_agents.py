"""What the daemon watches, and whom it lets in, as the configuration says."""

import asyncio
import shutil
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from palingenesis.app.agents import Agents, Surroundings, make_agents
from palingenesis.core import events as ev
from palingenesis.core.errors import PalingenesisError
from palingenesis.core.values import AgentId, DownCause, SessionId
from palingenesis.processes.children import Child
from palingenesis.processes.identity import send_signal
from palingenesis.runtime.clock import SystemClock, SystemDice
from palingenesis.runtime.config import Config, MonitoringConfig, OpenCodeConfig
from palingenesis.runtime.linking import Caller
from palingenesis.sensors.work import FolderWork
from tests.opencode.live_adapter.fake import Told
from tests.opencode.live_adapter.test_observed import Mine


def agents(tmp_path: Path, config: Config, **more: Any) -> Agents:
    return make_agents(
        Surroundings(
            config=config,
            state=tmp_path,
            environ={"HOME": str(tmp_path)},
            work=FolderWork(backups=tmp_path),
            clock=SystemClock(),
            dice=SystemDice(),
            **more,
        )
    )


def test_programs_of_hers_are_let_in_beside_the_managed_server(tmp_path: Path):
    made = agents(tmp_path, Config())

    names = [sensor.name for sensor in made.sensors]
    assert names == ["opencode", "missing programs", "programs", "plugins"]


def test_where_they_are_only_watched_nothing_is_made_that_would_let_them_in(tmp_path: Path):
    made = agents(tmp_path, Config(opencode=OpenCodeConfig(mode="observed")))

    assert [sensor.name for sensor in made.sensors] == ["missing programs", "programs"]
    with pytest.raises(PalingenesisError, match="only watched"):
        made.admit(Caller(pid=1))


def test_where_nobody_is_watched_nobody_is_let_in(tmp_path: Path):
    made = agents(tmp_path, Config(monitoring=MonitoringConfig(assistants=("none",))))

    assert made.sensors == ()
    with pytest.raises(PalingenesisError):
        made.admit(Caller(pid=1))


def test_who_sees_a_program_from_outside_is_told_what_was_under_way_in_it(tmp_path: Path):
    program = tmp_path / "opencode"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    mode = Config(opencode=OpenCodeConfig(mode="observed"))

    async def go() -> ev.AgentDown:
        child = Child.start(
            [str(program), "60"], cwd=tmp_path, env={"HOME": str(tmp_path)}, log=tmp_path / "log"
        )
        assert child.identity is not None

        def under_way(agent: AgentId) -> Collection[SessionId]:
            return [SessionId("ses_1")] if agent == f"opencode-{child.pid}" else []

        _, programs = agents(tmp_path, mode, under_way=under_way).sensors
        told = Told()
        watching = asyncio.ensure_future(programs.watch(Mine(told, child.pid)))
        await told.wait(ev.AgentUp)
        send_signal(child.identity, signal.SIGKILL)
        down: ev.AgentDown = await told.wait(ev.AgentDown)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await child.wait()
        return down

    assert asyncio.run(go()).cause is DownCause.EXITED
