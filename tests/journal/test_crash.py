"""A daemon killed at any instant loses nothing that it was told is written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from palingenesis.journal import SqliteJournal
from tests.journal.nights import ended, resume, stopped, turn

ROUNDS = 20

WRITER = """
import sys
from pathlib import Path
from palingenesis.journal import SqliteJournal
from tests.journal.nights import ended, resume, stopped, turn

with SqliteJournal.open(Path(sys.argv[1])) as journal:
    number = journal.last_seq() // 2
    while True:
        number += 1
        seq = journal.append(turn(stopped(number), resume(number)))
        sys.stdout.write(f"{seq}\\n")
        sys.stdout.flush()
        seq = journal.append(turn(ended(number)))
        sys.stdout.write(f"{seq}\\n")
        sys.stdout.flush()
        if number % 50 == 0:
            journal.remember({"number": number}, seq)
"""


def killed_while_writing(path: Path, after_s: float) -> int:
    """Run the writer, SIGKILL it, and return the last number that it acknowledged."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(after_s)
        child.kill()
        rest = child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    whole = (first + rest).rpartition(b"\n")[0]
    return int(whole.split(b"\n")[-1])


@pytest.mark.timeout(120)
def test_every_acknowledged_entry_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    dice = Random(42)
    for _ in range(ROUNDS):
        acknowledged = killed_while_writing(path, dice.uniform(0, 0.05))

        with SqliteJournal.open(path) as journal:
            assert journal.damage == []
            entries = list(journal.entries())
            open_effects = journal.open_effects()

        assert [it.seq for it in entries] == list(range(1, len(entries) + 1))
        assert acknowledged <= len(entries) <= acknowledged + 1
        assert all(
            it.event == stopped(it.seq // 2 + 1) and it.effects == (resume(it.seq // 2 + 1),)
            for it in entries
            if it.seq % 2
        )
        # The intent without an outcome is the one to be reconciled, and there is at most one.
        expected = [(entries[-1].effects[0], entries[-1].event.at)] if len(entries) % 2 else []
        assert open_effects == expected
        if expected:
            # As recovery does: what was left open gets its outcome before anything else.
            with SqliteJournal.open(path) as journal:
                number = len(entries) // 2 + 1
                assert journal.append(turn(ended(number))) == len(entries) + 1
