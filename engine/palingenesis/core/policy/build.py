"""Building: the resolved form of a policy -> a policy. Needs neither YAML nor a schema.

The resolved form is plain JSON. It is what the journal keeps, so that any decision can be made
again years later without the file it came from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import EVENTS, parse_duration
from palingenesis.core.policy.conditions import compile_condition, windows
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.policy.model import Limit, Policy, Rule
from palingenesis.core.policy.steps import build_steps
from palingenesis.core.policy.terms import Named

TIMINGS: Final[Mapping[str, str]] = {
    "healthy-after": "10m",
    "verify-within": "2m",
    "stall-after": "10m",
}
"""Spans that a policy may set at its top level, and what they are otherwise."""


def build(resolved: Mapping[str, Any]) -> Policy:
    """Make a policy from its resolved form.

    Raises:
        InvalidConfigError: it is not the form that `compile_text` makes.
    """
    try:
        return _build(resolved)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise InvalidConfigError(f"the resolved policy is damaged: {problem!r}") from None


def digest_of(resolved: Mapping[str, Any]) -> str:
    """SHA-256 of what a policy does, without its name and line numbers."""
    essence = {key: value for key, value in resolved.items() if key != "name"}
    essence["rules"] = [
        {key: value for key, value in rule.items() if key != "line"} for rule in resolved["rules"]
    ]
    text = json.dumps(essence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _build(resolved: Mapping[str, Any]) -> Policy:
    if resolved["version"] != 1:
        raise InvalidConfigError(f"the policy has version {resolved['version']}; this is 1")
    scope = Scope(defines=_defines(resolved.get("define", ())))
    rules = tuple(_rule(plain, scope) for plain in resolved["rules"])
    counted = [windows(rule.when) for rule in rules if rule.when is not None]
    spans = {key: _timing(resolved, key) for key in TIMINGS}
    return Policy(
        name=str(resolved.get("name", "")),
        digest=digest_of(resolved),
        resolved=resolved,
        rules=rules,
        default=build_steps(resolved["default"]["do"]),
        windows=frozenset[tuple[str, timedelta]]().union(*counted),
        healthy_after=spans["healthy-after"],
        verify_within=spans["verify-within"],
        stall_after=spans["stall-after"],
    )


def _timing(resolved: Mapping[str, Any], key: str) -> timedelta:
    return parse_duration(resolved.get(key, TIMINGS[key]))


def _defines(plain: Iterable[Mapping[str, str]]) -> dict[str, Named | None]:
    """Named conditions; the resolved form is a list, each after those it uses."""
    found: dict[str, Named | None] = {}
    for one in plain:
        name, text = one["name"], one["when"]
        condition = compile_condition((text,), Scope(defines=found))
        term = condition.parts[0].term
        found[name] = Named(start=0, end=len(text), name=name, term=term, text=text)
    return found


def _rule(plain: Mapping[str, Any], scope: Scope) -> Rule:
    texts = tuple(plain.get("when", ()))
    limit = plain.get("limit")
    events = frozenset(plain.get("event", ("stopped",)))
    if not events <= set(EVENTS):
        raise InvalidConfigError(f"rule '{plain['id']}' names an unknown event")
    return Rule(
        id=str(plain["id"]),
        why=str(plain.get("why", "")),
        events=events,
        when=compile_condition(texts, scope) if texts else None,
        steps=build_steps(plain["do"]),
        limit=None if limit is None else _limit(limit),
        delay=parse_duration(plain["for"]) if "for" in plain else None,
        line=int(plain.get("line", 0)),
    )


def _limit(plain: Mapping[str, Any]) -> Limit:
    return Limit(
        most=int(plain["max"]),
        per=parse_duration(plain["per"]),
        then=build_steps(plain.get("then", [])),
    )
