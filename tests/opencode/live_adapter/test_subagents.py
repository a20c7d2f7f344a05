"""Subagents work in the name of the session at the top of their family."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from palingenesis.core import events as ev
from tests.opencode.live_adapter.fake import PLACE, FakeOpenCode, Told, answer, refused, user
from tests.opencode.live_adapter.test_sensor import ONE, FakeServer, listed, speaks, watched

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


def finds_both_at_work(fake: FakeOpenCode) -> None:
    fake.session(CHILD, parentID="ses_1")
    fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
    fake.messages[CHILD] = [user(5), answer(6, finish=None)]
    fake.status = {"ses_1": {"type": "busy"}, CHILD: {"type": "busy"}}


def test_a_subagent_found_at_work_in_a_program_that_lists_nothing_is_no_session_of_its_own() -> (
    None
):
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await told.wait(ev.SessionWorking)
        await looks(fake, 2)
        fake.messages[CHILD][-1] = refused(6, status=429, message="rate limit")
        fake.idle(CHILD)
        await looks(fake, 2)

        assert [seen.parent for seen in told.of(ev.SessionSeen)] == [None, "ses_1"]
        assert [event.session for event in told.of(ev.SessionWorking)] == ["ses_1"]
        assert told.of(ev.SessionStopped) == []

    running = {"directories": lambda: (PLACE,)}
    watched(scene, before=finds_both_at_work, running=running, supervised=lambda: [ONE])


def test_what_a_subagent_of_a_subagent_says_first_is_told_of_the_session_above_both() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.session(CHILD, parentID="ses_1")
        fake.session("ses_grandchild", parentID=CHILD)

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await fake.listened_to()
        asked = {**ASKED, "sessionID": "ses_grandchild"}
        fake.busy("ses_grandchild")
        fake.permissions = [asked]
        fake.push("permission.asked", **asked)
        blocked = await told.wait(ev.SessionBlocked)
        await looks(fake, 2)

        assert blocked.session == "ses_1"
        assert told.of(ev.SessionWorking) == []

    running = {"directories": lambda: (PLACE,)}
    watched(scene, before=before, running=running, supervised=lambda: [ONE])


def test_what_is_said_before_it_is_known_who_says_it_is_told_in_order_afterwards() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await fake.listened_to()
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2))
        fake.idle()
        await told.wait(ev.SessionStopped)

        names = [type(event).__name__ for event in told.events]
        assert names[:4] == ["AgentUp", "SessionSeen", "PersonPrompted", "SessionWorking"]

    watched(scene, running={"directories": lambda: (PLACE,)})


@pytest.mark.parametrize("said", [404, 500])
def test_a_session_that_nobody_can_describe_counts_as_one_of_its_own(said: int) -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        fake.raw["/session/ses_1"] = b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % said
        await fake.listened_to()
        fake.busy()

        assert (await told.wait(ev.SessionWorking)).session == "ses_1"

    watched(scene, running={"directories": lambda: (PLACE,)})


def test_who_could_not_be_asked_about_is_asked_about_again() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        asked_about: list[str] = []

        def fail_once(path: str) -> None:
            if path == "/session/ses_1":
                asked_about.append(path)
                fake.raw = {path: b"no http at all\r\n\r\n"} if len(asked_about) == 1 else {}

        await fake.listened_to()
        fake.on_ask = fail_once
        fake.busy()

        assert (await told.wait(ev.SessionWorking)).session == "ses_1"
        assert len(asked_about) > 1

    watched(scene, running={"directories": lambda: (PLACE,)})
