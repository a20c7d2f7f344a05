"""Our side of the plugin's connection: questions and answers, announcements, and what is missed."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.assistants.opencode.plugged import Plugged, PluggedOpenCode
from palingenesis.assistants.opencode.signals import Idle, Signal
from palingenesis.core.errors import (
    AssistantGarbageError,
    AssistantRefusedError,
    AssistantUnreachableError,
)
from tests.opencode.live_adapter.plugin_end import Line, Plugin, json_answer, settled

ORIGIN = "http://opencode-77"

Scene = Callable[[Plugin, Plugged], Awaitable[None]]


def play(scene: Scene) -> None:
    async def story() -> None:
        plugin = Plugin()
        plugged = Plugged(plugin)
        async with asyncio.TaskGroup() as group:
            living = group.create_task(plugged.live())
            async with asyncio.timeout(5):
                await scene(plugin, plugged)
            plugin.end()
            await living

    asyncio.run(story())


def idle(seq: int, session: str = "ses_1") -> Line:
    payload = {"type": "session.idle", "properties": {"sessionID": session}}
    return {"seq": seq, "directory": "/p", "payload": payload}


def test_a_question_is_a_request_and_its_answer_comes_back():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        plugin.answers = lambda _ask: json_answer({"healthy": True, "version": "1.18.33"})
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            assert await client.version() == "1.18.33"
            await client.prompt("ses_1", message_id="msg_1", parts=[])
        first, second = plugin.asked
        assert (first["method"], first["path"]) == ("GET", "/global/health")
        assert second["path"] == "/session/ses_1/prompt_async"
        assert json.loads(second["body"]) == {"parts": [], "messageID": "msg_1"}

    play(scene)


def test_answers_may_come_in_another_order():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            one = asyncio.ensure_future(client.session("ses_1"))
            two = asyncio.ensure_future(client.session("ses_2"))
            await settled()
            for ask in reversed(plugin.asked):
                plugin.tell({"answer": ask["ask"], **json_answer({"id": ask["path"][-5:]})})
            found = [await one, await two]
        assert [info.id for info in found if info is not None] == ["ses_1", "ses_2"]

    play(scene)


def test_a_whole_conversation_comes_in_pages_by_the_plugins_cursor():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        pages = {"": ([{"info": {"id": "2"}}], "older"), "older": ([{"info": {"id": "1"}}], "")}

        def answer(ask: Line) -> Line:
            page, before = pages["older" if "before=older" in ask["path"] else ""]
            return json_answer(page, next=before)

        plugin.answers = answer
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            said = await client.messages("ses_1")
        assert said == [{"info": {"id": "1"}}, {"info": {"id": "2"}}]

    play(scene)


def test_what_opencode_or_the_plugin_refuse_is_told_as_such():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            plugin.answers = lambda _ask: json_answer({"message": "no such session"}, status=400)
            with pytest.raises(AssistantRefusedError, match="no such session"):
                await client.abort("ses_1")
            plugin.answers = lambda _ask: {"error": "DELETE /session is not allowed"}
            with pytest.raises(AssistantUnreachableError, match="not allowed"):
                await client.version()
            plugin.answers = lambda _ask: {"status": 200, "type": "text/html", "body": "<html>"}
            with pytest.raises(AssistantGarbageError):
                await client.version()

    play(scene)


def test_questions_that_wait_when_the_connection_ends_are_told_so_at_once():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            asking = asyncio.ensure_future(client.version())
            await settled()
            plugin.end()
            with pytest.raises(AssistantUnreachableError, match="ended"):
                await asking
            with pytest.raises(AssistantUnreachableError, match="ended"):
                await client.version()
            with pytest.raises(AssistantUnreachableError, match="ended"):
                async with client.signals():
                    raise AssertionError

    play(scene)


async def heard(plugged: Plugged, tell: Callable[[], None]) -> tuple[list[Signal], str]:
    """What comes until the stream ends, and with what words."""
    got: list[Signal] = []
    async with plugged.signals() as signals:
        tell()
        try:
            async for signal in signals:
                got += [signal]
        except AssistantUnreachableError as error:
            return got, error.message
    raise AssertionError("a stream that ends in silence")


def test_a_gap_ends_the_stream_so_that_everything_is_asked_for_again():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        got, why = await heard(plugged, lambda: plugin.tell(idle(5), idle(6), idle(8)))
        assert len(got) <= 2
        assert "missed" in why
        again, _ = await heard(plugged, lambda: (plugin.tell(idle(9)), plugin.end())[0])
        assert len(again) <= 1

    play(scene)


def test_the_plugin_s_own_word_that_it_could_not_send_one_ends_the_stream_too():
    """It has the number of what is missing, so that no number is left out."""

    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        lost: Line = {"seq": 6, "missed": True}
        _, why = await heard(plugged, lambda: plugin.tell(idle(5), lost))
        assert "missed" in why

    play(scene)


def test_what_is_said_in_no_known_shape_counts_as_missed_or_is_left_out():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        def tell() -> None:
            plugin.tell([], 7, {"answer": 99}, {"unknown": 1}, {"seq": 1, "payload": 3}, idle(2))
            plugin.said.put_nowait(b"{")

        _, why = await heard(plugged, tell)
        assert "missed" in why

    play(scene)


def test_where_it_works_and_that_it_is_about_to_end_is_remembered():
    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        plugin.tell({"hello": {"directories": ["/a", 7, ""]}}, {"bye": True})
        await settled()
        assert plugged.directories == ("/a",)
        assert plugged.said_farewell
        plugin.tell({"hello": {"directories": ["/b"]}})
        await settled()
        assert plugged.directories == ("/b",)
        assert not plugged.said_farewell

    play(scene)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.data())
def test_whoever_listens_hears_all_in_order_or_that_something_is_missing(
    strides: list[int], data: st.DataObject
):
    """The law of the stream: a prefix without a gap, and then either more of it or its end."""
    numbers, last = [], 0
    for stride in strides:
        last += stride
        numbers.append(last)
    cut = data.draw(st.integers(0, len(numbers)))

    async def scene(plugin: Plugin, plugged: Plugged) -> None:
        def tell() -> None:
            plugin.tell(*(idle(seq, f"ses_{seq}") for seq in numbers))
            plugin.end()

        plugin.tell(*(idle(seq) for seq in range(-cut, 1)))  # before anybody listened
        await settled()
        got, _ = await heard(plugged, tell)
        sessions = [signal.session for signal in got if isinstance(signal, Idle)]
        whole = [numbers[0]]
        for before, after in itertools.pairwise(numbers):
            if after != before + 1:
                break
            whole.append(after)
        assert sessions == [f"ses_{seq}" for seq in whole][: len(sessions)]

    play(scene)
