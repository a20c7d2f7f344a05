"""Journals as released versions of palingenesis wrote them, kept as SQL text.

`python -m tests.journal.released` writes the journal of the code at hand; a new format gets its
fixture before its first release, and no fixture is changed afterwards.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from palingenesis.core import events
from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.values import Result
from palingenesis.core.world import World
from palingenesis.journal import SqliteJournal
from palingenesis.journal.layout import FORMAT_VERSION
from palingenesis.runtime.ports import Entry
from tests.core.life import SES, START, Life, agent_up, stopped
from tests.core.policies import NIGHT

FOLDER = Path(__file__).parent
MARKS = ("application_id", "user_version")


def fixture(version: int) -> Path:
    return FOLDER / f"format-{version}.sql"


def versions() -> list[int]:
    """Every format that was released, oldest first."""
    return sorted(int(path.stem.partition("-")[2]) for path in FOLDER.glob("format-*.sql"))


def load(version: int, path: Path) -> None:
    """Make the journal that a released version left at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(fixture(version).read_text("utf-8"))
        connection.execute("PRAGMA journal_mode = WAL").fetchone()


def dump(path: Path) -> str:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        marks = [
            f"PRAGMA {it} = {connection.execute(f'PRAGMA {it}').fetchone()[0]};" for it in MARKS
        ]
        return "\n".join([*marks, *connection.iterdump()]) + "\n"


def night() -> Iterator[Entry]:
    """One night: two limits, a snapshot in between, and a prompt whose outcome nobody saw."""
    world, now = World(), START
    life = Life(NIGHT)
    happened = [
        events.DaemonStarted(at=now, version="0.2.0", seed="5eed5eed5eed"),
        events.PolicyAdopted(
            at=now, name="night", digest=NIGHT.digest, resolved=dict(NIGHT.resolved)
        ),
        agent_up(life),
        events.SessionSeen(at=now, session=SES, agent=life.session.agent, title="night"),
        events.SessionWorking(at=now, session=SES, agent=life.session.agent),
    ]
    for number in (1, 2):
        life.now = START + timedelta(minutes=10 * number)
        stop = stopped("rate_limit", retry_after=60, key=f"msg_{number}")(life)
        assert stop is not None
        due = life.now + timedelta(seconds=60)
        happened += [stop, events.Ticked(at=due)]
        if number == 1:
            effect = f"5eed5eed-{number}.1"
            happened += [
                events.EffectEnded(at=due, effect=effect, result=Result.OK),
                events.SessionWorking(at=due, session=SES, agent=life.session.agent),
                events.SessionAlive(at=due, session=SES, what="text"),
                events.SessionProgressed(at=due, session=SES, what="turn"),
            ]
    for event in happened:
        turn = step(world, event, NIGHT)
        world = turn.world
        decisions = tuple(to_plain(one) for one in turn.decisions)
        yield Entry(event=event, decisions=decisions, effects=turn.effects)


def make(path: Path) -> None:
    """Write the night with the code at hand; its snapshot is that of its eighth entry."""
    world = World()
    with SqliteJournal.open(path) as journal:
        for entry in night():
            seq = journal.append(entry)
            world = step(world, entry.event, NIGHT).world
            if seq == 8:
                journal.remember(to_plain(world), seq)


def current() -> int:
    return FORMAT_VERSION
