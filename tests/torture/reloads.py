"""Reload: saves in every style, while the policy's file is looked at all the time.

    python -m tests.torture.reloads --count 10000 --lanes 50 --seed 1
    python -m tests.torture.reloads --overflow

Each lane has a policy of its own that a thread saves again and again in one of ten styles, at any
moment, while the reload of production looks at it as often as it may. Every beginning of a content
is a good policy for the compiler of this run, so nothing but patience keeps a half from being
adopted. What is counted: contents that were adopted and that no save had meant (0), lanes that did
not adopt their last content within two seconds of quiet (0), checks a second in a storm of 20,000
SIGHUPs (at most 5), waits that were lost or moved without a reason over as many adoptions (0), and
with `--overflow` how long a change takes that the kernel's queue of changes had no room for (at
most 30 s: the poll finds it). Exits with 1 on any violation.
"""

import argparse
import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from palingenesis.core.events import Event, PolicyAdopted
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.reload import Compiled, Reload, on_hangup
from palingenesis.sensors.policy_file import PolicyFile
from palingenesis.sensors.policy_source import FileSource
from tests.torture.saving import STYLES, Desk
from tests.torture.telling import commit
from tests.torture.waits_kept import adopt_often

ACTIVE_S_MAX = 2.0
STORM = 20_000
CHECKS_PER_S_MAX = 5
OVERFLOW = 40_000
FOUND_S_MAX = 32.0


@dataclass
class Tally:
    """What was reached and what went wrong."""

    saves: Counter[str] = field(default_factory=Counter)
    adopted: int = 0
    excused: int = 0
    """Halves that a busy machine left alone for longer than 250 ms, and that were adopted."""
    intermediate: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


async def compile_anything(data: bytes) -> Compiled:
    """Every beginning of a policy is one, too; only nothing is none."""
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        return Compiled(problems=("empty",))
    return Compiled(resolved={"name": "x"}, digest=digest)


class Lane:
    """One policy, one thread that saves it, one reload that looks at it."""

    def __init__(self, root: Path, seed: str, saves: int, tally: Tally) -> None:
        self._dice = Random(seed)
        self._desk = Desk(root, self._dice)
        self._saves = saves
        self._tally = tally
        self._seed = seed
        self._meant: dict[str, str] = {}
        self._strange: list[str] = []
        self._last = self._content(0)
        self._desk.path.write_bytes(self._last)
        self._mean(self._last, "the first")

    def _content(self, number: int) -> bytes:
        lines = self._dice.randint(1, 300)
        return b"".join(b"rule %d of save %d\n" % (line, number) for line in range(lines))

    def _mean(self, data: bytes, style: str) -> None:
        self._meant[hashlib.sha256(data).hexdigest()] = style

    def _write(self) -> None:
        for number in range(1, self._saves + 1):
            style = self._dice.choice(STYLES)
            data = self._content(number)
            self._mean(data, style.__name__)
            style(self._desk, data)
            self._last = data
            self._tally.saves[style.__name__] += 1
            time.sleep(self._dice.choice((0.0, 0.01, 0.26, 0.3, 0.6)))

    def _heard(self, event: Event) -> None:
        if not isinstance(event, PolicyAdopted):
            return
        self._tally.adopted += 1
        if event.digest not in self._meant:
            self._strange.append(event.digest)

    async def live(self) -> None:
        """Save and look until the last content is in force."""
        source = FileSource(self._desk.path, distrust=lambda _: "")
        reload = Reload(
            name="policy.yaml", source=source, compiler=compile_anything, clock=SystemClock()
        )
        thread = threading.Thread(target=self._write)
        thread.start()
        while thread.is_alive():
            await reload.check(self._heard)
            await asyncio.sleep(self._dice.random() * 0.2)
        began = time.monotonic()
        wanted = hashlib.sha256(self._last).hexdigest()
        while (await reload.check(self._heard)).digest != wanted:
            if time.monotonic() - began > 15:
                break
            await asyncio.sleep(0.01)
        excused = {hashlib.sha256(half).hexdigest() for half in self._desk.excused}
        self._tally.excused += len(excused & {*self._strange})
        self._tally.intermediate += [self._seed for one in self._strange if one not in excused]
        took = time.monotonic() - began
        self._tally.slowest_s = max(self._tally.slowest_s, took)
        if took > ACTIVE_S_MAX:
            self._tally.late.append(f"{self._seed}: {took:.1f} s")


def interleave(*, count: int, lanes: int, seed: int) -> Tally:
    """So many saves in all, in lanes beside one another."""
    tally = Tally()
    each = -(-count // lanes)

    async def live(root: Path) -> None:
        async with asyncio.TaskGroup() as group:
            for lane in range(lanes):
                one = Lane(root / str(lane), f"{seed}/{lane}", each, tally)
                group.create_task(one.live())

    with tempfile.TemporaryDirectory(prefix="palin-reloads-") as folder:
        asyncio.run(live(Path(folder)))
    return tally


# ── signals ───────────────────────────────────────────────────────────────────────────────────

STORM_CODE = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.torture.reloads import weather
asyncio.run(weather(Path(sys.argv[1]), int(sys.argv[2])))
"""


async def weather(path: Path, signals: int) -> None:
    """Watch a policy while a child sends SIGHUPs; tells how many checks a second that cost."""
    compiled: list[float] = []
    source = PolicyFile(path, compiler=compile_anything, clock=SystemClock(), distrust=lambda _: "")
    checks: list[float] = []
    real = source.check

    async def counted(emit: object) -> object:
        checks.append(time.monotonic())
        return await real(emit)  # type: ignore[arg-type]

    source.check = counted  # type: ignore[method-assign, assignment]
    watching = asyncio.ensure_future(source.watch(lambda _: compiled.append(time.monotonic())))
    on_hangup(source.nudge)
    while not checks:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    send = f"import os\\nfor _ in range({signals}): os.kill({os.getpid()}, 1)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", send.replace("\\n", "\n"))
    await child.wait()
    await asyncio.sleep(max(0.0, 3.0 - (time.monotonic() - began)))
    took = time.monotonic() - began
    watching.cancel()
    print(len(checks), took)


def storm(signals: int = STORM) -> tuple[float, str]:
    """Checks a second in a storm of SIGHUPs, and what was printed on stderr."""
    with tempfile.TemporaryDirectory(prefix="palin-storm-") as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text("one\n")
        done = subprocess.run(
            [sys.executable, "-c", STORM_CODE, str(path), str(signals)],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        return float("inf"), done.stderr
    checks, took = done.stdout.split()
    return int(checks) / float(took), done.stderr


# ── changes that the kernel had no room for ───────────────────────────────────────────────────

OVERFLOW_CODE = """
import asyncio, sys
from pathlib import Path
from palingenesis.runtime.clock import SystemClock
from palingenesis.sensors.policy_file import PolicyFile
from tests.torture.reloads import compile_anything

def heard(event):
    print(event.digest, flush=True)

path = Path(sys.argv[1])
watch = PolicyFile(path, compiler=compile_anything, clock=SystemClock(), distrust=lambda _: "")
asyncio.run(watch.watch(heard))
"""


def overflow() -> float:
    """How long it takes until a change is found for which the kernel's queue had no room."""
    with tempfile.TemporaryDirectory(prefix="palin-overflow-") as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text("one\n")
        with subprocess.Popen(
            [sys.executable, "-c", OVERFLOW_CODE, str(path)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        ) as watcher:
            assert watcher.stdout is not None
            watcher.stdout.readline()
            time.sleep(2)
            os.kill(watcher.pid, signal.SIGSTOP)
            for number in range(OVERFLOW):
                (path.with_name(f"noise-{number % 50}")).write_bytes(b"x")
            path.write_text("two\n")
            began = time.monotonic()
            os.kill(watcher.pid, signal.SIGCONT)
            wanted = hashlib.sha256(b"two\n").hexdigest()
            while watcher.stdout.readline().strip() != wanted:
                pass
            took = time.monotonic() - began
            watcher.kill()
    return took


def problems_of(tally: Tally, per_s: float, said: str, waits: Mapping[str, int]) -> list[str]:
    """What was violated."""
    found = [f"an intermediate content was adopted in lane {lane}" for lane in tally.intermediate]
    found += [f"the last content was adopted late in lane {lane}" for lane in tally.late]
    found += [f"{per_s:.1f} checks a second in a storm"] if per_s > CHECKS_PER_S_MAX else []
    found += [f"said in a storm: {said[-300:]}"] if said else []
    found += [f"{waits['lost']} waits were lost"] if waits["lost"] else []
    return found


def main(arguments: list[str] | None = None) -> int:
    """Save and look; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.reloads", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=1000, help="saves (1000)")
    parser.add_argument("--lanes", type=int, default=50, help="policies beside one another (50)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--overflow", action="store_true", help="the overflow only")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    if asked.overflow:
        took = overflow()
        print(f"a change the kernel had no room for ({OVERFLOW} others): found after {took:.1f} s")
        print(f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}")
        return int(took > FOUND_S_MAX)
    tally = interleave(count=asked.count, lanes=asked.lanes, seed=asked.seed)
    per_s, said = storm()
    waits = adopt_often(asked.count)
    print("saves: " + ", ".join(f"{many} {name}" for name, many in sorted(tally.saves.items())))
    print(f"saves: {tally.saves.total()}, adopted: {tally.adopted}")
    print(f"intermediate contents adopted: {len(tally.intermediate)};"
          f" besides, {tally.excused} that were left alone for more than 250 ms")  # fmt: skip
    print(f"last content in force after at most {tally.slowest_s:.2f} s; late: {len(tally.late)}")
    print(f"{STORM} SIGHUPs: {per_s:.1f} checks a second, {len(said.splitlines())} lines on stderr")
    print(f"adoptions with waits pending: {waits['adoptions']}; waits looked at: {waits['waits']},"
          f" moved with a reason: {waits['moved']}, lost: {waits['lost']}")  # fmt: skip
    problems = problems_of(tally, per_s, said, waits)
    for one in problems[:20]:
        print(f"WRONG {one}: python -m tests.torture.reloads --count {asked.count}"
              f" --lanes {asked.lanes} --seed {asked.seed}")  # fmt: skip
    print(f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, seed {asked.seed},"
          f" {time.monotonic() - began:.0f} s")  # fmt: skip
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
