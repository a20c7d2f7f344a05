"""What our plugin costs her OpenCode: for an event, for a turn, in memory.

    python -m benchmarks.plugin [TURNS]

An event: the plugin's hook in OpenCode's own JavaScript runtime, without a daemon and with one
that reads; the floor is a hook that does nothing. A turn: three `opencode serve` take turns in
answering the same prompt, a streamed answer of 300 words, in a second (a short turn) and in six:
one without the plugin (the floor), one whose plugin finds no daemon, one that is looked after by
the real daemon. Processor time is that of the server's process, memory what it holds in the end.
To reach: 1 ms for an event without a daemon, 1 % of a turn, 10 MB.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil
from benchmarks.figures import at_percent, tell, tell_machine

from palingenesis.assistants.opencode.plugin_text import SHIPPED
from palingenesis.demo.opencode_home import OpenCodeHome
from palingenesis.demo.replies import Text
from tests.live.bench import free_port, wait_until
from tests.live.executable import opencode_executable
from tests.live.night import Night
from tests.live.plugging import plug_in

EVENTS = 5_000
WORDS = " ".join(f"word{number}" for number in range(300))
WARM_UP = 3
EMPTY = 'const SOCKET = ""'
HARNESS = """
import { Palingenesis } from "./plugin.mjs"
const client = { _client: { getConfig: () => ({}) } }
const nothing = { event: async () => {} }
const hooks = process.argv[2] === "floor" ? nothing : await Palingenesis({ client, directory: "/" })
const text = "x".repeat(2000)
const part = { id: "prt_1", type: "text", text }
const event = { type: "message.part.updated", properties: { sessionID: "ses_1", part } }
await new Promise((then) => setTimeout(then, 500))
const times = []
for (let round = 0; round < COUNT / 20; round++) {
  const began = performance.now()
  for (let n = 0; n < 20; n++) await hooks.event({ event })
  times.push((performance.now() - began) / 20)
  await new Promise((then) => setTimeout(then, 20))  // some ten times as lively as a turn
}
Bun.gc(true)
const rss = process.memoryUsage().rss / 1e6
console.log(JSON.stringify({ ms: times.sort((a, b) => a - b)[times.length >> 1], rss }))
process.exit(0)
"""


def reads_everything(listening: socket.socket) -> None:
    """A daemon that lets the plugin in, and reads what it says."""
    talk, _ = listening.accept()
    with talk:
        talk.recv(65536)
        talk.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: palingenesis-agent/1\r\n\r\n")
        while talk.recv(1 << 20):
            pass


def an_event(what: str, *, with_daemon: bool = False) -> Mapping[str, float]:
    """Milliseconds for one event, and megabytes after all of them."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        place = Path(folder)
        path = place / "s"
        if with_daemon:
            listening.bind(str(path))
            listening.listen()
            Thread(target=reads_everything, args=(listening,), daemon=True).start()
        text = SHIPPED.read_text(encoding="utf-8").replace(EMPTY, f'const SOCKET = "{path}"')
        (place / "plugin.mjs").write_text(text, encoding="utf-8")
        (place / "harness.mjs").write_text(HARNESS.replace("COUNT", str(EVENTS)), encoding="utf-8")
        done = subprocess.run(
            [str(opencode_executable()), "run", "harness.mjs", what],
            cwd=place,
            env={**os.environ, "BUN_BE_BUN": "1"},  # OpenCode's executable is its runtime, too
            capture_output=True,
            check=True,
            timeout=120,
        )
    return dict(json.loads(done.stdout))


@dataclass
class Serve:
    """One `opencode serve` of the person's, and what its turns took."""

    home: OpenCodeHome
    port: int = field(default_factory=free_port)
    wall_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)

    def start(self, stack: ExitStack) -> None:
        words = [str(opencode_executable()), "serve", "--port", str(self.port)]
        child = subprocess.Popen(
            words,
            cwd=self.home.project,
            env=self.home.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(child.wait)
        stack.callback(child.kill)
        self.process = psutil.Process(child.pid)
        wait_until(self.answers, 60.0, "the server")
        self.session = self.ask("POST", "/session", {})["id"]

    def answers(self) -> bool:
        try:
            return bool(self.ask("GET", "/global/health", timeout_s=2.0)["healthy"])
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: object = None, *, timeout_s: float = 60.0
    ) -> dict[str, object]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        headers = {"content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        found = json.loads(connection.getresponse().read())
        connection.close()
        return dict(found)

    def turn(self) -> None:
        before, began = self.process.cpu_times(), time.monotonic()
        parts = [{"type": "text", "text": "go on"}]
        self.ask("POST", f"/session/{self.session}/message", {"parts": parts})
        self.wall_s.append(time.monotonic() - began)
        time.sleep(0.3)  # what it does after its answer counts, too
        after = self.process.cpu_times()
        self.processor_s.append(after.user + after.system - before.user - before.system)

    def megabytes(self) -> float:
        return float(self.process.memory_info().rss) / 1e6


def turns(name: str, count: int, *, chunk_delay_s: float) -> None:
    with ExitStack() as stack:
        night = stack.enter_context(Night(opencode_executable(), check_interval="5s"))
        night.provider.default(Text(text=WORDS, chunk_delay_s=chunk_delay_s))
        homes = [OpenCodeHome(night.root / name) for name in ("without", "alone")]
        for home in homes:
            home.build(night.provider.url)
        plug_in(night)
        alone = homes[1].config_file.parent / "plugin" / SHIPPED.name
        alone.parent.mkdir()
        text = SHIPPED.read_text(encoding="utf-8")
        alone.write_text(text.replace(EMPTY, f'const SOCKET = "{night.root}/nobody.sock"'))
        without, lonely, ours = (Serve(home) for home in (*homes, night.home))
        for one in (without, lonely, ours):
            one.start(stack)
        ours.ask("GET", "/config")  # a project is opened, and with it the plugin
        wait_until(lambda: lets_us_in(night), 60.0, "the plugin")
        for number in range(count + WARM_UP):
            for one in (without, lonely, ours):
                one.turn()
            if number < WARM_UP:
                for one in (without, lonely, ours):
                    one.wall_s.clear()
                    one.processor_s.clear()
        for beside, one in (("no daemon", lonely), ("with the daemon", ours)):
            floor = at_percent(without.wall_s, 50)
            tell(
                f"{name}, {beside}: p50",
                at_percent(one.wall_s, 50),
                floor,
                "s",
                target=floor * 1.01,
            )
            spent, least = sum(one.processor_s) / count, sum(without.processor_s) / count
            tell(f"  processor time of its server, mean of {count}", spent, least, "s")
            tell("  memory of its server", one.megabytes(), without.megabytes(), "MB")


def lets_us_in(night: Night) -> bool:
    return any(one["way"] == "integrated" and one["up"] for one in night.control.status()["agents"])


def main() -> None:
    tell_machine()
    floor = an_event("floor")
    for name, with_daemon in (("without a daemon", False), ("a daemon reads", True)):
        found = an_event("ours", with_daemon=with_daemon)
        target = None if with_daemon else 1_000.0
        tell(f"an event, {name}", found["ms"] * 1e3, floor["ms"] * 1e3, "us", target=target)
        more = floor["rss"] + 10
        tell(f"  memory after {EVENTS} events", found["rss"], floor["rss"], "MB", target=more)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    turns("a short turn", count, chunk_delay_s=0.003)
    turns("a turn", max(count // 4, 1), chunk_delay_s=0.02)


if __name__ == "__main__":
    main()
