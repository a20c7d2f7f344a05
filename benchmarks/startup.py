"""How long a command takes that somebody waits for, as a whole process: status, help, a Tab.

    python -m benchmarks.startup [COUNT]

Against a daemon that runs, without any OpenCode. The floors, taken in turn with them: a Python
that does nothing, and one that imports click. To reach: p95 at most 80 ms, on a quiet machine.
The processor time is told besides: it does not depend so much on who else is at work.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.figures import at_percent, tell, tell_machine, tell_percentiles

from tests.cli.real import a_home

WARM_UP = 2


def main(count: int) -> None:
    tell_machine()
    with tempfile.TemporaryDirectory() as folder, a_home(Path(folder)) as home:
        home.start()
        program = (sys.executable, "-m", "palingenesis")
        tab = {
            "_PALINGENESIS_COMPLETE": "bash_complete",
            "COMP_WORDS": "palingenesis daemon st",
            "COMP_CWORD": "2",
        }
        rows: dict[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
            "a bare Python": ((sys.executable, "-c", "pass"), {}),
            "import click": ((sys.executable, "-c", "import click"), {}),
            "palingenesis status": ((*program, "status"), {}),
            "palingenesis status --json": ((*program, "status", "--json"), {}),
            "palingenesis health": ((*program, "health"), {}),
            "palingenesis --help": ((*program, "--help"), {}),
            "a Tab behind 'daemon st'": (program, tab),
        }
        wall: dict[str, list[float]] = {name: [] for name in rows}
        busy: dict[str, list[float]] = {name: [] for name in rows}
        for number in range(count + WARM_UP):
            for name, (words, more) in rows.items():
                took_ms, busy_ms = timed(words, {**home.environment, **more})
                if number >= WARM_UP:
                    wall[name].append(took_ms)
                    busy[name].append(busy_ms)
    for name in list(rows)[2:]:
        tell_percentiles(
            name,
            wall[name],
            wall["import click"],
            "ms",
            percents=(50, 95),
            target=(95, 80.0),
            against="click",
        )
        median = at_percent(busy[name], 50)
        floor = at_percent(busy["a bare Python"], 50)
        tell("  processor time, p50", median, floor, "ms", against="bare Python")


def timed(words: tuple[str, ...], environ: Mapping[str, str]) -> tuple[float, float]:
    """Milliseconds of the clock and of the processor."""
    began = time.perf_counter()
    child = subprocess.Popen(
        words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(child.pid, 0)
    took_ms = (time.perf_counter() - began) * 1_000
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode in {0, 1}, words  # without OpenCode its health is degraded
    return took_ms, (used.ru_utime + used.ru_stime) * 1_000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
