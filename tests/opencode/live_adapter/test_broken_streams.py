"""What was being asked when the stream of events broke is asked again over the next one."""

import asyncio
from typing import Any

from palingenesis.core import events as ev
from palingenesis.core.values import StopReason
from tests.opencode.live_adapter.fake import FakeOpenCode, Told, answer, user
from tests.opencode.live_adapter.test_sensor import ONE, FakeServer, listed, speaks, watched

RETRY: dict[str, Any] = {
    "type": "retry",
    "attempt": 1,
    "message": "Too Many Requests",
    "next": 99999999999999,
}


def waits_by_itself(fake: FakeOpenCode) -> None:
    fake.status["ses_1"] = RETRY
    fake.push("session.status", sessionID="ses_1", status=RETRY)


async def works(fake: FakeOpenCode, told: Told) -> None:
    await listed(told)
    speaks(fake, user(1))
    fake.busy()
    speaks(fake, answer(2, finish=None, text=""))
    await told.wait(ev.SessionWorking)


def is_aborted() -> dict[str, Any]:
    aborted = answer(2, finish="", text="", error={"name": "MessageAbortedError", "data": {}})
    aborted["parts"] = []
    return aborted


def test_her_abort_of_a_wait_of_its_own_is_told_although_the_stream_breaks_meanwhile() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await works(fake, told)
        waits_by_itself(fake)
        await told.wait(ev.SessionStopped)

        fake.idle()  # she pressed Esc; the turn's end is not written yet
        await asyncio.sleep(0.02)
        fake.cut()
        fake.messages["ses_1"][-1] = is_aborted()
        last = await told.wait(ev.SessionStopped, 2)

        assert (last.stop.reason, last.stop.retrying) == (StopReason.USER_ABORT, False)

    watched(scene)


def test_a_wait_of_its_own_is_told_although_the_stream_breaks_while_it_is_read() -> None:
    def cut_when_read(fake: FakeOpenCode) -> None:
        def cut(path: str) -> None:
            if path.endswith("/message"):
                fake.on_ask = lambda _path: None
                fake.cut()

        fake.on_ask = cut

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await works(fake, told)
        await asyncio.sleep(0.1)
        cut_when_read(fake)
        waits_by_itself(fake)

        assert (await told.wait(ev.SessionStopped)).stop.retrying

    watched(scene, believed=lambda _agent: [ONE])


def test_a_session_that_works_when_the_stream_breaks_is_not_told_to_begin_again() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await works(fake, told)
        waits_by_itself(fake)
        await told.wait(ev.SessionStopped)
        fake.cut()
        async with asyncio.timeout(5):
            while len([path for _, path in fake.asked if path == "/session/status"]) < 4:
                await asyncio.sleep(0.01)

        assert len(told.of(ev.SessionWorking)) == 1
        assert len(told.of(ev.SessionStopped)) == 1

    watched(scene, believed=lambda _agent: [ONE])
