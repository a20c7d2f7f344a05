"""What conditions mean, case by case; and how long a decision takes."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import nan
from time import process_time

import pytest

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.policy.build import build
from palingenesis.core.policy.conditions import Truth, compile_condition, facts_of, windows
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.explain import explain
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.values import FactValue
from tests.policy.texts import SHIPPED, policy

FACTS: Mapping[str, FactValue] = {
    "event": "stopped",
    "stop.reason": "overloaded",
    "stop.exit_code": -9,
    "stop.message": "Weekly limit reached",
    "stop.retrying": False,
    "session.context_used": 0.86,
    "session.cost": 1.2,
    "session.age": timedelta(hours=1),
    "session.idle": timedelta(minutes=1),
    "episode.attempts": 2,
    "episode.first_reason": "overloaded",
    "count(crash, 15m)": 3,
}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("stop.reason == 'overloaded'", True),
        ("'overloaded' == stop.reason", True),
        ("stop.reason != 'overloaded'", False),
        ("stop.reason in ('rate_limit', 'overloaded')", True),
        ("stop.reason not in ['rate_limit', 'overloaded']", False),
        ("stop.reason == episode.first_reason", True),
        ("session.context_used > 80%", True),
        ("80% < session.context_used", True),
        ("session.context_used > 86%", False),
        ("session.context_used >= 86%", True),
        ("session.cost >= $1.20", True),
        ("session.age == 60m", True),
        ("session.age > session.idle", True),
        ("session.idle >= 1m30s", False),
        ("stop.exit_code == -9", True),
        ("episode.attempts in (1, 2)", True),
        ("stop.retrying", False),
        ("not stop.retrying", True),
        ("stop.retrying == false", True),
        ("count(crash, 15m) >= 3", True),
        ("count('crash', 900s) >= 3", True),
        ("count(crash, 16m) >= 3", None),
        ("contains(stop.message, 'WEEKLY')", True),
        ("contains(stop.model, 'gpt')", None),
        ("matches(stop.message, '^Week.*reached$')", True),
        ("matches(default(stop.model, 'none'), 'none')", True),
        ("work.done", None),
        ("not work.done", None),
        ("work.done and stop.retrying", False),
        ("work.done or not stop.retrying", True),
        ("work.done and not stop.retrying", None),
        ("stop.attempt > 3", None),
        ("stop.attempt in (1, 2)", None),
        ("stop.attempt not in (1, 2)", None),
        ("known(stop.attempt)", False),
        ("not known(stop.attempt)", True),
        ("default(stop.attempt, 5) > 3", True),
        ("default(work.done, false) or stop.retrying", False),
        ("default(session.context_used, 0%) > 80%", True),
        ("true", True),
    ],
)
def test_a_condition_is_true_false_or_unknown(text: str, truth: Truth) -> None:
    assert compile_condition((text,), Scope()).holds(FACTS) is truth


def test_several_parts_mean_all_of_them() -> None:
    def holds(*texts: str) -> Truth:
        return compile_condition(texts, Scope()).holds(FACTS)

    assert holds("true", "session.cost > $1") is True
    assert holds("work.done", "session.cost > $1") is None
    assert holds("work.done", "session.cost > $2") is False


def test_a_condition_knows_what_it_asks_about() -> None:
    condition = compile_condition(
        ("(count(crash, 90m) > 1 or work.done) and known(stop.model)", "count(quota, 1d) > 0"),
        Scope(),
    )

    assert windows(condition) == {("crash", timedelta(minutes=90)), ("quota", timedelta(days=1))}
    assert facts_of(condition.parts[0].term) == ("count(crash, 1h30m)", "work.done", "stop.model")


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"rules": [{}]},
        {"rules": [{"id": "a", "do": [{"explode": {}}]}]},
        {"rules": [{"id": "a", "do": [{"log": {}}]}]},
        {"rules": [{"id": "a", "do": [{"wait": {"for": "soon"}}]}]},
        {"rules": [{"id": "a", "do": [], "when": ["stop.reason == "]}]},
        {"rules": [{"id": "a", "do": [], "event": ["never"]}]},
        {"rules": 5},
        {"default": {}},
        {"define": [{"name": "a"}]},
    ],
)
def test_a_damaged_resolved_form_is_refused_as_an_error_of_ours(damage: dict[str, object]) -> None:
    whole: dict[str, object] = {"version": 1, "rules": [], "default": {"do": [{"finish": {}}]}}
    assert build(whole).rules == ()

    with pytest.raises(InvalidConfigError):
        build({**whole, **damage})


@pytest.mark.parametrize(
    ("facts", "truth"),
    [
        ({"work.steps_completed": 1, "work.steps_total": 2}, True),
        ({"work.steps_completed": 1}, None),
        ({"work.steps_total": 2}, None),
    ],
)
def test_two_facts_are_compared_only_where_both_are_known(
    facts: Mapping[str, FactValue], truth: Truth
) -> None:
    condition = compile_condition(("work.steps_completed < work.steps_total",), Scope())

    assert condition.holds(facts) is truth


def test_what_is_not_a_number_is_unknown() -> None:
    condition = compile_condition(("session.cost != $5",), Scope())

    assert condition.holds({"session.cost": nan}) is None
    assert condition.holds({"session.cost": 6.0}) is True


def test_a_condition_that_cannot_be_read_is_refused_with_its_beginning_and_what_is_wrong() -> None:
    broken = Scope(defines={"slow": None})

    with pytest.raises(InvalidConfigError) as first:
        compile_condition((f"stop.resaon == '{'x' * 100}'",), Scope())
    with pytest.raises(InvalidConfigError) as second:
        compile_condition(("slow",), broken)

    assert str(first.value) == (
        f"the condition 'stop.resaon == '{'x' * 64}' cannot be used: unknown fact 'stop.resaon'"
    )
    assert str(second.value) == ("the condition 'slow' cannot be used: it uses a broken definition")


def as_long_as(characters: int) -> str:
    """A condition of so many characters."""
    text = "stop.message == ''"
    return f"{text[:-1]}{'x' * (characters - len(text))}'"


def test_parameters_written_out_may_make_a_condition_long_but_not_endless() -> None:
    long = compile_condition((as_long_as(5_000),), Scope())

    assert long.holds({"stop.message": "x"}) is False
    with pytest.raises(InvalidConfigError, match="16777217 characters; 16777216 are allowed"):
        compile_condition((as_long_as((1 << 24) + 1),), Scope())


def quickest(work: Callable[[], object], times: int) -> float:
    """Seconds of processor time, at best."""
    spans = []
    for _ in range(times):
        begun = process_time()
        work()
        spans.append(process_time() - begun)
    return min(spans)


def test_one_decision_of_the_default_policy_with_all_reasons_is_cheap_beside_building_it() -> None:
    default = policy(SHIPPED.read_text(encoding="utf-8"))
    facts = {**FACTS, "stop.reason": "unknown", "agent.way": "managed", "work.state": "valid"}

    def decided() -> None:
        ruling = decide(default, facts, lambda *_: 0)
        told = explain(default, facts, lambda *_: 0)
        assert ruling.rule == told.rule == "default"

    assert quickest(decided, 50) * 2 < quickest(lambda: build(dict(default.resolved)), 20)
