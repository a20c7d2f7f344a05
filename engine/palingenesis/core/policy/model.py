"""The compiled policy: frozen, ready to decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from palingenesis.core.plans import Step
from palingenesis.core.policy.conditions import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often a rule may decide: `most` times within a sliding window of `per`; else `then`."""

    most: int
    per: timedelta
    then: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `delay` is its `for:`, how long the condition has to stay true."""

    id: str
    why: str = ""
    events: frozenset[str] = frozenset({"stopped"})
    when: Condition | None = None
    steps: tuple[Step, ...]
    limit: Limit | None = None
    delay: timedelta | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules in the order of the file, and what happens when none of them is true.

    `resolved` is the plain, self-contained form that `build` makes a policy from; `digest` tells
    what the policy does: names of files, line numbers and comments do not change it.
    `windows` says what has to be counted: (event or stop reason, how far back).
    """

    name: str
    digest: str
    resolved: Mapping[str, Any] = field(repr=False)
    rules: tuple[Rule, ...]
    default: tuple[Step, ...]
    windows: frozenset[tuple[str, timedelta]] = frozenset()
    healthy_after: timedelta = timedelta(minutes=10)
    """Progress for this long ends an episode."""
    verify_within: timedelta = timedelta(minutes=2)
    """How soon after an action there has to be a sign of life."""
    stall_after: timedelta = timedelta(minutes=10)
    """Working without a sign of life for this long is a stall."""

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with an id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)
