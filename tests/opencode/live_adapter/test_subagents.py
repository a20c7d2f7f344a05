"""Subagents work in the name of the session at the top of their family."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from palingenesis.core import events as ev
from tests.opencode.live_adapter.fake import FakeOpenCode, Told, answer, user
from tests.opencode.live_adapter.test_sensor import FakeServer, listed, speaks, watched

CHILD = "ses_child"
ASKED: dict[str, Any] = {
    "id": "per_1",
    "sessionID": CHILD,
    "permission": "bash",
    "patterns": ["rm"],
}


async def has_a_subagent_at_work(fake: FakeOpenCode, told: Told) -> None:
    await listed(told)
    speaks(fake, user(1))
    fake.busy()
    speaks(fake, answer(2, finish=None))
    fake.session(CHILD, parentID="ses_1")
    fake.push("session.created", info=fake.sessions[CHILD])
    fake.busy(CHILD)
    await told.wait(ev.SessionSeen, 2)


def once_asked(fake: FakeOpenCode, path: str, happens: Callable[[], None]) -> None:
    """Between two questions of one look, something happens."""

    def on_ask(asked: str) -> None:
        if asked == path:
            fake.on_ask = lambda _path: None
            happens()

    fake.on_ask = on_ask


async def looks(fake: FakeOpenCode, count: int) -> None:
    """Wait for so many more looks, complete ones."""
    asked = len([path for _, path in fake.asked if path == "/session/status"])
    async with asyncio.timeout(5):
        while len([path for _, path in fake.asked if path == "/session/status"]) <= asked + count:
            await asyncio.sleep(0.005)


async def signs_of_life(fake: FakeOpenCode, told: Told, server: FakeServer) -> list[str]:
    """What is told to live while nothing is said for minutes."""
    told.events.clear()
    for _ in range(4):
        server.clock.at += timedelta(seconds=30)
        await looks(fake, 1)
    return [sign.what for sign in told.of(ev.SessionAlive)]


def test_a_subagent_that_works_is_a_sign_of_life() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await has_a_subagent_at_work(fake, told)

        assert set(await signs_of_life(fake, told, server)) == {"child"}

    watched(scene)


def test_a_subagent_that_ends_during_a_look_is_no_sign_of_life_any_more() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await has_a_subagent_at_work(fake, told)
        once_asked(fake, "/permission", lambda: fake.idle(CHILD))
        await looks(fake, 3)

        assert await signs_of_life(fake, told, server) == []

    watched(scene)


def test_a_subagent_whose_end_nobody_heard_is_no_sign_of_life_any_more() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await has_a_subagent_at_work(fake, told)
        await looks(fake, 1)
        del fake.status[CHILD]
        await looks(fake, 2)

        assert await signs_of_life(fake, told, server) == []

    watched(scene)


def test_a_subagent_s_permission_that_is_answered_during_a_look_is_not_asked_again() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        def is_answered() -> None:
            fake.permissions = []
            fake.push("permission.replied", sessionID=CHILD, requestID="per_1", reply="once")

        await has_a_subagent_at_work(fake, told)
        fake.permissions = [ASKED]
        fake.push("permission.asked", **ASKED)
        await told.wait(ev.SessionBlocked)
        once_asked(fake, "/question", is_answered)
        await told.wait(ev.SessionUnblocked)
        await looks(fake, 3)

        assert len(told.of(ev.SessionBlocked)) == 1

    watched(scene)


def test_a_subagent_s_permission_is_found_by_looking_although_the_session_speaks_meanwhile() -> (
    None
):
    words = {"messageID": "msg_2", "partID": "prt_2", "field": "text", "delta": "and "}

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        def speak(path: str) -> None:
            if path == "/question":
                fake.push("message.part.delta", sessionID="ses_1", **words)

        await has_a_subagent_at_work(fake, told)
        fake.on_ask = speak
        fake.permissions = [ASKED]
        blocked = await told.wait(ev.SessionBlocked)

        assert blocked.session == "ses_1"

    watched(scene)
