"""Foreign data through every door: yaml-test-suite, JSONTestSuite, the naughty strings, and ours.

    python -m tests.torture.doors
    python -m tests.torture.doors --door policy --case "yaml 229Q.0"

Every text of every collection goes through every door (see tests.torture.entrances), as it is and
wherever a value may stand. Exits with 1 when a door raised anything but an error of our own, took
more than a second of processor time, or when the memory of the process grew by more than 32 MB
after the first collection had been through.
"""

import argparse
import gc
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from palingenesis.core.errors import PalingenesisError
from tests.torture.collections_of_text import COLLECTIONS
from tests.torture.entrances import ENTRANCES, Door
from tests.torture.telling import commit

SECONDS_MAX = 1.0
GROWTH_MB_MAX = 32.0
Say = Callable[[str], None]


@dataclass
class Passage:
    """What went through so far, and what went wrong."""

    texts: Counter[str] = field(default_factory=Counter)
    """How many, by collection."""
    passages: int = 0
    slowest: tuple[float, str] = (0.0, "")
    wrong: list[str] = field(default_factory=list)
    began_mb: float = 0.0
    seconds_max: float = SECONDS_MAX

    def push(self, door: str, case: str, data: bytes, through: Door) -> None:
        """One text through one door."""
        self.passages += 1
        began = time.process_time()
        try:
            through(data)
        except PalingenesisError as error:
            self.wrong.append(f"{door}: {case}: {type(error).__name__} came out: {error}"[:300])
        except Exception as error:  # noqa: BLE001  that is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            said = f"{type(error).__name__} at {where}: {error}"
            self.wrong.append(f"{door}: {case}: {said}"[:300])
        took = time.process_time() - began
        self.slowest = max(self.slowest, (took, f"{door}: {case}"))
        if took > self.seconds_max:
            self.wrong.append(f"{door}: {case}: took {took:.1f} s")

    @property
    def growth_mb(self) -> float:
        """How much larger the process is than after the first collection."""
        gc.collect()
        return memory_mb() - self.began_mb


def push_all(
    collections: Iterable[str] = tuple(COLLECTIONS),
    doors: Iterable[str] = tuple(ENTRANCES),
    case: str | None = None,
) -> Passage:
    """Everything through everything."""
    passage = Passage()
    for number, collection in enumerate(collections):
        for name, data in COLLECTIONS[collection]():
            if case not in (None, name):
                continue
            passage.texts[collection] += 1
            for door in doors:
                passage.push(door, name, data, ENTRANCES[door])
        if number == 0:
            gc.collect()
            passage.began_mb = memory_mb()
    return passage


def memory_mb() -> float:
    """What the process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main(arguments: list[str] | None = None) -> int:
    """Push; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.doors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--door", choices=ENTRANCES, action="append", help="only this one")
    parser.add_argument("--case", help="only this text")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    passage = push_all(doors=asked.door or tuple(ENTRANCES), case=asked.case)
    for line in passage.wrong:
        door, case = line.split(": ")[:2]
        print(f"WRONG {line}\n   python -m tests.torture.doors --door '{door}' --case '{case}'")
    print("texts: " + ", ".join(f"{many} {name}" for name, many in passage.texts.items()))
    print(f"passages: {passage.passages} through {len(asked.door or ENTRANCES)} doors")
    print(f"slowest: {passage.slowest[0] * 1000:.0f} ms ({passage.slowest[1]})")
    print(f"memory: {passage.growth_mb:+.1f} MB after the first collection")
    print(f"wrong: {len(passage.wrong)}")
    print(
        f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {time.monotonic() - began:.0f} s"
    )
    return int(bool(passage.wrong) or passage.growth_mb > GROWTH_MB_MAX)


if __name__ == "__main__":
    sys.exit(main())
