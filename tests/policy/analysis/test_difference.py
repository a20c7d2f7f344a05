"""Differences: none is missed, none is invented, and they read as a person would say them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.policy.analysis.chart import survey
from palingenesis.core.policy.analysis.difference import Comparison, semantic_diff
from palingenesis.core.policy.decide import DEFAULT_EVENTS, decide
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue
from tests.policy.analysis.random_policies import policies
from tests.policy.analysis.test_boxes import completed, facts_at, has_free_pair, samples
from tests.policy.texts import SHIPPED, policy

FEW = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
TEXT = SHIPPED.read_text(encoding="utf-8")


def outcome(one: Policy, facts: dict[str, FactValue]) -> tuple[str, Any]:
    """The rule that decides ("" for nothing at all), and everything it does."""
    ruling = decide(one, facts, lambda *_: 0)
    rule = one.rule(ruling.rule)
    if rule is not None:
        return rule.id, (rule.steps, rule.limit, rule.delay)
    answered = facts.get("event") in DEFAULT_EVENTS
    return ("default", (one.default, None, None)) if answered else ("", ((), None, None))


@given(policies(most=4), policies(most=4), st.data())
@FEW
def test_every_point_at_which_they_differ_is_in_a_difference_of_these_two_rules(
    before: Policy, after: Policy, data: st.DataObject
) -> None:
    both = survey([before, after], (), Budget(10_000_000))
    if has_free_pair(both.space):
        return
    found = semantic_diff(before, after)
    pairs = {(one.before.rule, one.after.rule) for one in found.differences}
    cells = samples(both.space)

    for _ in range(15):
        facts = facts_at({key: data.draw(st.sampled_from(some)) for key, some in cells.items()})
        point = completed(both.space, facts)
        if any(not point & ~box for box in both.impossible):
            continue
        (one, does), (other, does_too) = outcome(before, facts), outcome(after, facts)
        if does != does_too:
            assert (one, other) in pairs


@given(policies(most=4), policies(most=4))
@FEW
def test_every_example_is_decided_differently_by_these_two_rules(
    before: Policy, after: Policy
) -> None:
    for one in semantic_diff(before, after).differences:
        facts = dict(one.example.facts)
        if one.example.exact:
            assert outcome(before, facts) == (one.before.rule, one.before.outcome)
            assert outcome(after, facts) == (one.after.rule, one.after.outcome)


@given(policies())
@FEW
def test_a_policy_does_the_same_as_itself(one: Policy) -> None:
    assert semantic_diff(one, one).same


def changed(*pairs: tuple[str, str]) -> Comparison:
    text = TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return semantic_diff(policy(TEXT), policy(text))


def test_a_moved_threshold_reads_as_one_range() -> None:
    found = changed(
        ("default(session.context_used, 0%) > 80%", "default(session.context_used, 0%) > 70%")
    )

    told = {
        (one.before.rule, one.after.rule): [region.short for region in one.regions]
        for one in found.differences
    }

    between = "session.context_used > 70% and session.context_used <= 80%"
    assert told[("transient", "context-nearly-full")] == [
        f"stop.reason == 'timeout' and not work.done and work.state == 'valid' and {between}"
    ]
    assert all(after == "context-nearly-full" for _, after in told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("throttled: stop.reason in ('rate_limit', 'overloaded')",
         "throttled: stop.reason == 'overloaded' or stop.reason == 'rate_limit'"),
        ("id: credentials", "id: login"),
        ("operator.seen <= 15m and not known(episode.first_reason)",
         "not (operator.seen > 900s or known(episode.first_reason))"),
        ("why: The turn ended, and no step of its work is open.", "why: Done."),
    ],
)  # fmt: skip
def test_what_is_only_written_differently_is_the_same(old: str, new: str) -> None:
    assert changed((old, new)).same


def test_order_matters_only_where_two_rules_meet() -> None:
    apart = (
        "rules:\n  - {id: a, when: stop.reason == 'auth', do: [finish]}\n"
        "  - {id: b, when: stop.reason == 'crash', do: [stand-down]}\n"
    )
    lines = apart.splitlines(keepends=True)
    turned = "".join([lines[0], *reversed(lines[1:])])
    end = "default: {do: [attention]}\n"

    assert semantic_diff(
        policy(f"version: 1\n{apart}{end}"), policy(f"version: 1\n{turned}{end}")
    ).same


def test_a_changed_limit_wait_or_message_is_a_difference_of_the_same_rule() -> None:
    found = changed(
        ("max: 5\n      per: 30m", "max: 4\n      per: 30m"), ("first: 15s", "first: 20s")
    )

    assert [(one.before.rule, one.after.rule) for one in found.differences] == [
        ("throttled", "throttled"),
        ("crash", "crash"),
    ]


def test_what_stands_beside_the_rules_is_compared_too() -> None:
    found = changed(("healthy-after: 10m", "healthy-after: 20m"))

    (setting,) = found.settings
    assert (setting.name, setting.before, setting.after) == ("healthy-after", "10m", "20m")
    assert not found.same


BARE = "version: 1\nrules: [{id: a, when: work.done, do: [finish]}]\ndefault: {do: [attention]}\n"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "",
            "limits: {restarts: {max: 3, per: 90m}}\n",
            ("limits.restarts", "none", "3 per 1h30m"),
        ),
        ("limits: {prompts: {max: 3, per: 1h}}\n", "", ("limits.prompts", "3 per 1h", "none")),
        (
            "limits: {prompts: {max: 3, per: 1h}}\n",
            "limits: {prompts: {max: 3, per: 1h, then: [stand-down]}}\n",
            ("limits.prompts", "3 per 1h", "3 per 1h with 'then'"),
        ),
        ("", "mode: shadow\n", ("mode", "enforce", "shadow")),
        ("verify-within: 1m\n", "verify-within: 3m\n", ("verify-within", "1m", "3m")),
    ],
)
def test_a_changed_limit_of_all_rules_a_mode_or_a_timing_is_told_with_both_sides(
    before: str, after: str, told: tuple[str, str, str]
) -> None:
    found = semantic_diff(policy(before + BARE), policy(after + BARE))

    assert [(one.name, one.before, one.after) for one in found.settings] == [told]
    assert found.differences == ()


def observing(body: str) -> Policy:
    rule = f"  - {{continue: true, {body}}}\n"
    return policy(f"version: 1\nrules:\n{rule}default: {{do: [attention]}}\n")


def asides(before: Policy, after: Policy) -> list[tuple[str, str, list[str]]]:
    return [
        (one.before.rule, one.after.rule, [region.short for region in one.regions])
        for one in semantic_diff(before, after).differences
        if one.aside
    ]


def test_a_rule_that_observes_elsewhere_is_told_with_where_it_did_and_where_it_does() -> None:
    before = observing("id: keep, when: stop.reason == 'crash', do: [snapshot]")
    after = observing("id: keep, when: stop.reason == 'quota', do: [snapshot]")

    assert asides(before, after) == [
        ("keep", "", ["stop.reason == 'crash'"]),
        ("", "keep", ["stop.reason == 'quota'"]),
    ]


def test_a_rule_that_observes_under_another_name_is_the_same() -> None:
    body = "when: stop.reason == 'crash', do: [snapshot]"

    assert asides(observing(f"id: keep, {body}"), observing(f"id: save, {body}")) == []


def test_where_a_rule_that_decides_now_comes_first_the_observing_one_is_not_asked() -> None:
    body = "{id: keep, continue: true, when: stop.reason == 'crash', do: [snapshot]}"
    end = "default: {do: [attention]}\n"
    first = "{id: a, when: work.done, do: [finish]}"

    before = policy(f"version: 1\nrules:\n  - {body}\n  - {first}\n{end}")
    after = policy(f"version: 1\nrules:\n  - {first}\n  - {body}\n{end}")

    assert asides(before, after) == [("keep", "", ["stop.reason == 'crash' and work.done"])]


def test_a_rule_that_only_observes_is_told_as_such() -> None:
    observer = (
        "rules:\n  - {id: keep, continue: true, when: stop.reason == 'crash', do: [snapshot]}\n"
    )

    (only,) = changed(("rules:\n", observer)).differences

    assert only.aside
    assert (only.before.rule, only.after.rule) == ("", "keep")
    assert [region.short for region in only.regions] == ["stop.reason == 'crash'"]


def test_past_its_budget_it_says_that_there_may_be_more() -> None:
    found = semantic_diff(policy(TEXT), policy(TEXT), looks=1_000)

    assert not found.whole
    assert not found.same


def test_of_a_limit_that_is_the_same_in_both_nothing_is_said() -> None:
    both = "prompts: {max: 3, per: 1h}"

    found = semantic_diff(
        policy(f"limits: {{{both}, restarts: {{max: 1, per: 1h}}}}\n{BARE}"),
        policy(f"limits: {{{both}, restarts: {{max: 2, per: 1h}}}}\n{BARE}"),
    )

    assert [one.name for one in found.settings] == ["limits.restarts"]


def ruled(before: str, after: str) -> list[tuple[str, str, list[str]]]:
    """The differences of two policies with one rule each that has this condition."""
    both = (
        policy(f"""version: 1\nrules: [{{id: a, when: "{one}", do: [finish]}}]\n{END}""")
        for one in (before, after)
    )
    return [
        (one.before.rule, one.after.rule, [region.where for region in one.regions])
        for one in semantic_diff(*both).differences
    ]


END = "default: {do: [attention]}\n"
STOPPED = "event == 'stopped' and "


WHERE = {
    "stop.exit_code == 1": ("stop.exit_code > 2", "stop.exit_code > 2 or stop.exit_code == 1"),
    "stop.attempt > 3": ("stop.attempt > 1", "stop.attempt > 1 and stop.attempt <= 3"),
    "stop.attempt > 1 and stop.attempt <= 3": (
        "stop.attempt > 3",
        "stop.attempt > 3 and work.done or stop.attempt > 1",
    ),
    "(stop.reason != 'auth' or stop.reason unknown) and stop.signal unknown": (
        "not known(stop.signal)",
        "not known(stop.signal) and stop.reason == 'auth'",
    ),
    "stop.reason == 'auth' and known(stop.signal)": (
        "stop.reason == 'auth'",
        "stop.reason == 'auth' and not known(stop.signal)",
    ),
    "stop.confidence == 100%": ("stop.confidence <= 100%", "stop.confidence < 100%"),
    "known(work.steps_completed) and known(work.steps_total) "
    "and work.steps_completed > work.steps_total": (
        "work.steps_total == work.steps_completed",
        "work.steps_total <= work.steps_completed",
    ),
    "known(work.steps_total) and known(work.steps_completed) "
    "and work.steps_completed == work.steps_total": (
        "work.steps_completed < work.steps_total",
        "work.steps_completed <= work.steps_total",
    ),
    "(not work.done or work.done unknown) and known(session.model) "
    "and session.model == session.title": (
        "session.model == session.title",
        "session.model == session.title and work.done",
    ),
    "work.done and host.on_battery": (
        "work.done == host.on_battery",
        "work.done == host.on_battery and not work.done",
    ),
    "session.cost <= $5 and not host.network": (
        "host.network",
        "host.network == (session.cost > $5)",
    ),
    "(stop.message is 'ab' or stop.message contains x) and (not work.done or work.done unknown)": (
        "stop.message == 'ab' or contains(stop.message, 'x')",
        "work.done and (stop.message == 'ab' or contains(stop.message, 'x'))",
    ),
    "stop.message is another text and (not work.done or work.done unknown)": (
        "not contains(stop.message, 'x')",
        "work.done and not contains(stop.message, 'x')",
    ),
    "session.cost unknown and session.model != 'x'": (
        "session.model != 'x'",
        "session.model != 'x' and known(session.cost)",
    ),
    "session.cost unknown and session.model not in ('x', 'y')": (
        "session.model not in ('x', 'y')",
        "session.model not in ('x', 'y') and known(session.cost)",
    ),
    "session.cost unknown and host.network": (
        "host.network",
        "(session.cost > $5) in (true, false)",
    ),
}
"""Where two conditions differ."""


@pytest.mark.parametrize(("where", "pair"), WHERE.items(), ids=WHERE)
def test_where_they_differ_is_told_as_a_condition(where: str, pair: tuple[str, str]) -> None:
    told = [region for *_, regions in ruled(*pair) for region in regions]

    assert STOPPED + where in told


def test_two_words_that_are_compared_are_told_word_by_word_but_not_for_ever() -> None:
    before = policy(BARE.replace("work.done", "stop.reason == episode.first_reason"))
    after = policy(BARE.replace("work.done", "stop.reason != episode.first_reason"))

    gone, new = semantic_diff(before, after).differences

    assert gone.regions[0].short == (
        "stop.reason == 'rate_limit' and episode.first_reason == 'rate_limit'"
    )
    assert new.regions[0].short == (
        "stop.reason == 'rate_limit' and episode.first_reason != 'rate_limit'"
    )
    assert [len(one.regions) for one in (gone, new)] == [6, 6]
    assert gone.more
    assert new.more
