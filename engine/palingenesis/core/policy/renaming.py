"""Renaming: rules of a new policy that are rules of the old one under another id.

A rule's id is in every decision, and its counters belong to it. A new name is no mistake, so the
language accepts it; but a name that changed by a slip of the finger should not go unseen.
"""

from collections.abc import Mapping
from typing import Any

from palingenesis.core.facts import did_you_mean
from palingenesis.core.policy.model import Policy


def renamed_ids(old: Policy, new: Policy) -> tuple[tuple[str, str], ...]:
    """Pairs of (old id, new id), in the order of the new policy.

    A rule counts as renamed if its id is new, and an old one that is gone did the same thing or
    had nearly the same name.
    """
    before, after = _rules(old), _rules(new)
    gone = [name for name in before if name not in after]
    found = []
    for name, rule in after.items():
        if name in before:
            continue
        same = [other for other in gone if before[other] == rule]
        near = [other for other in gone if did_you_mean(name, [other])]
        for other in (same or near)[:1]:
            gone.remove(other)
            found.append((other, name))
    return tuple(found)


def _rules(policy: Policy) -> dict[str, Mapping[str, Any]]:
    """What each rule does, without its name and its place."""
    return {
        str(rule["id"]): {key: it for key, it in rule.items() if key not in {"id", "line", "file"}}
        for rule in policy.resolved["rules"]
    }


def said_of(old: str, new: str) -> str:
    """What is told about a rule that has another id now."""
    return f"rule '{old}' is called '{new}' now: its counters begin anew"
