"""The scripted provider says what it is told, breaks as it is told, and remembers who asked."""

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from palingenesis.demo import replies
from palingenesis.demo.hosting import RunningProvider
from palingenesis.demo.provider import ModelRequest, Provider
from palingenesis.demo.replies import Cut, Reply, Stall, Status, StreamError, Text, Tool, Usage
from palingenesis.demo.stand_in.calls import Call, End, Words, ask
from palingenesis.demo.stand_in.failures import CallError
from palingenesis.demo.stand_in.settings import Model
from palingenesis.runtime.clock import SystemClock

BEGIN = datetime(2026, 11, 21, 4, tzinfo=UTC)


class FrozenClock:
    """Time passes only when somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.present = BEGIN

    def now(self) -> datetime:
        return self.present

    async def sleep(self, seconds: float) -> None:
        self.present += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def model(url: str, *, anthropic: bool = False, name: str = "scripted-big") -> Model:
    return Model(
        provider="scripted", name=name, url=url, is_anthropic=anthropic, key="k", context=1000,
        output=100, cost={}, header_timeout_ms=300.0, chunk_timeout_ms=300.0,
    )  # fmt: skip


async def hear(provider: Provider, *, anthropic: bool = False, name: str = "scripted-big") -> Any:
    said = [{"role": "user", "content": "hello"}]
    return [
        one async for one in ask(model(provider.url, anthropic=anthropic, name=name), said, "s")
    ]


def with_provider(play: Callable[[Provider], Awaitable[Any]], *script: Reply) -> Any:
    async def run() -> Any:
        async with Provider(FrozenClock()) as provider:
            provider.add(*script)
            return await play(provider)

    return asyncio.run(run())


@pytest.mark.parametrize("anthropic", [False, True])
def test_text_arrives_word_by_word_with_its_usage(anthropic: bool):
    usage = Usage(input=70, output=30, cache_read=5)

    heard = with_provider(
        lambda provider: hear(provider, anthropic=anthropic), Text(text="one two", usage=usage)
    )

    assert heard[:2] == [Words("one "), Words("two")]
    (end,) = heard[2:]
    assert end.reason == "stop"
    assert (end.tokens["input"], end.tokens["output"]) == (70, 30)
    assert end.tokens["cache"]["read"] == 5


@pytest.mark.parametrize("anthropic", [False, True])
def test_a_tool_is_called_with_its_arguments(anthropic: bool):
    heard = with_provider(
        lambda provider: hear(provider, anthropic=anthropic),
        Tool(name="bash", arguments={"command": "ls"}),
    )

    call, end = heard
    assert isinstance(call, Call)
    assert (call.tool, call.arguments) == ("bash", {"command": "ls"})
    assert isinstance(end, End)
    assert end.reason == "tool-calls"


@pytest.mark.parametrize("anthropic", [False, True])
def test_an_answer_without_an_end_is_noticed(anthropic: bool):
    heard = with_provider(
        lambda provider: hear(provider, anthropic=anthropic), Cut(how="eof_mid", text="par")
    )

    assert heard[0] == Words("par")
    assert heard[-1].reason == "unknown"


@pytest.mark.parametrize(
    ("reply", "message", "is_retryable", "ended"),
    [
        (replies.rate_limited(3), "Rate limit reached", True, "status 429"),
        (replies.unauthorized(), "Incorrect API key", False, "status 401"),
        (Status(status=503, body="<html>"), "Service Unavailable", True, "status 503"),
        (replies.context_overflow(), "maximum context length", False, "status 400"),
        (StreamError(body={"error": {"code": "rate_limit"}}), "rate_limit", True, "error"),
        (Cut(how="reset"), "Cannot connect to API", True, "reset"),
        (Cut(how="reset_mid", text="a"), "Connection reset by server", True, "reset"),
        (Cut(how="close_mid", text="a"), "Connection reset by server", True, "closed"),
        (Stall(text="a"), "SSE read timed out", True, "client gone"),
        (Stall(text=None), "headers timed out after 300ms", True, "client gone"),
    ],
)
def test_what_breaks_is_told_as_opencode_would_tell_it(
    reply: Reply, message: str, is_retryable: bool, ended: str
):
    async def play(provider: Provider) -> ModelRequest:
        with pytest.raises(CallError, match=message) as failed:
            await hear(provider)
        assert failed.value.is_retryable is is_retryable
        async with asyncio.timeout(5):
            while not provider.requests[0].ended:
                await asyncio.sleep(0.01)
        return provider.requests[0]

    assert with_provider(play, reply).ended == ended


def test_a_stalled_answer_goes_on_when_it_is_released():
    async def play(provider: Provider) -> Any:
        async def release() -> None:
            async with asyncio.timeout(5):
                while not provider.requests:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            provider.release()

        async with asyncio.TaskGroup() as group:
            heard = group.create_task(hear(provider))
            group.create_task(release())
        return heard.result()

    heard = with_provider(play, Stall(text="so far"))

    assert heard[-1].reason == "stop"


def test_a_header_can_name_a_time_relative_to_the_request():
    async def play(provider: Provider) -> dict[str, str]:
        with pytest.raises(CallError) as failed:
            await hear(provider)
        return dict(failed.value.headers or {})

    headers = with_provider(play, replies.rate_limited("{http_date+90}"))

    assert parsedate_to_datetime(headers["retry-after"]) == BEGIN + timedelta(seconds=90)


def test_title_writers_are_answered_beside_the_script():
    async def play(provider: Provider) -> Any:
        title = await hear(provider, name="scripted-small")
        answer = await hear(provider)
        return title[0], answer[0], [request.side for request in provider.requests]

    title, answer, sides = with_provider(play, Text(text="scripted"))

    assert title == Words("Scripted ")
    assert answer == Words("scripted")
    assert sides == [True, False]


def test_a_function_can_choose_the_reply_by_the_session_and_leave_the_rest_to_the_script():
    def choose(request: ModelRequest) -> Reply | None:
        return Text(text="chosen") if request.session == "s" and not seen else None

    seen: list[Any] = []

    async def play(provider: Provider) -> Any:
        provider.script.respond = choose
        seen.append((await hear(provider))[0])
        seen.append((await hear(provider))[0])
        seen.append((await hear(provider))[0])
        return seen

    heard = with_provider(play, Text(text="scripted"))

    assert heard == [Words("chosen"), Words("scripted"), Words("ok")]


def test_what_was_asked_is_remembered():
    async def play(provider: Provider) -> ModelRequest:
        await hear(provider)
        return provider.requests[0]

    request = with_provider(play)

    assert request.at == BEGIN
    assert (request.model, request.session) == ("scripted-big", "s")
    assert request.messages == (("user", "hello"),)
    assert request.last_user_text == "hello"
    assert "authorization" not in request.headers


def test_the_hosted_provider_can_be_out_of_reach_and_come_back():
    with RunningProvider(SystemClock()) as provider:
        port = provider.port
        assert get(port) == 200

        provider.refuse()
        with pytest.raises(ConnectionRefusedError):
            get(port)

        provider.accept()
        assert provider.port == port
        assert get(port) == 200


def test_an_answer_can_be_had_without_a_stream():
    with RunningProvider(SystemClock()) as provider:
        provider.script(Text(text="whole"), replace=True)
        assert provider.queued == 1

        answer = post(provider.port, {"model": "scripted-big", "messages": []})

        assert answer["choices"][0]["message"]["content"] == "whole"
        assert [request.ended for request in provider.requests] == ["json"]
        provider.reset()
        assert provider.all_requests == []


def get(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/models")
        return connection.getresponse().status
    finally:
        connection.close()


def post(port: int, body: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        value: dict[str, Any] = json.loads(connection.getresponse().read())
        return value
    finally:
        connection.close()
