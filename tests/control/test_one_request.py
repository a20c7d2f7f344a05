"""HTTP at the door, byte by byte: one request, one answer, the end."""

import json
import socket
from pathlib import Path

import pytest

from palingenesis.control.client import ControlClient
from palingenesis.control.wire_format import STREAMS_MAX
from tests.control.doors import StandInDoor, a_row, served
from tests.control.test_the_one_door import raw

ORDER = b'{"command": "pause", "session": null, "by": "test"}'
HEAD = b"POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def test_what_is_no_http_is_told_so_and_let_go(tmp_path: Path):
    with served(tmp_path) as here:
        answer = raw(here.path, b"\x16\x03\x01 hello\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert status_of(head) == 400
    assert b"connection: close" in head.lower()
    assert body == b"this is no HTTP/1.1 request\n"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("GET /v1/nothing", 404),
        ("GET /", 404),
        ("GET /v1/stop", 405),
        ("POST /v1/status", 405),
        ("DELETE /v1/status", 405),
        ("OPTIONS *", 404),
    ],
)
def test_a_wrong_place_and_a_wrong_way_of_asking_are_told_apart(
    tmp_path: Path, asked: str, expected: int
):
    with served(tmp_path) as here:
        answer = raw(here.path, f"{asked} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

        assert status_of(answer) == expected
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
        assert not here.door.stopped.is_set()


@pytest.mark.parametrize("target", ["/v1/status", "/v1/events/stream"])
def test_a_head_without_a_body_is_all_that_head_gets(tmp_path: Path, target: str):
    with served(tmp_path) as here:
        answer = raw(here.path, f"HEAD {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

    assert status_of(answer) == 200
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(tmp_path: Path):
    with served(tmp_path) as here, socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(5)
        talk.connect(str(here.path))
        talk.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(ORDER))
        lines = talk.makefile("rb")
        assert lines.readline().startswith(b"HTTP/1.1 100")

        talk.sendall(ORDER)

        assert lines.readline() == b"\r\n"
        assert lines.readline().startswith(b"HTTP/1.1 200")


def test_only_the_first_of_two_requests_in_one_breath_is_carried_out(tmp_path: Path):
    one = HEAD + b"content-length: %d\r\n\r\n" % len(ORDER) + ORDER
    with served(tmp_path) as here:
        answer = raw(here.path, one + one)

        assert answer.count(b"HTTP/1.1 ") == 1
        assert here.door.given == [("pause", None, "test")]


def test_a_client_that_goes_in_the_middle_of_its_order_orders_nothing(tmp_path: Path):
    with served(tmp_path) as here:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.connect(str(here.path))
            talk.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(ORDER) + ORDER[:-1])

        assert ControlClient(here.path).status()["running"] is True
        assert here.door.given == []


def test_the_place_of_a_stream_is_free_as_soon_as_its_client_has_gone(tmp_path: Path):
    door = StandInDoor()
    door.rows = [a_row(1)]
    follow = b"GET /v1/events/stream HTTP/1.1\r\nhost: x\r\n\r\n"
    with served(tmp_path, door) as here:
        for _ in range(3 * STREAMS_MAX):
            with socket.socket(socket.AF_UNIX) as talk:
                talk.settimeout(5)
                talk.connect(str(here.path))
                talk.sendall(follow)
                assert talk.recv(64).startswith(b"HTTP/1.1 200")
