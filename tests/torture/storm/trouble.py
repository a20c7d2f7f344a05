"""Policies that ask for trouble, and worlds that give it to them: drawn from a seed."""

from datetime import timedelta
from random import Random
from typing import Any

from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import StopReason, Way
from palingenesis.simulation.dice import Range
from palingenesis.simulation.setting import (
    AgentPart,
    FailurePart,
    FaultPart,
    LimitPart,
    PersonPart,
    SessionPart,
    Setting,
)
from tests.torture.storm.weather import HOUR

EVENTS = ("stopped", "stopped", "action_failed", "stalled", "started", "progress", "blocked")
CONDITIONS = (
    [],
    [],
    ["stop.reason == 'user_exit'"],
    ["stop.reason in ('user_abort', 'completed')"],
    ["stop.reason == 'crash'"],
    ["session.cost >= $0"],
)
LOUD = {"notify": {"message": "again ${stop.reason}"}}
GREEDY: tuple[dict[str, Any], ...] = (
    {"resume": {}},
    {"resume": {"message": "Go on, whatever happens."}},
    {"retry": {}},
    {"new-session": {}},
    {"compact": {}},
    {"restart": {}},
    {"interrupt": {}},
    {"stop": {}},
    {"wait": {"for": "0s"}},
    {"wait": {"until": "retry_after", "else": "0s"}},
    {"wait": {"backoff": {"first": "1s", "factor": 1, "max": "1s"}}},
    {"wait": {"for-condition": "stop.reason == 'quota'", "max": "1s"}},
    {"run": {"hook": "h"}},
    {"snapshot": {}},
    {"delegate": {}},
    {"ask": {"question": "Again?", "timeout": "1s", "default": "yes"}},
    LOUD,
)
ENDS: tuple[list[dict[str, Any]], ...] = (
    [],
    [],
    [{"attention": {"reopen-after": "1s"}}],
    [{"finish": {}}],
)
BESIDE = (LOUD, {"run": {"hook": "h"}}, {"snapshot": {}})
FAILING = (
    *("crash", "rate_limit", "server_error", "network", "auth", "context_exhausted", "refused"),
    *("user_exit", "silence", "permission", "timeout", "overloaded"),
)


def policy_of(seed: int) -> Policy:
    """A policy that goes on whatever happens."""
    dice = Random(f"trouble:{seed}")
    rules = []
    for number in range(dice.randint(1, 4)):
        rule: dict[str, Any] = {
            "id": f"r{number}",
            "when": dice.choice(CONDITIONS),
            "event": sorted({dice.choice(EVENTS) for _ in range(dice.randint(1, 3))}),
            "do": [dice.choice(GREEDY) for _ in range(dice.randint(1, 4))] + dice.choice(ENDS),
        }
        if dice.random() < 0.2:
            rule |= {"continue": True, "do": [dice.choice(BESIDE) for _ in range(2)]}
        rules.append(rule)
    do = [dice.choice(GREEDY) for _ in range(dice.randint(1, 3))] + dice.choice(ENDS)
    return build({"version": 1, "name": "trouble", "rules": rules, "default": {"do": do}})


def setting_of(seed: int) -> Setting:
    """A world in which much goes wrong."""
    dice = Random(f"world:{seed}")
    count = dice.choice((1, 2, 3, 8))
    sessions = tuple(
        SessionPart(
            id=f"s{number}",
            turns=dice.choice((1, 3, None)),
            takes=Range(1.0, dice.choice((5.0, 60.0, 600.0))),
            signs=dice.random() < 0.8,
            pauses=0.0,
            context=200_000.0 if dice.random() < 0.3 else None,
        )
        for number in range(count)
    )
    failures = tuple(
        FailurePart(
            what=dice.choice(FAILING),
            per_hour=dice.choice((0.5, 4.0, 60.0)),
            lasts=Range(0.0, dice.choice((0.0, 60.0, 7200.0))),
            session="" if dice.random() < 0.7 else f"s{dice.randrange(count)}",
        )
        for _ in range(dice.randint(1, 4))
    )
    limits = (
        (LimitPart(tokens=100_000.0, per=HOUR, reason=StopReason.QUOTA),)
        if dice.random() < 0.3
        else ()
    )
    faults = (
        FaultPart(duplicates=0.05, late=0.05, lost=0.05) if dice.random() < 0.3 else FaultPart()
    )
    way = Way.MANAGED if dice.random() < 0.8 else Way.ATTACHED
    return Setting(
        agents=(AgentPart(id="opencode", way=way, retries=dice.random() < 0.5),),
        sessions=sessions,
        failures=failures,
        limits=limits,
        person=PersonPart(answers=HOUR if dice.random() < 0.3 else None),
        faults=faults,
    )


def aborts_of(seed: int) -> list[timedelta]:
    """When the person ends the turns of all that work."""
    dice = Random(f"aborts:{seed}")
    return [timedelta(hours=dice.uniform(0, 24)) for _ in range(dice.choice((0, 0, 1, 3)))]
