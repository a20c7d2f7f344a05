"""A campaign: every boundary of every night, before and after, in an order that mixes the nights.

What was done is kept in a file, one JSON object a line, so that a campaign that was broken off goes
on where it was. Its first lines are the plain runs that tell how many boundaries a night has.
"""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.torture.killing.night import Night
from tests.torture.killing.nights import NIGHTS
from tests.torture.killing.run import Blow, Plan, Run, Told
from tests.torture.killing.stage import Stage
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import Mode, compiled

BATCH = 50
"""Runs of one night in a row: between nights a stage is set up anew."""
STARTING = 130
"""About the boundaries of a start: a second death lies among them."""
LONG_QUIET_EVERY = 25
BOTH = (Mode.KILL_BEFORE, Mode.KILL_AFTER)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One run that was made."""

    night: str
    plan: Plan
    told: Told

    @property
    def command(self) -> str:
        """What repeats it."""
        words = [f"python -m tests.torture.kills --night {self.night}"]
        words += [f"--first {self.plan.first}"] if self.plan.first else []
        words += [f"--second {self.plan.second}"] if self.plan.second else []
        return " ".join(words)

    def line(self) -> str:
        """As it is kept."""
        return json.dumps(
            {
                "night": self.night,
                "first": str(self.plan.first or ""),
                "second": str(self.plan.second or ""),
                "void": self.told.void,
                "kills": self.told.kills,
                "boundaries": self.told.boundaries,
                "problems": self.told.problems,
                "recoveries": [round(one, 4) for one in self.told.recoveries_s],
                "windows": [round(one, 4) for one in self.told.windows_s],
            }
        )


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What is to be done, and what was."""

    nights: Sequence[Night]
    seed: int
    count: int
    """Kills after which it ends."""
    minutes: float
    lanes: int
    kept: Path | None
    planted: str = ""
    """The wrong design that is to be found; "" for the daemon as it is."""
    plain_runs: int = 2
    """How often a night is played without a death before its boundaries are numbered."""
    done: list[Done] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def kills(self) -> int:
        """Deaths so far."""
        return sum(len(one.told.kills) for one in self.done)

    def boundaries(self) -> Counter[str]:
        """How many each night has, as far as plain runs have told."""
        found: Counter[str] = Counter()
        for one in self.done:
            if one.plan.first is None:
                found[one.night] = max(found[one.night], one.told.boundaries)
        return found

    def read(self) -> None:
        """Take up what was done before."""
        if self.kept is None or not self.kept.exists():
            return
        for line in self.kept.read_text(encoding="utf-8").splitlines():
            self.done.append(_read(json.loads(line)))

    def add(self, done: Done) -> None:
        """One more run was made."""
        self.done.append(done)
        if self.kept is not None:
            with self.kept.open("a", encoding="utf-8") as file:
                file.write(f"{done.line()}\n")

    async def run(self, say: Say) -> None:
        """Do what is left to do, within the limits."""
        began = time.monotonic()
        root = _room()
        try:
            async with Zygote(compiled(root), self.planted) as zygote:
                ends = began + self.minutes * 60
                plain = [(night, [Plan()] * self.plain_runs) for night in self._uncounted()]
                await self._work(plain, root, zygote, ends, say)
                await self._work(list(self._batches()), root, zygote, ends, say)
        finally:
            shutil.rmtree(root, ignore_errors=True)
            self.took_s += time.monotonic() - began

    # ── inside ────────────────────────────────────────────────────────────────────────────────

    def _uncounted(self) -> list[Night]:
        known = self.boundaries()
        return [night for night in self.nights if not known[night.name]]

    def _batches(self) -> Iterator[tuple[Night, list[Plan]]]:
        """What is left, in pieces; every night has its turn before any has a second one."""
        done = {(one.night, one.plan.first, one.plan.second) for one in self.done}
        pieces: list[list[tuple[Night, list[Plan]]]] = []
        for night in self.nights:
            plans = [
                plan
                for plan in self._plans(night)
                if (night.name, plan.first, plan.second) not in done
            ]
            pieces.append([(night, plans[at : at + BATCH]) for at in range(0, len(plans), BATCH)])
        for turn in range(max((len(some) for some in pieces), default=0)):
            yield from (some[turn] for some in pieces if turn < len(some))

    def _plans(self, night: Night) -> list[Plan]:
        """Every boundary, before and after; one in four dies a second time while it recovers."""
        dice = Random(f"{self.seed} {night.name}")
        plans = []
        for at in range(1, self.boundaries()[night.name] + 1):
            for mode in BOTH:
                again = Blow(at=dice.randint(1, STARTING), mode=dice.choice(BOTH))
                is_double, is_long = dice.random() < 0.25, dice.random() < 1 / LONG_QUIET_EVERY
                plans.append(
                    Plan(
                        first=Blow(at=at, mode=mode),
                        second=again if is_double else None,
                        long_quiet=is_long,
                    )
                )
        dice.shuffle(plans)
        return plans

    async def _work(
        self,
        batches: list[tuple[Night, list[Plan]]],
        root: Path,
        zygote: Zygote,
        ends: float,
        say: Say,
    ) -> None:
        async def lane(number: int) -> None:
            async with Stage(root / f"{number}") as stage:
                while batches and not self._is_over(ends):
                    night, plans = batches.pop(0)
                    await stage.set_up(policy=night.policy, opencode=night.opencode)
                    for plan in plans:
                        if self._is_over(ends):
                            return
                        told = await Run(stage, zygote, night, plan).play()
                        done = Done(night=night.name, plan=plan, told=told)
                        self.add(done)
                        for problem in told.problems:
                            say(f"{night.name}: {problem}\n    repeat: {done.command}")

        async with asyncio.TaskGroup() as group:
            for number in range(min(self.lanes, len(batches))):
                group.create_task(lane(number))

    def _is_over(self, ends: float) -> bool:
        return self.kills >= self.count or time.monotonic() >= ends


async def repeat(night: Night, plan: Plan, times: int, say: Say) -> list[Done]:
    """Play one night so many times in the same way."""
    campaign = Campaign(nights=(night,), seed=0, count=10**9, minutes=60, lanes=1, kept=None)
    root = _room()
    try:
        async with Zygote(compiled(root)) as zygote:
            await campaign._work(
                [(night, [plan] * times)], root, zygote, time.monotonic() + 3600, say
            )
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return campaign.done


def _room() -> Path:
    """A folder in memory where there is one: SIGKILL takes nothing from a file that was written."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="kills-", dir=parent))


def read_blow(text: str) -> Blow | None:
    """`before:12`; "" is none.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return None
    when, _, at = text.partition(":")
    if when not in {"before", "after"} or not at.isdigit():
        raise ValueError(f"{text} is not before:N or after:N")
    return Blow(at=int(at), mode=Mode.KILL_BEFORE if when == "before" else Mode.KILL_AFTER)


def _read(kept: dict[str, Any]) -> Done:
    plan = Plan(first=read_blow(kept["first"]), second=read_blow(kept["second"]))
    told = Told(
        void=kept["void"],
        problems=kept["problems"],
        boundaries=kept["boundaries"],
        kills=kept["kills"],
        recoveries_s=kept["recoveries"],
        windows_s=kept["windows"],
    )
    return Done(night=kept["night"], plan=plan, told=told)


def nights_named(names: str) -> list[Night]:
    """The nights of these names, with commas between; all of them for "".

    Raises:
        KeyError: there is no such night.
    """
    return [NIGHTS[name] for name in names.split(",")] if names else list(NIGHTS.values())
