"""The adapter on the real OpenCode: the few things that no fake can promise."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.sensor import OpenCodeSensor
from palingenesis.assistants.opencode.server import Launch, ManagedServer
from palingenesis.core import effects as ef
from palingenesis.core import events as ev
from palingenesis.core.values import Result, SessionId, StopReason
from palingenesis.demo.hosting import RunningProvider
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.demo.replies import Stall, Text, Tool, rate_limited, unauthorized
from palingenesis.processes.finding import carrying
from palingenesis.processes.identity import send_signal
from palingenesis.runtime.clock import SystemClock, SystemDice
from tests.live.executable import opencode_executable
from tests.opencode.live_adapter.fake import AGENT, FakeWork, Told

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
GO = [{"type": "text", "text": "go"}]


class Real:
    """A real server with its sensor and its actuator."""

    def __init__(self, home: OpenCodeHome, provider: RunningProvider, state: Path) -> None:
        self.home = home
        self.provider = provider
        self.told = RealTold()
        launch = Launch(
            state=state,
            directory=home.project,
            environ=home.environment(),
            executable=str(opencode_executable()),
            port=0,
        )
        clock, quiet = SystemClock(), set[str]()
        self.server = ManagedServer(launch, clock, SystemDice())
        self.sensor = OpenCodeSensor(AGENT, self.server, FakeWork(), clock, quiet=quiet)
        self.act = OpenCodeActuator(self.server, FakeWork(), clock, quiet=quiet)

    async def begin(self, client: OpenCode) -> SessionId:
        created = await client.create(str(self.home.project), title="real", metadata={})
        await client.prompt(created.id, parts=GO)
        return SessionId(created.id)


class RealTold(Told):
    """Real things take longer."""

    async def wait(self, kind: type, count: int = 1) -> Any:
        async with asyncio.timeout(60):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0.01)
        return self.of(kind)[count - 1]


def real(scene: Callable[[Real, OpenCode], Awaitable[None]], tmp_path: Path) -> None:
    async def go() -> None:
        home = OpenCodeHome(tmp_path / "oc")
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        with RunningProvider(SystemClock()) as provider:
            home.build(provider.url)
            one = Real(home, provider, state)
            try:
                async with asyncio.TaskGroup() as group:
                    watching = group.create_task(one.sensor.watch(one.told))
                    running = await one.server.start()
                    await one.told.wait(ev.AgentUp)
                    async with running.client() as client:
                        await scene(one, client)
                    watching.cancel()
            finally:
                await one.server.stop()

    asyncio.run(go())


def test_a_refused_turn_is_told_once_and_rerun_silently_with_one_request(tmp_path: Path) -> None:
    async def scene(one: Real, client: OpenCode) -> None:
        one.provider.script(unauthorized(), Text(text="done"))
        session = await one.begin(client)
        stop = (await one.told.wait(ev.SessionStopped)).stop
        assert (stop.reason, stop.http_status) == (StopReason.AUTH, 401)

        resume = ef.Resume(
            id="1.0", decision=1, session=session, agent=AGENT, stop=stop.key, words=False, text=""
        )
        assert (await one.act.perform(resume)).result is Result.OK
        again = (await one.told.wait(ev.SessionStopped, 2)).stop
        assert again.reason is StopReason.COMPLETED
        assert (await one.act.perform(resume)).detail == "it had been sent before"
        assert len(one.provider.requests) == 2

        one.provider.script(rate_limited(18_000), Text(text="done"))
        await client.prompt(session, parts=GO)
        waiting = (await one.told.wait(ev.SessionStopped, 3)).stop
        assert waiting.retrying
        taken = ef.Resume(
            id="2.0", decision=2, session=session, agent=AGENT, stop=waiting.key, words=False,
            text="",
        )  # fmt: skip
        assert (await one.act.perform(taken)).result is Result.OK
        assert (await one.told.wait(ev.SessionStopped, 4)).stop.reason is StopReason.COMPLETED
        assert len(one.provider.requests) == 4

    real(scene, tmp_path)


def test_a_killed_server_is_restarted_once_without_its_orphans_and_its_session_goes_on(
    tmp_path: Path,
) -> None:
    async def scene(one: Real, client: OpenCode) -> None:
        one.provider.script(
            Tool(name="bash", arguments={"command": "sleep 300", "description": "wait"})
        )
        session = await one.begin(client)
        running = one.server.running
        assert running is not None
        assert running.identity is not None
        mark = {"OPENCODE_PID": str(running.identity.pid)}
        async with asyncio.timeout(60):
            # OpenCode has other children too; the tool itself is what has to be at work.
            while not any(sign.what == "tool" for sign in one.told.of(ev.SessionAlive)):
                await asyncio.sleep(0.05)
            while not carrying(mark):  # a tool is told when the model has begun to ask for it
                await asyncio.sleep(0.05)
        send_signal(running.identity, signal.SIGKILL)
        down = await one.told.wait(ev.AgentDown)
        assert down.signal == "SIGKILL"

        restart = ef.Restart(id="1.0", decision=1, agent=AGENT)
        assert (await one.act.perform(restart)).result is Result.OK
        assert carrying(mark) == []
        await one.told.wait(ev.AgentUp, 2)

        one.provider.script(Stall(text="on it"))
        resume = ef.Resume(
            id="2.0", decision=2, session=session, agent=AGENT,
            stop=f"down:{down.at:%Y%m%dT%H%M%S.%fZ}", words=True, text="Continue.",
        )  # fmt: skip
        assert (await one.act.perform(resume)).result is Result.OK
        async with asyncio.timeout(60):
            while len(one.provider.requests) < 2:
                await asyncio.sleep(0.05)
        interrupt = ef.Interrupt(id="3.0", decision=3, session=session, agent=AGENT)
        assert (await one.act.perform(interrupt)).result is Result.OK
        stop = (await one.told.wait(ev.SessionStopped)).stop
        assert stop.reason is StopReason.USER_ABORT
        assert len(one.provider.requests) == 2

    real(scene, tmp_path)
