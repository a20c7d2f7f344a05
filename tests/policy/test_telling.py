"""How a decision is told: why a rule did not decide, and what is shown of the others."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from palingenesis.core.policy.explain import Explanation, explain
from palingenesis.core.policy.nearest import Change
from palingenesis.core.policy.needs import plain_need, say_changes, why_not
from palingenesis.core.policy.telling import render, render_why
from palingenesis.core.values import FactValue
from tests.policy.texts import policy, rules

STOPPED: Mapping[str, FactValue] = {"event": "stopped", "stop.reason": "crash"}


def used(_rule: str, _per: timedelta) -> int:
    return 0


def why(body: str, rule: str, **more: FactValue) -> str:
    """What is told of a rule that did not decide, without its first line."""
    one = policy(rules(body))
    asked = one.rule(rule)
    assert asked is not None
    facts = {**STOPPED, **{name.replace("__", "."): it for name, it in more.items()}}
    told = explain(one, facts, used)
    said = render_why(told, why_not(one, facts, used, asked, told))
    return said.splitlines()[-2].strip() + "\n" + said.splitlines()[-1].strip()


CRASH = "  - {id: crash, when: stop.reason == 'crash', do: [restart]}\n"
QUOTA = "  - {id: quota, when: stop.reason == 'quota', do: [finish]}\n"
ALWAYS = "  - {id: always, do: [resume]}\n"
LATE = "  - {id: late, when: stop.attempt > 3, do: [finish]}\n"


def told_of(body: str, facts: Mapping[str, FactValue] = STOPPED) -> Explanation:
    return explain(policy(rules(body)), facts, used)


@pytest.mark.parametrize(
    ("body", "rule", "last"),
    [
        (CRASH, "crash", "it decides"),
        (
            "  - {id: a, continue: true, do: [snapshot]}\n",
            "a",
            "it never decides: it observes and goes on",
        ),
        (
            "  - {id: a, mode: shadow, do: [resume]}\n",
            "a",
            "it never decides: it is in shadow mode",
        ),
        ("  - {id: a, event: blocked, do: [resume]}\n", "a", "it does not look at 'stopped'"),
        (QUOTA, "quota", "it would decide with: stop.reason 'quota' instead of 'crash'"),
        (LATE, "late", "it would decide with: stop.attempt known to be 4"),
        (ALWAYS + QUOTA, "quota", "it never decides here: always takes every 'stopped'"),
        (
            "  - {id: a, when: stop.attempt > 3 and stop.attempt < 2, do: [finish]}\n",
            "a",
            "no change of facts was found that would let it decide",
        ),
    ],
)
def test_why_a_rule_did_not_decide_ends_with_what_would_let_it(
    body: str, rule: str, last: str
) -> None:
    assert why(body, rule).splitlines()[-1] == last


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (QUOTA, "it is false"),
        (CRASH + QUOTA, "it is false, and crash comes first"),
        (LATE, "it is neither true nor false: stop.attempt not known"),
        (CRASH + "  - {id: other, when: stop.reason == 'crash', do: [finish]}\n", None),
    ],
)
def test_why_a_rule_did_not_decide_says_first_what_its_condition_is(
    body: str, state: str | None
) -> None:
    rule = policy(rules(body)).rules[-1].id

    assert why(body, rule).splitlines()[0] == (state or "it is true, and crash comes first")


def test_rules_that_stand_aside_are_told_as_such() -> None:
    told = told_of(
        "  - {id: watch, continue: true, do: [snapshot]}\n"
        "  - {id: trial, mode: shadow, do: [resume]}\n" + CRASH
    )

    assert render(told).splitlines()[0].endswith(":3   (observes)")
    assert render(told).splitlines()[1].endswith(":4   (shadow: recorded only)")
    assert "crash                policy.yaml:5   <- decides" in render(told)


def test_only_who_wants_every_rule_is_told_of_those_that_were_not_reached_or_do_not_listen() -> (
    None
):
    told = told_of("  - {id: stuck, event: [stalled, blocked], do: [resume]}\n" + CRASH + LATE)

    brief, whole = render(told), render(told, every=True)

    assert "stuck" not in brief
    assert "late" not in brief
    assert "     listens to: blocked, stalled\n" in whole
    assert " ? late                 policy.yaml:5   (not reached)\n" in whole


def test_rules_that_were_passed_over_stand_together_as_many_in_a_line_as_fit() -> None:
    false = "".join(
        f"  - {{id: rule-{number:02}, when: stop.reason == 'quota', do: [finish]}}\n"
        for number in range(25)
    )

    said = render(told_of(false + CRASH), width=40)
    rows = said.partition(" ✔ crash")[0].splitlines()

    assert rows[0] == " (5 more)  ✘ rule-05  ✘ rule-06"
    assert all(len(row) <= 41 for row in rows)
    assert [word for row in rows for word in row.split() if word.startswith("rule")] == [
        f"rule-{number:02}" for number in range(5, 25)
    ]


def test_where_values_do_not_fit_below_a_condition_they_are_listed_with_their_truth() -> None:
    body = (
        "  - {id: long, when: session.title == 'a title that is longer than the line'"
        " and stop.attempt > 1, do: [finish]}\n"
    )
    told = told_of(body, {**STOPPED, "session.title": "another"})

    rows = [row.strip() for row in render(told, every=True, width=30).splitlines()]

    assert (
        "session.title == 'a title that is longer than the line' → false"
        "   (session.title = 'another')" in rows
    )
    assert "stop.attempt > 1 → unknown   (stop.attempt = unknown)" in rows


@pytest.mark.parametrize(
    ("fact", "before", "after", "said"),
    [
        ("stop.model", "a/b", None, "stop.model unknown instead of 'a/b'"),
        ("stop.attempt", None, 4, "stop.attempt known to be 4"),
        ("progress.age", timedelta(minutes=1), timedelta(minutes=3), "progress.age 2m longer (3m)"),
        (
            "progress.age",
            timedelta(minutes=3),
            timedelta(minutes=1),
            "progress.age 2m shorter (1m)",
        ),
        ("episode.attempts", 1, 2, "one more attempt"),
        ("episode.attempts", 3, 1, "two fewer attempts"),
        ("episode.attempts", 0, 12, "12 more attempts"),
        ("count(crash, 1h)", 2, 5, "three more 'crash' within 1h"),
        ("stop.exit_code", 1, 2, "stop.exit_code one more (2)"),
        ("session.cost", 1.0, 1.5, "session.cost $0.50 more ($1.50)"),
        ("session.cost", 1.5, 1.0, "session.cost $0.50 less ($1.00)"),
        ("work.done", False, True, "work.done true instead of false"),
    ],
)
def test_a_change_of_facts_reads_as_a_person_would_say_it(
    fact: str, before: FactValue | None, after: FactValue | None, said: str
) -> None:
    assert say_changes([Change(fact=fact, before=before, after=after)]) == said


def test_what_a_rule_needs_is_plain_data_for_programs() -> None:
    one = policy(rules(LATE))
    told = explain(one, STOPPED, used)

    need = why_not(one, STOPPED, used, one.rules[0], told).need

    assert plain_need(need) == {
        "rule": "late",
        "words": "stop.attempt known to be 4",
        "changes": [{"fact": "stop.attempt", "before": None, "after": "4"}],
    }
    assert plain_need(None) is None


DEFINED = (
    "version: 1\n"
    "define:\n"
    "  hot: stop.attempt > 3\n"
    "  stuck: stop.reason in ('network', 'timeout', 'server_error', 'overloaded') "
    "or default(session.context_used, 0%) > 80%\n"
    "rules:\n"
    "  - {id: a, when: hot and work.done, do: [finish]}\n"
    "  - {id: b, when: stuck and not work.done, do: [finish]}\n"
    "default: {do: [attention]}\n"
)


def lines_of_defined(width: int) -> list[str]:
    told = explain(policy(DEFINED), {**STOPPED, "stop.attempt": 1}, used)
    return [line.rstrip() for line in render(told, every=True, width=width).splitlines()]


def test_a_defined_comparison_is_written_out_once_where_it_stands_if_there_is_room() -> None:
    wide, narrow = lines_of_defined(100), lines_of_defined(50)

    assert "           stop.attempt > 3 → false   (stop.attempt = 1)" in wide
    assert "       hot: stop.attempt > 3" not in wide
    assert narrow[narrow.index("       hot: stop.attempt > 3") + 1 :][:2] == [
        "            │",
        "            1",
    ]


def test_a_defined_condition_that_does_not_fit_is_told_in_one_line_with_its_answer() -> None:
    assert lines_of_defined(60)[11] == (
        "       stuck: stop.reason in ('network', 'timeout', 'server_error', 'overloaded') "
        "or default(session.context_used, 0%) > 80% → false"
    )
