"""The n-th call of libc fails under the real daemon: once, and until the fault is over.

    python -m tests.torture.faults --count 5000 --minutes 60 --resume faults.jsonl
    python -m tests.torture.faults --night cut-off --fault night:fdatasync:3:EIO:lasts

The nights are those of the kills (`tests/torture/killing`): the real daemon against a stand-in
OpenCode, a scripted provider and a webhook that keep their own ledgers. Each run lets one call fail
(a write, fsync, open, rename, connect, send, recv, fork and their kin), by its number, with one of
the errors that such a call knows or by carrying half of what it is to carry; once, or from then on
for one and a half seconds. It fails in the night, or while the daemon starts again after a death in
the middle of the night. The daemon has to live, or to end with a code of its own after which a
service manager starts it again; ten seconds after the fault there has to be normal service; and in
the morning nothing may have been done that was not written down before, nothing twice, nothing
lost, nothing after the person's stop, and of the fault itself people may be told once. Exits with 1
on any violation. A failure prints the command that repeats it.
"""

import argparse
import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.torture.failing.campaign import Campaign, repeat
from tests.torture.failing.fault import Part, read_fault
from tests.torture.failing.nights import NIGHTS, nights_named
from tests.torture.telling import commit, spans

_PARTS = {Part.NIGHT: "in the night", Part.START: "in the start after a death"}


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign, or one night again; returns the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.fault:
        (night,) = nights_named(asked.night)
        runs = asyncio.run(repeat(night, read_fault(asked.fault), asked.times, _say))
        print(f"{len(runs)} runs, {sum(bool(run.told.faults) for run in runs)} with the fault")
        return int(any(run.told.problems for run in runs))
    campaign = Campaign(
        nights=nights_named(asked.night),
        seed=asked.seed,
        count=asked.count,
        minutes=asked.minutes,
        lanes=asked.lanes,
        kept=asked.resume,
        calls=asked.calls.split(",") if asked.calls else (),
    )
    campaign.read()
    asyncio.run(campaign.run(_say))
    for line in summary(campaign):
        print(line)
    return int(any(done.told.problems for done in campaign.done))


def summary(campaign: Campaign) -> list[str]:
    """The result, one line a figure."""
    met, today = campaign.met, datetime.now(UTC).date()
    whole = sum(len(faults) for faults in campaign.all_faults().values())
    lasted = sum(one.fault is not None and one.fault.lasts for one in met)
    problems = [problem for one in campaign.done for problem in one.told.problems]
    kinds = Counter(problem.partition(":")[0] for problem in problems)
    signs = {"twice": "twice", "lost": "lost", "after exit": "after the person's stop"}
    told = ", ".join(f"{words} {kinds[sign]}" for sign, words in signs.items())
    others = len(problems) - sum(kinds[sign] for sign in signs)
    unmet = sum(
        one.fault is not None and not one.told.faults and not one.told.void for one in campaign.done
    )
    void, once = sum(one.told.void for one in campaign.done), len(met) - lasted
    when = f"{today}, seed {campaign.seed}, commit {commit()}, {campaign.took_s / 60:.1f} min now"
    lines = [
        f"faults: {len(met)} of {whole} ({once} once, {lasted} that lasted)",
        f"  {when}, {len(campaign.nights)} nights, {campaign.lanes} at a time",
        f"  violations: {told}, others {others}",
        f"  not counted: {void} runs too slow to mean anything, {unmet} in which no call failed",
    ]
    for part, words in _PARTS.items():
        calls = Counter(one.fault.name for one in met if one.fault and one.fault.part is part)
        lines.append(f"  {words}: " + ", ".join(f"{n} {c}" for n, c in calls.most_common()))
    served = [one for run in met for one in run.told.served_s]
    if served:
        lines.append(f"normal service again after {len(served)} faults: {spans(served)}")
    exits = Counter(code for one in met for code in one.told.exits)
    ended = ", ".join(f"{count} with {code}" for code, count in exits.most_common()) or "never"
    lines.append(f"the daemon ended by itself, to be started again: {ended}")
    return lines


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=300, help="faults to meet (300)")
    parser.add_argument("--minutes", type=float, default=5, help="and not longer than this (5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=6, help="nights at a time (6)")
    nights = ", ".join(NIGHTS)
    parser.add_argument("--night", default="", metavar="NAMES", help=f"only these of {nights}")
    parser.add_argument("--calls", default="", metavar="NAMES", help="only these calls fail")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on where FILE ends")
    parser.add_argument("--fault", default="", metavar="night:fsync:3:EIO:once", help="one, again")
    parser.add_argument("--times", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
