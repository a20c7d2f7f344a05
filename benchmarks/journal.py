"""What the journal costs, against the floor of the same disk in the same run.

    python benchmarks/journal.py [DIRECTORY] [COUNT]

The floor is one plain append of the same number of bytes and an fdatasync. Figures to reach:
append p99 at most 10 ms and at most 5 times the floor's p99; reading 10,000 entries within 1 s;
opening within 100 ms when there is a snapshot.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from palingenesis.core.effects import Resume
from palingenesis.core.events import SessionStopped
from palingenesis.core.values import AgentId, SessionId, Stop, StopReason
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.ports import Entry

BEGAN = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
ROW_BYTES = 1_000


def turn(number: int) -> Entry:
    session, agent = SessionId(f"ses_{number % 10}"), AgentId("opencode")
    stop = Stop(key=f"msg_{number}", reason=StopReason.RATE_LIMIT, message="Too many requests")
    event = SessionStopped(
        at=BEGAN + timedelta(seconds=number), session=session, agent=agent, stop=stop
    )
    resume = Resume(
        id=f"{number}.1", decision=number, session=session, agent=agent, stop=stop.key,
        words=False, text="",
    )  # fmt: skip
    facts = {"stop.reason": "rate_limit", "stop.attempt": 3, "work.state": "valid"}
    return Entry(event=event, decisions=({"rule": "limit", "facts": facts},), effects=(resume,))


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1_000


def at_percent(spans: list[float], percent: float) -> float:
    return sorted(spans)[min(len(spans) - 1, int(len(spans) * percent / 100))]


def main(directory: Path, count: int) -> None:
    path = directory / "journal.db"
    flat = os.open(directory / "flat", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    line = b"x" * ROW_BYTES

    def floor() -> None:
        os.write(flat, line)
        os.fdatasync(flat)

    floors, appends = [], []
    with SqliteJournal.open(path) as journal:
        for number in range(1, count + 1):
            entry = turn(number)
            appends.append(timed(lambda entry=entry: journal.append(entry)))  # type: ignore[misc]
            floors.append(timed(floor))
        size = path.stat().st_size / count
        read_all = timed(lambda: list(journal.entries()))
        read_one = timed(lambda: list(journal.entries(session="ses_3", limit=20)))
    os.close(flat)

    def reopened() -> float:
        began = time.perf_counter()
        with SqliteJournal.open(path) as journal:
            start, _ = journal.latest_snapshot() or (0, None)
            list(journal.entries(start))
            return (time.perf_counter() - began) * 1_000

    whole = reopened()
    with SqliteJournal.open(path) as journal:
        journal.remember({"sessions": {}}, max(1, count - 100))
    short = reopened()

    for name, percent in (("p50", 50), ("p99", 99)):
        ours, theirs = at_percent(appends, percent), at_percent(floors, percent)
        print(f"append {name}       {ours:8.3f} ms   floor {theirs:.3f} ms   x{ours / theirs:.2f}")
    print(f"size per entry   {size:8.0f} bytes")
    print(f"read {count:,}      {read_all:8.1f} ms")
    print(f"one session's 20 {read_one:8.1f} ms")
    print(f"recover, all     {whole:8.1f} ms")
    print(f"recover, snapshot{short:8.1f} ms")


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=where) as scratch:
        main(Path(scratch), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
