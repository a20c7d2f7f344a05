"""The wall clock that a test can set, and the daemon's reading of it."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from tests.torture.wall import wall_in

READS = """
import sys
from palingenesis.runtime.clock import SystemClock
clock = SystemClock()
for _ in sys.stdin:
    reading = clock.reading()
    print(reading.booted_at.timestamp(), reading.elapsed_s, reading.awake_s, flush=True)
"""


def test_a_process_sees_its_wall_clock_set_and_its_other_clocks_go_on(tmp_path: Path):
    wall = wall_in(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", READS],
        env=wall.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = []
        for ahead in (0, 7_200, -7_200.5):
            wall.set_ahead(timedelta(seconds=ahead))
            process.stdin.write("\n")
            process.stdin.flush()
            told.append([float(word) for word in process.stdout.readline().split()])
        process.stdin.close()
        process.wait(20)

    first, forward, back = told
    assert abs(forward[0] - first[0] - 7_200) < 0.4
    assert abs(back[0] - first[0] + 7_200.5) < 0.4
    assert first[1] <= forward[1] <= back[1] < first[1] + 60
    assert first[2] <= forward[2] <= back[2] < first[2] + 60
