"""Simulated nights: the real kernel, loop, dispatch and recovery die at every boundary.

    python -m tests.torture.nights --count 100
    python -m tests.torture.nights --count 10000 --resume nights.json
    python -m tests.torture.nights --design redo --count 20
    python -m tests.torture.nights --repeat --count 1000
    python -m tests.torture.nights --seed 17 --crash 42 --show

A night is one seed: a script of sessions, stops, faults and a person. It is played once through,
and once more from every boundary (before and after each append to the journal, each exchange with
the assistant, each notice, hook, backup and start of a process) at which the daemon is made to
die; a quarter of those runs die a second time soon after. `nights/s` counts runs: each from its
start, or from its crash, to its end.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count as numbers
from pathlib import Path
from subprocess import run as run_program

from tests.torture.night.designs import BY_NAME
from tests.torture.night.driver import Night, Run
from tests.torture.night.machine import RIGHT, Design
from tests.torture.night.varied import varied

_SHOWN = 20


@dataclass
class Tally:
    """What was reached so far."""

    next_seed: int = 0
    nights: int = 0
    boundaries: int = 0
    runs: int = 0
    double: int = 0
    entries: int = 0
    possible: int = 0
    """How often going on was possible, and how often it came about."""
    resumed: int = 0
    seconds: float = 0.0
    violations: dict[str, int] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Count one run."""
        self.runs += 1
        self.double += len(run.crashes) > 1
        self.entries += len(run.play.pages.rows)
        self.possible += run.possible
        self.resumed += run.resumed
        for violation in run.violations:
            self.violations[violation.name] = self.violations.get(violation.name, 0) + 1
        if run.violations and len(self.shown) < _SHOWN:
            self.shown.append(_told(run))

    @property
    def broken(self) -> int:
        """How many promises were broken."""
        return sum(self.violations.values())


def play_all(
    tally: Tally,
    *,
    count: int,
    design: Design = RIGHT,
    every: int = 1,
    seconds: float | None = None,
    first_violation: bool = False,
    is_varied: bool = False,
    save: Path | None = None,
) -> Tally:
    """Play so many nights, from where the tally stands.

    Args:
        tally: what was reached so far; what is reached is added.
        count: how many nights it is to be in the end.
        design: how the daemon is built.
        every: die at one boundary of so many.
        seconds: of processor time, after which no other night begins.
        first_violation: stop when a promise is broken.
        is_varied: the nights and the boundaries first that are most unlike those before them.
        save: the file that keeps the tally.
    """
    began = time.process_time()
    before = tally.seconds
    tried: Counter[str] = Counter()
    seeds = varied(tally.next_seed) if is_varied else numbers(tally.next_seed)
    while tally.nights < count:
        seed = next(seeds)
        night = Night(seed, design)
        tally.add(night.base())
        first = seed % every if first_violation else 0
        for run in night.seldom(every, tried) if is_varied else night.crashes(every, first):
            tally.add(run)
            if first_violation and tally.broken:
                break
        tally.boundaries += night.boundaries
        tally.nights += 1
        tally.next_seed = max(tally.next_seed, seed + 1)
        tally.seconds = before + time.process_time() - began
        if save is not None:
            save.write_text(json.dumps(asdict(tally)), encoding="utf-8")
        if first_violation and tally.broken:
            break
        if seconds is not None and tally.seconds - before > seconds:
            break
        if save is not None and tally.nights % 50 == 0:
            print(_line(tally), flush=True)
    return tally


def _line(tally: Tally) -> str:
    rate = tally.runs / tally.seconds if tally.seconds else 0.0
    return (
        f"{tally.nights} scripts, {tally.boundaries} boundaries, {tally.runs} nights run "
        f"({tally.double} with a second crash), {tally.entries} entries, "
        f"{tally.broken} violations, {rate:.0f} nights/s of one core"
    )


def _resumed(tally: Tally) -> str:
    share = 100 * tally.resumed / tally.possible if tally.possible else 100.0
    return f"going on was possible {tally.possible} times, and came about {share:.3f} % of them"


def traces(seeds: int) -> str:
    """A checksum of everything that happens in so many nights, and after a crash of each."""
    digest = sha256()
    for seed in range(seeds):
        night = Night(seed)
        digest.update(night.base().play.trace().encode())
        digest.update(night.crash(night.boundaries // 2).play.trace().encode())
    return digest.hexdigest()


def repeats(seeds: int) -> bool:
    """Whether these nights are the same under another seed of Python's own hashes."""
    found = set()
    for seed in ("1", "4711"):
        words = [sys.executable, "-m", "tests.torture.nights", "--count", str(seeds), "--traces"]
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        played = run_program(words, check=True, capture_output=True, text=True, env=environ)
        found.add(played.stdout.strip())
    return len(found) == 1


def _told(run: Run) -> str:
    lines = [f"seed {run.seed}, died at: {', '.join(run.names) or 'nowhere'}"]
    lines += [f"  {v.name} at {v.at:.2f}: {v.text}" for v in run.violations[:5]]
    return "\n".join([*lines, f"  again: {run.again}"])


def show(run: Run) -> str:
    """Everything that happened in a run: the journal and the ledger, in the order of true time."""
    told: list[tuple[float, str]] = []
    for row, at in zip(run.play.pages.rows, run.play.pages.at, strict=True):
        kinds = [d["kind"] + ":" + d["rule"] for d in json.loads(row.decisions)]
        wanted = [e["is"] + " " + e["id"] for e in json.loads(row.effects)]
        told.append((at, f"journal {row.seq:4} {row.event[:180]} {kinds or ''} {wanted or ''}"))
    told += [(mark.at, f"ledger       {' '.join(mark[1:])}") for mark in run.play.house.ledger]
    lines = [f"{at:10.3f} {text}" for at, text in sorted(told, key=lambda one: one[0])]
    return "\n".join([*lines, _told(run), f"trace {run.play.trace()}"])


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    found = run_program(command, check=False, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="tests.torture.nights", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=50, help="how many seeds (50)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed, or the one to show")
    parser.add_argument("--every", type=int, default=1, help="die at every n-th boundary only (1)")
    parser.add_argument("--seconds", type=float, help="stop after so much processor time")
    parser.add_argument("--resume", type=Path, help="file that keeps what was reached")
    parser.add_argument("--design", choices=sorted(BY_NAME), default=RIGHT.name)
    parser.add_argument("--until-caught", action="store_true", help="stop at the first violation")
    parser.add_argument("--varied", action="store_true", help="what was tried least comes first")
    parser.add_argument("--traces", action="store_true", help="print a checksum of the nights")
    parser.add_argument("--repeat", action="store_true", help="play them under two hash seeds")
    parser.add_argument("--crash", type=int, action="append", help="die at this boundary")
    parser.add_argument("--show", action="store_true", help="play one seed and tell everything")
    asked = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)
    design = BY_NAME[asked.design]
    if asked.show:
        return _show_one(asked.seed, asked.crash or [], design)
    if asked.traces:
        print(traces(asked.count))
        return 0
    if asked.repeat:
        same = repeats(asked.count)
        print(f"{asked.count} nights, twice, under two hash seeds: {'the same' if same else 'NOT'}")
        return 0 if same else 1
    tally = Tally(next_seed=asked.seed)
    if asked.resume is not None and asked.resume.exists():
        tally = Tally(**json.loads(asked.resume.read_text(encoding="utf-8")))
    play_all(
        tally,
        count=asked.count,
        design=design,
        every=asked.every,
        seconds=asked.seconds,
        first_violation=asked.until_caught,
        is_varied=asked.varied,
        save=asked.resume,
    )
    print(_line(tally))
    print(_resumed(tally))
    print(f"violations: {Counter(tally.violations) or 'none'}")
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}, {tally.seconds:.0f} s")
    print("\n".join(tally.shown))
    return 1 if tally.broken else 0


def _show_one(seed: int, crashes: list[int], design: Design) -> int:
    night = Night(seed, design)
    run = night.base()
    if crashes:
        run = night.crash(crashes[0], twice=len(crashes) > 1)
    print(show(run))
    return 1 if run.violations else 0


if __name__ == "__main__":
    sys.exit(main())
