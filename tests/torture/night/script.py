"""What a night holds in store, drawn from its seed."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tests.torture.night.house import Beat, House, Talk

_BEGINS: Final = (
    datetime(2026, 3, 28, 21, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 21, 0, tzinfo=UTC),
    datetime(2026, 2, 5, 22, 0, tzinfo=UTC),
)
"""Before both DST nights of Berlin, and before one without."""
_POLICIES: Final = (
    "default", "default", "default", "default", "cautious", "cautious",
    "overnight", "overnight", "everything", "everything", "stubborn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Script:
    """A night, before it is played."""

    seed: int
    policy: str
    until: float
    house: Any
    """Makes a new house."""


def script_of(seed: int) -> Script:
    """The night of that seed."""
    dice = random.Random(f"night {seed}")
    policy = dice.choice(_POLICIES)
    until = (1 if policy == "stubborn" else dice.choice((3, 3, 3, 3, 3, 3, 3, 9))) * 3600.0
    state = dice.getstate()

    def house() -> House:
        again = random.Random()
        again.setstate(state)
        return _house(again, policy)

    return Script(seed, policy, until, house)


def _house(dice: random.Random, policy: str) -> House:
    house = House(begins=dice.choice(_BEGINS), policy=policy)
    house.later(0.0, "wake", local=False)
    for number in range(1, dice.choice((1, 1, 1, 1, 1, 1, 1, 2, 3)) + 1):
        id_ = f"ses_{number}"
        beats = _beats(dice)
        house.talks[id_] = Talk(id=id_, script=beats, total=_steps(beats), title=f"night {number}")
        house.later(5.0 + number * dice.choice((0.0, 0.5, 7.0)), "person", "prompt", id_)
    _faults(dice, house)
    return house


def _steps(beats: list[Beat]) -> int:
    return sum(beat.kind in {"work", "pause"} for beat in beats)


def _beats(dice: random.Random) -> list[Beat]:
    beats = []
    for _ in range(dice.choice((1, 1, 1, 1, 1, 1, 2, 3))):
        if dice.random() < 0.5:
            beats.append(Beat("work", dice.choice((3.0, 20.0, 45.0))))
        beats.append(_trouble(dice))
    beats.append(Beat("work", 15.0))
    return beats


def _trouble(dice: random.Random) -> Beat:
    kind = dice.choices(
        ("limit", "quota", "retry", "stop", "pause", "die", "ask", "silent", "full"),
        (6, 3, 3, 6, 3, 4, 2, 1, 2),
    )[0]
    shown = dice.choice(("after", "after", "reset", "reset", "dated", "none", "early"))
    match kind:
        case "limit":
            reason = dice.choice(("rate_limit", "overloaded"))
            return Beat("limit", dice.choice((5.0, 40.0, 90.0, 600.0)), reason, shown)
        case "quota":
            return Beat("limit", dice.choice((1200.0, 3600.0, 5400.0, 18000.0)), "quota", shown)
        case "retry":
            return Beat("retry", dice.choice((20.0, 240.0, 1500.0)), "rate_limit", shown)
        case "stop":
            reason = dice.choices(
                ("server_error", "network", "timeout", "output_limit", "auth", "billing",
                 "refused", "model_not_found", "unknown"),
                (6, 4, 3, 3, 1, 1, 1, 1, 1),
            )[0]  # fmt: skip
            return Beat("stop", 0.0, reason)
        case "full":
            return Beat("stop", 0.0, "context_exhausted")
        case "ask":
            return Beat("ask", dice.choice((30.0, 400.0, 2500.0, 0.0)))
        case "silent":
            return Beat("silent", dice.choice((0.0, 1000.0)))
        case "die":
            return Beat("die", dice.choice((2.0, 10.0)))
        case _:
            return Beat("pause", dice.choice((3.0, 20.0)))


def _faults(dice: random.Random, house: House) -> None:
    """What else goes wrong; about every second night something does."""
    ids = list(house.talks)
    if dice.random() < 0.35:
        for _ in range(dice.choice((1, 1, 2))):
            deed = dice.choice(("prompt", "abort", "abort"))
            house.later(_moment(dice), "person", deed, dice.choice(ids), local=False)
    if dice.random() < 0.25:
        _command(dice, house, dice.choice(("hold", "abort", "skip", "renew", "detach")), ids)
    if dice.random() < 0.5:
        for _ in range(dice.choice((1, 2, 3))):
            house.fates[dice.randrange(1, 40)] = dice.choice(("lost", "unanswered"))
    if dice.random() < 0.4:
        for _ in range(dice.choice((1, 2, 4))):
            house.signal_fates[dice.randrange(1, 30)] = dice.choice(("lost", "twice", "late"))
    if dice.random() < 0.15:
        house.later(_moment(dice), "suspend", dice.choice((60.0, 1800.0, 36000.0)), local=False)
    if dice.random() < 0.15:
        house.later(_moment(dice), "step", dice.choice((-7200.0, 7200.0, -60.0, 60.0)), local=False)
    if dice.random() < 0.15:
        begin = _moment(dice)
        house.later(begin, "disk", True, local=False)
        house.later(begin + dice.choice((2.0, 40.0, 900.0)), "disk", False, local=False)
    if dice.random() < 0.2:
        name = dice.choice(("default", "cautious", "overnight", "everything"))
        house.later(_moment(dice), "reload", name, local=False)
    if dice.random() < 0.1:
        house.later(_moment(dice), "kill", local=False)
    if dice.random() < 0.08:
        house.broken_until = _moment(dice) + 60.0


def _command(dice: random.Random, house: House, name: str, ids: list[str]) -> None:
    at = _moment(dice)
    session = dice.choice([*ids, ""]) if name == "hold" else dice.choice(ids)
    house.commands[1] = (name, session)
    house.later(at, "command", 1, local=False)
    if name == "hold":
        house.commands[2] = ("release", session)
        house.later(at + dice.choice((3.0, 60.0, 1900.0)), "command", 2, local=False)
    elif name == "detach":
        house.commands[2] = ("enrol", session)
        house.later(at + 500.0, "command", 2, local=False)


def _moment(dice: random.Random) -> float:
    """Mostly early in the night, when something is going on."""
    return 8.0 + dice.choice((dice.random() * 40, dice.random() * 200, dice.random() * 4000))
