"""The same number, somebody else: a process that has a dead one's pid is never hit.

    python -m tests.torture.pid_reuse --rounds 1000

In a namespace of its own (as root, with unshare) the kernel is told which number it gives next, so
that each round an innocent process gets the pid of one that we knew. Then everything of ours that
ends processes is aimed at the one that we knew. Exits with 1 when an innocent was hit. (The kernel
tells to one tick, 10 ms, when a process started: two of one number within the same tick could not
be told apart, for which all the numbers there are would have to be given out meanwhile.)
"""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from palingenesis.processes.exits import end, is_gone_within
from palingenesis.processes.identity import identify, is_alive, send_signal
from tests.torture.telling import commit

LAST = Path("/proc/sys/kernel/ns_last_pid")
ROOT = Path(__file__).parents[2]


def can_make_namespaces() -> bool:
    """Whether a namespace of processes can be made here."""
    if os.getuid() != 0 or shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


def apart(rounds: int) -> tuple[int, int]:
    """Play the rounds in a namespace; how often the number came again, how many were hit."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-m",
         "tests.torture.pid_reuse", "--inside", "--rounds", str(rounds)],
        cwd=ROOT, capture_output=True, text=True, timeout=60 + rounds, check=True,
    )  # fmt: skip
    reused, hit = done.stdout.split()
    return int(reused), int(hit)


async def inside(rounds: int) -> tuple[int, int]:
    """The rounds themselves; this process is in a namespace of its own."""
    reused = hit = 0
    for _ in range(rounds):
        known = _sleeper()
        who = identify(known.pid)
        assert who is not None
        await asyncio.sleep(2 / os.sysconf("SC_CLK_TCK"))  # starts are known to one tick
        known.kill()
        known.wait()
        LAST.write_text(str(who.pid - 1))
        innocent = _sleeper()
        try:
            if innocent.pid != who.pid:
                continue
            reused += 1
            assert not is_alive(who)
            assert not send_signal(who, signal.SIGKILL)
            assert await end([who], grace_s=0.1) == []
            assert await is_gone_within(who, 0.1)
            hit += innocent.poll() is not None
        finally:
            innocent.kill()
            innocent.wait()
    return reused, hit


def _sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL)


def main(arguments: list[str] | None = None) -> int:
    """Play the rounds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.pid_reuse", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.inside:
        print(*asyncio.run(inside(asked.rounds)))
        return 0
    if not can_make_namespaces():
        print("not tried: needs root, unshare and namespaces of processes")
        return 0
    reused, hit = apart(asked.rounds)
    print(f"rounds: {asked.rounds}; the number came again: {reused}; innocents hit: {hit}")
    print(f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}")
    return int(hit > 0)


if __name__ == "__main__":
    sys.exit(main())
