"""The indexed form of a policy answers exactly as the evaluator of record does.

The long form, 100,000 random policies, each with several facts:

    PALINGENESIS_AGREEMENT=100000 python -m pytest -n0 --timeout=0 tests/policy/test_index.py
"""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core.facts import EVENTS, FACTS, STOP_REASONS, Kind
from palingenesis.core.policy.build import build
from palingenesis.core.policy.conditions import Condition, Part
from palingenesis.core.policy.decide import Outcome, decide, looked_at
from palingenesis.core.policy.index import Indexed, index, indexed
from palingenesis.core.policy.index.buckets import Buckets, found_by
from palingenesis.core.policy.index.clauses import MOST_CLAUSES, clauses
from palingenesis.core.policy.index.indexed import AHEAD, FEW, forms_for
from palingenesis.core.policy.index.straight import Straight, no_more
from palingenesis.core.policy.index.tables import Tables
from palingenesis.core.policy.model import Policy, Rule
from palingenesis.core.policy.terms import Not, Within
from tests.policy.strategies import critical_points, facts_about, policies
from tests.policy.texts import ROOT, compiled, policy, rules

EXAMPLES = int(os.environ.get("PALINGENESIS_AGREEMENT", "150"))
Facts = Mapping[str, Any]


def of_record(one: Policy, facts: Facts) -> list[int]:
    """The positions of the rules that are true, as the evaluator of record sees it."""
    outcomes = [outcome for _, outcome in looked_at(one, facts)]
    return [place for place, outcome in enumerate(outcomes) if outcome is Outcome.DECIDES]


def agree(one: Policy, forms: list[Indexed], facts: Facts) -> None:
    expected = of_record(one, facts)
    for form in forms:
        assert form.matching(facts) == expected, (form, facts)
        assert form.first(facts) == (expected[0] if expected else None), (form, facts)
        assert list(form.true(facts)) == [one.rules[place] for place in expected]


def every_form(one: Policy) -> list[Indexed]:
    """The index as straight-line code, as tables, and in buckets, whatever the number of rules."""
    return [
        Indexed(one.rules, few=len(one.rules)),
        Indexed(one.rules, few=0),
        Indexed(one.rules, few=0, enough=0),
    ]


# ── agreement ─────────────────────────────────────────────────────────────────────────────────


@given(policies(), st.data())
@settings(max_examples=EXAMPLES)
def test_random_policies_find_the_same_rules_in_every_form_for_facts_where_truth_turns(
    one: Policy, data: st.DataObject
) -> None:
    forms, points = every_form(one), critical_points(one)

    for _ in range(4):
        agree(one, forms, data.draw(facts_about(points)))


ONE_OF_EACH_KIND = {
    "work.state": "'valid'",
    "work.done": "true",
    "stop.attempt": "3",
    "stop.message": "'a'",
    "stop.retry_after": "90s",
    "session.context_used": "50%",
    "session.cost": "$5",
}


def every_question(fact: str, value: str) -> list[str]:
    """Everything that can be asked about one fact and one value, and its denial."""
    ordered = FACTS[fact].kind in {Kind.INT, Kind.DURATION, Kind.RATIO, Kind.MONEY}
    signs = ["==", "!=", *(["<", "<=", ">", ">="] if ordered else [])]
    sides = [fact, f"default({fact}, {value})"]
    asked = [f"{side} {sign} {value}" for side in sides for sign in signs]
    asked += [f"{value} {sign} {fact}" for sign in signs]
    asked += [f"{side} {word} ({value},)" for side in sides for word in ("in", "not in")]
    asked += [f"{side} {sign} {fact}" for side in sides for sign in signs]
    asked.append(f"known({fact})")
    if FACTS[fact].kind is Kind.TEXT:
        asked += [f"{word}({side}, 'a')" for word in ("contains", "matches") for side in sides]
    computed = [f"({one}) == true" for one in asked]
    computed += [f"({one} or work.next_file) == true" for one in asked]
    computed += [f"({one} and work.next_file) == true" for one in asked]
    pairs = [
        f"({fact} {one} {value} {word} {fact} {other} {value})"
        for one in signs
        for other in signs
        for word in ("and", "or")
    ]
    return [text.format(one) for one in [*asked, *computed, *pairs] for text in ("{}", "not ({})")]


@pytest.mark.parametrize(("fact", "value"), ONE_OF_EACH_KIND.items())
def test_every_question_about_every_kind_of_fact_has_the_same_answer_at_all_critical_points(
    fact: str, value: str
) -> None:
    made = [
        {"id": f"r{n}", "when": [text], "do": [{"finish": {}}]}
        for n, text in enumerate(every_question(fact, value))
    ]
    one = build({"version": 1, "rules": made, "default": {"do": []}})
    forms = every_form(one)

    for point in critical_points(one)[fact]:
        for other in (None, True, False):
            facts = {"event": "stopped", fact: point, "work.next_file": other}
            agree(one, forms, {name: value for name, value in facts.items() if value is not None})


SHIPPED = [
    path
    for folder in ("policies", "examples/policies")
    for path in sorted((ROOT / folder).glob("*.yaml"))
    if not path.name.endswith(".test.yaml")
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_policy_that_we_ship_decides_the_same_by_its_index_at_all_critical_points(
    path: Any,
) -> None:
    one = compiled(path.read_bytes()).policy
    assert one is not None, "it is valid: another test says so"
    forms, points, dice = every_form(one), critical_points(one), Random(7)

    for _ in range(400):
        chosen = {name: dice.choice(values) for name, values in points.items()}
        facts = {"event": dice.choice(EVENTS), **chosen}
        agree(one, forms, {name: value for name, value in facts.items() if value is not None})


@given(policies(), st.data(), st.integers(0, 3))
@settings(max_examples=max(60, EXAMPLES // 10))
def test_a_policy_decides_the_same_with_its_index_limits_delays_shadows_and_observers_included(
    one: Policy, data: st.DataObject, used: int
) -> None:
    facts = data.draw(facts_about(critical_points(one)))

    plain, fast = (decide(each, facts, lambda *_: used) for each in (one, indexed(one)))

    assert replace(fast, considered=()) == replace(plain, considered=())


# ── what the forms promise ────────────────────────────────────────────────────────────────────

ALPHABET = re.compile(
    r"(?:[vk]\d+|\d+|first|matching|facts|get|sort|rest|found|lower|make|facts\.get"
    r"|def|return|if|else|and|or|is|not|in|None|True|False|[\s(),:.=!<>+\[\]])+"
)


@given(policies())
@settings(max_examples=60)
def test_nothing_that_a_person_wrote_stands_in_the_code_that_is_made_of_a_policy(
    one: Policy,
) -> None:
    source = Straight([(n, rule.when) for n, rule in enumerate(one.rules)], no_more).source

    assert ALPHABET.fullmatch(source), source


def test_a_text_that_looks_like_code_is_a_constant_of_the_code() -> None:
    text = "k0)]; raise SystemExit #"
    one = policy(rules(f"  - id: a\n    when: \"stop.message == '{text}'\"\n    do: [finish]\n"))

    source = Straight([(0, one.rules[0].when)], no_more).source

    assert "SystemExit" not in source
    assert index(one).first({"event": "stopped", "stop.message": text}) == 0


def wide(pairs: int) -> Policy:
    """A policy whose one condition has two to the power of `pairs` alternatives."""
    facts = ["stop.retrying", "work.done", "agent.up", "agent.retrying", "host.network",
             "operator.paused", "work.next_file", "agent.supported"]  # fmt: skip
    pair = "({} or stop.attempt == {})".format
    text = " and ".join(pair(fact, number) for number, fact in enumerate(facts[:pairs]))
    return policy(rules(f"  - id: wide\n    when: {text}\n    do: [finish]\n"))


@pytest.mark.parametrize("pairs", [1, 3, 4, 5, 8])
def test_a_condition_is_spread_out_into_at_most_sixteen_clauses_and_still_agrees(
    pairs: int,
) -> None:
    one = wide(pairs)
    forms, points, dice = every_form(one), critical_points(one), Random(pairs)

    assert len(clauses(one.rules[0].when)) <= MOST_CLAUSES
    for _ in range(200):
        chosen = {name: dice.choice([True, True, *values]) for name, values in points.items()}
        facts = {"event": "stopped", **chosen, "stop.attempt": dice.choice([None, 0, 1, 2])}
        agree(one, forms, {name: value for name, value in facts.items() if value is not None})


def test_alternatives_about_one_fact_are_one_clause() -> None:
    one = policy(
        rules("  - {id: a, when: 'stop.attempt < 2 or stop.attempt in (5, 7)', do: [finish]}\n")
    )

    assert len(clauses(one.rules[0].when)) == 1


def test_a_condition_that_can_never_be_true_costs_nothing() -> None:
    one = policy(rules("  - {id: a, when: stop.attempt < 2 and stop.attempt > 5, do: [finish]}\n"))

    assert clauses(one.rules[0].when) == ()


def test_a_table_that_would_be_too_large_is_not_built_and_the_answers_stay_the_same() -> None:
    one = policy(
        rules("".join(
            f"  - {{id: r{n}, when: stop.attempt >= {n} and session.messages < 9, do: [finish]}}\n"
            for n in range(50)
        ))
    )  # fmt: skip
    listening = [
        (place, clause) for place, rule in enumerate(one.rules) for clause in clauses(rule.when)
    ]
    small, usual = Tables(listening, largest=0), Tables(listening)

    for attempt in (-1, 0, 7, 49, 1000, None, True):
        facts = {"event": "stopped", "session.messages": 3, "stop.attempt": attempt}
        expected = of_record(one, facts)
        assert small.matching(facts) == usual.matching(facts) == expected
        assert small.first(facts) == usual.first(facts) == (expected[0] if expected else None)


def test_many_rules_about_few_values_are_kept_in_buckets_and_still_agree() -> None:
    dice = Random(3)
    asked = [
        "stop.reason == '{}'", "stop.reason in ('{}', '{}')", "not (stop.reason != '{}')",
        "stop.reason == '{}' and stop.model == 'm{n}'", "default(stop.reason, 'crash') == '{}'",
        "stop.reason == '{}' and (stop.attempt > {n} or contains(stop.message, 'a'))",
    ]  # fmt: skip
    rare = ["known(stop.reason)", "stop.reason != '{}'", "not known(stop.reason)"]
    texts = [
        dice.choice(asked if n % 20 else rare).format(*dice.sample(STOP_REASONS, 2), n=n % 7)
        for n in range(200)
    ]
    made = [{"id": str(n), "when": [text], "do": []} for n, text in enumerate(texts)]
    one = build({"version": 1, "rules": made, "default": {"do": []}})
    owned = [(n, clause) for n, rule in enumerate(one.rules) for clause in clauses(rule.when)]
    points, form = critical_points(one), index(one)

    assert isinstance(found_by(owned), Buckets)
    for _ in range(300):
        chosen = {name: dice.choice(values) for name, values in points.items()}
        facts = {**chosen, "event": "stopped", "stop.reason": dice.choice(STOP_REASONS)}
        for row in (facts, {**facts, "stop.reason": chosen["stop.reason"]}):
            agree(one, [form], {name: value for name, value in row.items() if value is not None})


def test_calendars_are_true_false_or_unknown_in_every_form() -> None:
    quiet = Within(start=0, end=0, calendar="quiet")
    never_quiet = Not(start=0, end=0, term=quiet)
    made = tuple(
        Rule(id=str(n), when=Condition(parts=(Part(text="", term=term),)), steps=())
        for n, term in enumerate((quiet, never_quiet))
    )
    one = replace(policy(rules("  - {id: a, do: [finish]}\n")), rules=made)

    for value, expected in ((True, [0]), (False, [1]), (None, []), (1, []), ("true", [])):
        facts = {"event": "stopped", quiet.key: value}
        assert of_record(one, facts) == expected
        agree(one, every_form(one), facts)


@pytest.mark.parametrize(("count", "written"), [(1, True), (FEW, True), (FEW + 1, False)])
def test_few_rules_are_code_and_many_are_tables(count: int, *, written: bool) -> None:
    one = policy(rules("".join(f"  - {{id: r{n}, do: [finish]}}\n" for n in range(count))))

    _, matching = forms_for(one.rules, "stopped")

    assert (getattr(matching, "__self__", None) is None) is written  # a method of the tables


def test_rules_that_are_tried_ahead_of_the_tables_are_found_there_too() -> None:
    body = "".join(f"  - {{id: r{n}, when: stop.attempt <= {n}, do: [finish]}}\n" for n in range(9))
    one = policy(rules(body))
    form = Indexed(one.rules, few=AHEAD)

    for attempt in range(-1, 11):
        agree(one, [form], {"event": "stopped", "stop.attempt": attempt})


def test_what_is_too_large_to_be_spread_or_written_down_is_found_all_the_same() -> None:
    pairs = " and ".join(f"(stop.attempt == {n} or stop.reason == 'crash')" for n in range(9))
    head = (
        "time-zone: UTC\n"
        "calendars: {night: {days: [mon], from: '22:00', to: '06:00'}}\n"
        "define: {done: work.done and known(session.cost)}\n"
    )
    whens = (
        pairs,
        f"({pairs}) or not (done or within('night') or count(crash, 1h) > 2)",
        f"not ({pairs}) and not done",
        " and ".join(f"(stop.attempt > {n} or session.messages > {n})" for n in range(5)),
        "'a' == 'a'",
        "contains('abc', 'd')",
    )
    made = "".join(
        f'  - {{id: r{n}, when: "{when}", do: [finish]}}\n' for n, when in enumerate(whens)
    )
    one = policy(head + rules(made))
    night = next(name for name in critical_points(one) if name.startswith("within("))
    count = next(name for name in critical_points(one) if name.startswith("count("))

    for reason in ("crash", "quota"):
        for attempt in (0, 9):
            for open_now in (True, False):
                for crashes in (0, 3):
                    facts = {
                        "event": "stopped", "stop.reason": reason, "stop.attempt": attempt,
                        night: open_now, count: crashes, "work.done": open_now,
                    }  # fmt: skip
                    agree(one, every_form(one), facts)
                    agree(one, every_form(one), {**facts, "session.cost": 1.0})


def test_where_the_index_finds_no_rule_the_default_decides() -> None:
    one = policy(rules("  - {id: a, when: stop.reason == 'quota', do: [finish]}\n"))
    quick = replace(one, finder=Indexed(one.rules))
    facts = {"event": "stopped", "stop.reason": "crash"}

    assert decide(quick, facts, lambda *_: 0) == replace(
        decide(one, facts, lambda *_: 0), considered=()
    )
