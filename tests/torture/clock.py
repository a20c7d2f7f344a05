"""Waits on a machine that sleeps, whose clock is set, and that is booted in the middle of them.

    python -m tests.torture.clock --count 2000
    python -m tests.torture.clock --count 100000 --resume clock.json
    python -m tests.torture.clock --year
    python -m tests.torture.clock --seed 17 --count 1 --show

A case is one seed: a stop of one of eleven kinds (a span or a date of the server, with its clock
right or wrong, a wait, a ladder, a `for:`, a question, a rail, the assistant's own wait, the end of
quiet hours on an ordinary night and on both in which clocks change, …), a wait of 30 seconds to
eight days, and up to three of: a suspend of a minute to ten hours, a step of the clock of 0.4
seconds to a day either way, a restart of the daemon with such a step meanwhile, a boot. The real
loop, kernel and recovery run on virtual clocks. No prompt may come more than a second early, more
than 30 seconds late, twice or never; and the journal, replayed, decides the same. `--year` lets one
daemon live for 365 days, with a wait every day. Exits with 1 when anything is violated.
"""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.torture.clocks.cases import Judged, case_of, judge
from tests.torture.clocks.year import Lived, live_a_year
from tests.torture.telling import commit, percentile

_SHOWN = 20


@dataclass
class Tally:
    """What was reached so far."""

    next_seed: int = 0
    cases: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    sleeps: int = 0
    boots: int = 0
    entries: int = 0
    late_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    broken: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, one: Judged) -> None:
        """Count one case."""
        self.cases += 1
        self.kinds[one.case.kind] = self.kinds.get(one.case.kind, 0) + 1
        self.steps += one.steps
        self.sleeps += one.sleeps
        self.boots += one.boots
        self.entries += one.entries
        self.late_s.append(round(one.late_s, 2))
        self.broken += bool(one.problems)
        if one.problems and len(self.shown) < _SHOWN:
            told = "; ".join(one.problems)
            self.shown.append(f"{one.case.kind}: {told}\n  again: {one.case.again}")


def play(tally: Tally, count: int, save: Path | None = None) -> Tally:
    """Play so many cases, from where the tally stands."""
    began, before = time.process_time(), tally.seconds
    for _ in range(count):
        tally.add(judge(case_of(tally.next_seed)))
        tally.next_seed += 1
        tally.seconds = before + time.process_time() - began
        if save is not None and tally.cases % 500 == 0:
            save.write_text(json.dumps(asdict(tally)), encoding="utf-8")
    if save is not None:
        save.write_text(json.dumps(asdict(tally)), encoding="utf-8")
    return tally


def summary(tally: Tally, seed: int) -> list[str]:
    """The result, one line a figure."""
    late = tally.late_s or [0.0]
    kinds = ", ".join(f"{kind} {number}" for kind, number in Counter(tally.kinds).most_common())
    figures = ", ".join(
        f"{name} {percentile(late, share):.2f} s"
        for name, share in (("p50", 50), ("p99", 99), ("latest", 100))
    )
    return [
        f"waits: {tally.cases} ({kinds})",
        (
            f"  with {tally.steps} steps told, {tally.sleeps} suspends told, {tally.boots} boots, "
            f"{tally.entries} entries, each replayed"
        ),
        f"  late: {figures}; earliest {max(0.0, -min(late)):.2f} s before",
        f"  violations: {tally.broken}",
        (
            f"  {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seeds {seed} to {tally.next_seed - 1}, "
            f"commit {commit()}, {tally.seconds:.0f} s of processor time"
        ),
        *tally.shown,
    ]


def year_summary(lived: Lived, seed: int) -> list[str]:
    """The result of a year."""
    late = lived.late_s or [0.0]
    return [
        (
            f"a year: {lived.days} days, {len(lived.late_s)} waits, {lived.steps} steps, "
            f"{lived.sleeps} suspends, {lived.boots} boots, {lived.entries} entries"
        ),
        (
            f"  late: first month at most {max(late[:30]):.2f} s, last month at most "
            f"{max(late[-30:]):.2f} s, ever {max(late):.2f} s, "
            f"earliest {max(0.0, -min(late)):.2f} s before"
        ),
        f"  violations: {len(lived.problems)}",
        (
            f"  {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}, commit {commit()}, "
            f"{lived.seconds:.0f} s of processor time"
        ),
        *lived.problems[:_SHOWN],
    ]


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.clock",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1_000, help="cases to play (1000)")
    parser.add_argument("--seed", type=int, default=0, help="the first one (0)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on where FILE ends")
    parser.add_argument("--show", action="store_true", help="tell everything about one case")
    parser.add_argument("--year", action="store_true", help="live for 365 days instead")
    asked = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    if asked.show:
        one = judge(case_of(asked.seed), print)
        print(one.case, *one.problems, sep="\n")
        return int(bool(one.problems))
    if asked.year:
        lived = live_a_year(asked.seed)
        print("\n".join(year_summary(lived, asked.seed)))
        return int(bool(lived.problems))
    tally = Tally(next_seed=asked.seed)
    if asked.resume is not None and asked.resume.exists():
        tally = Tally(**json.loads(asked.resume.read_text(encoding="utf-8")))
    first = tally.next_seed - tally.cases
    play(tally, asked.count - tally.cases, asked.resume)
    print("\n".join(summary(tally, first)))
    return int(bool(tally.broken))


if __name__ == "__main__":
    sys.exit(main())
