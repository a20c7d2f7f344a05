"""SIGKILL of the real daemon at every boundary of libc, and once more while it recovers.

    python -m tests.torture.kills --count 10000 --minutes 60 --resume kills.jsonl

Some twenty scripted nights are played with the real daemon against a stand-in OpenCode, a scripted
provider and a webhook that live through its deaths and keep their own ledgers. Each run kills it at
one boundary (before or after a call of libc that touches the world), lets it start again, in one
run of four kills it once more while it recovers, waits for the end of the night and judges it by
the ledgers. Exits with 1 when anything happened twice, was lost, or was done after the person's
stop. A failure prints the command that repeats it.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.torture.killing.campaign import Campaign, Done, nights_named, read_blow, repeat
from tests.torture.killing.planted import PLANTED
from tests.torture.killing.run import Plan
from tests.torture.telling import commit, spans

SIGNS = {"twice": "twice", "lost": "lost", "after exit": "after the person's stop"}


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign, or one night again; returns the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.first or asked.second:
        (night,) = nights_named(asked.night)
        plan = Plan(first=read_blow(asked.first), second=read_blow(asked.second), long_quiet=True)
        runs = asyncio.run(repeat(night, plan, asked.times, _say))
        print(f"{len(runs)} runs, {sum(bool(run.told.kills) for run in runs)} with a kill")
        return int(any(run.told.problems for run in runs))
    campaign = Campaign(
        nights=nights_named(asked.night),
        seed=asked.seed,
        count=asked.count,
        minutes=asked.minutes,
        lanes=asked.lanes,
        kept=asked.resume,
        planted=asked.plant,
    )
    campaign.read()
    began = time.process_time()
    asyncio.run(campaign.run(_say))
    for line in summary(campaign):
        print(line)
    print(f"processor time of the bench itself: {time.process_time() - began:.0f} s")
    return int(any(done.told.problems for done in campaign.done))


def summary(campaign: Campaign) -> list[str]:
    """The result, one line a figure."""
    done, counted = campaign.done, campaign.boundaries()
    killed = [one for one in done if one.told.kills and not one.told.void]
    doubles = sum(len(one.told.kills) > 1 for one in killed)
    today = datetime.now(UTC).date()
    runs = f"{len(killed)} runs ({doubles} killed twice) of {len(campaign.nights)} nights"
    when = f"{today}, seed {campaign.seed}, commit {commit()}"
    lines = [
        f"kills: {sum(len(one.told.kills) for one in killed)} in {runs}",
        f"  {when}, {campaign.took_s / 60:.1f} min now, {campaign.lanes} nights at a time",
    ]
    problems = [problem for one in done for problem in one.told.problems]
    kinds = Counter(problem.partition(":")[0] for problem in problems)
    told = ", ".join(f"{words} {kinds[sign]}" for sign, words in SIGNS.items())
    others = len(problems) - sum(kinds[sign] for sign in SIGNS)
    lines.append(f"  violations: {told}, others {others}")
    if void := sum(one.told.void for one in done):
        lines.append(f"  {void} runs more were too slow to mean anything, and are not counted")
    reached = {(one.night, one.plan.first) for one in killed}
    whole = 2 * sum(counted.values())
    lines.append(f"boundaries: {len(reached)} of {whole} (before and after) were died at")
    calls = Counter(name for one in killed for name in one.told.kills)
    lines.append("  " + ", ".join(f"{name} {count}" for name, count in calls.most_common()))
    recoveries = [one for run in killed for one in run.told.recoveries_s]
    if recoveries:
        lines.append(f"agent in sight again after a kill, imports left out: {spans(recoveries)}")
    lines += [_of_night(name, counted[name], killed) for name in sorted(counted)]
    return lines


def _of_night(name: str, boundaries: int, killed: list[Done]) -> str:
    mine = [one for one in killed if one.night == name]
    kills = sum(len(one.told.kills) for one in mine)
    wrong = sum(bool(one.told.problems) for one in mine)
    return f"  {name:16} {boundaries:4} boundaries {kills:5} kills {wrong:3} nights gone wrong"


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.kills",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=500, help="kills to make (500)")
    parser.add_argument("--minutes", type=float, default=5, help="and not longer than this (5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=8, help="nights at a time (8)")
    parser.add_argument("--night", default="", metavar="NAMES", help="only these")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on where FILE ends")
    parser.add_argument("--first", default="", metavar="before:N", help="one death, repeated")
    parser.add_argument("--second", default="", metavar="after:N", help="while it recovers")
    parser.add_argument("--plant", default="", choices=PLANTED, help="a mistake to be found")
    parser.add_argument("--times", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
