"""Laws of the language: total evaluation, Kleene's logic, and reading that never raises."""

import json
import time
from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from palingenesis.core.facts import Kind, parse_duration, show_duration
from palingenesis.core.policy.build import build
from palingenesis.core.policy.conditions import Evaluator, Truth
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.expressions import Scope, read_expression
from palingenesis.core.policy.patterns import PatternError, compile_pattern
from palingenesis.core.policy.read import read
from palingenesis.core.policy.terms import AllOf, AnyOf, FactOf, Literal, Not, Term
from palingenesis.core.values import FactValue
from tests.policy.strategies import expressions, snapshots
from tests.policy.texts import SHIPPED, compiled, policy, with_when

FEW = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@given(expressions, snapshots())
@settings(FEW, max_examples=300)
def test_every_well_typed_expression_is_true_false_or_unknown_for_any_facts(
    text: str, facts: dict[str, FactValue]
) -> None:
    reading = read_expression(text, Scope(), longest=5_000)

    assert not reading.mistakes, text
    assert reading.term is not None
    assert Evaluator(facts).truth(reading.term) in {True, False, None}


@given(expressions)
@FEW
def test_without_any_fact_only_known_and_default_give_an_answer(text: str) -> None:
    reading = read_expression(text, Scope(), longest=5_000)
    assert reading.term is not None

    truth = Evaluator({}).truth(reading.term)

    assert truth is None or "known(" in text or "default(" in text


def literal(truth: Truth) -> Term:
    if truth is None:
        return FactOf(start=0, end=0, name="work.done", kind=Kind.BOOL)
    return Literal(start=0, end=0, kind=Kind.BOOL, value=truth)


def value(term: Term) -> Truth:
    return Evaluator({}).truth(term)


def both(*truths: Truth) -> Truth:
    return value(AllOf(start=0, end=0, terms=tuple(literal(one) for one in truths)))


def either(*truths: Truth) -> Truth:
    return value(AnyOf(start=0, end=0, terms=tuple(literal(one) for one in truths)))


def negated(truth: Truth) -> Truth:
    return value(Not(start=0, end=0, term=literal(truth)))


truths = st.sampled_from([True, False, None])


@given(truths, truths, truths)
def test_the_logic_is_kleenes(a: Truth, b: Truth, c: Truth) -> None:
    order = {False: 0, None: 1, True: 2}
    assert both(a, b) == min(a, b, key=order.__getitem__)
    assert either(a, b) == max(a, b, key=order.__getitem__)
    assert both(a, b) == both(b, a)
    assert either(a, b) == either(b, a)
    assert both(a, b, c) == both(a, both(b, c))
    assert negated(negated(a)) == a
    assert negated(both(a, b)) == either(negated(a), negated(b))
    assert both(a, either(b, c)) == either(both(a, b), both(a, c))


pieces = st.sampled_from(
    ["version: 1\n", "rules:\n", "  - id: a\n", "    do: [", "]", "{", "}", "- ", "? ", ": ", "&a ",
     "*a ", "!x ", "'", '"', "|\n", ">\n", "\t", "---\n", "...\n", "%YAML 9\n", "# ", "<<: ",
     "when: ", "stop.reason", " == ", "default:\n", "\ufeff", "\x00", "\u2028", "é", "\r\n", " "]
)  # fmt: skip


@given(st.one_of(st.text(), st.binary(), st.lists(pieces, max_size=40).map("".join)))
@settings(FEW, max_examples=300)
@example("- " * 100_000)
@example("[" * 100_000)
@example("{a: " * 50_000)
@example("? " * 100_000)
@example("a: &a [*a, *a]\n" * 1000)
@example("'" * 200_000)
@example("a:\n" * 60_000)
@example("x: |\n" + " a\n" * 60_000)
@example("\n" * 200_000)
def test_reading_anything_takes_less_than_a_second_and_never_raises(data: str | bytes) -> None:
    begun = time.process_time()

    node, findings = read(data)

    assert node is not None or findings.refused
    assert time.process_time() - begun < 1


@given(st.one_of(st.text(), st.lists(pieces, max_size=40).map("".join)))
@settings(FEW, max_examples=150)
@example(with_when("work.done") * 2)
@example("version: 1\nrules: [" + "{}, " * 500 + "]\n")
@example("rules: [[{do: [[], 1, null, {a: {b: 1}}]}]]\n")
@example("rules: [null, {do: {a: 1}, when: {a: 1}, limit: 1, for: [1], event: {}}]\ndefault: []\n")
@example("define: [a]\nparams: {a: 1, b: {type: enum, default: [1]}}\nrules: {}\ndefault: 1\n")
def test_compiling_anything_gives_a_policy_or_at_least_one_error(text: str) -> None:
    result = compiled(text)

    errors = [one for one in result.diagnostics if one.severity.value == "error"]
    assert (result.policy is None) == bool(errors)


@given(expressions)
@FEW
def test_a_policy_survives_the_way_through_json(text: str) -> None:
    if len(text) > 600:
        return
    original = policy(with_when("'" + text.replace("'", "''") + "'"))

    again = build(json.loads(json.dumps(original.resolved, sort_keys=True)))

    assert again.digest == original.digest
    assert again.windows == original.windows
    assert [rule.steps for rule in again.rules] == [rule.steps for rule in original.rules]


SHIPPED_POLICY = policy(SHIPPED.read_text(encoding="utf-8"))


@given(snapshots(), st.integers(0, 20))
@settings(FEW, max_examples=300)
def test_the_default_policy_rules_about_anything_and_the_same_way_every_time(
    facts: dict[str, FactValue], used: int
) -> None:
    first = decide(SHIPPED_POLICY, facts, lambda *_: used)
    again = decide(build(SHIPPED_POLICY.resolved), facts, lambda *_: used)

    assert (first.rule, first.steps, first.limited) == (again.rule, again.steps, again.limited)


@given(st.integers(0, 10**12).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_duration_is_read_the_way_it_is_written(span: timedelta) -> None:
    assert parse_duration(show_duration(span)) == span


@given(st.text("ab()|*+?{}[]^$.\\d0,-", max_size=20), st.text("ab0", max_size=12))
@settings(FEW, max_examples=300)
def test_a_pattern_is_refused_or_answers(pattern: str, text: str) -> None:
    try:
        compiled_pattern = compile_pattern(pattern)
    except PatternError:
        return

    assert compiled_pattern.found_in(text) in {True, False}
