"""Conditions that few people write mean the same as code, as tables, in buckets and in boxes.

The laws draw such conditions only now and then; here each stands by itself, with its truth.
"""

from collections.abc import Mapping
from itertools import islice, product

import pytest

from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.policy.analysis.chart import survey
from palingenesis.core.policy.conditions import Evaluator, compile_condition
from palingenesis.core.policy.decide import Outcome, decide, looked_at
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.policy.index import Indexed
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue
from tests.policy.analysis.test_boxes import completed, facts_at, samples
from tests.policy.texts import policy, rules

FACTS: Mapping[str, FactValue] = {
    "event": "stopped",
    "stop.reason": "crash",
    "stop.attempt": 2,
    "stop.message": "Weekly limit",
    "stop.retrying": False,
    "work.done": True,
    "count(crash, 15m)": 3,
}
TOLD: list[tuple[str, bool]] = [
    ("1 < 2", True),
    ("2 == 1", False),
    ("'a' == 'a'", True),
    ("'crash' in ('crash', 'quota')", True),
    ("1 not in (1, 2)", False),
    ("contains('weekly', 'week')", True),
    ("contains('weekly', 'day')", False),
    ("matches('weekly', '^week')", True),
    ("not matches('weekly', '^week')", False),
    ("true", True),
    ("false or stop.attempt == 2", True),
    ("2 <= stop.attempt", True),
    ("3 <= stop.attempt", False),
    ("count(crash, 15m) in (3, 4)", True),
    ("count(crash, 15m) not in (3, 4)", False),
    ("stop.retrying in (true, false)", True),
    ("work.done == (stop.attempt > 1)", True),
    ("(stop.attempt > 1) == work.done", True),
    ("work.done != (stop.attempt > 1)", False),
    ("(stop.attempt > 1) != stop.retrying", True),
    ("(stop.attempt > 1) == (stop.reason == 'quota')", False),
    ("(stop.attempt > 1) in (true, false)", True),
    ("(stop.attempt > 1) not in (true, false)", False),
    ("(stop.attempt > 4) in [true]", False),
    ("(stop.attempt > 4) in [false]", True),
    ("default(stop.retrying, true) == work.done", False),
    ("default(operator.paused, true)", True),
    ("not default(operator.paused, true)", False),
    ("known(stop.retrying) == work.done", True),
    ("known(stop.model) in [false]", True),
    ("contains(default(stop.model, 'gpt-5'), 'GPT')", True),
    ("matches(default(stop.model, 'gpt-5'), '^claude')", False),
    ("contains(stop.message, 'LIMIT') == work.done", True),
    ("matches(stop.message, 'limit$') != work.done", False),
    ("stop.attempt == 99999 or stop.attempt <= 2", True),
    ("stop.attempt >= 0 and stop.attempt < 3", True),
]


def every_form(one: Policy) -> list[Indexed]:
    return [
        Indexed(one.rules, few=len(one.rules)),
        Indexed(one.rules, few=0),
        Indexed(one.rules, few=0, enough=0),
    ]


@pytest.mark.parametrize(("text", "truth"), TOLD)
def test_a_rare_condition_has_one_truth_in_every_form(text: str, truth: bool) -> None:
    one = policy(
        rules(
            f'  - {{id: so, when: "{text}", do: [finish]}}\n'
            f'  - {{id: not-so, when: "not ({text})", do: [finish]}}\n'
        )
    )

    assert compile_condition((text,), Scope()).holds(FACTS) is truth
    for form in every_form(one):
        assert [rule.id for rule in form.true(FACTS)] == ["so" if truth else "not-so"]
    assert decide(one, FACTS, lambda *_: 0).rule == ("so" if truth else "not-so")


@pytest.mark.parametrize("text", [text for text, _ in TOLD])
def test_a_rare_condition_is_the_same_at_every_point_where_it_may_turn(
    text: str,
) -> None:
    condition = compile_condition((text,), Scope())
    (part,) = condition.parts
    found = survey((), (condition,), Budget(1_000_000))
    true, false = found.regions.of(part.term), found.regions.of(part.term, truth=False)
    one = policy(rules(f'  - {{id: so, when: "{text}", do: [finish]}}\n'))
    cells = samples(found.space)

    for values in islice(product(*cells.values()), 200):
        facts = facts_at(dict(zip(cells, values, strict=True)))
        point = completed(found.space, facts)
        truth = Evaluator(facts).truth(part.term)
        assert any(not point & ~box for box in true) is (truth is True), facts
        assert any(not point & ~box for box in false) is (truth is False), facts
        if facts.get("event", "stopped") == "stopped":
            stopped = {**facts, "event": "stopped"}
            expected = [
                rule for rule, outcome in looked_at(one, stopped) if outcome is Outcome.DECIDES
            ]
            assert all(list(form.true(stopped)) == expected for form in every_form(one)), facts
