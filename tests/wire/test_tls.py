"""The carrier for TLS, asked in plain text where nobody here has a certificate."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from palingenesis.core.errors import WireError
from palingenesis.wire.exchange import Ask, BrokenError
from palingenesis.wire.http import Wire
from palingenesis.wire.tls import TlsHttp
from tests.wire.test_http import saying, served

TAKEN = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\ntaken"

ASK = Ask(method="POST", url="", headers={"x-a": "1"}, content=b"hi", connect_s=5.0, silence_s=5.0)


def test_it_carries_a_request_and_gives_the_answer_in_pieces() -> None:
    async def use(origin: str, heads: list[bytes]) -> None:
        carrier = TlsHttp(("ada", "s3cret"), keep_alive=False)
        async with carrier.exchange(replace(ASK, url=origin + "/hook")) as reply:
            body = b"".join([chunk async for chunk in reply.chunks])
        await carrier.aclose()

        assert (reply.status, reply.headers["content-type"]) == (200, "text/plain")
        assert body == b"taken"
        assert heads[0].startswith(b"POST /hook HTTP/1.1\r\n")
        assert b"x-a: 1\r\n" in heads[0].lower()
        assert b"authorization: basic " in heads[0].lower()

    asyncio.run(served(saying(TAKEN), use))


def test_an_answer_that_breaks_off_is_told_without_the_address() -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        carrier = TlsHttp(None, keep_alive=False)
        with pytest.raises(BrokenError) as caught:
            async with carrier.exchange(replace(ASK, url=origin + "/SECRET")) as reply:
                assert [chunk async for chunk in reply.chunks]
        await carrier.aclose()

        assert str(caught.value) == "what answers there does not speak HTTP"

    asyncio.run(served(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort"), use))


async def without_tls(use: Callable[[str], Awaitable[None]]) -> None:
    """Use a server that answers in plain text as if it were asked so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 no\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        await use(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


def test_a_server_that_speaks_no_tls_cannot_be_reached_over_it() -> None:
    async def use(origin: str) -> None:
        async with Wire(f"{origin}/SECRET") as wire:
            with pytest.raises(WireError, match="cannot be reached") as caught:
                await wire.request("POST", json={}, timeout_s=10)
        assert "SECRET" not in str(caught.value)

    asyncio.run(without_tls(use))


def test_a_server_that_says_no_more_is_given_up_at_the_deadline() -> None:
    async def use(origin: str, _heads: list[bytes]) -> None:
        carrier = TlsHttp(None, keep_alive=False)
        with pytest.raises(TimeoutError):
            async with carrier.exchange(replace(ASK, url=origin, silence_s=0.2)) as reply:
                assert [chunk async for chunk in reply.chunks]
        await carrier.aclose()

    asyncio.run(served(saying(TAKEN[:-1], then_hang=True), use))
