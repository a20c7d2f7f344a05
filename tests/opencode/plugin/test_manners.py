"""The plugin in OpenCode's own JavaScript runtime: what it passes on, and how it behaves."""

import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from palingenesis.assistants.opencode.plugin_text import filled_in, shipped
from palingenesis.assistants.opencode.signals import (
    Heartbeat,
    Noise,
    ServerConnected,
    read_payload,
)
from tests.live.bench import wait_until
from tests.live.executable import opencode_executable

pytestmark = pytest.mark.live

PROGRAM: Final = """
import fs from "node:fs"
import { Palingenesis } from "./plugin.mjs"
const client = { _client: { getConfig: () => ({}) } }
const hooks = await Palingenesis({ client, directory: "/here" })
const pause = (ms) => new Promise((then) => setTimeout(then, ms))
const plugin = globalThis[Symbol.for("palingenesis.plugin")]
const tell = (type, properties) => hooks.event({ event: { type, properties } })
for (let n = 0; CONNECTS && plugin.socket === null && n < 500; n++) await pause(10)
"""
SWITCHED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: upgrade\r\nUpgrade: palingenesis-agent/1\r\n\r\n"
)
STATUS: Final = 'tell("session.status", { sessionID: "ses_1", status: { type: "idle" } })\n'
PATIENT_S: Final = 60.0
RECORDINGS: Final = Path(__file__).parents[2] / "recordings" / "opencode"


class Daemon:
    """A daemon that lets the plugin in and reads what it says, if it answers at all.

    Args:
        path: its socket.
        answers: whether it lets the plugin in, or says nothing ever.
        reads_once: the file without which it reads nothing; None: it reads at once.
    """

    def __init__(self, path: Path, *, answers: bool, reads_once: Path | None) -> None:
        self._answers = answers
        self._reads_once = reads_once
        self._said = bytearray()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in bytes(self._said).splitlines()]

    @property
    def events(self) -> list[str]:
        return [one["payload"]["type"] for one in self.documents if "payload" in one]

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._door.close()
            self._thread.join(10)

    def _serve(self) -> None:
        self._door.settimeout(PATIENT_S)
        talk, _ = self._door.accept()
        with talk:
            talk.recv(65536)
            if not self._answers:
                self._over.wait(PATIENT_S)
                return
            talk.sendall(SWITCHED)
            if self._reads_once is not None:
                wait_until(self._reads_once.exists, PATIENT_S, "its time to read")
            while data := talk.recv(1 << 20):
                self._said += data


def run(
    code: str, *, answers: bool = True, reads_once: str | None = None
) -> tuple[Daemon, list[str]]:
    """What a program with the plugin in it said to a daemon, and printed; it ends by itself."""
    with tempfile.TemporaryDirectory(prefix="palin-") as folder:
        place = Path(folder)
        path = place / "control.sock"
        program = PROGRAM.replace("CONNECTS", "true" if answers else "false") + code
        (place / "plugin.mjs").write_text(filled_in(shipped(), socket=path, folders_made=0))
        (place / "program.mjs").write_text(program)
        file = place / reads_once if reads_once is not None else None
        daemon = Daemon(path, answers=answers, reads_once=file)
        with daemon.running():
            done = subprocess.run(
                [str(opencode_executable()), "run", "program.mjs"],
                cwd=place,
                env={**os.environ, "BUN_BE_BUN": "1"},  # OpenCode's executable is its runtime, too
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENT_S,
            )
        assert done.returncode == 0, done.stderr
        return daemon, done.stdout.splitlines()


def recorded() -> dict[str, dict[str, Any]]:
    """Of every kind of announcement that was ever recorded, one."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(RECORDINGS.glob("*/*event*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            document = said.get("event", said)
            payload = document.get("payload", document)
            found.setdefault(payload["type"], {"directory": "/here", "payload": payload})
    return found


def test_an_announcement_that_cannot_be_passed_on_hurts_nobody_and_is_missed():
    daemon, printed = run(f"""
const circle = {{ sessionID: "ses_1" }}
circle.itself = circle
await {STATUS}
const much = {{ type: "session.error", properties: {{ sessionID: "ses_1", much: 1n }} }}
const odd = {{ type: "session.error", properties: circle }}
for (const event of [odd, much, {{}}, null, undefined]) {{
  await hooks.event({{ event }}).catch((error) => console.log(String(error)))
}}
await {STATUS}
await pause(100)
""")

    assert printed == []
    first, last = (one["seq"] for one in daemon.documents if "payload" in one)
    assert last > first + 1, "what could not be passed on is a gap"


def test_what_says_nothing_about_how_a_session_does_is_kept_back():
    daemon, printed = run(f"""
const diff = [{{ file: "a", before: "x".repeat(100), after: "y" }}]
await tell("session.diff", {{ sessionID: "ses_1", diff }})
await tell("session.next.text.delta", {{ sessionID: "ses_1", delta: "x" }})
await tell("sync", {{ sessionID: "ses_1" }})
await tell("file.edited", {{ file: "/etc/passwd" }})
await {STATUS}
await tell("question.asked", {{ sessionID: "ses_1", id: "q" }})
await pause(100)
""")

    assert printed == []
    assert daemon.events == ["session.status", "question.asked"]
    assert [one["seq"] for one in daemon.documents if "payload" in one] == [1, 2]


def test_what_the_daemon_reads_of_an_announcement_is_passed_on():
    read = {
        kind
        for kind, document in recorded().items()
        if not isinstance(read_payload(document), ServerConnected | Heartbeat | Noise | None)
    }
    assert {"session.error", "todo.updated", "permission.replied", "global.disposed"} <= read

    daemon, _ = run(
        f"for (const type of {json.dumps(sorted(recorded()))}) await tell(type, {{}})\n"
        "await pause(100)\n"
    )

    assert set(daemon.events) == read


def test_of_a_tool_that_prints_line_after_line_one_announcement_a_second_is_passed_on():
    daemon, printed = run("""
const part = (status, output) => ({
  sessionID: "ses_1", id: "prt_1", type: "tool", state: { status, metadata: { output } },
})
await tell("message.part.updated", { part: part("pending") })
for (let n = 0; n < 1000; n++) {
  await tell("message.part.updated", { part: part("running", "x".repeat(30000)) })
}
await tell("message.part.updated", { part: part("completed", "x") })
await pause(100)
""")

    assert printed == []
    told = [one["payload"]["properties"]["part"]["state"]["status"] for one in daemon.documents
            if "payload" in one]  # fmt: skip
    assert (told[0], told[-1]) == ("pending", "completed")
    assert 1 <= told.count("running") <= 5


def test_sessions_that_came_by_take_no_room_for_ever():
    _, printed = run("""
for (let n = 0; n < 20000; n++) {
  await tell("message.part.delta", { sessionID: `ses_${n}`, delta: "x" })
}
const room = Object.values(plugin).filter((one) => one instanceof Map).map((one) => one.size)
console.log(Math.max(...room) <= 1000)
await pause(500)
""")

    assert printed == ["true"]


def test_a_daemon_that_does_not_read_costs_a_bounded_room_and_is_told_that_it_missed_something():
    daemon, printed = run(
        """
const text = "x".repeat(10000)
for (let n = 0; n < 2000; n++) {
  await tell("message.updated", { info: { sessionID: "ses_1", text } })
}
console.log(plugin.socket.writableLength < 2 * 1024 * 1024)
fs.writeFileSync("full", "")
for (let n = 0; n < 500 && plugin.socket.writableLength > 0; n++) await pause(10)
await pause(100)
await tell("session.idle", { sessionID: "ses_1" })
await pause(100)
""",
        reads_once="full",
    )

    assert printed == ["true"]
    numbered = [one for one in daemon.documents if "seq" in one]
    assert len(numbered) < 1000
    assert "missed" in numbered[-2]
    assert numbered[-1]["payload"]["type"] == "session.idle"
    assert numbered[-1]["seq"] == numbered[-2]["seq"] + 1


@pytest.mark.parametrize("answers", [True, False])
def test_it_keeps_no_program_from_ending(answers: bool):
    _, printed = run("await pause(1000)\nconsole.log('the end')\n", answers=answers)

    assert printed == ["the end"]
