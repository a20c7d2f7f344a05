"""What a diff over recorded stops costs, against the floor of reading them in the same run.

    python benchmarks/history.py [COUNT]

A journal of COUNT stops (10,000) is written by the real kernel under the shipped policy; then that
policy and one with two rules changed rule on all of them again. The floor is to read the same rows
from SQLite and to parse their decisions as JSON. To reach: 10,000 stops within 5 s.
"""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from figures import tell, tell_machine

from palingenesis import shipped
from palingenesis.core.events import PolicyAdopted, SessionStopped
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.index import indexed
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import to_plain
from palingenesis.core.values import Stop, StopReason
from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from palingenesis.runtime.pasts import pasts
from palingenesis.runtime.ports import Entry
from palingenesis.simulation.history import compare
from palingenesis.simulation.rehearsal import AGENT, Rehearsal

START = datetime(2026, 1, 30, 17, 0, tzinfo=UTC)
TARGET_S = 5.0
REASONS = ("rate_limit", "overloaded", "server_error", "completed", "timeout", "quota", "crash")


def main(count: int) -> None:
    text = shipped.policy().read_text(encoding="utf-8")
    before = policy(text)
    after = policy(text.replace("first: 15s", "first: 30s").replace("max: 12", "max: 3"))
    tell_machine()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        written = write(path, before, count)
        floor = read_raw(path)
        began = time.perf_counter()
        with ReadOnlyJournal.open(path) as journal:
            found = compare(pasts(journal.entries(decided=True)), indexed(before), indexed(after))
        ours = time.perf_counter() - began
    print(f"{written} entries, {found.decisions} decisions, {found.different} differ")
    target = TARGET_S * found.stops / 10_000
    tell(f"diff over {found.stops} recorded stops", ours, floor, "s", target=target)


def policy(text: str) -> Policy:
    schema = shipped.schema("policy").read_text(encoding="utf-8")
    made = compile_text(text, name="default", schema=schema).policy
    assert made is not None
    return made


def write(path: Path, made: Policy, count: int) -> int:
    """Nights of ten stops each, one after the other, in one journal."""
    with SqliteJournal.open(path) as journal:
        adopted = PolicyAdopted(at=START, name="n", digest=made.digest, resolved=made.resolved)
        journal.append(Entry(event=adopted, decisions=(), effects=()))
        written = 1
        for entry in nights(made, count):
            journal.append(entry)
            written += 1
    return written


def nights(made: Policy, count: int) -> Iterator[Entry]:
    for number in range(0, count, 10):
        night = Rehearsal(
            policy=made, start=START + timedelta(minutes=number * 30), seed=f"{number:08d}"
        )
        for turn in range(10):
            reason = StopReason(REASONS[(number // 10 + turn // 4) % len(REASONS)])
            stop = Stop(key=f"m{number}-{turn}", reason=reason, words=True)
            night.happen(
                SessionStopped(at=night.now, session=night.session, agent=AGENT, stop=stop)
            )
            night.advance(timedelta(minutes=25))
        for happening in night.past:
            plain = tuple(to_plain(decision) for decision in happening.turn.decisions)
            if plain:
                yield Entry(event=happening.event, decisions=plain, effects=happening.turn.effects)


def read_raw(path: Path) -> float:
    began = time.perf_counter()
    connection = sqlite3.connect(path)
    query = "SELECT event, decisions FROM entries WHERE decisions != '[]'"
    for event, decisions in connection.execute(query):
        json.loads(event)
        json.loads(decisions)
    connection.close()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
