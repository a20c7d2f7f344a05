"""A program that stays connected: who gets in, and what is said both ways."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from palingenesis.control.client import ControlClient
from palingenesis.control.link import SocketLink
from palingenesis.control.wire_format import AGENT_PROTOCOL, LINKS_MAX
from palingenesis.runtime.linking import Caller
from tests.control.doors import StandInDoor, served

QUERY = "plugin=1&directory=/home/ada/parser"


def ask(*, protocol: str = AGENT_PROTOCOL, query: str = QUERY) -> bytes:
    return (
        f"GET /v1/agents/opencode?{query} HTTP/1.1\r\nHost: palingenesis\r\n"
        f"Connection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
    ).encode()


@contextmanager
def talking(path: Path, first: bytes) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection that has asked, and the head of its answer."""
    with socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(5)
        talk.connect(str(path))
        talk.sendall(first)
        said = b""
        while b"\r\n\r\n" not in said:
            piece = talk.recv(65536)
            assert piece, said
            said += piece
        yield talk, said


def heard(talk: socket.socket, count: int) -> list[bytes]:
    """The next lines."""
    said = b""
    while said.count(b"\n") < count:
        piece = talk.recv(65536)
        assert piece, said
        said += piece
    return said.splitlines()


def test_lines_go_both_ways_until_one_side_has_enough(tmp_path: Path):
    door = StandInDoor()
    with served(tmp_path, door) as here, talking(here.path, ask()) as (talk, head):
        assert head.startswith(b"HTTP/1.1 101 ")
        assert f"upgrade: {AGENT_PROTOCOL}".encode() in head.lower()
        talk.sendall(b"one\ntw")
        talk.sendall(b"o\nthree\n")
        assert heard(talk, 3) == [b"heard one", b"heard two", b"heard three"]
        talk.sendall(b"enough\n")
        assert talk.recv(10) == b""
    assert door.callers == [Caller(pid=os.getpid(), directories=("/home/ada/parser",), plugin="1")]


def test_the_kernels_word_for_a_process_stands_above_its_own(tmp_path: Path):
    door = StandInDoor()
    with served(tmp_path, door) as here, talking(here.path, ask(query=QUERY + "&pid=1")):
        pass
    assert [caller.pid for caller in door.callers] == [os.getpid()]


def test_a_long_line_arrives_whole(tmp_path: Path):
    long = b"x" * 3_000_000
    with served(tmp_path) as here, talking(here.path, ask()) as (talk, _):
        talk.sendall(long + b"\n")
        assert heard(talk, 1) == [b"heard " + long]


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (ask(protocol="palingenesis-agent/2"), 400),
        (ask(protocol="websocket"), 400),
        (b"GET /v1/agents/opencode HTTP/1.1\r\nHost: palingenesis\r\n\r\n", 400),
        (ask(query="directory=/x"), 409),
        (ask().replace(b"GET", b"POST"), 405),
    ],
)
def test_whoever_asks_otherwise_is_told_and_turned_away(tmp_path: Path, first: bytes, status: int):
    with served(tmp_path) as here, talking(here.path, first) as (_, head):
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert ControlClient(here.path).status()["running"] is True


def test_programs_that_stay_keep_nobody_else_out_and_are_bounded(tmp_path: Path):
    with served(tmp_path) as here:
        held = [socket.socket(socket.AF_UNIX) for _ in range(LINKS_MAX)]
        try:
            for talk in held:
                talk.settimeout(5)
                talk.connect(str(here.path))
                talk.sendall(ask())
                assert talk.recv(65536).startswith(b"HTTP/1.1 101 ")
            with talking(here.path, ask()) as (_, head):
                assert head.startswith(b"HTTP/1.1 503 ")
            assert ControlClient(here.path).status()["running"] is True
        finally:
            for talk in held:
                talk.close()
        assert ControlClient(here.path).status()["running"] is True


def test_a_daemon_that_closes_ends_them(tmp_path: Path):
    with ExitStack() as closes_first:
        here = closes_first.enter_context(served(tmp_path))
        with talking(here.path, ask()) as (talk, _):
            closes_first.close()
            assert talk.recv(10) == b""


class Pipe:
    """A transport that remembers what was done with it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, name: str) -> object:
        return lambda *_: self.said.append(name)


def test_who_says_more_than_is_read_has_to_wait():
    async def story() -> list[str]:
        pipe = Pipe()
        link = SocketLink(pipe)  # type: ignore[arg-type]
        for _ in range(5):
            link.feed(b"x" * 1_000_000 + b"\n")
        link.end()
        async for line in link.lines():
            pipe.said.append(f"read {len(line)}")
        return pipe.said

    said = asyncio.run(story())
    assert said.count("pause_reading") == 1
    assert said.index("pause_reading") == 0
    assert said.count("resume_reading") == 1
    assert said.count("read 1000000") == 5
