"""Workloads of the rules benchmark: rules as plain comparisons, and the facts they are asked about.

A rule is a list of (name, sign, value); every engine is given the same ones in its own language.
Numbers of facts never lie on a threshold, so that engines may round as they like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from palingenesis.core.facts import STOP_REASONS

Value = str | int | float
Test = tuple[str, str, Value]
Row = Mapping[str, Value]

FACTS: Mapping[str, str] = {
    "reason": "stop.reason",
    "model": "session.model",
    "used": "session.context_used",
    "messages": "session.messages",
    "cost": "session.cost",
    "tries": "episode.attempts",
}
"""The short names that peers are given, and ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Rules, and facts to decide about. `sparse`: few rules are true for any of them."""

    name: str
    doc: str
    rules: Sequence[Sequence[Test]]
    rows: Sequence[Row]
    sparse: bool = True


def one_of_n(size: int, dice: Random) -> Workload:
    """A reason, a model and a band of the context: exactly one rule is true."""
    reasons, bands = STOP_REASONS, 20
    rules: list[list[Test]] = []
    for n in range(size):
        reason, band, model = n % len(reasons), n // len(reasons) % bands, n // 360
        rules.append([
            ("reason", "==", reasons[reason]),
            ("model", "==", f"provider/model-{model}"),
            ("used", ">=", band / bands),
            ("used", "<", (band + 1) / bands),
        ])  # fmt: skip
    rows = []
    for n in (dice.randrange(size) for _ in range(64)):
        wanted = {name: value for name, _, value in rules[n]}
        rows.append(_row(dice, reason=wanted["reason"], model=wanted["model"],
                         used=float(wanted["used"]) - 0.5 / bands))  # fmt: skip
    return Workload(name="one", doc="1 of N is true", rules=rules, rows=rows)


def five_percent(size: int, dice: Random) -> Workload:
    """A reason and three thresholds: about one rule in twenty is true."""
    reasons = STOP_REASONS[:5]
    rules: list[list[Test]] = [
        [
            ("reason", "==", dice.choice(reasons)),
            ("used", ">", dice.randrange(100) / 100),
            ("messages", ">=", dice.randrange(200) * 10),
            ("tries", "<", dice.randrange(1, 20)),
        ]
        for _ in range(size)
    ]
    rows = [_row(dice, reason=dice.choice(reasons), used=dice.randrange(40, 100) / 100 + 0.005,
                 messages=dice.randrange(800, 2_000) + 5) for _ in range(64)]  # fmt: skip
    return Workload(name="five", doc="about 5 % are true", rules=rules, rows=rows)


def thresholds(size: int, dice: Random) -> Workload:
    """Two bands, no equality at all: exactly one rule is true."""
    side = max(2, round(size**0.5))
    rules: list[list[Test]] = [
        [
            ("messages", ">=", n // side * 10),
            ("messages", "<", n // side * 10 + 10),
            ("cost", ">=", float(n % side)),
            ("cost", "<", float(n % side + 1)),
        ]
        for n in range(size)
    ]
    rows = [
        _row(dice, messages=n // side * 10 + 5, cost=n % side + 0.5)
        for n in (dice.randrange(size) for _ in range(64))
    ]
    return Workload(name="thr", doc="1 of N is true, thresholds only", rules=rules, rows=rows)


def dense(size: int, dice: Random) -> Workload:
    """Every rule is true."""
    rules: list[list[Test]] = [
        [
            ("reason", "==", "quota"),
            ("used", ">", dice.randrange(50) / 100),
            ("messages", ">=", dice.randrange(100)),
            ("tries", "<", dice.randrange(50, 90)),
        ]
        for _ in range(size)
    ]
    rows = [_row(dice, reason="quota", used=dice.randrange(50, 100) / 100 + 0.005,
                 messages=dice.randrange(100, 900)) for _ in range(64)]  # fmt: skip
    return Workload(name="dense", doc="all are true", rules=rules, rows=rows, sparse=False)


WORKLOADS = {"one": one_of_n, "five": five_percent, "thr": thresholds, "dense": dense}


def _row(dice: Random, **given: Value) -> Row:
    return {
        "reason": "crash",
        "model": "provider/model-0",
        "used": 0.505,
        "messages": dice.randrange(900),
        "cost": dice.randrange(90) + 0.5,
        "tries": dice.randrange(20),
        **given,
    }
