"""A power cut at every flush of the real journal: every image of the disk that POSIX allows.

    python -m tests.torture.power_cut --more 400 --resume power.json

Each story (see power/stories.py) is played by a process whose calls to the file system are written
down, with their data. At every flush the disk is rebuilt as a power cut may leave it: of what was
not flushed any part, down to sectors, and names as far as the folder was flushed. Where that is
more than can be tried, it is bounded: everything and nothing, every beginning, each call alone,
each call missing, each write torn, and `--more` at random. Each image is opened by the real
journal. It must start, hold every acknowledged entry as it was appended, nothing misread, and take
the next one.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

from palingenesis.core.errors import PalingenesisError
from palingenesis.journal import SqliteJournal
from tests.journal.nights import stopped, turn
from tests.torture.power.disk import Disk, Image, choices, image
from tests.torture.power.recording import What, compiled, traced
from tests.torture.power.stories import ACKNOWLEDGED, PLANTED, STORIES, Story, entry
from tests.torture.telling import commit


@dataclass
class Tally:
    """What came of one story."""

    story: str
    flushes: int = 0
    images: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cut:
    """The power, cut before the `flush`-th flush, in the `number`-th way."""

    flush: int
    number: int
    image: Image
    acknowledged: int


def cuts(story: Story, folder: Path, library: Path, *, seed: int, more: int) -> Iterator[Cut]:
    """Play the story, and cut the power at every flush, and after its end."""
    root = folder / story.name
    root.mkdir(parents=True)
    story.prepare(root / "journal.db")
    disk = Disk.holding(root)
    told = root / ACKNOWLEDGED  # no part of the disk: whoever was told of an entry knows it
    told.touch()
    asked = traced(
        "tests.torture.power.stories", [story.name, str(root)], root=root, library=library
    )
    acknowledged, flush = story.before, 0
    inode = told.stat().st_ino
    for one in (*asked, None):
        if one is not None and one.inode == inode and one.what is not What.SYNCED:
            if one.what is What.WRITTEN:
                acknowledged = int(one.data)
            continue
        if one is None or one.what is What.SYNCED:
            flush += 1
            dice = Random(f"{seed}:{story.name}:{flush}")
            for number, choice in enumerate(choices(disk.pending, dice, more)):
                yield Cut(flush, number, image(disk, choice), acknowledged)
        if one is not None:
            disk.take(one, root)


def wrong_with(cut: Cut, story: Story, path: Path) -> str:
    """What is wrong after this power cut; "": nothing."""
    expected = story.entry or entry
    for name, content in cut.image.items():
        (path.parent / Path(name).name).write_bytes(content)
    try:
        with SqliteJournal.open(path) as journal:
            entries = list(journal.entries())
            removed = journal.removed()
            following = journal.append(turn(stopped(99_999)))
    except PalingenesisError as error:
        return f"it does not start: {error.message}"
    with SqliteJournal.open(path) as again:
        if again.damage:
            return f"damage is told twice: {again.damage[0].told()}"
        if problems := again.problems():
            return f"it is not sound: {problems[0]}"
    seen = {it.seq for it in entries}
    gone = removed.through if removed is not None else 0
    due = {seq for seq in range(1, cut.acknowledged + 1) if seq not in story.lost and seq > gone}
    if missing := due - seen:
        return f"acknowledged entries are lost: {sorted(missing)[:5]}"
    if following <= max(seen | due, default=0):
        return f"number {following} is used twice"
    for it in entries:
        meant = expected(it.seq)
        if it.event != meant.event or it.effects != tuple(meant.effects):
            return f"entry {it.seq} is misread"
    return ""


def play(
    story: Story, folder: Path, library: Path, *, seed: int = 1, more: int = 20, every: int = 1
) -> Tally:
    """Cut the power in all these ways, or every so many; the same image is tried once."""
    tally, tried = Tally(story.name), set[bytes]()
    for count, cut in enumerate(cuts(story, folder, library, seed=seed, more=more)):
        tally.flushes = max(tally.flushes, cut.flush)
        if count % every:
            continue
        digest = sha256(str(cut.acknowledged).encode())
        for name, content in sorted(cut.image.items()):
            digest.update(f"{name}:{len(content)}:".encode() + content)
        if digest.digest() in tried:
            continue
        tried.add(digest.digest())
        room = folder / "image"
        room.mkdir()
        why = wrong_with(cut, story, room / "journal.db")
        tally.images += 1
        if why:
            tally.violations.append(f"{story.name}, flush {cut.flush}, way {cut.number}: {why}")
        shutil.rmtree(room)
    return tally


def main(arguments: list[str] | None = None) -> int:
    """Cut the power, and say what was left; returns the exit code."""
    asked = _parser().parse_args(arguments)
    began = time.monotonic()
    kept: dict[str, dict[str, object]] = {}
    if asked.resume is not None and asked.resume.exists():
        kept = json.loads(asked.resume.read_text("utf-8"))
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        library = compiled(Path(folder))
        for name in asked.story or STORIES:
            key = f"{name} seed {asked.seed} more {asked.more}"
            if key not in kept:
                place = Path(folder) / name
                story = {**STORIES, **PLANTED}[name]
                tally = play(story, place, library, seed=asked.seed, more=asked.more)
                kept[key] = asdict(tally)
                if asked.resume is not None:
                    asked.resume.write_text(json.dumps(kept), "utf-8")
    tallies = [Tally(**one) for one in kept.values()]  # type: ignore[arg-type]
    today = datetime.now(UTC).date()
    images, flushes = (sum(getattr(one, it) for one in tallies) for it in ("images", "flushes"))
    violations = [each for one in tallies for each in one.violations]
    print(f"power cut: {images} images at {flushes} flushes, {len(violations)} violations")
    print(f"  {today}, seed {asked.seed}, {asked.more} more, commit {commit()}, ", end="")
    print(f"{(time.monotonic() - began) / 60:.1f} min now")
    for one in tallies:
        print(f"  {one.story}: {one.images} images at {one.flushes} flushes")
    for violation in violations[:20]:
        print(f"VIOLATED: {violation}")
    if violations:
        name = violations[0].partition(",")[0]
        print(f"again: python -m tests.torture.power_cut --story {name} --seed {asked.seed}")
    return int(bool(violations))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--story", action="append", choices=[*STORIES, *PLANTED], help="only this one"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", type=int, default=20, help="images at random for each flush")
    parser.add_argument("--folder", help="where images are opened; default: the temporary folder")
    parser.add_argument("--resume", type=Path, help="keep what is done here, and go on from it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
