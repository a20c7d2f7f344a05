"""What became of every rule in a past decision, recomputed from its facts and its policy."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from palingenesis.core.policy.build import build
from palingenesis.core.policy.decide import Outcome
from palingenesis.core.policy.explain import Considered, Explanation, Reason, explain
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.needs import nearest_miss
from palingenesis.core.policy.telling import render
from palingenesis.core.world import Decision
from palingenesis.runtime import door

_REASONS_MOST = 6
_ALWAYS = 10**9
"""So often a rule has decided whose limit was reached."""


PolicyOf = Callable[[str], tuple[str, Mapping[str, Any]] | None]
"""Name and resolved form of the policy that was adopted under a digest."""


class Recomputing:
    """Tells what became of every rule in decisions, with the policies that the journal kept."""

    def __init__(self, policy_of: PolicyOf) -> None:
        self._policy_of = policy_of
        self._known: dict[str, Policy | None] = {}

    def __call__(self, decision: Decision) -> Sequence[door.Considered]:
        """See `considered`; empty when the policy is not known any more."""
        policy = self._policy(decision)
        return considered(policy, decision) if policy is not None else ()

    def told(self, decision: Decision) -> Sequence[str]:
        """The telling rules with their values, and the nearest miss; as lines of text."""
        policy = self._policy(decision)
        if policy is None:
            return ()

        def used(rule: str, _window: timedelta) -> int:
            return _ALWAYS if decision.limited and rule == decision.rule else 0

        found = explain(policy, decision.facts, used)
        miss = nearest_miss(policy, decision.facts, used, found)
        return render(found, miss=miss).splitlines()

    def _policy(self, decision: Decision) -> Policy | None:
        digest = decision.policy
        if digest not in self._known:
            kept = self._policy_of(digest)
            self._known[digest] = build(kept[1]) if kept is not None else None
        return self._known[digest]


def considered(policy: Policy, decision: Decision) -> list[door.Considered]:
    """Every rule of the policy that decided, in order, with its outcome and why.

    Args:
        policy: the one in force at the time of the decision.
        decision: of kind `decided`, with the facts it was made on.
    """
    return considered_of(explain(policy, decision.facts, _unused), limited=decision.limited)


def considered_of(told: Explanation, *, limited: bool) -> list[door.Considered]:
    """Every rule of an explanation, in order; `limited`: the one that won is used up."""
    return [
        {"rule": one.rule, "outcome": _outcome(one, limited=limited), "why": _why(one)}
        for one in told.considered
    ]


def _unused(_rule: str, _window: timedelta) -> int:
    """Whether the limit was reached is in the decision itself."""
    return 0


def _outcome(one: Considered, *, limited: bool) -> str:
    if not one.reached:
        return "not reached"
    match one.outcome:
        case Outcome.DECIDES if one.aside:
            return one.aside
        case Outcome.DECIDES:
            return "limited" if limited else "won"
        case Outcome.OTHER_EVENT:
            return "other event"
        case Outcome.FALSE | Outcome.UNKNOWN:
            return one.outcome.value


def _why(one: Considered) -> str:
    if not one.reached:
        return ""
    match one.outcome:
        case Outcome.OTHER_EVENT:
            return f"it is for {', '.join(one.events)}"
        case Outcome.UNKNOWN:
            return f"not known: {', '.join(one.unknown)}"
        case Outcome.FALSE:
            return next((_say(reason) for reason in one.reasons if reason.truth is False), "")
        case Outcome.DECIDES:
            return "; ".join(_say(reason) for reason in one.reasons) or "it has no condition"


def _say(reason: Reason) -> str:
    """The expression, and what the facts in it were."""
    values: dict[str, str | None] = {}
    for finding in reason.findings[:_REASONS_MOST]:
        values |= finding.facts
    known = ", ".join(f"{name} is {value or 'not known'}" for name, value in values.items())
    return f"{reason.text} ({known})" if known else reason.text
