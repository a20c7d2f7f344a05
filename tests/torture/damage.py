"""A journal damaged in every way that a disk or a person may: does it start, and what is left?

    python -m tests.torture.damage --count 20000 --resume damage.json

A journal is left as a night leaves it (`closed`: all in the database; `killed`: its end in the log;
`swept`: its beginning removed on purpose). Then it is cut short, at every page and between, the
database, the log or both; bits are flipped, at the end and in the middle; pages become zeros or
noise; a file is missing. What is left is opened by the real journal.

Every case must start, or be refused as a newer format, untouched. No entry may be lost that
still stands where it stood, with the head of its page, which is seen by looking at the bytes.
Nothing is misread. What is lost is told, once, with the damaged files kept as they were. And where
something is lost that the newest snapshot does not know of, everything must be held. The
last transaction of the log is excepted: damage to it cannot be told from a write that never ended;
where the mark is gone that ends the one before it, the two are one.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from palingenesis.app.keeping import Keeping
from palingenesis.core.errors import ForeignJournalError, PalingenesisError
from palingenesis.core.events import CommandGiven, JournalMended
from palingenesis.core.record import to_plain
from palingenesis.core.world import World
from palingenesis.journal import Retention, SqliteJournal, plan_sweep
from palingenesis.runtime.config import JournalConfig
from palingenesis.runtime.ports import Entry
from palingenesis.runtime.recovery import recover
from tests.journal.nights import adopted, at, ended, resume, stopped, turn
from tests.runtime.loopback import JumpingClock
from tests.torture.telling import commit, percentile

PAGE: Final = 4096
FRAME: Final = 24 + PAGE
LOG_HEADER: Final = 32
LEAF: Final = 0x0D
"""What a page with entries begins with."""
RULE: Final = "x" * 200
POLICY: Final = bytes([100]) + RULE.encode()
"""As a cell: its number, its digest and its name are before it."""
STORIES: Final = ("closed", "killed", "swept")


@dataclass(frozen=True)
class Left:
    """A journal as a night left it, and what was acknowledged."""

    story: str
    database: bytes
    log: bytes
    entries: dict[int, Entry]
    cells: dict[int, bytes]
    """How each entry stands in a page of the file: how much is before its text, and the text."""
    removed: int
    """Up to which number entries were removed on purpose."""


@dataclass(frozen=True)
class Case:
    """One way of damage; None: the file is missing."""

    what: str
    database: bytes | None
    log: bytes | None


def a_night(story: str, folder: Path, length: int) -> Left:
    """Live through a night of so many stops, and leave the journal lying."""
    path = folder / "journal.db"
    entries = {1: turn(adopted("d1", rules=[RULE]))}
    with SqliteJournal.open(path) as journal:
        journal._ready().execute("PRAGMA synchronous = OFF")
        journal.append(entries[1])
        for number in range(1, length + 1):
            told = turn(
                stopped(number, of=number % 3, message="m" * (number * 37 % 700)),
                resume(number, of=number % 3),
                rule="limit",
            )
            for entry in (told, turn(ended(number))):
                entries[journal.append(entry)] = entry
            if number % (length // 5) == 0:
                journal.remember(to_plain(World()), journal.last_seq())
            if number == length - length // 8:
                if story == "swept":
                    _sweep(journal)
                journal._ready().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cells = _cells(journal)
        gone = journal.removed()
        if story == "killed":
            database = path.read_bytes()
            log = path.with_name("journal.db-wal").read_bytes()
    if story != "killed":
        database, log = path.read_bytes(), b""
    removed = gone.through if gone is not None else 0
    kept = {seq: entry for seq, entry in entries.items() if seq in cells}
    return Left(story, database, log, kept, cells, removed)


def _sweep(journal: SqliteJournal) -> None:
    now = at(10**6)
    sweep = plan_sweep(journal.path, Retention(keep=timedelta(days=1)), alive=(), at=now)
    while sweep is not None:
        sweep = journal.remove_some(sweep, now)


def _cells(journal: SqliteJournal) -> dict[int, bytes]:
    """How each entry stands in its page, but for the numbers before it, and how long these are."""
    found = journal._ready().execute("SELECT * FROM entries")
    return {row[0]: _cell(row[0], [str(it).encode() for it in row[1:]]) for row in found}


def _cell(seq: int, columns: list[bytes]) -> bytes:
    at_, _, *texts = columns  # the version is 1, which takes no room
    body = b"".join((at_, *texts))
    head = 4 + sum(map(_varint_length, (13 + 2 * len(it) for it in texts)))
    before = _varint_length(head + len(body)) + _varint_length(seq) + head
    return bytes([before]) + body


def _varint_length(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))


def _is_there(seq: int, left: Left, case: Case) -> bool:
    """Whether an entry stands where it stood, and the head of its page; its policy as well."""
    pairs = (
        (left.database, case.database or b"", 0, PAGE),
        (left.log, case.log or b"", LOG_HEADER + 24, FRAME),
    )
    cells = [left.cells[seq], *([POLICY] if seq == 1 else [])]
    return all(
        any(
            _stands(cell, was, harmed or b"", begin, stride) for was, harmed, begin, stride in pairs
        )
        for cell in cells
    )


def _stands(cell: bytes, was: bytes, harmed: bytes, begin: int, stride: int) -> bool:
    before, body = cell[0], cell[1:]
    found = was.find(body)
    while found >= 0:
        page = begin + (found - begin) // stride * stride
        count = int.from_bytes(was[page + 3 : page + 5], "big")
        parts = (slice(page, page + 8 + 2 * count), slice(found - before, found + len(body)))
        if was[page] == LEAF and all(was[part] == harmed[part] for part in parts):
            return True
        found = was.find(body, found + 1)
    return False


def cases(left: Left, seed: int, count: int) -> Iterator[Case]:
    """Everything that is tried by rule, then what the dice say, up to `count`."""
    number = 0
    for case in _by_rule(left):
        yield case
        number += 1
    for one in range(number, count):
        yield _by_lot(left, Random(f"{seed}:{left.story}:{one}"))


def _by_rule(left: Left) -> Iterator[Case]:
    database, log = left.database, left.log
    if log:  # without both, it is the first start
        yield Case("the database is missing", None, log)
    yield Case("the database is empty", b"", log)
    for place in range(100):
        yield Case(f"bit 0 of byte {place} is flipped", _flipped(database, place, 0), log)
    for place in range(PAGE, len(database), PAGE):
        yield Case(f"the database is cut at {place}", database[:place], log)
        yield Case(f"the database is cut at {place - 9}", database[: place - 9], log)
        yield Case(f"page {place // PAGE + 1} is zeros", _laid(database, place, bytes(PAGE)), log)
    if not log:
        return
    yield Case("the log is missing", database, None)
    for place in range(LOG_HEADER):
        yield Case(f"bit 3 of byte {place} of the log", database, _flipped(log, place, 3))
    for place in range(LOG_HEADER, len(log), FRAME):
        yield Case(f"the log is cut at {place}", database, log[:place])
        yield Case(f"the log is cut at {place + 99}", database, log[: place + 99])
        yield Case(f"frame at {place} is zeros", database, _laid(log, place, bytes(FRAME)))
        for head in range(24):
            yield Case(
                f"bit 1 of byte {place + head} of the log is flipped",
                database,
                _flipped(log, place + head, 1),
            )


def _by_lot(left: Left, dice: Random) -> Case:
    database, log = left.database, left.log
    deeds: list[Callable[[], Case]] = [
        lambda: _flip_by_lot("the database", left, dice),
        lambda: _cut_by_lot(left, dice),
        lambda: _noise_by_lot(left, dice),
    ]
    if log:
        deeds += [
            lambda: _flip_by_lot("the log", left, dice),
            lambda: Case(f"log[:{(n := dice.randrange(len(log)))}]", database, log[:n]),
        ]
    return dice.choice(deeds)()


def _flip_by_lot(which: str, left: Left, dice: Random) -> Case:
    content = left.log if which == "the log" else left.database
    # Half of them at the end, where the last entries are.
    begin = dice.choice([0, max(0, len(content) - 4 * PAGE)])
    place, bit = dice.randrange(begin, len(content)), dice.randrange(8)
    harmed, what = _flipped(content, place, bit), f"bit {bit} of byte {place} of {which} is flipped"
    if which == "the log":
        return Case(what, left.database, harmed)
    return Case(what, harmed, left.log)


def _cut_by_lot(left: Left, dice: Random) -> Case:
    end, of_log = dice.randrange(len(left.database)), dice.randrange(len(left.log) + 1)
    log = dice.choice([left.log, left.log[:of_log]])
    return Case(f"database[:{end}], log[:{len(log)}]", left.database[:end], log)


def _noise_by_lot(left: Left, dice: Random) -> Case:
    place, length = dice.randrange(len(left.database)), dice.choice([1, 64, 512, PAGE, 3 * PAGE])
    noise = dice.choice([bytes(length), b"\xff" * length, dice.randbytes(length)])
    what = f"{length} bytes of noise at {place}"
    return Case(what, _laid(left.database, place, noise), left.log)


def _flipped(content: bytes, place: int, bit: int) -> bytes:
    return _laid(content, place, bytes([content[place] ^ 1 << bit]))


def _laid(content: bytes, place: int, over: bytes) -> bytes:
    return (content[:place] + over + content[place + len(over) :])[: max(len(content), place)]


def wrong_with(case: Case, left: Left, folder: Path) -> str:
    """What is wrong after this damage; "": nothing."""
    path = folder / "journal.db"
    files = {path: case.database, path.with_name("journal.db-wal"): case.log}
    for file, content in files.items():
        if content is not None:
            file.write_bytes(content)
    try:
        with SqliteJournal.open(path) as journal:
            seen = {it.seq: it for it in journal.entries()}
            told, recovered = journal.damage, recover(journal)
            keeping = Keeping(journal, JournalConfig(), JumpingClock())
            said = list(keeping.mended(recovered.world, began=recovered.began))
            following = journal.append(turn(stopped(99_999)))
            began, skipped = recovered.began, journal.skipped
    except ForeignJournalError as error:
        is_newer = "has format" in error.message and path.read_bytes() == case.database
        return "" if is_newer else f"it is refused: {error.message}"
    except PalingenesisError as error:
        return f"it does not start: {error.message}"
    with SqliteJournal.open(path) as again:
        if again.damage:
            return f"damage is told twice: {again.damage[0].told()}"
        if problems := again.problems(began):
            return f"it is not sound: {problems[0]}"
    for seq, it in seen.items():
        meant = left.entries.get(seq)
        if meant is None or it.event != meant.event or it.effects != tuple(meant.effects):
            return f"entry {seq} is misread"
    if following <= max(seen, default=0):
        return f"number {following} is used twice"
    for damage in told:
        if damage.set_aside.read_bytes() != (case.database or b""):
            return "what was set aside is not what was there"
    lost = sorted(set(left.entries) - set(seen))
    is_told = any(isinstance(event, JournalMended) for event in said)
    is_held = any(isinstance(event, CommandGiven) for event in said)
    return _wrong_with_losses(case, left, lost, (is_told, is_held, began, skipped))


def _wrong_with_losses(
    case: Case, left: Left, lost: list[int], outcome: tuple[bool, bool, int, set[int]]
) -> str:
    is_told, is_held, began, skipped = outcome
    newest = max(left.entries)
    unnoticed = _silent(case, left)
    noticed = [seq for seq in lost if seq <= newest - unnoticed]
    needless = [seq for seq in noticed if _is_there(seq, left, case)]
    if needless:
        return f"entries {needless[:5]} are lost, and stand there ({len(needless)})"
    if set(noticed) - skipped and not is_told:
        return f"entries {noticed[:5]} are lost, and nobody is told"
    if any(seq > began for seq in noticed) and not is_held:
        return f"entry {noticed[-1]} is lost, what it said is not known, and nothing holds us"
    return ""


def _silent(case: Case, left: Left) -> int:
    """How many entries at the end may be missing without a word: of a log that ends earlier."""
    if not left.log or case.log == left.log:
        return 0
    if case.log is None or len(case.log) < len(left.log):
        return len(left.entries)
    # Where the mark that ends a transaction is gone, it is one with the next.
    *_, before_last, _ = _ends(case.log)
    is_last = case.log[: before_last + FRAME] == left.log[: before_last + FRAME]
    return sum(end > before_last for end in _ends(left.log)) if is_last else 0


def _ends(log: bytes) -> list[int]:
    """Where the frames are that end a transaction."""
    return [
        place
        for place in range(LOG_HEADER, len(log), FRAME)
        if log[place + 4 : place + 8] != bytes(4)
    ]


@dataclass
class Tally:
    """How many cases there were, and what was wrong."""

    story: str
    done: int = 0
    violations: list[str] | None = None
    slowest_s: float = 0.0
    p99_s: float = 0.0


def play(
    story: str, folder: Path, *, seed: int = 1, count: int = 0, length: int = 60, every: int = 1
) -> Tally:
    """Damage the journal of one story in `count` ways, but at least all that go by rule."""
    night = folder / f"night-{story}"
    night.mkdir(parents=True)
    left = a_night(story, night, length)
    tally, took = Tally(story, violations=[]), list[float]()
    for number, case in enumerate(cases(left, seed, count)):
        if number % every:
            continue
        room = folder / "room"
        room.mkdir()
        began = time.monotonic()
        why = wrong_with(case, left, room)
        took.append(time.monotonic() - began)
        tally.done += 1
        if why:
            tally.violations = [*(tally.violations or ()), f"{story}: {case.what}: {why}"]
        shutil.rmtree(room)
    tally.slowest_s, tally.p99_s = max(took), percentile(took, 99)
    return tally


def main(arguments: list[str] | None = None) -> int:
    """Damage, and say what came of it; returns the exit code."""
    asked = _parser().parse_args(arguments)
    began = time.monotonic()
    kept: dict[str, dict[str, object]] = {}
    if asked.resume is not None and asked.resume.exists():
        kept = json.loads(asked.resume.read_text("utf-8"))
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for story in asked.story or STORIES:
            key = f"{story} seed {asked.seed} count {asked.count} length {asked.length}"
            if key not in kept:
                tally = play(
                    story, Path(folder), seed=asked.seed, count=asked.count, length=asked.length
                )
                kept[key] = vars(tally)
                if asked.resume is not None:
                    asked.resume.write_text(json.dumps(kept), "utf-8")
    tallies = [Tally(**one) for one in kept.values()]  # type: ignore[arg-type]
    violations = [each for one in tallies for each in one.violations or ()]
    today = datetime.now(UTC).date()
    done = sum(one.done for one in tallies)
    print(f"damage: {done} damaged journals, {len(violations)} violations")
    print(f"  {today}, seed {asked.seed}, commit {commit()}, ", end="")
    print(f"{(time.monotonic() - began) / 60:.1f} min now")
    for one in tallies:
        times = f"p99 {one.p99_s:.2f} s, slowest {one.slowest_s:.2f} s to start and be judged"
        print(f"  {one.story}: {one.done} cases, {times}")
    for violation in violations[:20]:
        print(f"VIOLATED: {violation}")
    if violations:
        options = f"--seed {asked.seed} --count {asked.count} --length {asked.length}"
        story = violations[0].partition(":")[0]
        print(f"again: python -m tests.torture.damage --story {story} {options}")
    return int(bool(violations))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--story", action="append", choices=STORIES, help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1_000, help="cases of each story at least")
    parser.add_argument("--length", type=int, default=60, help="how many stops the night has")
    parser.add_argument("--folder", help="where journals are opened; default: the temporary folder")
    parser.add_argument("--resume", type=Path, help="keep what is done here, and go on from it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
