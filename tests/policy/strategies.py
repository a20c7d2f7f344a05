"""Random expressions, policies and facts for laws of the language, and points where truth turns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from math import inf, nan, nextafter
from typing import Any

from hypothesis import strategies as st

from palingenesis.core.facts import EVENTS, FACTS, Fact, Kind
from palingenesis.core.policy.build import build
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.lexing import quoted
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.terms import (
    Among,
    Comparison,
    Contains,
    Count,
    Default,
    FactOf,
    Literal,
    Term,
    Within,
    parts,
)
from palingenesis.core.values import FactValue, StopReason

ASKABLE = [fact for fact in FACTS.values() if not fact.only_text]
COUNT = "count(crash, 15m)"
COUNTED = FactOf(start=0, end=0, name=COUNT, kind=Kind.INT)

# ── any value, any expression ─────────────────────────────────────────────────────────────────


def values_of(kind: Kind, values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    match kind:
        case Kind.BOOL:
            return st.booleans()
        case Kind.INT:
            return st.integers(0, 999)
        case Kind.TEXT:
            return st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)
        case Kind.ENUM:
            return st.sampled_from(values)
        case Kind.DURATION:
            return st.integers(0, 10**7).map(lambda s: timedelta(seconds=s))
        case Kind.RATIO:
            return st.integers(0, 200).map(lambda n: n / 100)
        case Kind.MONEY:
            return st.integers(0, 9999).map(lambda n: n / 100)


def written(kind: Kind, value: Any) -> str:
    return quoted(value) if isinstance(value, str) else show_literal(kind, value)


@st.composite
def comparisons(draw: st.DrawFn, facts: Sequence[Fact] = ASKABLE) -> str:
    fact = draw(st.sampled_from(facts))
    some = values_of(fact.kind, fact.values) if facts is ASKABLE else few_values_of(fact)
    value = written(fact.kind, draw(some))
    ordered = fact.kind in {Kind.INT, Kind.DURATION, Kind.RATIO, Kind.MONEY}
    sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="] if ordered else ["==", "!="]))
    left = draw(st.sampled_from([fact.name, f"default({fact.name}, {value})"]))
    others = [f"{left} {sign} {value}", f"{left} in ({value}, {value})", f"known({fact.name})",
              f"{left} not in [{value}]", f"{COUNT} >= 3", f"{value} {sign} {left}"]  # fmt: skip
    if fact.kind is Kind.BOOL:
        others += [left, f"({left} {sign} true) == (known({fact.name}))"]
    if fact.kind is Kind.TEXT:
        others += [f"contains({left}, 'a')", f"matches({left}, '^a+b?')"]
    if facts is not ASKABLE:
        others += ["true", "within('quiet')"]
    peers = [one.name for one in facts if one.kind is fact.kind]
    others.append(f"{left} {sign} {draw(st.sampled_from(peers))}")
    return draw(st.sampled_from(others))


def expressions_over(
    facts: Sequence[Fact] = ASKABLE, max_leaves: int = 5
) -> st.SearchStrategy[str]:
    return st.recursive(
        comparisons(facts),
        lambda inner: st.one_of(
            inner.map("not ({})".format),
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda p: f"({' '.join(p)})"
            ),
        ),
        max_leaves=max_leaves,
    )


expressions = expressions_over()


@st.composite
def snapshots(draw: st.DrawFn) -> dict[str, FactValue]:
    """Some facts, some of them of the wrong type."""
    found: dict[str, FactValue] = {}
    for fact in draw(st.lists(st.sampled_from(ASKABLE), max_size=25)):
        wrong = st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.floats())
        found[fact.name] = draw(st.one_of(values_of(fact.kind, fact.values), wrong))
    if draw(st.booleans()):
        found[COUNT] = draw(st.integers(0, 9))
    return found


# ── whole policies that talk about the same few facts ─────────────────────────────────────────


def few_values_of(fact: Fact) -> st.SearchStrategy[Any]:
    """Values so few that different rules, and the facts, meet at the same ones."""
    match fact.kind:
        case Kind.BOOL:
            return st.booleans()
        case Kind.INT:
            return st.sampled_from([0, 1, 3, 429])
        case Kind.TEXT:
            return st.sampled_from(["", "a", "AB", "night-1"])
        case Kind.ENUM:
            return st.sampled_from(fact.values[:4])
        case Kind.DURATION:
            return st.sampled_from([timedelta(0), timedelta(seconds=90), timedelta(hours=1)])
        case Kind.RATIO:
            return st.sampled_from([0.0, 0.5, 0.8, 1.0])
        case Kind.MONEY:
            return st.sampled_from([0.0, 5.0, 20.0])


@st.composite
def policies(draw: st.DrawFn, most: int = 6) -> Policy:
    """Policies of a few rules, whose conditions ask about a handful of facts."""
    theme = draw(st.lists(st.sampled_from(ASKABLE), min_size=1, max_size=4, unique=True))
    heard = st.one_of(
        st.just(["stopped"]), st.lists(st.sampled_from(EVENTS), min_size=1, unique=True)
    )
    bodies = st.fixed_dictionaries(
        {"event": heard, "when": st.lists(expressions_over(theme), max_size=2)},
        optional={
            "mode": st.just("shadow"),
            "continue": st.just(True),
            "for": st.just("5m"),
            "limit": st.just({"max": 2, "per": "1h"}),
        },
    )
    rules = [
        {"id": f"rule-{number}", **body, "do": [{"log": {"message": str(number)}}]}
        for number, body in enumerate(draw(st.lists(bodies, min_size=1, max_size=most)))
    ]
    return build(
        {
            "version": 1,
            "calendars": {
                "quiet": {"days": ["mon"], "from": "22:30", "to": "07:00", "zone": "UTC"}
            },
            "zones": {},
            "rules": rules,
            "default": {"do": [{"attention": {}}]},
        }
    )


# ── where truth turns ─────────────────────────────────────────────────────────────────────────

STRANGE: tuple[Any, ...] = (None, True, 1, 0, -1, 0.5, nan, inf, -0.0, "", "a", timedelta(0),
                            StopReason.QUOTA, 10**400)  # fmt: skip
"""Values of every type, so of a wrong one for each fact, too; None: the fact is missing."""


def critical_points(policy: Policy) -> dict[str, list[Any]]:
    """For every fact that the rules ask for: values at, just beside and far from each constant."""
    found: dict[str, dict[str, Any]] = {}
    for rule in policy.rules:
        for part in rule.when.parts if rule.when is not None else ():
            for fact, constant in _asked(part.term):
                points = found.setdefault(fact.name, {repr(one): one for one in STRANGE})
                near = [*_around(constant), *fact.values]
                points.update((repr(one), one) for one in near)
    return {name: list(points.values()) for name, points in found.items()}


def _asked(term: Term) -> Iterator[tuple[FactOf, FactValue | None]]:
    """Facts of a term, each with every constant that stands beside it."""
    inside = parts(term)
    facts = [_fact(one) for one in (term, *inside)]
    constants: list[FactValue | None] = [None]
    match term:
        case Comparison():
            constants += [one.value for one in inside if isinstance(one, Literal)]
        case Among(options=options):
            constants += options
        case Default(fallback=fallback):
            constants.append(fallback)
        case Contains(part=part):
            constants += [part, part.upper(), f"so {part}!"]
    for fact in facts:
        if fact is not None:
            yield from ((fact, constant) for constant in constants)
    for one in inside:
        yield from _asked(one)


def _fact(term: Term) -> FactOf | None:
    match term:
        case FactOf():
            return term
        case Default(fact=fact):
            return fact
        case Count(key=key):
            return FactOf(start=0, end=0, name=key, kind=Kind.INT)
        case Within(key=key):
            return FactOf(start=0, end=0, name=key, kind=Kind.BOOL)
        case _:
            return None


def _around(constant: FactValue | None) -> Iterable[FactValue]:
    match constant:
        case None:
            return ()
        case bool():
            return (True, False)
        case int():
            return (constant - 1, constant, constant + 1, float(constant))
        case float():
            return (nextafter(constant, -inf), constant, nextafter(constant, inf), int(constant))
        case timedelta():
            return (constant - timedelta.resolution, constant, constant + timedelta.resolution)
        case _:
            return (constant, constant.upper(), f"{constant}x")


@st.composite
def facts_about(draw: st.DrawFn, points: Mapping[str, Sequence[Any]]) -> dict[str, FactValue]:
    """A snapshot made of such points; some facts are missing."""
    chosen = {name: draw(st.sampled_from(values)) for name, values in points.items()}
    event = st.sampled_from(("stopped", "stopped", *EVENTS, "nothing", 1, None))
    chosen.setdefault("event", None)
    if chosen["event"] is None:
        chosen["event"] = draw(event)
    return {name: value for name, value in chosen.items() if value is not None}
