"""What the daemon costs while nothing happens: memory, processor time, wake-ups.

    python -m benchmarks.idle [SECONDS] [--sessions N] [--otlp]

The real daemon runs beside its managed OpenCode with finished sessions, one unless told otherwise;
only the daemon's own process is counted. `--otlp` sends telemetry to a collector that takes it.
The floors are a Python that sleeps, and one that has imported asyncio and httpx besides. Figures
to reach: RSS at most 40 MB (counted as ps and systemd do: MiB), or 50 with telemetry or fifty
sessions; processor time at most 0.05 %; three wake-ups a second; an answer within a second.
"""

import argparse
import contextlib
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.figures import tell, tell_machine

from tests.live.executable import opencode_executable
from tests.live.night import Night

SETTLE_S = 20.0
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process has cost so far; times in nanoseconds, memory in bytes."""

    processor_ns: int
    switches: int
    rss: int
    pss: int


def cost(pid: int) -> Cost:
    memory = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    processor_ns = switches = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        processor_ns += int((task / "schedstat").read_text().split()[0])
        switches += _fields(task / "status")["voluntary_ctxt_switches"]
    return Cost(
        processor_ns=processor_ns,
        switches=switches,
        rss=memory["Rss"] * 1024,
        pss=memory["Pss"] * 1024,
    )


def _fields(path: Path) -> dict[str, int]:
    found = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])
    return found


def main(seconds: float, sessions: int, *, otlp: bool) -> None:
    tell_machine()
    sleep = "import time; time.sleep(100000)"
    bare = subprocess.Popen([sys.executable, "-c", sleep])
    loaded = subprocess.Popen([sys.executable, "-c", f"import asyncio, httpx; {sleep}"])
    collector = Collector() if otlp else contextlib.nullcontext()
    try:
        with (
            collector as address,
            Night(opencode_executable(), check_interval="5s", daemon_starts=False) as night,
        ):
            config = night.root / "config" / "config.toml"
            text = config.read_text().replace('"debug"', '"info"')
            if otlp:
                text += f'\n[otel]\nenabled = true\nendpoint = "{address}"\n'
            config.write_text(text)
            began = time.monotonic()
            night.start(until_agent_up=False)
            ready_s = time.monotonic() - began
            night.wait(lambda: night.control.status()["agents"], 60, lambda: "its agent")
            for session in [night.begin("do it") for _ in range(sessions)]:
                night.wait_for(session, "completed", timeout_s=120)
            assert night.daemon is not None
            pid = night.daemon.pid
            time.sleep(SETTLE_S)
            before, began = cost(pid), time.monotonic()
            bare_before, loaded_before = cost(bare.pid), cost(loaded.pid)
            time.sleep(seconds)
            after, took_s = cost(pid), time.monotonic() - began
            bare_after, loaded_after = cost(bare.pid), cost(loaded.pid)
    finally:
        for process in (bare, loaded):
            process.kill()
            process.wait()
    with_otlp = ", with OTLP" if otlp else ""
    print(f"idle for {took_s:.0f} s, beside a managed OpenCode; finished: {sessions}{with_otlp}")
    most = 50 if otlp or sessions > 1 else 40
    tell_costs(
        Span(before, after, took_s),
        Span(bare_before, bare_after, took_s),
        Span(loaded_before, loaded_after, took_s),
        most,
    )
    tell("start -> answers", ready_s, _bare_start_s(), "s", target=1, against="bare Python")


@dataclass(frozen=True, slots=True)
class Span:
    """A process while the clock ran."""

    before: Cost
    after: Cost
    took_s: float

    @property
    def percent(self) -> float:
        used = self.after.processor_ns - self.before.processor_ns
        return used / 1e9 / self.took_s * 100

    @property
    def wakes(self) -> float:
        return (self.after.switches - self.before.switches) / self.took_s


def tell_costs(ours: Span, bare: Span, loaded: Span, most: float) -> None:
    for what, of in (("RSS", "rss"), ("PSS", "pss")):
        for floor, name in ((bare, "bare Python"), (loaded, "Python + httpx")):
            aim = most if (what, floor) == ("RSS", bare) else None
            mine, theirs = getattr(ours.after, of) / MIB, getattr(floor.after, of) / MIB
            tell(what, mine, theirs, "MiB", target=aim, against=name)
    tell("processor", ours.percent, bare.percent, "%", target=0.05)
    tell("wake-ups per second", ours.wakes, loaded.wakes, "/s", target=3)


class Collector:
    """Takes whatever it is sent, and says so."""

    def __enter__(self) -> str:
        class Take(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _bare_start_s() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", ""], check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--otlp", action="store_true")
    asked = parser.parse_args()
    main(asked.seconds, asked.sessions, otlp=asked.otlp)
