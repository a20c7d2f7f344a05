"""What would have to be otherwise: the change that is named is enough, and nothing less is."""

import json
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.explain import explain
from palingenesis.core.policy.expressions import Scope, read_expression
from palingenesis.core.policy.nearest import Goal, changed, nearest
from palingenesis.core.policy.needs import nearest_miss, needed, say_changes, why_not
from palingenesis.core.policy.terms import Term
from palingenesis.core.values import FactValue
from tests.policy.test_laws import expressions, snapshots
from tests.policy.texts import SHIPPED, policy

FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def never(_rule: str, _window: timedelta) -> int:
    return 0


def term_of(text: str) -> Term:
    term = read_expression(text, Scope(), longest=5_000).term
    assert term is not None, text
    return term


def miss(text: str, **facts: FactValue) -> str | None:
    """The smallest change that makes an expression true, in words."""
    known = {name.replace("__", "."): value for name, value in facts.items()}
    found = nearest([Goal(term=term_of(text), wanted=True)], known)
    return None if found is None else say_changes(found[1])


@given(expressions, snapshots(), st.booleans())
@FEW
def test_after_the_named_change_the_expression_is_what_was_wanted(
    text: str, facts: dict[str, FactValue], wanted: bool
) -> None:
    term = term_of(text)

    found = nearest([Goal(term=term, wanted=wanted)], facts)

    if found is not None:
        assert Evaluator(changed(facts, found[1])).truth(term) is wanted


@given(expressions, snapshots())
@FEW
def test_no_part_of_the_named_change_is_enough(text: str, facts: dict[str, FactValue]) -> None:
    term = term_of(text)

    found = nearest([Goal(term=term, wanted=True)], facts)

    changes = () if found is None else found[1]
    for fewer in range(len(changes)):
        for part in combinations(changes, fewer):
            assert Evaluator(changed(facts, part)).truth(term) is not True


@given(expressions, snapshots())
@FEW
def test_what_is_true_already_needs_no_change(text: str, facts: dict[str, FactValue]) -> None:
    term = term_of(text)
    found = nearest([Goal(term=term, wanted=True)], facts)

    is_true = Evaluator(facts).truth(term) is True

    assert is_true is (found is not None and found[1] == ())


@given(expressions, snapshots())
@FEW
def test_with_the_nearest_miss_the_rule_decides(text: str, facts: dict[str, FactValue]) -> None:
    made = policy(
        "version: 1\nrules:\n"
        "  - {id: first, when: stop.reason == 'user_exit', do: [finish]}\n"
        f"  - id: second\n    when: {json.dumps(text, ensure_ascii=False)}\n    do: [finish]\n"
        "  - {id: third, do: [finish]}\n"
        "default: {do: [finish]}\n"
    )
    facts = {**facts, "event": "stopped"}
    told = explain(made, facts, never)

    need = nearest_miss(made, facts, never, told)

    if need is not None:
        assert need.rule != told.rule
        assert decide(made, changed(facts, need.changes), never).rule == need.rule


@pytest.mark.parametrize("rule", [rule.id for rule in policy(SHIPPED.read_text()).rules])
def test_every_rule_of_the_shipped_policy_can_be_made_to_decide(rule: str) -> None:
    made = policy(SHIPPED.read_text())
    wanted = made.rule(rule)
    assert wanted is not None
    event = min(wanted.events)
    facts: dict[str, FactValue] = {"event": event, "stop.reason": "completed", "work.state": "torn"}

    need = needed(made, facts, never, wanted)

    assert need is not None
    assert decide(made, changed(facts, need.changes), never).rule == rule


@pytest.mark.parametrize(
    ("text", "facts", "words"),
    [
        ("episode.attempts >= 2", {"episode__attempts": 1}, "one more attempt"),
        ("episode.attempts < 3", {"episode__attempts": 5}, "three fewer attempts"),
        ("count(crash, 15m) >= 3", {"count(crash, 15m)": 1}, "two more 'crash' within 15m"),
        (
            "progress.age > 10m",
            {"progress__age": timedelta(minutes=9, seconds=14)},
            "progress.age 47s longer (10m1s)",
        ),
        (
            "progress.age > 10m",
            {"progress__age": timedelta(minutes=8, seconds=21, milliseconds=76)},
            "progress.age 1m40s longer (10m1s)",
        ),
        (
            "session.context_used > 80%",
            {"session__context_used": 0.75},
            "session.context_used 6% more (81%)",
        ),
        ("session.cost <= $2", {"session__cost": 2.5}, "session.cost $0.50 less ($2.00)"),
        ("stop.reason == 'quota'", {"stop__reason": "crash"},
         "stop.reason 'quota' instead of 'crash'"),
        ("work.done", {}, "work.done known to be true"),
        ("not known(work.step)", {"work__step": "a"}, "work.step unknown instead of 'a'"),
        ("contains(stop.message, 'weekly')", {"stop__message": "no"},
         "stop.message 'weekly' instead of 'no'"),
        ("stop.retry_after < session.idle", {"stop__retry_after": timedelta(minutes=5),
         "session__idle": timedelta(minutes=4)}, "stop.retry_after 1m1s shorter (3m59s)"),
        ("episode.attempts > 3 and episode.attempts < 5", {"episode__attempts": 9},
         "five fewer attempts"),
        ("stop.reason == 'quota' or stop.attempt > 3", {"stop__reason": "crash",
         "stop__attempt": 3}, "stop.attempt one more (4)"),
        ("not (stop.reason == 'crash' or work.done)", {"stop__reason": "quota",
         "work__done": True}, "work.done false instead of true"),
    ],
)  # fmt: skip
def test_the_nearest_change_is_told_in_words(
    text: str, facts: dict[str, FactValue], words: str
) -> None:
    assert miss(text, **facts) == words


@pytest.mark.parametrize(
    "text",
    [
        "stop.reason == 'quota' and stop.reason == 'crash'",
        "episode.attempts < 0",
        "matches(stop.message, '^[0-9]+ tokens$')",
    ],
)
def test_what_no_change_makes_true_is_not_guessed(text: str) -> None:
    assert miss(text, stop__reason="crash", stop__message="x", episode__attempts=1) is None


def test_conditions_with_very_many_ways_are_given_up_and_not_guessed() -> None:
    texts = [" or ".join(f"stop.attempt == {n * 5 + m}" for m in range(5)) for n in range(7)]
    goals = [Goal(term=term_of(text), wanted=True) for text in texts]

    assert nearest(goals, {"stop.attempt": 500}) is None


ORDERED = """
version: 1
rules:
  - {id: watch, continue: true, do: [{log: {message: seen}}]}
  - {id: tired, when: episode.attempts >= 2, do: [attention]}
  - {id: quota, when: stop.reason == 'quota', do: [resume]}
  - {id: always, do: [finish]}
  - {id: late, when: stop.reason == 'crash', do: [finish]}
default: {do: [attention]}
"""
FACTS: dict[str, FactValue] = {"event": "stopped", "stop.reason": "quota", "episode.attempts": 3}


def test_a_rule_that_is_true_but_comes_later_needs_the_earlier_one_to_be_false() -> None:
    made = policy(
        ORDERED.replace("  - {id: watch, continue: true, do: [{log: {message: seen}}]}\n", "")
    )
    told = explain(made, FACTS, never)
    quota, late = made.rule("quota"), made.rule("late")
    assert quota is not None
    assert late is not None

    why = why_not(made, FACTS, never, quota, told)

    assert why.before == "tired"
    assert why.need is not None
    assert say_changes(why.need.changes) == "two fewer attempts"
    assert why_not(made, FACTS, never, late, told).in_the_way == "always"


def test_the_nearest_miss_is_not_told_where_one_rule_had_too_many_ways() -> None:
    many = "".join(
        f"      - {' or '.join(f'stop.attempt == {n * 5 + m}' for m in range(5))}\n"
        for n in range(7)
    )
    made = policy(
        f"version: 1\nrules:\n  - id: many\n    when:\n{many}    do: [finish]\n"
        "  - {id: far, when: stop.reason == 'crash' and work.done, do: [finish]}\n"
        "default: {do: [finish]}\n"
    )
    facts: dict[str, FactValue] = {
        "event": "stopped", "stop.reason": "quota", "stop.attempt": 500, "work.done": False,
    }  # fmt: skip

    assert nearest_miss(made, facts, never, explain(made, facts, never)) is None


def test_of_two_ways_the_one_that_changes_less_is_told_whichever_is_written_first() -> None:
    assert miss("work.done or session.title == 'b'", work__done=False, session__title="a") == (
        "work.done true instead of false"
    )
    assert miss("session.title == 'b' or work.done", work__done=False, session__title="a") == (
        "work.done true instead of false"
    )
    assert miss("stop.attempt == 5 or stop.attempt == 9", stop__attempt=4) == miss(
        "stop.attempt == 9 or stop.attempt == 5", stop__attempt=4
    )


def test_two_conditions_about_different_kinds_may_be_held_against_each_other() -> None:
    same = "(session.title == 'b') == (session.cost > $5)"

    assert miss(same, session__title="b", session__cost=1.0) == "session.cost $4.01 more ($5.01)"


def test_a_gap_that_no_step_fits_into_is_found_all_the_same() -> None:
    term = term_of("session.cost > $5 and session.cost < $5.00001")
    facts: dict[str, FactValue] = {"session.cost": 1.0}

    found = nearest([Goal(term=term, wanted=True)], facts)

    assert found is not None
    assert Evaluator(changed(facts, found[1])).truth(term) is True


@pytest.mark.parametrize("odd", ["four", timedelta(1)])
def test_a_value_of_another_kind_is_replaced(odd: FactValue) -> None:
    told = miss("stop.attempt == 3", stop__attempt=odd)

    assert told is not None
    assert told.startswith("stop.attempt 3 instead of ")


def test_a_way_that_other_rules_block_again_and_again_is_given_up() -> None:
    before = "".join(
        f"  - {{id: r{n}, when: stop.attempt == {n}, do: [attention]}}\n" for n in range(40)
    )
    last = "  - {id: last, when: stop.attempt >= 0, do: [finish]}\n"
    one = policy(f"version: 1\nrules:\n{before}{last}default: {{do: [attention]}}\n")

    facts: dict[str, FactValue] = {"event": "stopped", "stop.attempt": -1}

    assert needed(one, facts, never, one.rules[-1]) is None
    assert needed(one, facts, never, one.rules[0]) is not None
