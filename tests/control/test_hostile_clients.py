"""Clients of the same user that mean no good: they keep nobody out, and nothing they send hurts."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from palingenesis.control.client import ControlClient
from palingenesis.control.wire_format import CLIENTS_MAX
from palingenesis.core.errors import BusyError
from tests.control.doors import StandInDoor, a_row, served

ORDER = b"POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
FORMS: dict[str, Callable[[socket.socket], None]] = {
    "says nothing": lambda _talk: None,
    "half a head": lambda talk: talk.sendall(b"GET /v1/sta"),
    "a head without a body": lambda talk: talk.sendall(ORDER + b"content-length: 60000\r\n\r\n"),
    "half a body": lambda talk: talk.sendall(ORDER + b"content-length: 9\r\n\r\n{"),
    "half a chunk": lambda talk: talk.sendall(
        ORDER + b"transfer-encoding: chunked\r\n\r\nffff\r\n{"
    ),
    "never takes its answer": lambda talk: talk.sendall(
        b"GET /v1/events?limit=1000 HTTP/1.1\r\nhost: x\r\n\r\n"
    ),
}


@contextlib.contextmanager
def besieged(path: Path, number: int, act: Callable[[socket.socket], None]) -> Iterator[None]:
    """Hold that many connections, once all of them have been taken in or turned away."""
    with contextlib.ExitStack() as held:
        talks = [held.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(number)]
        for talk in talks:
            talk.settimeout(5)
            talk.connect(str(path))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                act(talk)
        deadline = time.monotonic() + 4
        while len(select.select(talks, [], [], 1)[0]) < number - CLIENTS_MAX:
            assert time.monotonic() < deadline
        yield


@pytest.mark.parametrize("form", FORMS)
def test_sixty_four_slow_clients_of_any_kind_keep_nobody_out(tmp_path: Path, form: str):
    door = StandInDoor()
    door.rows = [a_row(seq, summary="x" * 2000) for seq in range(1, 1001)]
    with served(tmp_path, door) as here, besieged(here.path, 64, FORMS[form]):
        client = ControlClient(here.path, timeout_s=3)
        began = time.monotonic()

        for _ in range(5):
            assert client.status()["running"] is True

        assert time.monotonic() - began < 2.5  # five answers, each well within half a second
    assert door.given == []


def test_an_order_that_is_being_carried_out_does_not_give_way(tmp_path: Path):
    door = StandInDoor()
    door.slow_s = 1.0
    with served(tmp_path, door) as here:
        order = b'{"command": "pause", "session": null, "by": "test"}'
        with socket.socket(socket.AF_UNIX) as talk:
            talk.connect(str(here.path))
            talk.sendall(ORDER + f"content-length: {len(order)}\r\n\r\n".encode() + order)
            assert door.begun.wait(5)
            with besieged(here.path, 64, FORMS["half a body"]):
                assert b" 200 " in talk.recv(65536).splitlines()[0]


def test_a_flood_of_orders_is_stemmed_and_says_so(tmp_path: Path):
    with served(tmp_path) as here:
        client = ControlClient(here.path)
        refused = []
        for _ in range(300):
            try:
                client.command("pause", None, "flood")
            except BusyError as error:
                refused.append(error.message)

        assert len(refused) >= 100
        assert set(refused) == {"too many orders: 60 at once, and 10 a second"}
        assert len(here.door.given) + len(refused) == 300
        assert client.status()["running"] is True


def flood(client: ControlClient) -> None:
    for _ in range(300):
        client.command("resume", None, "flood")


def test_a_flood_of_other_orders_does_not_keep_a_stop_out(tmp_path: Path):
    with served(tmp_path) as here:
        client = ControlClient(here.path)
        with pytest.raises(BusyError):
            flood(client)

        assert client.command("pause", None, "person")["ok"] is True
        assert client.command("abort", "ses_1abc", "person")["ok"] is True
        client.stop("cli")

        assert here.door.stopped.is_set()


@pytest.mark.parametrize(
    "body",
    [
        b'{"command": "pause", "session": "\\ud800", "by": "x"}',
        b'{"command": "pause", "session": NaN, "by": "x"}',
        b'{"command": "pause", "session": null, "by": -Infinity}',
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b"9" * 60_000,
        b'{"command": "pause", "by": "x", "by": ' + b"1" * 5000 + b"}",
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_json_that_is_none_is_refused_as_such(tmp_path: Path, body: bytes):
    with served(tmp_path) as here, socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(5)
        talk.connect(str(here.path))
        talk.sendall(ORDER + f"content-length: {len(body)}\r\n\r\n".encode() + body)

        assert talk.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
        assert here.door.given == []
