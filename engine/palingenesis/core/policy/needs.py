"""Needs: what would have to be otherwise for a rule to decide, and the nearest miss of a decision.

Every answer is checked by deciding again, with the evaluator of record, on the changed facts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Final

from palingenesis.core.facts import say_duration, show_duration
from palingenesis.core.policy.decide import Outcome, Used, decide
from palingenesis.core.policy.explain import Explanation, quoted
from palingenesis.core.policy.model import Mode, Policy, Rule
from palingenesis.core.policy.nearest import Budget, Change, Cost, changed, goal, nearest
from palingenesis.core.values import FactValue

_ROUNDS: Final = 12
"""How many earlier rules may turn out to stand in the way before the search gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The smallest change of facts after which `rule` decides."""

    rule: str
    changes: tuple[Change, ...]
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Why a rule did not decide.

    `before`: the rule that decided instead, where it comes first. `need`: what would let this one
    decide; None: nothing can, or it could not be found out. `in_the_way`: a rule without condition
    that comes first and takes every such event.
    """

    rule: str
    before: str
    need: Need | None
    in_the_way: str = ""


def needed(
    policy: Policy,
    facts: Mapping[str, FactValue],
    used: Used,
    rule: Rule,
    *,
    below: Cost = (1_000, inf),
    budget: Budget | None = None,
) -> Need | None:
    """What has to change for `rule` to decide about this event; None: nothing `below` that cost.

    A rule that stands in the way with the changed facts is made false too, and all is solved again.
    """
    if facts.get("event") not in rule.events or not may_decide(rule):
        return None
    goals = [goal(rule.when, wanted=True)]
    for _ in range(_ROUNDS):
        found = nearest(goals, facts, below=below, budget=budget)
        if found is None:
            return None
        cost, changes = found
        first = policy.rule(decide(policy, changed(facts, changes), used).rule)
        if first is rule:
            return Need(rule=rule.id, changes=changes, cost=cost)
        if first is None or first.when is None:
            return None
        goals.append(goal(first.when, wanted=False))
    return None


def may_decide(rule: Rule) -> bool:
    """Whether a rule ever decides: one that observes, or is in shadow, never does."""
    return not rule.observes and rule.mode is Mode.ENFORCE


def nearest_miss(
    policy: Policy, facts: Mapping[str, FactValue], used: Used, told: Explanation
) -> Need | None:
    """Of the rules that were passed over, the one that was closest to deciding.

    None also where there are too many ways to look at all of them: a guess helps nobody.
    """
    best: Need | None = None
    budget = Budget()
    for one in told.considered:
        rule = policy.rule(one.rule)
        if rule is None or not one.reached or one.outcome not in {Outcome.FALSE, Outcome.UNKNOWN}:
            continue
        least = best.cost if best is not None else (1_000, inf)
        need = needed(policy, facts, used, rule, below=least, budget=budget)
        if need is not None and (best is None or need.cost < best.cost):
            best = need
    return best if budget.left >= 0 else None


def why_not(
    policy: Policy, facts: Mapping[str, FactValue], used: Used, rule: Rule, told: Explanation
) -> WhyNot:
    """Why a rule did not decide, and what would have to be otherwise."""
    before = "" if (one := told.of(rule.id)) is not None and one.reached else told.rule
    need = needed(policy, facts, used, rule)
    blocking = next(
        (
            other.id
            for other in policy.rules[: policy.rules.index(rule)]
            if other.when is None and facts.get("event") in other.events and may_decide(other)
        ),
        "",
    )
    return WhyNot(rule=rule.id, before=before, need=need, in_the_way=blocking)


# ── in words ──────────────────────────────────────────────────────────────────────────────────

_NOUNS: Final[Mapping[str, str]] = {
    "episode.attempts": "attempt",
    "agent.restarts": "restart",
    "session.messages": "message",
    "session.children": "sub-agent",
    "work.steps_completed": "completed step",
}
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def say_changes(changes: Iterable[Change]) -> str:
    """A change of facts in words: `one more attempt`, `progress.age 46s longer (10m1s)`."""
    return " and ".join(_say(change) for change in changes)


def _say(change: Change) -> str:
    name, before, after = change.fact, change.before, change.after
    if after is None:
        return f"{name} unknown instead of {quoted(name, before)}"
    if before is None:
        return f"{name} known to be {quoted(name, after)}"
    if isinstance(before, timedelta) and isinstance(after, timedelta):
        word = "longer" if after > before else "shorter"
        return f"{name} {say_duration(abs(after - before))} {word} ({show_duration(after)})"
    if isinstance(before, bool | str | timedelta) or isinstance(after, bool | str | timedelta):
        return f"{name} {quoted(name, after)} instead of {quoted(name, before)}"
    if isinstance(before, int) and isinstance(after, int):
        return _say_count(name, after - before, after)
    word = "more" if after > before else "less"
    return f"{name} {quoted(name, abs(after - before))} {word} ({quoted(name, after)})"


def _say_count(name: str, by: int, after: int) -> str:
    number = _NUMBERS[abs(by)] if abs(by) < len(_NUMBERS) else str(abs(by))
    word = "more" if by > 0 else "fewer"
    if name.startswith("count("):
        what, _, window = name.removeprefix("count(").removesuffix(")").partition(", ")
        return f"{number} {word} '{what}' within {window}"
    if name in _NOUNS:
        return f"{number} {word} {_NOUNS[name]}" + ("" if abs(by) == 1 else "s")
    return f"{name} {number} {word} ({after})"


def plain_need(need: Need | None) -> dict[str, object] | None:
    """A need as plain data, ready for JSON."""
    if need is None:
        return None
    return {
        "rule": need.rule,
        "words": say_changes(need.changes),
        "changes": [
            {
                "fact": change.fact,
                "before": None if change.before is None else quoted(change.fact, change.before),
                "after": None if change.after is None else quoted(change.fact, change.after),
            }
            for change in need.changes
        ],
    }
