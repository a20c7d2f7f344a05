"""Building: the resolved form of a policy -> a policy. Needs neither YAML nor a schema.

The resolved form is plain JSON. It is what the journal keeps, so that any decision can be made
again years later without the file it came from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from typing import Any, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import EVENTS, parse_duration
from palingenesis.core.plans import Step, Wait
from palingenesis.core.policy.calendars import DAYS, UTC_ZONE, Calendar, Zone
from palingenesis.core.policy.conditions import Condition, compile_condition, windows
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.policy.lexing import without_blanks
from palingenesis.core.policy.matching import conditions_of
from palingenesis.core.policy.model import Cap, Limit, Mode, Never, Overlay, Policy, Rule
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
    """SHA-256 of what a policy does, without its name, its files and line numbers."""
    essence = {key: value for key, value in resolved.items() if key != "name"}
    for key in ("rules", "never"):
        if key in essence:
            essence[key] = [_placeless(one) for one in essence[key]]
    if "overlays" in essence:
        essence["overlays"] = [
            [one["directory"], digest_of(one["policy"])] for one in essence["overlays"]
        ]
    text = json.dumps(_bare(essence), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _placeless(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plain.items() if key not in {"line", "file"}}


def _bare(plain: Any, key: str = "") -> Any:
    """The resolved form with its expressions free of blanks that mean nothing."""
    if isinstance(plain, Mapping):
        return {name: _bare(value, name) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_bare(value, key) for value in plain]
    if isinstance(plain, str) and key in {"when", "for-condition"}:
        return without_blanks(plain)
    return plain


def _build(resolved: Mapping[str, Any]) -> Policy:
    if resolved["version"] != 1:
        raise InvalidConfigError(f"the policy has version {resolved['version']}; this is 1")
    calendars = _calendars(resolved)
    names = frozenset(calendars)
    scope = Scope(defines=_defines(resolved.get("define", ()), names), calendars=names)
    rules = tuple(_rule(plain, scope) for plain in resolved["rules"] if _is_built(plain))
    default = build_steps(resolved["default"]["do"])
    caps = tuple(_cap(what, plain) for what, plain in resolved.get("limits", {}).items())
    conditions = _conditions(rules, (*default, *(step for cap in caps for step in cap.then)), scope)
    asked = [rule.when for rule in rules if rule.when is not None]
    spans = {key: _timing(resolved, key) for key in TIMINGS}
    return Policy(
        name=str(resolved.get("name", "")),
        digest=digest_of(resolved),
        resolved=resolved,
        rules=rules,
        default=default,
        windows=frozenset[tuple[str, timedelta]]().union(
            *(windows(one) for one in (*asked, *conditions.values()))
        ),
        mode=Mode(resolved.get("mode", Mode.ENFORCE)),
        caps=caps,
        calendars=calendars,
        zone=zone_of(resolved.get("zones", {}), resolved.get("time-zone", "UTC")),
        conditions=conditions,
        never=tuple(_never(plain, scope) for plain in resolved.get("never", ())),
        overlays=tuple(_overlay(plain) for plain in resolved.get("overlays", ())),
        healthy_after=spans["healthy-after"],
        verify_within=spans["verify-within"],
        stall_after=spans["stall-after"],
    )


def _overlay(plain: Mapping[str, Any]) -> Overlay:
    return Overlay(
        directory=str(plain["directory"]),
        policy=_build(plain["policy"]),
        file=str(plain.get("file", "")),
        trusted=bool(plain.get("trusted", False)),
    )


def _is_built(rule: Mapping[str, Any]) -> bool:
    return bool(rule.get("mode") != Mode.OFF)


def _calendars(resolved: Mapping[str, Any]) -> dict[str, Calendar]:
    return {
        name: Calendar(
            name=name,
            days=frozenset(DAYS.index(day) for day in plain["days"]),
            start=time.fromisoformat(plain["from"]),
            end=time.fromisoformat(plain["to"]),
            zone=zone_of(resolved["zones"], plain["zone"]),
        )
        for name, plain in resolved.get("calendars", {}).items()
    }


def zone_of(tables: Mapping[str, Any], name: str) -> Zone:
    """A zone from the tables of the resolved form."""
    if name == UTC_ZONE.name:
        return UTC_ZONE
    table = tables[name]
    return Zone(name=name, changes=tuple(table["changes"]), offsets=tuple(table["offsets"]))


def _conditions(
    rules: Iterable[Rule], more: tuple[Step, ...], scope: Scope
) -> dict[str, Condition]:
    """Every `for-condition:` of any plan, by its text."""
    steps = [*more]
    for rule in rules:
        steps += (*rule.steps, *(rule.limit.then if rule.limit is not None else ()))
    texts = {step.condition for step in steps if isinstance(step, Wait) and step.condition}
    return {text: compile_condition((text,), scope) for text in sorted(texts)}


def _timing(resolved: Mapping[str, Any], key: str) -> timedelta:
    return parse_duration(resolved.get(key, TIMINGS[key]))


def _defines(
    plain: Iterable[Mapping[str, str]], calendars: frozenset[str]
) -> dict[str, Named | None]:
    """Named conditions; the resolved form is a list, each after those it uses."""
    found: dict[str, Named | None] = {}
    for one in plain:
        name, text = one["name"], one["when"]
        condition = compile_condition((text,), Scope(defines=found, calendars=calendars))
        term = condition.parts[0].term
        found[name] = Named(start=0, end=len(text), name=name, term=term, text=text)
    return found


def _rule(plain: Mapping[str, Any], scope: Scope) -> Rule:
    texts = (*conditions_of(plain.get("match", {})), *plain.get("when", ()))
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
        mode=Mode(plain.get("mode", Mode.ENFORCE)),
        observes=bool(plain.get("continue", False)),
        line=int(plain.get("line", 0)),
        file=str(plain.get("file", "")),
    )


def _limit(plain: Mapping[str, Any]) -> Limit:
    return Limit(
        most=int(plain["max"]),
        per=parse_duration(plain["per"]),
        then=build_steps(plain.get("then", [])),
    )


def _cap(what: str, plain: Mapping[str, Any]) -> Cap:
    limit = _limit(plain)
    return Cap(what=what, most=limit.most, per=limit.per, then=limit.then)


def _never(plain: Mapping[str, Any], scope: Scope) -> Never:
    return Never(
        id=str(plain["id"]),
        actions=frozenset(plain["do"]),
        when=compile_condition((plain["when"],), scope) if "when" in plain else None,
        without=plain.get("without"),
        why=str(plain.get("why", "")),
        line=int(plain.get("line", 0)),
    )
