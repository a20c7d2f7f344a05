"""The compiled policy: frozen, ready to decide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from palingenesis.core.plans import Step
from palingenesis.core.policy.calendars import UTC_ZONE, Calendar, Zone
from palingenesis.core.policy.conditions import Condition
from palingenesis.core.values import FactValue


class Mode(StrEnum):
    """Whether a policy, or a rule of it, acts."""

    ENFORCE = "enforce"
    SHADOW = "shadow"  # decide and record, never act
    OFF = "off"  # as if it were not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often a rule may decide: `most` times within a sliding window of `per`; else `then`."""

    most: int
    per: timedelta
    then: tuple[Step, ...]


CAPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "actions": "Every step that touches an agent.",
        "prompts": "Every step that makes a session go on.",
        "new-sessions": "Sessions that are begun to continue the work of another one.",
        "restarts": "Restarts of an agent's server.",
        "notifications": "What people are told.",
    }
)
"""What a policy may limit over all its rules, and what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One entry of a policy's `limits:`: how much all its rules together may do.

    `what` is one of `CAPS`, counted over all sessions, in a sliding window of `per`. When it is
    reached, `then` is done instead of the rule's steps; without it, a person has to look. Only a
    notice too many is left out instead, and the plan goes on; a critical one is always sent.
    """

    what: str
    most: int
    per: timedelta
    then: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """A statement that `policy prove` holds the policy to: no plan does one of `actions`.

    That is, while `when` is true, and, where `without` names a step, unless that step came before.
    `actions` are words of the policy language; `act` is every step that touches an agent.
    """

    id: str
    actions: frozenset[str]
    when: Condition | None = None
    without: str | None = None
    why: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `delay` is its `for:`, how long the condition has to stay true.

    `when` includes what `match:` asks for. `mode` is never OFF: such rules are not built.
    """

    id: str
    why: str = ""
    events: frozenset[str] = frozenset({"stopped"})
    when: Condition | None = None
    steps: tuple[Step, ...]
    limit: Limit | None = None
    delay: timedelta | None = None
    mode: Mode = Mode.ENFORCE
    observes: bool = False
    """`continue: true`: its steps only observe, and the rules after it are tried as well."""
    line: int = 0
    file: str = ""
    """Where it comes from when it was inherited: a preset or a file; "" for the policy's own."""


class Finder(Protocol):
    """Finds the rules that are true without evaluating every rule, as `policy.index` does."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that it knows; it answers for no others."""

    def true(self, facts: Mapping[str, FactValue]) -> Iterator[Rule]:
        """The rules that listen to the event and are true, in their order."""


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
    mode: Mode = Mode.ENFORCE
    caps: tuple[Cap, ...] = ()
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    zone: Zone = UTC_ZONE
    """`time-zone:`, where days begin (`budget.today`) and calendars hold."""
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """Every `for-condition:`, compiled, by its text."""
    never: tuple[Never, ...] = ()
    healthy_after: timedelta = timedelta(minutes=10)
    """Progress for this long ends an episode."""
    verify_within: timedelta = timedelta(minutes=2)
    """How soon after an action there has to be a sign of life."""
    stall_after: timedelta = timedelta(minutes=10)
    """Working without a sign of life for this long is a stall."""
    overlays: tuple["Overlay", ...] = ()
    """What holds instead, for the sessions of some directories."""
    finder: Finder | None = field(default=None, repr=False, compare=False)
    """Set by `policy.index.indexed`; without it the evaluator of record looks at every rule."""

    def for_directory(self, directory: object) -> "Policy":
        """What holds for the sessions that work in a directory: the nearest overlay, or this."""
        if not self.overlays or not isinstance(directory, str):
            return self
        near = [one for one in self.overlays if one.covers(directory)]
        return max(near, key=lambda one: len(one.directory)).policy if near else self

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with an id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A policy for the sessions of one project: the person's own, with what the project asks for.

    It is whole, but only its rules, its default, its calendars and its conditions are looked at:
    mode, limits, statements and timings are those of the person's own policy.
    """

    directory: str
    policy: Policy
    file: str = ""
    trusted: bool = False

    def covers(self, directory: str) -> bool:
        """Whether a directory is that of the project, or inside of it."""
        return directory == self.directory or directory.startswith(f"{self.directory}/")
