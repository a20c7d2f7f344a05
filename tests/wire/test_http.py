"""The HTTP door: deadlines, caps, no proxy, no secrets in errors; against a real socket."""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable

import pytest

from palingenesis.core.errors import WireDeadlineError, WireError
from palingenesis.wire.http import Answer, Wire

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def served(reply: Reply, use: Callable[[str, list[bytes]], Awaitable[None]]) -> None:
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        await use(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads)


def saying(raw: bytes, *, then_hang: bool = False) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if then_hang:
            await asyncio.sleep(5)

    return reply


OK = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n"
    b"content-length: 2\r\n\r\n{}"
)


def test_an_answer_has_status_type_and_json_and_the_password_goes_along() -> None:
    async def use(origin: str, heads: list[bytes]) -> None:
        async with Wire(origin, basic=("opencode", "pw")) as wire:
            answer = await wire.request("GET", "/x?y=1")

        assert (answer.status, answer.content_type, answer.json()) == (200, "application/json", {})
        assert b"GET /x?y=1 " in heads[0]
        assert b"authorization: basic b3blbmnvzgu6chc=" in heads[0].lower()

    asyncio.run(served(saying(OK), use))


def test_the_environment_s_proxy_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            assert (await wire.request("GET", "/")).status == 200

    asyncio.run(served(saying(OK), use))


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def use(origin: str, heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            assert (await wire.request("GET", "/")).status == 302
        assert len(heads) == 1

    raw = b"HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
    asyncio.run(served(saying(raw), use))


def test_silence_ends_at_the_deadline_even_when_bytes_trickle() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            with pytest.raises(WireDeadlineError, match=r"did not answer within 0\.2 s"):
                await wire.request("GET", "/secret-path", timeout_s=0.2)

    asyncio.run(served(trickle, use))


def test_an_answer_that_is_too_large_is_refused() -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin, bytes_max=10) as wire:
            with pytest.raises(WireError, match="more than 10 bytes"):
                await wire.request("GET", "/")

    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world"
    asyncio.run(served(saying(raw), use))


def test_errors_and_logs_name_the_origin_and_never_the_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin + "/hook/SECRET") as wire:
            with pytest.raises(WireError) as caught:
                await wire.request("POST", json={"a": 1})
        assert "SECRET" not in str(caught.value)
        assert origin in str(caught.value)

    with caplog.at_level(logging.DEBUG, logger="httpx"):
        asyncio.run(served(saying(b"garbage\r\n\r\n"), use))
    assert "SECRET" not in caplog.text


def test_nobody_there_is_one_clear_line() -> None:
    async def use() -> None:
        async with Wire("http://127.0.0.1:1") as wire:
            with pytest.raises(WireError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
                await wire.request("GET", "/")

    asyncio.run(use())


@pytest.mark.parametrize("address", ["127.0.0.1:4096", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(WireError, match="not an http address"):
        Wire(address)


def test_cut_json_is_an_error_of_ours() -> None:
    with pytest.raises(WireError, match="not JSON"):
        Answer(status=200, headers={}, body=b'{"a":').json()


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\ndata: 2\n\n"


def test_a_stream_gives_its_events_and_ends_with_the_server() -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin) as wire, wire.events("/event", silence_s=2) as events:
            assert [event.data async for event in events] == ["1", "2"]

    asyncio.run(served(saying(STREAM), use))


def test_a_silent_stream_is_given_up() -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            with pytest.raises(WireDeadlineError):
                async with wire.events("/event", silence_s=0.2) as events:
                    assert [event.data async for event in events]

    asyncio.run(served(saying(STREAM, then_hang=True), use))


def test_a_page_of_html_is_no_stream() -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            with pytest.raises(WireError, match="200 text/html where an event stream"):
                async with wire.events("/event", silence_s=1):
                    pass

    asyncio.run(served(saying(OK.replace(b"application/json", b"text/html")), use))


def test_a_compressed_answer_is_refused_before_it_grows() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000)
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n"
    )

    async def asked(origin: str, heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            with pytest.raises(WireError, match="compressed"):
                await wire.request("GET", "/")
        assert b"accept-encoding: identity\r\n" in heads[0].lower()

    async def followed(origin: str, _heads: list[bytes]) -> None:
        async with Wire(origin) as wire:
            with pytest.raises(WireError, match="compressed"):
                async with wire.events("/", silence_s=5):
                    pass

    for encoding in (b"gzip", b"deflate", b"br", b"zstd", b"identity, gzip"):
        asyncio.run(served(saying(head % (b"text/plain", encoding, len(bomb)) + bomb), asked))
        stream = head % (b"text/event-stream", encoding, len(bomb)) + bomb
        asyncio.run(served(saying(stream), followed))
