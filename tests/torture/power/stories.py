"""What a journal goes through while the power is cut, and what must be left of it.

    python -m tests.torture.power.stories NAME FOLDER

plays one story on the journal in FOLDER. Whatever was acknowledged is written to `acknowledged`
beside it, as the caller of `append` learns it.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from palingenesis.journal import Retention, SqliteJournal, plan_sweep
from palingenesis.journal.retention import BESIDE_BYTES
from palingenesis.runtime.ports import Entry
from tests.journal import released
from tests.journal.nights import adopted, at, ended, resume, stopped, turn

ACKNOWLEDGED = "acknowledged"
BOUNDS = Retention(bytes_max=BESIDE_BYTES + 150 * 1024)
LATER = at(100_000) + timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Story:
    """`prepare` is not traced; `play` is. `before` entries are safe when it begins."""

    name: str
    play: Callable[[Path], None]
    prepare: Callable[[Path], None] = lambda _path: None
    before: int = 0
    lost: frozenset[int] = frozenset()
    """Numbers that damage took before the story began."""
    entry: Callable[[int], Entry] | None = None


def entry(seq: int) -> Entry:
    """What is appended under that number: a policy, then stops and what came of each."""
    if seq == 1:
        return turn(adopted("d1", rules=["r" * 300]))
    if seq % 2:
        return turn(ended(seq - 1))
    return turn(stopped(seq, of=seq % 3, message="m" * 400), resume(seq, of=seq % 3), id=seq)


_NIGHT = list(released.night())


def in_the_fixture(seq: int) -> Entry:
    """The fixture's entries, and then the usual ones."""
    return _NIGHT[seq - 1] if seq <= len(_NIGHT) else entry(seq + seq % 2)


def append(journal: SqliteJournal, count: int, of: Callable[[int], Entry] = entry) -> None:
    """Append that many, and write down what is acknowledged."""
    path = journal.path.with_name(ACKNOWLEDGED)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(count):
            seq = journal.append(of(journal.last_seq() + 1))
            os.write(file, f"{seq}\n".encode())
    finally:
        os.close(file)


def _begin(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        append(journal, 5)
        journal.remember({"after": 5}, 5)
        append(journal, 3)


def _filled(path: Path, count: int) -> None:
    with SqliteJournal.open(path) as journal:
        for seq in range(1, count + 1):
            journal.append(entry(seq))
            if seq % 10 == 0:
                journal.remember({"after": seq}, seq)


def _left_with_a_log(path: Path) -> None:
    """As after a kill: the log is not folded in."""
    there = path.parent.with_name(path.parent.name + "-there") / path.name
    there.parent.mkdir()
    with SqliteJournal.open(there) as journal:
        for seq in range(1, 13):
            journal.append(entry(seq))
        for name in (path.name, path.name + "-wal"):
            (path.parent / name).write_bytes(there.with_name(name).read_bytes())


def _go_on(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        append(journal, 4)


def _fold(path: Path) -> None:
    """The log is folded in every twenty pages, and begun again."""
    with SqliteJournal.open(path) as journal:
        journal._ready().execute("PRAGMA wal_autocheckpoint = 20").fetchone()
        append(journal, 12)


def _sweep(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        sweep = plan_sweep(path, BOUNDS, alive=(), at=LATER)
        while sweep is not None:
            sweep = journal.remove_some(sweep, LATER)
            append(journal, 1)
        while journal.give_back(BOUNDS):
            append(journal, 1)


def _damaged(path: Path) -> None:
    _filled(path, 24)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"key":"msg_22"', b'"key":"msg_2X"', 1))


def _old(path: Path) -> None:
    released.load(1, path)


def _forward(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        append(journal, 2, in_the_fixture)


STORIES = {
    story.name: story
    for story in (
        Story(name="begin", play=_begin),
        Story(name="go-on", prepare=_left_with_a_log, play=_go_on, before=12),
        Story(name="fold", prepare=lambda path: _filled(path, 10), play=_fold, before=10),
        Story(name="sweep", prepare=lambda path: _filled(path, 200), play=_sweep, before=200),
        Story(name="salvage", prepare=_damaged, play=_go_on, before=24, lost=frozenset({22})),
        Story(name="migrate", prepare=_old, play=_forward, before=13, entry=in_the_fixture),
    )
}


def _flushing_less(how: str) -> Callable[[Path], None]:
    def play(path: Path) -> None:
        with SqliteJournal.open(path) as journal:
            journal._ready().execute(f"PRAGMA synchronous = {how}").fetchone()
            append(journal, 4)

    return play


PLANTED = {
    story.name: story
    for story in (
        Story(name="flush-now-and-then", play=_flushing_less("NORMAL")),
        Story(name="flush-never", play=_flushing_less("OFF")),
    )
}
"""Wrong designs, which have to be caught."""


if __name__ == "__main__":
    {**STORIES, **PLANTED}[sys.argv[1]].play(Path(sys.argv[2]) / "journal.db")
