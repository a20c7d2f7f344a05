"""Reenacting: facts that an analysis found become a night in which they really come about."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from palingenesis.core.facts import show
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue, Way
from palingenesis.simulation.playing import play
from palingenesis.simulation.rehearsal import Rehearsal
from palingenesis.simulation.scenario import Happens, Scenario

_SET_FROM_OUTSIDE: Final = ("session.", "work.", "host.", "budget.")
_KINDS: Final = {"stopped": "stopped", "blocked": "blocked", "stalled": "silent"}
_OPTIONS: Final = {
    "stopped": {
        "stop.reason": "reason",
        "stop.retry_after": "retry_after",
        "stop.message": "message",
        "stop.http_status": "http_status",
        "stop.retrying": "retrying",
    },
    "blocked": {"block.kind": "kind", "block.tool": "tool"},
}
_TAIL: Final = timedelta(minutes=30)


def reenact(
    policy: Policy, facts: Mapping[str, FactValue], rule: str, *, tail: timedelta = _TAIL
) -> Rehearsal | None:
    """A night in which a rule decides on such facts; None if no rehearsal brings them about."""
    kind = _KINDS.get(str(facts.get("event")))
    if kind is None:
        return None
    words = _OPTIONS.get(kind, {})
    options = {
        word: _said(name, facts[name]) for name, word in words.items() if facts.get(name, "") != ""
    }
    if kind == "stopped" and "reason" not in options:
        return None
    scenario = Scenario(
        way=Way(str(facts.get("agent.way", Way.MANAGED))),
        given={name: v for name, v in facts.items() if name.startswith(_SET_FROM_OUTSIDE)},
        story=(Happens(kind=kind, options=options),),
    )
    night = play(policy, scenario, tail=tail)
    return night if rule in _first_rules(night) else None


def _first_rules(night: Rehearsal) -> set[str]:
    """The rules that spoke in the first turn in which any did."""
    for happening in night.past:
        spoken = {one.rule for one in happening.turn.decisions if one.kind != "told"}
        if spoken:
            return spoken
    return set()


def _said(name: str, value: FactValue) -> str:
    return show(name, value)
