"""Every fault of every night, the rare calls first, in an order that mixes nights and errors.

What was done is kept in a file, one JSON object a line, so that a campaign that was broken off goes
on where it was.
"""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.torture.failing.fault import ERRORS, Fault, Part, faults_at, read_fault
from tests.torture.failing.nights import nights_named
from tests.torture.failing.run import Failed, FaultyRun
from tests.torture.killing.night import Night
from tests.torture.killing.stage import Stage
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import compiled

BATCH = 25
"""Runs of one night in a row: between nights a stage is set up anew."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One run that was made."""

    night: str
    part: Part
    fault: Fault | None
    told: Failed

    @property
    def command(self) -> str:
        """What repeats it."""
        return f"python -m tests.torture.faults --night {self.night} --fault {self.fault}"

    def line(self) -> str:
        """As it is kept."""
        told = self.told
        return json.dumps(
            {
                "night": self.night,
                "part": str(self.part),
                "fault": str(self.fault or ""),
                "void": told.void,
                "faults": told.faults,
                "kills": told.kills,
                "calls": told.calls,
                "problems": told.problems,
                "served": [round(one, 3) for one in told.served_s],
                "exits": told.exits,
            }
        )


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What is to be done, and what was."""

    nights: Sequence[Night]
    seed: int
    count: int
    """Faults after which it ends."""
    minutes: float
    lanes: int
    kept: Path | None
    calls: Sequence[str] = ()
    """Only these calls fail; empty: all."""
    done: list[Done] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def met(self) -> list[Done]:
        """The runs in which a call failed, and which mean something."""
        return [one for one in self.done if one.told.faults and not one.told.void]

    def all_faults(self) -> dict[tuple[str, Part], list[Fault]]:
        """Every fault there is, as far as plain runs have told."""
        return {
            (one.night, one.part): [
                fault
                for name, count in sorted(one.told.calls.items())
                if name in ERRORS and (not self.calls or name in self.calls)
                for fault in faults_at(one.part, name, count)
            ]
            for one in self.done
            if one.fault is None
        }

    def read(self) -> None:
        """Take up what was done before."""
        if self.kept is not None and self.kept.exists():
            for line in self.kept.read_text(encoding="utf-8").splitlines():
                self.done.append(_read(json.loads(line)))

    async def run(self, say: Say) -> None:
        """Do what is left to do, within the limits."""
        began = time.monotonic()
        root = _room()
        try:
            async with Zygote(compiled(root)) as zygote:
                ends = began + self.minutes * 60
                counted = {(one.night, one.part) for one in self.done if one.fault is None}
                plain: list[_Batch] = [
                    (night, [(part, None)])
                    for night in self.nights
                    for part in Part
                    if (night.name, part) not in counted
                ]
                await self._work(plain, root, zygote, ends, say)
                await self._work(list(self._batches()), root, zygote, ends, say)
        finally:
            shutil.rmtree(root, ignore_errors=True)
            self.took_s += time.monotonic() - began

    # ── inside ────────────────────────────────────────────────────────────────────────────────

    def _batches(self) -> "Iterator[_Batch]":
        was = {(one.night, str(one.fault)) for one in self.done if one.fault is not None}
        dice = Random(self.seed)
        ranked: list[tuple[float, str, Fault]] = []
        for (night, _), faults in self.all_faults().items():
            by_name: dict[str, list[Fault]] = {}
            for fault in faults:
                by_name.setdefault(fault.name, []).append(fault)
            for several in by_name.values():
                dice.shuffle(several)
                ranked += [
                    (place + dice.random(), night, fault) for place, fault in enumerate(several)
                ]
        waiting: dict[str, list[Fault]] = {}
        for _, night, fault in sorted(ranked, key=lambda one: one[0]):
            if (night, str(fault)) in was:
                continue
            mine = waiting.setdefault(night, [])
            mine.append(fault)
            if len(mine) == BATCH:
                yield self._batch(night, waiting.pop(night))
        for night, rest in waiting.items():
            yield self._batch(night, rest)

    def _batch(self, night: str, faults: list[Fault]) -> "_Batch":
        return nights_named(night)[0], [(fault.part, fault) for fault in faults]

    async def _work(
        self, batches: "list[_Batch]", root: Path, zygote: Zygote, ends: float, say: Say
    ) -> None:
        async def lane(number: int) -> None:
            async with Stage(root / f"{number}") as stage:
                while batches and not self._is_over(ends):
                    night, plans = batches.pop(0)
                    await stage.set_up(policy=night.policy, opencode=night.opencode)
                    for part, fault in plans:
                        if self._is_over(ends):
                            return
                        told = await FaultyRun(stage, zygote, night, part, fault).play()
                        assert isinstance(told, Failed)
                        self._add(Done(night=night.name, part=part, fault=fault, told=told), say)

        async with asyncio.TaskGroup() as group:
            for number in range(min(self.lanes, len(batches))):
                group.create_task(lane(number))

    def _add(self, done: Done, say: Say) -> None:
        self.done.append(done)
        if self.kept is not None:
            with self.kept.open("a", encoding="utf-8") as file:
                file.write(f"{done.line()}\n")
        for problem in done.told.problems:
            say(f"{done.night}: {problem}\n    repeat: {done.command}")

    def _is_over(self, ends: float) -> bool:
        return len(self.met) >= self.count or time.monotonic() >= ends


_Batch = tuple[Night, list[tuple[Part, Fault | None]]]


async def repeat(night: Night, fault: Fault, times: int, say: Say) -> list[Done]:
    """Play one night so many times with the same fault."""
    campaign = Campaign(nights=(night,), seed=0, count=10**9, minutes=60, lanes=1, kept=None)
    root = _room()
    try:
        async with Zygote(compiled(root)) as zygote:
            again: list[_Batch] = [(night, [(fault.part, fault)] * times)]
            await campaign._work(again, root, zygote, time.monotonic() + 3600, say)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return campaign.done


def _room() -> Path:
    """A folder in memory where there is one: the disk is not what is tried here."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="faults-", dir=parent))


def _read(kept: dict[str, Any]) -> Done:
    told = Failed(
        void=kept["void"],
        problems=kept["problems"],
        kills=kept["kills"],
        faults=kept["faults"],
        calls=kept["calls"],
        served_s=kept["served"],
        exits=kept["exits"],
    )
    fault = read_fault(kept["fault"]) if kept["fault"] else None
    return Done(night=kept["night"], part=Part(kept["part"]), fault=fault, told=told)
