"""From the start of a process to its first correct decision, after a SIGKILL in a wait.

    python -m tests.torture.recovery --runs 40 --events 10000

A daemon that waits to go on with a session is killed. Its journal is made long, with or without the
snapshots that it takes every 500 entries, the deadline passes, and a fresh process is started: the
imports are part of it. The decision is there when the prompt is ordered in the journal; it is
correct when the provider is asked once, with the words of the policy. Exits with 1 when it was not,
or when the 99th percentile is above two seconds.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from palingenesis.core.events import FactsObserved
from palingenesis.core.record import to_plain
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.ports import Entry
from palingenesis.runtime.recovery import recover
from tests.torture.killing.night import GO_ON
from tests.torture.killing.nights import NIGHTS
from tests.torture.killing.record import Journaled
from tests.torture.killing.run import Plan, Run
from tests.torture.killing.stage import Stage, until
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import compiled
from tests.torture.telling import commit, percentile

RECOVERY_S_MAX = 2.0
END_S_MAX = 120.0
SNAPSHOT_EVERY = 500
NIGHT = NIGHTS["prompt-in-wait"]
"""Its policy waits for two seconds after an answer that was cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """One recovery."""

    wall_s: float
    processor_s: float
    is_right: bool


async def recoveries(runs: int, events: int, *, snapshots: bool) -> list[Came]:
    """So many recoveries with a journal of so many events."""
    came = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        async with Zygote(compiled(root)) as zygote, Stage(root / "s") as stage:
            await stage.set_up(policy=NIGHT.policy, opencode=NIGHT.opencode)
            for _ in range(runs):
                await _die_in_the_wait(stage, zygote)
                lengthen(stage.state / "journal.db", events, snapshots=snapshots)
                came.append(await _recover(stage))
                stage.take_over()
    return came


def lengthen(path: Path, events: int, *, snapshots: bool) -> None:
    """Append what a quiet day leaves: facts about the machine, and snapshots if wanted."""
    journal = SqliteJournal.open(path)
    world = recover(journal).world
    at = datetime.now(UTC)
    seq = journal.last_seq()
    while seq < events:
        at += timedelta(microseconds=1)
        facts = {"host.disk_free": (seq % 20) / 20}
        seq = journal.append(
            Entry(event=FactsObserved(at=at, facts=facts), decisions=(), effects=())
        )
        if snapshots and seq % SNAPSHOT_EVERY == 0:
            journal.remember(to_plain(world), seq)
    journal.close()


async def _die_in_the_wait(stage: Stage, zygote: Zygote) -> None:
    await stage.make_ready({})
    stage.answer_with(*NIGHT.replies)
    pid, ended = await zygote.start(
        environ=stage.environment(), folder=stage.home.home, log=stage.folder / "daemon.log",
        arming=None, executable=stage.compiler,
    )  # fmt: skip
    run = Run(stage, zygote, NIGHT, Plan())
    run.watch(pid)
    await run.begin("Build the house.")
    await run.until(lambda: run.journal.rules)
    os.kill(pid, signal.SIGKILL)
    await ended
    run.journal.close()
    await asyncio.sleep(2.0)  # its deadline passes


async def _recover(stage: Stage) -> Came:
    journal = Journaled(stage.state / "journal.db")
    journal.look()
    before = set(journal.ordered)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "palingenesis", "daemon", "run",
        env=stage.environment(), cwd=stage.home.home, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    def is_decided() -> bool:
        journal.look()
        return bool(set(journal.ordered) - before)

    await until(is_decided, END_S_MAX)
    wall_s = time.monotonic() - began
    spent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    await until(lambda: not journal.look() and not journal.open, END_S_MAX)
    process.send_signal(signal.SIGTERM)
    await process.wait()
    journal.close()
    asked = [one.last_user_text for one in stage.provider.requests if not one.side]
    return Came(
        wall_s=wall_s,
        processor_s=(int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK"),
        is_right=len(asked) == 2 and asked[1] == GO_ON,
    )


def line(name: str, came: list[Came]) -> str:
    """One line of the result."""
    walls, spent = [one.wall_s for one in came], [one.processor_s for one in came]
    wrong = sum(not one.is_right for one in came)
    return (
        f"{name}: {len(came)} recoveries, {wrong} wrong; p50 {percentile(walls, 50):.2f} s,"
        f" p99 {percentile(walls, 99):.2f} s; processor p50 {percentile(spent, 50):.2f} s,"
        f" p99 {percentile(spent, 99):.2f} s"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.recovery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=10, help="recoveries of each kind (10)")
    parser.add_argument("--events", type=int, default=10_000)
    asked = parser.parse_args(arguments)
    print(f"recovery: {datetime.now(UTC).date()}, commit {commit()}, load {os.getloadavg()[0]:.1f}")
    is_good = True
    for name, events, snapshots in (
        ("a journal of this night", 0, False),
        (f"{asked.events} events with snapshots", asked.events, True),
        (f"{asked.events} events without any", asked.events, False),
    ):
        came = asyncio.run(recoveries(asked.runs, events, snapshots=snapshots))
        print(line(name, came), flush=True)
        slow = percentile([one.wall_s for one in came], 99) > RECOVERY_S_MAX
        is_good = is_good and not slow and all(one.is_right for one in came)
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
