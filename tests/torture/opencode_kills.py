"""The real OpenCode and the real daemon, killed at seeded instants.

    python -m tests.torture.opencode_kills --count 100 --resume opencode-kills.jsonl

Each cycle is one session of its own: the provider breaks its first answer off (a limit, a silence,
an answer that is cut off), and some moment later, from at once to after our prompt, SIGKILL ends
the daemon or the OpenCode server. The daemon is started again; a dead server is the daemon's
business. The cycle is judged by what others saw: OpenCode's own transcript of the session and the
provider's ledger. Every prompt of ours answers another stop, the session ends with one finished
answer, and the provider is asked no more often than it is answered: a call that a kill interrupts
is repeated, which nobody can avoid. Exits with 1 when anything happened twice or was lost.

The short form of this is tests/live/test_night_crashes.py.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from signal import SIGKILL

from palingenesis.core.errors import PalingenesisError
from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Reply, Stall, Text, rate_limited
from palingenesis.journal.readonly import ReadOnlyJournal
from tests.live.executable import opencode_executable
from tests.live.night import Night
from tests.torture.killing.judging import MARK, doubled
from tests.torture.killing.night import DONE
from tests.torture.telling import commit

CYCLES_PER_NIGHT = 15
"""The daemon sends no more than 60 prompts an hour: each night has a daemon and a journal anew."""
END_S_MAX = 150.0
POLICY = f"""version: 1
rules:
  - id: taken-over
    when: stop.retrying
    do: [interrupt, {{wait: {{until: retry_after, else: 1s}}}}, {{resume: {{message: "Go on."}}}}]
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [{{resume: {{message: "Go on."}}}}]
  - id: crash
    when: stop.reason == 'crash'
    do: [{{wait: {{for: 200ms}}}}, restart, {{resume: {{message: "Go on."}}}}]
{DONE.strip(chr(10))}
"""
BREAKS: dict[str, tuple[Reply, float]] = {
    "limit": (rate_limited(2), 5.0),
    "silence": (Stall(text="It st"), 3.0),
    "cut": (Text(text="It st", finish="length"), 3.0),
}
"""How the first answer is broken off, and until when the kill comes, in seconds."""
BY_VICTIM = {"daemon": ("limit", "cut"), "server": ("silence", "cut", "limit")}


@dataclass(slots=True, kw_only=True)
class Cycle:
    """One kill and what came of it."""

    victim: str
    number: int
    how: str
    after_s: float
    problems: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    prompts: int = 0
    """Of ours, in the session."""
    took_s: float = 0.0


def main(arguments: list[str] | None = None) -> int:
    """Run the cycles; returns the exit code."""
    asked = _parser().parse_args(arguments)
    kept = asked.resume.read_text().splitlines() if asked.resume and asked.resume.exists() else []
    cycles = [Cycle(**json.loads(line)) for line in kept]
    ends = time.monotonic() + asked.minutes * 60
    for cycle in run(asked.victims.split(","), asked.count, asked.seed, cycles, ends):
        cycles.append(cycle)
        if asked.resume:
            with asked.resume.open("a") as file:
                file.write(json.dumps(asdict(cycle)) + "\n")
        for problem in cycle.problems:
            print(f"{cycle.victim} {cycle.number} ({cycle.how}): {problem}", flush=True)
    for line in summary(cycles, asked.seed):
        print(line)
    return int(any(cycle.problems for cycle in cycles))


def run(
    victims: list[str], count: int, seed: int, before: list[Cycle], ends: float
) -> Iterator[Cycle]:
    """The cycles that are left, victim by victim in turn."""
    done = {(cycle.victim, cycle.number) for cycle in before}
    planned = [_planned(victim, number, seed) for number in range(count) for victim in victims]
    left = [one for one in planned if (one.victim, one.number) not in done]
    program = opencode_executable()
    for at in range(0, len(left), CYCLES_PER_NIGHT):
        if time.monotonic() >= ends:
            return
        with Night(program, policy=POLICY) as night:
            for cycle in left[at : at + CYCLES_PER_NIGHT]:
                if time.monotonic() >= ends:
                    return
                yield played(night, cycle)


def played(night: Night, cycle: Cycle) -> Cycle:
    """Kill once, wait for the end, judge."""
    began = time.monotonic()
    night.provider.reset()
    night.provider.script(BREAKS[cycle.how][0], Text(text="It stands.", header_delay_s=0.3))
    night.settle()
    session = night.begin(f"Build house {cycle.number}.")
    night.wait(lambda: night.status_of(session), 30, lambda: "the session being seen")
    if cycle.how == "silence" or cycle.victim == "daemon":
        night.wait_for_requests(1)
    time.sleep(cycle.after_s)
    if cycle.victim == "daemon":
        night.stop(SIGKILL)
        night.start()
    else:
        night.kill_agent()
    try:
        _await_end(night, session)
        time.sleep(1.5)
        night.wait_until_up()  # it may have been completed before the kill
    except AssertionError as error:
        cycle.problems.append(f"lost: {str(error).splitlines()[0]}")
    _judge(night, session, cycle)
    cycle.took_s = round(time.monotonic() - began, 1)
    return cycle


def summary(cycles: list[Cycle], seed: int) -> list[str]:
    """The result, one line a figure."""
    lines = [f"opencode kills: {datetime.now(UTC).date()}, seed {seed}, commit {commit()}"]
    for victim in BY_VICTIM:
        mine = [cycle for cycle in cycles if cycle.victim == victim]
        kinds = Counter(p.partition(":")[0] for cycle in mine for p in cycle.problems)
        repeated = sum(len(cycle.asked) > 2 for cycle in mine)
        others = sum(kinds.values()) - kinds["twice"] - kinds["lost"]
        lines.append(
            f"  {len(mine)} SIGKILLs of the {victim}: twice {kinds['twice']},"
            f" lost {kinds['lost']}, others {others}; {sum(c.prompts for c in mine)} prompts of"
            f" ours, {repeated} cycles with a repeated call; {sum(c.took_s for c in mine):.0f} s"
        )
    return lines


def _await_end(night: Night, session: str) -> None:
    """Wait until the session is completed, with a daemon and a server that may be away."""

    def is_over() -> bool:
        try:
            return night.status_of(session) == "completed"
        except (PalingenesisError, OSError):
            return False

    deadline = time.monotonic() + END_S_MAX
    while not is_over():
        assert time.monotonic() < deadline, f"{session} was not completed\n{night.story()}"
        time.sleep(0.1)


def _judge(night: Night, session: str, cycle: Cycle) -> None:
    messages = night.messages(session)
    asked: list[ModelRequest] = night.asked(session)
    cycle.asked = [one.ended for one in asked]
    ours = [m["info"]["id"] for m in messages if MARK in m["info"]["id"]]
    cycle.prompts = len(ours)
    with ReadOnlyJournal.open(night.state / "journal.db") as journal:
        orders = [effect for entry in journal.entries() for effect in entry.effects]
    cycle.problems += doubled(Counter(ours), orders)
    finished = [m for m in messages if m["info"].get("finish") == "stop"]
    if len(finished) > 1:
        cycle.problems.append(f"twice: {len(finished)} finished answers")
    if not finished:
        cycle.problems.append("lost: no finished answer")


def _planned(victim: str, number: int, seed: int) -> Cycle:
    dice = Random(f"{seed} {victim} {number}")
    how = dice.choice(BY_VICTIM[victim])
    return Cycle(
        victim=victim, number=number, how=how, after_s=round(dice.uniform(0, BREAKS[how][1]), 3)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.opencode_kills",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=3, help="kills of each victim (3)")
    parser.add_argument("--victims", default="daemon,server", metavar="NAMES")
    parser.add_argument("--minutes", type=float, default=30, help="and not longer than this (30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on where FILE ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
