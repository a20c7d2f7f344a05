"""How long `palingenesis status` takes, whole process, with the real daemon answering.

    python -m benchmarks.cli [COUNT]

The floors, taken in turn with it: a Python that does nothing, and one that imports click. Figure
to reach: p95 at most 150 ms.
"""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import tell_machine, tell_percentiles

from tests.live.executable import opencode_executable
from tests.live.night import Night


def main(count: int) -> None:
    tell_machine()
    command = Path(sys.executable).with_name("palingenesis")
    with Night(opencode_executable(), check_interval="5s") as night:
        session = night.begin("do it")
        night.wait_for(session, "completed")
        environment = night.environment()

        def timed(*words: str) -> float:
            began = time.perf_counter()
            done = subprocess.run(
                words, env=environment, cwd=night.project, capture_output=True, check=False
            )
            took_ms = (time.perf_counter() - began) * 1_000
            assert done.returncode == 0, done.stderr.decode()
            return took_ms

        rows = (
            (str(command), "status"),
            (str(command), "status", "--json"),
            (sys.executable, "-c", "pass"),
            (sys.executable, "-c", "import click"),
        )
        spans: list[list[float]] = [[] for _ in rows]
        for number in range(count + 2):
            for words, found in zip(rows, spans, strict=True):
                took_ms = timed(*words)
                if number >= 2:
                    found.append(took_ms)
    told, plain, bare, click = spans
    shares = {"percents": (50, 95), "target": (95, 150.0)}
    tell_percentiles("palingenesis status", told, click, "ms", against="click", **shares)  # type: ignore[arg-type]
    tell_percentiles("palingenesis status", told, bare, "ms", against="bare Python", **shares)  # type: ignore[arg-type]
    tell_percentiles(
        "palingenesis status --json", plain, bare, "ms", against="bare Python", **shares
    )  # type: ignore[arg-type]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
