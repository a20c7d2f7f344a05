"""The short form of `python -m tests.torture.network`, and the same in a hostile environment."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.torture.network import Asked, play, tell
from tests.torture.standing_in import stand_in

pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that remembers who came."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.1)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                try:
                    talk, _ = door.accept()
                except TimeoutError:
                    continue
                with talk:
                    talk.settimeout(1)
                    seen.append(talk.recv(1000))

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}", seen
        ended.set()
        thread.join()


def test_in_a_night_with_a_default_configuration_nothing_leaves_this_machine():
    with stand_in() as opencode:
        asked = play(opencode)

    assert tell(asked) == 0
    assert {one.by for one in asked} >= {"daemon", "command", "stand-in"}


def test_a_hostile_environment_changes_nothing_and_no_proxy_is_asked(
    proxy: tuple[str, list[bytes]],
):
    url, seen = proxy
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    hostile = {
        **dict.fromkeys(names, url),
        "NO_PROXY": "",
        "no_proxy": "",
        "SSL_CERT_FILE": "/nonexistent",
        "SSL_CERT_DIR": "/nonexistent",
        "SSLKEYLOGFILE": "/nonexistent/keys",
        "TZ": "Nonsense/Nowhere",
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONWARNINGS": "error",
        "PYTHONINSPECT": "",
        "COLUMNS": "1",
        "NETRC": "/nonexistent",
    }
    with stand_in() as opencode:
        asked = play(opencode, hostile=hostile)

    assert seen == []
    assert tell(asked) == 0


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("'127.0.0.1', 4096)", True),
        ("'::1', 4096, 0, 0)", True),
        ("'localhost', 80)", True),
        ("'/run/x/control.sock'", True),
        ("'93.184.216.34', 443)", False),
        ("'example.org', 443)", False),
        ("'127.0.0.1.example.org', 443)", False),
        ('sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")', False),
        ('sin6_port=htons(53), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)', False),
    ],
)
def test_what_counts_as_this_machine(address: str, is_here: bool):
    assert Asked("daemon", "connect", address).is_here is is_here
