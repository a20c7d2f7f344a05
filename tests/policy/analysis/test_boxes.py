"""Boxes say of every point what the evaluator of record says of it."""

from itertools import islice, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palingenesis.core.facts import Kind
from palingenesis.core.policy.analysis.axes import Axis
from palingenesis.core.policy.analysis.budget import Budget, SpentError
from palingenesis.core.policy.analysis.chart import Chart, Survey, decides, survey
from palingenesis.core.policy.analysis.space import Space
from palingenesis.core.policy.conditions import Condition, Evaluator, Part
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.expressions import Scope, read_expression
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue
from tests.policy.analysis.random_policies import expressions, policies
from tests.policy.texts import SHIPPED
from tests.policy.texts import policy as compiled_policy

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
PLENTY = 10_000_000


def surveyed(*policies: Policy) -> Survey:
    return survey(policies, (), Budget(PLENTY))


def is_pair(axis: Axis) -> bool:
    return axis.kind is Kind.ENUM and not axis.exact


def completed(space: Space, facts: dict[str, FactValue]) -> int:
    """The point of some facts; how two of them compare is read off them."""
    known: dict[str, FactValue] = dict(facts)
    for key, axis in space.axes.items():
        if is_pair(axis):
            left, _, right = key.partition(" and ")
            known[key] = _compared(facts.get(left), facts.get(right), axis)
    return space.point(known)


def _compared(left: Any, right: Any, axis: Axis) -> str:
    if left is None or right is None or left == right:
        return "=="
    if len(axis.cells) == len(("==", "!=")):
        return "!="
    return "<" if left < right else ">"


def samples(space: Space) -> dict[str, list[FactValue | None]]:
    """The critical points of every fact: each is one cell's sample."""
    return {
        key: [cell.sample for cell in axis.cells if not cell.vague]
        for key, axis in space.axes.items()
        if not is_pair(axis)
    }


def facts_at(found: dict[str, Any]) -> dict[str, FactValue]:
    return {key: value for key, value in found.items() if value is not None}


@st.composite
def points(draw: st.DrawFn, space: Space) -> dict[str, FactValue]:
    return facts_at({key: draw(st.sampled_from(cells)) for key, cells in samples(space).items()})


def has_free_pair(space: Space) -> bool:
    return any(is_pair(axis) and "default(" in axis.key for axis in space.axes.values())


def decider(chart: Chart, point: int) -> int | None:
    """The rule whose boxes a point lies in first; None: no rule's."""
    return next(
        (
            index
            for index, (rule, boxes) in enumerate(zip(chart.policy.rules, chart.boxes, strict=True))
            if decides(rule) and any(not point & ~box for box in boxes)
        ),
        None,
    )


@given(policies(), st.data())
@settings(FEW, max_examples=120)
def test_the_rule_that_boxes_choose_is_the_rule_that_decides(
    policy: Policy, data: st.DataObject
) -> None:
    found = surveyed(policy)
    chart = Chart(policy, found)
    if has_free_pair(found.space):
        return

    for _ in range(10):
        facts = data.draw(points(found.space))
        index = decider(chart, completed(found.space, facts))
        ruling = decide(policy, facts, lambda *_: 0)

        assert ruling.rule == ("default" if index is None else policy.rules[index].id)


@given(expressions(leaves=4))
@FEW
def test_a_condition_is_true_inside_its_boxes_and_nowhere_else(text: str) -> None:
    term = read_expression(text, Scope(), longest=5_000).term
    assert term is not None
    condition = Condition(parts=(Part(text=text, term=term),))
    found = survey((), (condition,), Budget(PLENTY))
    if has_free_pair(found.space):
        return
    true, false = found.regions.of(term), found.regions.of(term, truth=False)
    cells = samples(found.space)

    for values in islice(product(*cells.values()), 2_000):
        facts = facts_at(dict(zip(cells, values, strict=True)))
        point = completed(found.space, facts)
        truth = Evaluator(facts).truth(term)
        assert any(not point & ~box for box in true) is (truth is True), facts
        assert any(not point & ~box for box in false) is (truth is False), facts


@given(policies())
@FEW
def test_every_example_of_a_rule_is_decided_by_that_rule(policy: Policy) -> None:
    found = surveyed(policy)
    chart = Chart(policy, found)

    for index, rule in enumerate(policy.rules):
        example = chart.first(index)
        assert (example is None) is chart.is_dead(index)
        if example is not None and example.exact:
            assert decide(policy, example.facts, lambda *_: 0).rule == rule.id
    left = chart.default_example()
    if left is not None and left.exact:
        assert decide(policy, left.facts, lambda *_: 0).rule == "default"


@given(policies(), st.data())
@settings(FEW, max_examples=120)
def test_a_rule_that_is_called_dead_decides_for_no_possible_facts(
    policy: Policy, data: st.DataObject
) -> None:
    found = surveyed(policy)
    chart = Chart(policy, found)
    if has_free_pair(found.space):
        return
    dead = {rule.id for index, rule in enumerate(policy.rules) if chart.is_dead(index)}

    for _ in range(20):
        facts = data.draw(points(found.space))
        point = completed(found.space, facts)
        if not any(not point & ~box for box in found.impossible):
            assert decide(policy, facts, lambda *_: 0).rule not in dead


@given(policies(most=3))
@FEW
def test_pieces_are_what_is_left_and_do_not_overlap(policy: Policy) -> None:
    found = surveyed(policy)
    space, budget = found.space, found.budget
    chart = Chart(policy, found)
    off = [box for boxes in chart.boxes for box in boxes]

    pieces = list(space.pieces(space.full, off, budget))

    assert all(not space.meet(piece, box) for piece in pieces for box in off)
    assert all(not space.meet(a, b) for n, a in enumerate(pieces) for b in pieces[:n])
    assert not space.outside([space.full], [*off, *pieces], budget)
    assert list(space.joined(off, budget)) == [] or not space.outside(
        off, space.joined(off, budget), budget
    )


def test_what_costs_too_much_is_not_answered() -> None:
    shipped = compiled_policy(SHIPPED.read_text(encoding="utf-8"))

    with pytest.raises(SpentError):
        Chart(shipped, survey([shipped], (), Budget(50)))
