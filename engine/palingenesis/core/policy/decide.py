"""Deciding: the first rule that is true for the facts, with the reasons.

`decide` is a function of the policy, the facts and the counts that are handed in; it cannot fail.
Which rules are true is told by the evaluator of record, or by the policy's `finder` if it has one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from palingenesis.core.plans import Attention, Step
from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.model import Mode, Policy, Rule
from palingenesis.core.values import FactValue

Used = Callable[[str, timedelta], int]
"""How often a rule (by id) has decided within a window that ends now."""

DEFAULT: Final = "default"
"""The rule of a ruling when no rule was true."""

DIRECTORY: Final = "session.directory"
"""The fact that says which overlay of a policy holds."""

DEFAULT_EVENTS: Final = frozenset({"stopped", "action_failed"})
"""The events that `default:` answers; after any other event, no rule means nothing is done."""


class Outcome(StrEnum):
    """What became of one rule."""

    OTHER_EVENT = "other_event"  # it does not listen to this event
    FALSE = "false"
    UNKNOWN = "unknown"  # a fact is missing: neither true nor false, so it does not decide
    DECIDES = "decides"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A rule that is true and does not decide: it observes (`continue: true`) or is in shadow."""

    rule: str
    steps: tuple[Step, ...]
    shadow: bool
    """It is only written down; an observing rule takes its steps, beside whatever is decided."""
    limited: bool = False
    delay: timedelta | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the policy says. `considered`: every rule up to the one that decides, and its outcome.

    A policy with a `finder` names only the true ones there.
    `limited`: the rule's limit was reached, and `steps` are those of its `then:`.
    """

    rule: str
    steps: tuple[Step, ...]
    limited: bool = False
    delay: timedelta | None = None
    why: str = ""
    considered: tuple[tuple[str, Outcome], ...] = ()
    asides: tuple[Aside, ...] = ()
    """The rules before the one that decides that are true and do not decide, in their order."""


def decide(policy: Policy, facts: Mapping[str, FactValue], used: Used) -> Ruling:
    """Find the first rule, in the order of the file, that is true for the facts and decides."""
    policy = policy.for_directory(facts.get(DIRECTORY))
    considered: list[tuple[str, Outcome]] = []
    asides: list[Aside] = []
    for rule, outcome in looked_at(policy, facts):
        considered.append((rule.id, outcome))
        if outcome is not Outcome.DECIDES:
            continue
        if not rule.observes and rule.mode is Mode.ENFORCE:
            return _ruling(rule, used, tuple(considered), tuple(asides))
        asides.append(_aside(rule, used))
    event = facts.get("event")
    applies = event in DEFAULT_EVENTS
    return Ruling(
        rule=DEFAULT,
        steps=policy.default if applies else (),
        why="no rule matched" if applies else f"no rule for the event '{event}'",
        considered=tuple(considered),
        asides=tuple(asides),
    )


def looked_at(policy: Policy, facts: Mapping[str, FactValue]) -> Iterator[tuple[Rule, Outcome]]:
    """The rules in their order, one after the other, and what becomes of them.

    A finder leaves out those that do not decide. It is asked only about the very rules that it was
    made for, so a policy with other rules put in is never answered from an old index.
    """
    policy = policy.for_directory(facts.get(DIRECTORY))
    if policy.finder is not None and policy.finder.rules is policy.rules:
        for rule in policy.finder.true(facts):
            yield rule, Outcome.DECIDES
        return
    evaluator = Evaluator(facts)
    for rule in policy.rules:
        yield rule, outcome_of(rule, facts, evaluator)


def outcome_of(rule: Rule, facts: Mapping[str, FactValue], evaluator: Evaluator) -> Outcome:
    """What becomes of one rule; `evaluator` looks at the same facts."""
    if facts.get("event") not in rule.events:
        return Outcome.OTHER_EVENT
    truth = True if rule.when is None else evaluator.condition(rule.when)
    if truth is None:
        return Outcome.UNKNOWN
    return Outcome.DECIDES if truth else Outcome.FALSE


def is_used_up(rule: Rule, used: Used) -> bool:
    """Whether a rule's limit is reached."""
    return rule.limit is not None and used(rule.id, rule.limit.per) >= rule.limit.most


def _ruling(
    rule: Rule,
    used: Used,
    considered: tuple[tuple[str, Outcome], ...],
    asides: tuple[Aside, ...],
) -> Ruling:
    steps, limited = _steps(rule, used)
    return Ruling(
        rule=rule.id,
        steps=steps,
        limited=limited,
        delay=None if limited else rule.delay,
        why=rule.why,
        considered=considered,
        asides=asides,
    )


def _aside(rule: Rule, used: Used) -> Aside:
    steps, limited = _steps(rule, used)
    return Aside(
        rule=rule.id,
        steps=steps,
        shadow=rule.mode is Mode.SHADOW,
        limited=limited,
        delay=None if limited else rule.delay,
        why=rule.why,
    )


def _steps(rule: Rule, used: Used) -> tuple[tuple[Step, ...], bool]:
    """What the rule does, and whether its limit is reached. One that observes needs nobody then."""
    if rule.limit is None or not is_used_up(rule, used):
        return rule.steps, False
    if rule.limit.then or (rule.observes and rule.mode is Mode.ENFORCE):
        return rule.limit.then, True
    return (Attention(reason=f"limit of rule '{rule.id}' reached"),), True
