"""The client: what comes back is what was asked for, or an error that says what is wrong."""

import asyncio
from typing import Any

import pytest

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.messages import Large
from palingenesis.assistants.opencode.signals import Idle, ServerConnected
from palingenesis.core.errors import (
    AssistantDeniedError,
    AssistantGarbageError,
    AssistantRefusedError,
    AssistantSilentError,
    AssistantTooLargeError,
    AssistantUnreachableError,
)
from tests.opencode.live_adapter.fake import PASSWORD, PLACE, FakeOpenCode, play, user


def client(fake: FakeOpenCode, **options: Any) -> OpenCode:
    return OpenCode(fake.origin, password=PASSWORD, **options)


def test_it_tells_the_version_of_a_healthy_server() -> None:
    async def story(fake: FakeOpenCode) -> None:
        async with client(fake) as opencode:
            assert await opencode.version() == "1.18.33"

    play(story)


def test_a_wrong_password_is_denied_and_the_way_out_is_told() -> None:
    async def story(fake: FakeOpenCode) -> None:
        async with OpenCode(fake.origin, password="wrong") as opencode:
            with pytest.raises(AssistantDeniedError, match="does not accept our password") as told:
                await opencode.sessions()
        assert "OPENCODE_SERVER_PASSWORD" in told.value.hint

    play(story)


def test_a_web_page_with_status_200_is_garbage() -> None:
    async def story(fake: FakeOpenCode) -> None:
        page = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"
        fake.raw["/session/status"] = page
        async with client(fake) as opencode:
            with pytest.raises(AssistantGarbageError, match="answered text/html instead of JSON"):
                await opencode.statuses(PLACE)

    play(story)


def test_cut_json_and_wrong_shapes_are_garbage() -> None:
    async def story(fake: FakeOpenCode) -> None:
        start = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"
        fake.raw["/permission"] = start + b'{"'
        fake.raw["/experimental/session"] = start + b"{}"
        fake.raw["/global/health"] = start + b"[]"
        async with client(fake) as opencode:
            for call in (opencode.asked(PLACE), opencode.sessions(), opencode.version()):
                with pytest.raises(AssistantGarbageError):
                    await call

    play(story)


def test_silence_is_an_error_of_its_own_because_it_may_have_been_acted_on() -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.raw["/session/ses_1/prompt_async"] = b""
        async with client(fake, timeout_s=0.1) as opencode:
            with pytest.raises(AssistantSilentError):
                await opencode.prompt("ses_1")

    play(story)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    async def go() -> None:
        async with OpenCode("http://127.0.0.1:1") as opencode:
            with pytest.raises(AssistantUnreachableError):
                await opencode.version()

    asyncio.run(go())


def test_an_unknown_session_is_none_and_a_refusal_keeps_its_status() -> None:
    async def story(fake: FakeOpenCode) -> None:
        async with client(fake) as opencode:
            assert await opencode.session("ses_other") is None
            with pytest.raises(AssistantRefusedError, match="answered 404: not found") as told:
                await opencode.prompt("ses_other")
            assert told.value.status == 404

    play(story)


def test_a_long_conversation_is_read_page_by_page_and_in_order() -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(number) for number in range(450)]
        async with client(fake) as opencode:
            assert await opencode.messages("ses_1") == fake.messages["ses_1"]
            assert await opencode.messages("ses_1", limit=3) == fake.messages["ses_1"][-3:]

    play(story)


def test_the_stream_gives_signals_and_skips_what_cannot_be_read() -> None:
    async def story(fake: FakeOpenCode) -> None:
        async with client(fake) as opencode, opencode.signals(silence_s=2) as stream:
            assert isinstance(await anext(stream), ServerConnected)
            fake._streams[0].write(b"data: {not json\n\n")
            fake.push("session.idle", sessionID="ses_1")
            assert await anext(stream) == Idle(session="ses_1", directory=PLACE)

    play(story)


def test_a_stream_that_falls_silent_is_an_error() -> None:
    async def story(fake: FakeOpenCode) -> None:
        async with client(fake) as opencode, opencode.signals(silence_s=0.1) as stream:
            await anext(stream)
            with pytest.raises(AssistantSilentError):
                await anext(stream)

    play(story)


@pytest.mark.parametrize("limit", [None, 30, 8])
def test_messages_that_are_too_large_for_one_answer_are_asked_for_in_smaller_pages(
    limit: int | None,
) -> None:
    async def story(fake: FakeOpenCode) -> None:
        picture = "x" * (2 * 1024 * 1024 + 1024)
        fake.messages["ses_1"] = [user(number, text=picture) for number in range(10)]
        async with client(fake) as opencode:
            found = await opencode.messages("ses_1", limit=limit)

        wanted = fake.messages["ses_1"][-limit:] if limit else fake.messages["ses_1"]
        assert found == wanted

    play(story)


def test_messages_that_are_too_large_are_passed_by_but_never_the_newest() -> None:
    async def story(fake: FakeOpenCode) -> None:
        picture = user(1, text="x" * (17 * 1024 * 1024))
        fake.messages["ses_1"] = [picture, user(2), picture, picture, user(5)]
        async with client(fake) as opencode:
            found = await opencode.messages("ses_1", limit=10, large=Large.PASSED)
            few = await opencode.messages("ses_1", limit=3, large=Large.PASSED)
            newest = await opencode.messages("ses_1", limit=10, large=Large.ENDS)
            fake.messages["ses_1"].append(picture)
            with pytest.raises(AssistantTooLargeError):
                await opencode.messages("ses_1", limit=10, large=Large.PASSED)

        assert (found, few, newest) == ([user(2), user(5)], [user(5)], [user(5)])

    play(story)


def test_one_message_that_is_too_large_is_an_error_of_its_own() -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1, text="x" * (17 * 1024 * 1024)), user(2)]
        async with client(fake) as opencode:
            with pytest.raises(AssistantTooLargeError, match="more than 16777216 bytes"):
                await opencode.messages("ses_1")

    play(story)
