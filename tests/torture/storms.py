"""Storms: whatever goes wrong, and whatever a policy asks for, we stay within the rails.

    python -m tests.torture.storms --count 200
    python -m tests.torture.storms --count 20000 --resume storms.json
    python -m tests.torture.storms --storm 17

Three storms, with the real kernel on a virtual clock. *Deaths*: a server that dies a second after
every start, for 24 hours, under each policy that ships and one that restarts whatever happens: at
most 5 + 48 restarts, and one notice about the breaker. *Refusals*: a provider that answers 429 for
7 days, with and without Retry-After, with and without retries of the assistant's own: at most one
prompt for each Retry-After and each rung of the back-off, and no turns in between. *Trouble*: a
seed is a policy that asks for trouble (loops, restarts, resume after an exit, waits of no time,
questions that answer themselves) in a world that gives it, for a day: every number of
docs/reference/rails.md is counted by somebody who knows nothing of the kernel, the second look is
asked about every turn, nothing follows the person's stop, and each rail is told of once a day.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.simulation.dice import Range
from palingenesis.simulation.setting import AgentPart, FailurePart, SessionPart, Setting
from tests.simulation.nights import shipped
from tests.torture.storm.trouble import aborts_of, policy_of, setting_of
from tests.torture.storm.weather import DAY, HOUR, START, Weathered, weather
from tests.torture.tallying import Tally as Counted
from tests.torture.tallying import go_on
from tests.torture.telling import commit

WEEK = 7 * DAY
RESTARTS_MOST = 5 + 48
STUBBORN: dict[str, object] = {
    "version": 1,
    "name": "stubborn",
    "rules": [
        {
            "id": "again",
            "when": [],
            "event": ["stopped", "action_failed"],
            "do": [{"restart": {}}, {"resume": {}}],
        }
    ],
    "default": {"do": [{"restart": {}}]},
}


def policies() -> dict[str, Policy]:
    """Those that ship, and one that never gives up."""
    names = ("default", "cautious", "overnight")
    return {**{name: shipped(name) for name in names}, "stubborn": build(STUBBORN)}


@dataclass
class Storm:
    """What one storm came to."""

    name: str
    restarts: int = 0
    prompts: int = 0
    notices: int = 0
    turns: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """In one line."""
        counted = f"{self.restarts} restarts, {self.prompts} prompts, {self.notices} notices"
        judged = "violations: " + (str(len(self.wrong)) if self.wrong else "none")
        return f"{self.name}: {counted}, {self.turns} turns, {self.seconds:.1f} s, {judged}"


def _storm(name: str, came: Weathered, began: float) -> Storm:
    return Storm(
        name=name,
        restarts=came.watch.count("restarts"),
        prompts=came.watch.count("prompts"),
        notices=len(came.watch.told),
        turns=came.turns,
        seconds=time.process_time() - began,
        wrong=list(came.watch.wrong),
    )


# ── a server that dies at once ────────────────────────────────────────────────────────────────


def deaths(name: str, policy: Policy, *, sessions: int = 1, span: timedelta = DAY) -> Storm:
    """A server that dies a second after every start."""
    began = time.process_time()
    setting = Setting(
        agents=(AgentPart(id="opencode"),),
        sessions=tuple(SessionPart(id=f"s{number}") for number in range(sessions)),
    )
    came = weather(policy, setting, span, seed=name, dies_at_once=True)
    storm = _storm(f"deaths, {name}, {sessions} sessions", came, began)
    if storm.restarts > RESTARTS_MOST:
        storm.wrong.append(f"{storm.restarts} restarts, not {RESTARTS_MOST}")
    breaker = [line for line in came.watch.told if "had to be started again" in line]
    if len(breaker) > 1:
        storm.wrong.append(f"{len(breaker)} notices about the breaker")
    storm.wrong += came.too_busy(span / HOUR, max(1, sessions))
    return storm


# ── a provider that refuses ───────────────────────────────────────────────────────────────────


def refusals(
    name: str,
    policy: Policy,
    *,
    retry_after: timedelta | None,
    retries: bool,
    what: str = "rate_limit",
    span: timedelta = WEEK,
) -> Storm:
    """A 429 for a week: one prompt for each Retry-After (or 12 an hour), and a probe an hour."""
    began = time.process_time()
    setting = Setting(
        agents=(AgentPart(id="opencode", retries=retries),),
        sessions=(SessionPart(id="s0"),),
        failures=(
            FailurePart(
                what=what,
                at=(START + timedelta(minutes=1),),
                lasts=Range(span.total_seconds(), span.total_seconds()),
                retry_after=retry_after,
            ),
        ),
    )
    came = weather(policy, setting, span, seed=name)
    told = f"{retry_after.total_seconds():.0f} s" if retry_after is not None else "no Retry-After"
    own = ", own retries" if retries else ""
    storm = _storm(f"refusals, {name}, {what}, {told}{own}", came, began)
    every = min(max(retry_after or timedelta(0), timedelta(minutes=5)), HOUR)
    most = int(span / every) + 20
    if storm.prompts > most:
        storm.wrong.append(f"{storm.prompts} prompts, not {most}")
    if came.turns > 40 * (storm.prompts + 20) + 12 * int(span / HOUR):
        storm.wrong.append(f"{came.turns} turns for {storm.prompts} prompts")
    days = int(span / DAY)
    if storm.notices > days:
        storm.wrong.append(f"{storm.notices} notices in {days} days")
    return storm


# ── a policy that asks for trouble ────────────────────────────────────────────────────────────


def trouble(seed: int, *, span: timedelta = DAY) -> Storm:
    """One seed: a policy that asks for trouble, and a world that gives it."""
    began = time.process_time()
    setting = setting_of(seed)
    came = weather(policy_of(seed), setting, span, seed=f"storm/{seed}", aborts=aborts_of(seed))
    storm = _storm(f"trouble {seed}", came, began)
    storm.wrong += came.too_busy(span / HOUR, len(setting.sessions))
    return storm


@dataclass
class Tally(Counted):
    """What was reached so far."""

    storms: int = 0
    restarts: int = 0
    prompts: int = 0
    notices: int = 0
    turns: int = 0

    def add(self, seed: int, storm: Storm) -> None:
        """Count one day of trouble."""
        self.storms += 1
        self.restarts += storm.restarts
        self.prompts += storm.prompts
        self.notices += storm.notices
        self.turns += storm.turns
        self.judge(storm.line(), storm.wrong, f"tests.torture.storms --storm {seed}")


def play_all(
    tally: Tally, *, count: int, seconds: float | None = None, save: Path | None = None
) -> Tally:
    """Raise so many days of trouble, from where the tally stands."""

    def one(seed: int) -> None:
        tally.add(seed, trouble(seed))

    go_on(tally, one, played=tally.storms, count=count, seconds=seconds, save=save)
    return tally


def fixed() -> list[Storm]:
    """The deaths and the refusals, under every policy."""
    storms = []
    for name, policy in policies().items():
        storms += [deaths(name, policy, sessions=sessions) for sessions in (0, 1, 10)]
        for retry_after in (None, timedelta(seconds=30), timedelta(minutes=20)):
            for retries in (False, True):
                storms.append(refusals(name, policy, retry_after=retry_after, retries=retries))
        storms.append(
            refusals(name, policy, retry_after=timedelta(hours=5), retries=True, what="quota")
        )
    return storms


def _lines(storms: list[Storm], tally: Tally, seed: int) -> list[str]:
    lines = [storm.line() for storm in storms]
    lines += [f"  {text}" for storm in storms for text in storm.wrong[:5]]
    if tally.storms:
        lines.append(
            f"trouble: {tally.storms} days (seeds {seed} to {tally.next_seed - 1}), "
            f"{tally.restarts} restarts, {tally.prompts} prompts, {tally.notices} notices, "
            f"{tally.turns} turns, violations: {tally.violations or 'none'}"
        )
    took = tally.seconds + sum(storm.seconds for storm in storms)
    lines.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}, {took:.0f} s")
    return [*lines, *tally.shown]


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="tests.torture.storms", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=100, help="days of trouble (100)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seconds", type=float, help="stop after so much processor time")
    parser.add_argument("--resume", type=Path, help="file that keeps what was reached")
    parser.add_argument("--storm", type=int, help="one day of trouble, with its policy")
    parser.add_argument("--only-trouble", action="store_true", help="no deaths and no refusals")
    asked = parser.parse_args(argv)
    if asked.storm is not None:
        storm = trouble(asked.storm)
        print(json.dumps(policy_of(asked.storm).resolved, indent=1))
        print(setting_of(asked.storm), storm.line(), *storm.wrong[:50], sep="\n")
        return 1 if storm.wrong else 0
    storms = [] if asked.only_trouble else fixed()
    tally = Tally.resumed(asked.resume, asked.seed)
    play_all(tally, count=asked.count, seconds=asked.seconds, save=asked.resume)
    print("\n".join(_lines(storms, tally, tally.next_seed - tally.storms)))
    return 1 if tally.violations or any(storm.wrong for storm in storms) else 0


if __name__ == "__main__":
    sys.exit(main())
