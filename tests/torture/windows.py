"""How long before a prompt the last look at its session was: what a person may do unseen.

    python -m tests.torture.windows --runs 40 --real 20

Between the freshness check and the prompt nobody can be stopped any more. A relay between the
daemon and OpenCode takes the time: from when the answer to the last reading of the session's
messages leaves the server until the prompt of ours arrives there. Measured on the stand-in, and on
the real OpenCode as an attached server. Exits with 1 when the 99th percentile is above 250 ms.
"""

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from palingenesis.demo.replies import Text
from tests.live.bench import free_port
from tests.live.executable import opencode_executable
from tests.live.night import Night
from tests.torture.killing.nights import NIGHTS
from tests.torture.killing.run import Plan, Run
from tests.torture.killing.stage import Stage
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import compiled
from tests.torture.relay import Relay
from tests.torture.telling import commit, percentile

WINDOW_S_MAX = 0.25
CUT_OFF = NIGHTS["cut-off"]
PER_NIGHT = 15


async def with_stand_in(runs: int) -> list[float]:
    """The windows of so many runs of a night with one prompt of ours."""
    windows: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        async with Zygote(compiled(root)) as zygote, Stage(root / "s") as stage:
            await stage.set_up(policy=CUT_OFF.policy, opencode=CUT_OFF.opencode)
            await stage.make_ready({})
            assert stage.server is not None
            relay = Relay(int(stage.server.origin.rpartition(":")[2]))
            stage.server = replace(stage.server, origin=f"http://127.0.0.1:{await relay.listen()}")
            for _ in range(runs):
                relay.windows_s.clear()
                told = await Run(stage, zygote, CUT_OFF, Plan()).play()
                assert not told.problems, told.problems
                windows += relay.windows_s
            relay.close()
    return windows


def with_the_real_one(cycles: int) -> list[float]:
    """The same with the real OpenCode, as a server that the daemon is attached to."""
    windows: list[float] = []
    port, password = free_port(), secrets.token_hex(16)
    relay = Relay(port)
    with _Beside() as beside:
        origin = f"http://127.0.0.1:{beside.call(relay.listen())}"
        for at in range(0, cycles, PER_NIGHT):
            flags = ("--server", origin)
            secret = {"OPENCODE_SERVER_PASSWORD": password}
            program = opencode_executable()
            with Night(program, policy=CUT_OFF.policy, daemon_starts=False, flags=flags) as night:
                with (night.root / "server.log").open("ab") as log:
                    server = subprocess.Popen(
                        [program, "serve", "--port", str(port), "--hostname", "127.0.0.1"],
                        env={**night.environment(), **secret}, cwd=night.project,
                        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    )  # fmt: skip
                try:
                    night.start(environment=secret)
                    for _ in range(min(PER_NIGHT, cycles - at)):
                        windows += _cycle(night, relay)
                finally:
                    server.kill()
                    server.wait(10)
    return windows


def _cycle(night: Night, relay: Relay) -> list[float]:
    relay.windows_s.clear()
    night.provider.reset()
    night.provider.script(Text(text="It st", finish="length"), Text(text="It stands."))
    night.settle()
    session = night.begin("Build the house.")
    night.wait_for(session, "completed", timeout_s=120)
    return relay.windows_s[-1:] if len(night.asked(session)) > 1 else []


class _Beside:
    """An event loop in a thread of its own, for the relay beside a night that blocks."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, int]) -> int:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def line(name: str, windows_s: list[float]) -> str:
    """One line of the result."""
    figures = ", ".join(
        f"{words} {percentile(windows_s, share) * 1000:.1f} ms"
        for words, share in (("p50", 50), ("p99", 99), ("longest", 100))
    )
    return f"{name}: {len(windows_s)} prompts, {figures}"


def main(arguments: list[str] | None = None) -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.windows",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=20, help="with the stand-in (20)")
    parser.add_argument("--real", type=int, default=0, help="with the real OpenCode (0)")
    asked = parser.parse_args(arguments)
    print(f"windows: {datetime.now(UTC).date()}, commit {commit()}, load {os.getloadavg()[0]:.1f}")
    found = []
    if asked.runs:
        found.append(asyncio.run(with_stand_in(asked.runs)))
        print(line("stand-in", found[-1]), flush=True)
    if asked.real:
        found.append(with_the_real_one(asked.real))
        print(line("real OpenCode", found[-1]), flush=True)
    return int(any(not one or percentile(one, 99) > WINDOW_S_MAX for one in found))


if __name__ == "__main__":
    sys.exit(main())
