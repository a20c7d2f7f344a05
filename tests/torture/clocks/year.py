"""One daemon for a year: a wait each day, a suspend most nights, a step most weeks, some boots."""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Final

from palingenesis.core import events
from palingenesis.core.values import Stop, StopReason
from tests.torture.clocks.cases import EARLY_S, LATE_S, STEPS_S, SUSPENDS_S, policy_of
from tests.torture.clocks.machine import AGENT, SES, Machine

_DAY_S: Final = 86_400.0
_WAIT_S: Final = 5 * 3_600.0
_BEGINS: Final = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class Lived:
    """What came of it."""

    days: int = 0
    late_s: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    steps: int = 0
    sleeps: int = 0
    boots: int = 0
    entries: int = 0
    seconds: float = 0.0


def live_a_year(seed: int, days: int = 365) -> Lived:
    """Each day a stop whose wait lasts five hours by a stopwatch, whatever the clocks show."""
    dice, lived = Random(seed), Lived()
    began = time.process_time()
    adopted = policy_of("policy", f"{round(_WAIT_S)}s", "UTC")
    machine = Machine(begins=_BEGINS, policy=replace(adopted, at=_BEGINS))
    machine.starts()
    machine.tell(events.SessionSeen(at=machine.wall(), session=SES, agent=AGENT, title="year"))
    machine.tell(events.SessionWorking(at=machine.wall(), session=SES, agent=AGENT))
    for day in range(days):
        _live_a_day(machine, lived, dice, day)
    lived.steps = sum('"is": "ClockStepped"' in row[:60] for row in machine.disk.rows)
    lived.sleeps = sum('"is": "MachineSlept"' in row[:60] for row in machine.disk.rows)
    lived.boots, lived.entries = machine.boots - 1, len(machine.disk.rows)
    machine.stops()
    lived.problems += machine.complaints
    lived.seconds = time.process_time() - began
    return lived


def _live_a_day(machine: Machine, lived: Lived, dice: Random, day: int) -> None:
    dawn = day * _DAY_S
    machine.run(max(machine.now, dawn + dice.uniform(0.0, 3_600.0)))
    if dice.random() < 1 / 30:
        machine.keeps_a_snapshot()
        machine.boots_again()
        machine.starts()
    at, before = machine.wall(), len(machine.prompts())
    stop = Stop(key=f"msg_{day}", reason=StopReason.RATE_LIMIT, words=True)
    machine.tell(events.SessionStopped(at=at, session=SES, agent=AGENT, stop=stop))
    due = machine.now + _WAIT_S
    machine.run(machine.now + dice.uniform(0.0, _WAIT_S - 60.0))
    up_since = machine.now
    if dice.random() < 1 / 5:
        machine.is_set(dice.choice(STEPS_S))
    if dice.random() < 2 / 3:
        machine.sleeps(dice.choice(SUSPENDS_S))
        up_since = machine.now
    machine.run(max(machine.now, due) + LATE_S + 5.0)
    lived.days += 1
    prompts = machine.prompts()[before:]
    if len(prompts) != 1:
        lived.problems.append(f"day {day}: prompted {len(prompts)} times")
        return
    late_s = prompts[0] - max(due, up_since)
    lived.late_s.append(late_s)
    if prompts[0] < due - EARLY_S or late_s > LATE_S:
        lived.problems.append(f"day {day}: {late_s:.1f} s late")
