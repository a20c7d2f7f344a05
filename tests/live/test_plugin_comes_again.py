"""The plugin in a real TUI, and a daemon that is not ours: it dies as badly as it can."""

import json
import socket
from pathlib import Path

from palingenesis.demo.replies import Text
from tests.live.night import Night
from tests.live.plugging import PATIENT_S, a_tui, plug_in

SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: upgrade\r\nUpgrade: palingenesis-agent/1\r\n\r\n"
)
ASKS = 200


def listening(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen()
    door.settimeout(30)
    return door


def joined(door: socket.socket) -> socket.socket:
    """The plugin, let in."""
    plugin, _ = door.accept()
    plugin.settimeout(10)
    asked = b""
    while b"\r\n\r\n" not in asked:
        said = plugin.recv(65536)
        assert said, "it left before it had asked"
        asked += said
    assert asked.startswith(b"GET /v1/agents/opencode?")
    plugin.sendall(SWITCHED)
    assert b'"hello"' in plugin.recv(65536)
    return plugin


def test_the_plugin_comes_again_after_a_daemon_that_died_with_its_answers_unread(opencode: Path):
    health = {"method": "GET", "path": "/global/health", "headers": {}}
    with Night(opencode, daemon_starts=False) as night:
        plug_in(night)
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode):
            night.wait_for_requests(1, timeout_s=PATIENT_S)
            for _ in range(4):
                with listening(night.root / "run" / "control.sock") as door, joined(door) as plugin:
                    for number in range(ASKS):
                        said = json.dumps({"ask": number, **health})
                        plugin.sendall(said.encode() + b"\n")
                    assert plugin.recv(100)


def test_the_plugin_comes_again_after_nonsense(opencode: Path):
    with Night(opencode, daemon_starts=False) as night:
        plug_in(night)
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode), listening(night.root / "run" / "control.sock") as door:
            door.settimeout(PATIENT_S)
            for _ in range(2):
                with joined(door) as plugin:
                    plugin.sendall(b'{"ask": 1, "meth\n')
                    while plugin.recv(65536):
                        pass
