"""Random policies with whole plans, whose rules get into each other's way."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from palingenesis.core.facts import EVENTS, FACTS, STOP_REASONS, Fact, Kind
from palingenesis.core.policy.build import build
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.lexing import quoted
from palingenesis.core.policy.model import Policy

ASKABLE: tuple[Fact, ...] = tuple(fact for fact in FACTS.values() if not fact.only_text)
ORDERED = frozenset({Kind.INT, Kind.DURATION, Kind.RATIO, Kind.MONEY})
FEW_VALUES: Mapping[Kind, tuple[Any, ...]] = {
    Kind.BOOL: (True, False),
    Kind.INT: (-1, 0, 1, 3, 4, 200, 429),
    Kind.TEXT: ("", "a", "b", "abc", "It's"),
    Kind.DURATION: (timedelta(0), timedelta(seconds=90), timedelta(minutes=20)),
    Kind.RATIO: (0.0, 0.6, 0.8, 1.0),
    Kind.MONEY: (0.0, 2.5, 20.0),
}
"""Values that conditions are made of: few, so that rules get into each other's way."""


def values_of(fact: Fact) -> tuple[Any, ...]:
    return fact.values or FEW_VALUES[fact.kind]


def written(kind: Kind, value: Any) -> str:
    return quoted(value) if isinstance(value, str) else show_literal(kind, value)


@st.composite
def atoms(draw: st.DrawFn, facts: tuple[Fact, ...] = ASKABLE) -> str:
    """One comparison, or one call."""
    fact = draw(st.sampled_from(facts))
    values = [written(fact.kind, value) for value in values_of(fact)]
    value, other = draw(st.sampled_from(values)), draw(st.sampled_from(values))
    signs = ["==", "!=", "<", "<=", ">", ">="] if fact.kind in ORDERED else ["==", "!="]
    sign = draw(st.sampled_from(signs))
    left = draw(st.sampled_from([fact.name, fact.name, f"default({fact.name}, {other})"]))
    forms = [
        f"{left} {sign} {value}",
        f"{value} {sign} {left}",
        f"{left} in ({value}, {other})",
        f"{left} not in ({value}, {other})",
        f"known({fact.name})",
    ]
    what, window = draw(st.sampled_from(["crash", "stopped"])), draw(st.sampled_from(["15m", "1h"]))
    compare = draw(st.sampled_from([">=", "<", "=="]))
    forms.append(f"count({what}, {window}) {compare} {draw(st.integers(0, 3))}")
    twins = [one.name for one in facts if one.kind is fact.kind]
    forms.append(f"{left} {sign} {draw(st.sampled_from(twins))}")
    if fact.kind is Kind.BOOL:
        forms += [left, f"({left} == known({fact.name}))", f"{left} in (true, false)"]
    if fact.kind in {Kind.TEXT, Kind.ENUM}:
        part = draw(st.sampled_from(["a", "B", "ab", "t"]))
        forms += [f"contains({left}, '{part}')", f"matches({left}, '^{part}.?')"]
    return draw(st.sampled_from(forms))


def expressions(facts: tuple[Fact, ...] = ASKABLE, leaves: int = 6) -> st.SearchStrategy[str]:
    """Conditions: atoms joined by `and`, `or`, `not`."""
    return st.recursive(
        atoms(facts),
        lambda inner: st.one_of(
            inner.map("not ({})".format),
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda found: f"({' '.join(found)})"
            ),
        ),
        max_leaves=leaves,
    )


PLANS: tuple[list[dict[str, dict[str, Any]]], ...] = (
    [{"finish": {}}],
    [{"stand-down": {}}],
    [{"attention": {"reason": "look"}}],
    [{"notify": {"message": "hello"}}, {"attention": {}}],
    [{"resume": {}}],
    [{"wait": {"backoff": {"first": "10s", "max": "5m"}}}, {"resume": {"message": "go on"}}],
    [{"wait": {"until": "retry_after", "else": "1h"}}, {"retry": {}}],
    [{"snapshot": {}}, {"new-session": {}}],
    [{"new-session": {"if-missing": "attention"}}],
    [{"restart": {}}, {"resume": {}}],
    [{"delegate": {"until": "5m"}}],
    [{"interrupt": {}}, {"switch-model": {"to": "a/b"}}, {"resume": {}}],
)
LIMITS: tuple[dict[str, Any] | None, ...] = (
    None,
    None,
    {"max": 3, "per": "1h"},
    {"max": 2, "per": "30m", "then": [{"attention": {"reason": "limit"}}]},
    {"max": 1, "per": "10m", "then": [{"resume": {}}]},
)


@st.composite
def rules(draw: st.DrawFn, number: int, facts: tuple[Fact, ...]) -> dict[str, Any]:
    """One rule in its resolved form."""
    found: dict[str, Any] = {
        "id": f"r{number}",
        "line": number + 1,
        "event": draw(
            st.one_of(
                st.just(["stopped"]),
                st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3, unique=True),
            )
        ),
        "do": draw(st.sampled_from(PLANS)),
    }
    when = draw(st.lists(expressions(facts, leaves=4), max_size=2))
    if draw(st.booleans()):
        reasons = draw(st.lists(st.sampled_from(STOP_REASONS), min_size=1, max_size=3))
        when.insert(0, f"stop.reason in [{', '.join(map(quoted, reasons))}]")
    if when:
        found["when"] = when
    limit = draw(st.sampled_from(LIMITS))
    if limit is not None:
        found["limit"] = limit
    return found


@st.composite
def resolved_policies(
    draw: st.DrawFn, most: int = 6, facts: tuple[Fact, ...] | None = None
) -> dict[str, Any]:
    """A policy in its resolved form; its rules ask about a few facts, the same ones."""
    chosen = facts or tuple(draw(st.lists(st.sampled_from(ASKABLE), min_size=1, max_size=4)))
    count = draw(st.integers(1, most))
    return {
        "version": 1,
        "name": "random",
        "rules": [draw(rules(number, chosen)) for number in range(count)],
        "default": {"do": draw(st.sampled_from(PLANS))},
    }


def policies(most: int = 6) -> st.SearchStrategy[Policy]:
    """Random policies, built."""
    return resolved_policies(most).map(build)
