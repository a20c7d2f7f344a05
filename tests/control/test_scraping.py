"""The port for Prometheus: one text, to whoever asks on this machine by its own name."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from palingenesis.control.scraping import Scraping
from palingenesis.core.errors import PalingenesisError


@asynccontextmanager
async def scraped(port: int = 0) -> AsyncIterator[Scraping]:
    """A port that tells how often it was asked."""
    asked = iter(range(1, 1000))
    scraping = Scraping(
        lambda: f"asked_total {next(asked)}\n",
        media_type="text/plain; version=0.0.4",
        host="127.0.0.1",
        port=port,
    )
    opened = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(scraping.serve(opened))
        await opened.wait()
        yield scraping
        serving.cancel()


async def said(scraping: Scraping, request: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(scraping.address).port)
    writer.write(request.encode())
    answer = await asyncio.wait_for(reader.read(), timeout=10)
    writer.close()
    await writer.wait_closed()
    return answer.decode()


def get(path: str = "/metrics", host: str = "localhost", method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"


def test_every_scrape_is_answered_anew():
    async def play() -> list[str]:
        async with scraped() as scraping:
            return [await said(scraping, get()) for _ in range(2)]

    first, second = asyncio.run(play())

    assert first.startswith("HTTP/1.1 200")
    assert "content-type: text/plain; version=0.0.4" in first.lower()
    assert first.endswith("\r\n\r\nasked_total 1\n")
    assert second.endswith("\r\n\r\nasked_total 2\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get(host="127.0.0.1:9464"), 200),
        (get(host="[::1]:9464"), 200),
        (get(host="localhost:1"), 200),
        (get(method="HEAD"), 200),
        (get("/"), 200),
        (get("/v1/status"), 404),
        (get(method="POST"), 405),
        (get(host="evil.example"), 403),
        (get(host="127.0.0.1.evil.example"), 403),
        (get(host="192.168.1.9:9464"), 403),
        (get(host="]"), 403),
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
        ("nonsense\r\n\r\n", 400),
    ],
)
def test_nothing_else_is_there_and_no_page_from_elsewhere_can_ask(request_: str, status: int):
    async def play() -> str:
        async with scraped() as scraping:
            return await said(scraping, request_)

    assert asyncio.run(play()).split()[1] == str(status)


def test_a_client_that_says_nothing_keeps_nobody_out():
    async def play() -> str:
        async with scraped() as scraping, contextlib.AsyncExitStack() as stack:
            for _ in range(40):
                silent = socket.create_connection(
                    ("127.0.0.1", urlsplit(scraping.address).port), timeout=5
                )
                stack.callback(silent.close)
            return await said(scraping, get())

    assert asyncio.run(play()).startswith("HTTP/1.1 200")


def test_a_port_that_is_taken_is_told():
    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            async with scraped(taken.getsockname()[1]):
                pass

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(play())

    (error,) = caught.value.exceptions
    assert isinstance(error, PalingenesisError)
    assert "cannot listen for Prometheus at 127.0.0.1:" in error.message
