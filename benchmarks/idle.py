"""What the daemon costs while nothing happens: memory, processor time, wake-ups.

    python -m benchmarks.idle [SECONDS]

The real daemon runs beside its managed OpenCode with one finished session; only the daemon's own
process is counted. The floors are a Python that sleeps, and one that has imported asyncio and
httpx besides. Figures to reach: RSS at most 40 MB (counted as ps and
systemd do: MiB), processor time at most 0.05 %, three wake-ups a second.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
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


def main(seconds: float) -> None:
    tell_machine()
    sleep = "import time; time.sleep(100000)"
    bare = subprocess.Popen([sys.executable, "-c", sleep])
    loaded = subprocess.Popen([sys.executable, "-c", f"import asyncio, httpx; {sleep}"])
    try:
        with Night(opencode_executable(), check_interval="5s", daemon_starts=False) as night:
            config = night.root / "config" / "config.toml"
            config.write_text(config.read_text().replace('"debug"', '"info"'))
            night.start()
            session = night.begin("do it")
            night.wait_for(session, "completed")
            assert night.daemon is not None
            pid = night.daemon.pid
            time.sleep(SETTLE_S)
            if os.environ.get("BENCHMARK_PAUSE"):
                input(f"the daemon is {pid}; go on with Enter")
            before, began = cost(pid), time.monotonic()
            bare_before, loaded_before = cost(bare.pid), cost(loaded.pid)
            time.sleep(seconds)
            after, took_s = cost(pid), time.monotonic() - began
            bare_after, loaded_after = cost(bare.pid), cost(loaded.pid)
    finally:
        for process in (bare, loaded):
            process.kill()
            process.wait()
    print(f"idle for {took_s:.0f} s, beside a managed OpenCode with one finished session")
    tell("RSS", after.rss / MIB, bare_after.rss / MIB, "MiB", target=40, against="bare Python")
    tell("RSS", after.rss / MIB, loaded_after.rss / MIB, "MiB", against="Python + httpx")
    tell("PSS", after.pss / MIB, bare_after.pss / MIB, "MiB", against="bare Python")
    tell("PSS", after.pss / MIB, loaded_after.pss / MIB, "MiB", against="Python + httpx")
    percent = _percent(before, after, took_s)
    tell("processor", percent, _percent(bare_before, bare_after, took_s), "%", target=0.05)
    wakes = (after.switches - before.switches) / took_s
    floor = (loaded_after.switches - loaded_before.switches) / took_s
    tell("wake-ups per second", wakes, floor, "/s", target=3)


def _percent(before: Cost, after: Cost, took_s: float) -> float:
    return (after.processor_ns - before.processor_ns) / 1e9 / took_s * 100


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
