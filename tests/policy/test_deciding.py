"""How a policy decides: first match, limits, delays, and the default."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core.facts import EVENTS
from palingenesis.core.plans import (
    Attention,
    Backoff,
    Finish,
    Log,
    Notify,
    Resume,
    StandDown,
    Wait,
)
from palingenesis.core.policy.build import digest_of
from palingenesis.core.policy.decide import Aside, Outcome, Ruling, decide, is_used_up
from palingenesis.core.policy.explain import explain, plain_explanation
from palingenesis.core.policy.index import indexed
from palingenesis.core.policy.model import Rule
from palingenesis.core.policy.needs import nearest_miss
from palingenesis.core.policy.telling import render
from palingenesis.core.values import FactValue, Severity
from tests.policy.texts import policy, rules


def never(_rule: str, _per: timedelta) -> int:
    return 0


def ruled(text: str, facts: Mapping[str, FactValue], used: int = 0) -> Ruling:
    return decide(policy(text), {"event": "stopped", **facts}, lambda *_: used)


TWO = rules(
    "  - id: first\n    when: stop.reason == 'crash'\n    do: [resume]\n"
    "  - id: second\n    when: stop.attempt >= 1\n    do: [finish]\n"
)


def test_the_first_rule_that_is_true_decides_in_the_order_of_the_file() -> None:
    both = ruled(TWO, {"stop.reason": "crash", "stop.attempt": 2})
    second = ruled(TWO, {"stop.reason": "quota", "stop.attempt": 2})

    assert both.rule == "first"
    assert both.steps == (Resume(),)
    assert second.rule == "second"
    assert second.considered == (("first", Outcome.FALSE), ("second", Outcome.DECIDES))


def test_an_unknown_condition_does_not_decide_and_says_that_it_was_unknown() -> None:
    ruling = ruled(TWO, {"stop.attempt": 1})

    assert ruling.rule == "second"
    assert ruling.considered[0] == ("first", Outcome.UNKNOWN)


@pytest.mark.parametrize("event", ["stopped", "action_failed"])
def test_the_default_answers_stops_and_failed_actions(event: str) -> None:
    ruling = ruled(rules("  - id: a\n    when: work.done\n    do: [finish]\n"), {"event": event})

    assert (ruling.rule, ruling.steps, ruling.why) == ("default", (Attention(),), "no rule matched")


@pytest.mark.parametrize("event", ["blocked", "progress", "stalled", "tick", "started"])
def test_after_any_other_event_no_rule_means_that_nothing_is_done(event: str) -> None:
    ruling = ruled(TWO, {"event": event, "stop.reason": "crash"})

    assert (ruling.rule, ruling.steps) == ("default", ())
    assert ruling.considered[0] == ("first", Outcome.OTHER_EVENT)


LIMITED = rules(
    "  - id: again\n    do: [resume]\n"
    "    limit: {max: 3, per: 1h, then: [{notify: {message: enough, severity: warning}}, finish]}\n"
    "  - id: later\n    event: [stalled, blocked]\n    for: 5m\n    do: [finish]\n"
)


def test_a_reached_limit_does_what_stands_under_then() -> None:
    asked: list[tuple[str, timedelta]] = []

    def used(rule: str, per: timedelta) -> int:
        asked.append((rule, per))
        return 3

    ruling = decide(policy(LIMITED), {"event": "stopped"}, used)

    assert asked == [("again", timedelta(hours=1))]
    assert ruling.limited
    assert ruling.steps == (Notify(message="enough", severity=Severity.WARNING), Finish())
    assert not ruled(LIMITED, {}, used=2).limited


def test_a_limit_without_then_means_attention() -> None:
    text = rules("  - id: again\n    do: [resume]\n    limit: {max: 1, per: 1h}\n")

    assert ruled(text, {}, used=1).steps == (Attention(reason="limit of rule 'again' reached"),)


def test_for_is_handed_on_as_a_delay() -> None:
    assert ruled(LIMITED, {"event": "blocked"}).delay == timedelta(minutes=5)


def test_defined_conditions_and_parameters_take_part() -> None:
    text = (
        "version: 1\n"
        "params:\n  cap: {type: money, default: $5}\n  say: {type: text, default: \"it's on\"}\n"
        "define:\n  both: dear and work.done\n  dear: session.cost >= params.cap\n"
        + rules("  - id: a\n    when: [both, session.title == params.say]\n"
                '    do: [{resume: {message: "${params.say} ${session.cost} ${params.cap}"}}]\n')
        .removeprefix("version: 1\n")
    )  # fmt: skip
    facts = {"session.cost": 6.0, "work.done": True, "session.title": "it's on"}

    assert ruled(text, facts).steps == (Resume(message="it's on ${session.cost} $5"),)
    dearer = decide(policy(text, cap="$7"), {"event": "stopped", **facts}, never)
    assert dearer.rule == "default"


def test_counts_are_looked_up_by_a_normalised_window_and_the_windows_are_known() -> None:
    text = rules("  - id: a\n    when: count(crash, 90m) >= 2\n    do: [finish]\n")

    assert policy(text).windows == {("crash", timedelta(minutes=90))}
    assert ruled(text, {"count(crash, 1h30m)": 2}).rule == "a"
    assert ruled(text, {}).rule == "default"


def test_every_option_of_a_wait_reaches_the_plan() -> None:
    text = rules(
        "  - id: a\n    do:\n"
        "      - wait: {until: retry_after, else: {backoff: {first: 15s, factor: 3, max: 1h}},"
        " jitter: 10s, max: 8d}\n      - wait: {for: 1.5h}\n      - stand-down\n"
    )

    assert ruled(text, {}).steps == (
        Wait(
            until="retry_after",
            otherwise=Backoff(first=timedelta(seconds=15), factor=3, longest=timedelta(hours=1)),
            jitter=timedelta(seconds=10),
            longest=timedelta(days=8),
        ),
        Wait(span=timedelta(minutes=90)),
        StandDown(),
    )


@pytest.mark.parametrize("word", ["no", "on", "off", "0123", "1:30", "2026-02-05", "1_000", "yes"])
def test_words_that_other_yaml_readers_turn_into_values_stay_texts(word: str) -> None:
    text = rules(f"  - id: a\n    why: {word}\n    do: [finish]\n")

    assert policy(text).rules[0].why == word


def test_comments_names_and_line_numbers_do_not_change_the_digest() -> None:
    with_comment = TWO.replace("rules:", "# a comment\nrules:")

    assert policy(TWO).digest == policy(with_comment).digest
    assert policy(TWO).rules[0].line != policy(with_comment).rules[0].line
    assert policy(TWO).digest != policy(TWO.replace("crash", "quota")).digest


def test_the_digest_is_of_what_is_said_and_not_of_the_order_in_which_it_was_kept() -> None:
    plain = policy(TWO).resolved

    assert digest_of(dict(reversed(plain.items()))) == policy(TWO).digest


def test_the_digest_of_a_policy_is_the_same_in_every_release() -> None:
    text = rules("  - {id: a, why: Süß., when: work.done, do: [{resume: {message: Weiter!}}]}\n")

    assert policy(text).digest == "f779f9633429ea280dd0af0abe75ad1910af4eaf520447e0ee130324f7d923ea"


def test_a_rule_may_listen_to_every_event() -> None:
    one = policy(rules(f"  - {{id: a, event: [{', '.join(EVENTS)}], do: [finish]}}\n"))

    assert one.rules[0].events == set(EVENTS)
    assert all(decide(one, {"event": event}, never).rule == "a" for event in EVENTS)


def test_an_indexed_policy_is_the_same_policy_and_is_shown_without_its_innards() -> None:
    plain = policy(TWO)

    assert indexed(plain) == plain
    assert indexed(plain).finder is not None
    assert all(word not in repr(indexed(plain)) for word in ("finder=", "resolved=", "term="))


def test_blanks_between_the_words_of_a_condition_mean_nothing_and_those_of_a_text_do() -> None:
    text = rules(
        "  - id: a\n    when: work.done and  session.cost > $5\n"
        "    do: [{resume: {message: go  on}}]\n"
    )
    spaced = text.replace("done and  session", "done  and session")

    assert policy(text).digest == policy(spaced).digest
    assert policy(text).digest != policy(text.replace("go  on", "go on")).digest


def test_timings_can_be_set() -> None:
    text = "stall-after: 20m\nverify-within: 3m\n" + TWO

    assert policy(text).stall_after == timedelta(minutes=20)
    assert policy(text).verify_within == timedelta(minutes=3)
    assert policy(text).healthy_after == timedelta(minutes=10)


BESIDE = rules(
    "  - {id: watch, continue: true, why: for the record, do: [{log: {message: seen}}]}\n"
    "  - {id: trial, mode: shadow, event: [stopped, blocked], for: 5m, do: [resume],"
    " limit: {max: 2, per: 1h}}\n"
    "  - {id: done, when: work.done, do: [finish]}\n"
)


@pytest.mark.parametrize(("facts", "rule"), [({"work.done": True}, "done"), ({}, "default")])
def test_rules_that_are_true_and_do_not_decide_are_told_beside_whatever_does(
    facts: Mapping[str, FactValue], rule: str
) -> None:
    ruling = ruled(BESIDE, facts, used=1)

    assert ruling.rule == rule
    assert ruling.asides == (
        Aside(rule="watch", steps=(Log(message="seen"),), shadow=False, why="for the record"),
        Aside(rule="trial", steps=(Resume(),), shadow=True, delay=timedelta(minutes=5)),
    )


def test_a_decision_says_why_in_the_words_of_its_rule() -> None:
    text = rules("  - {id: a, why: It is over., when: work.done, do: [finish]}\n")

    assert ruled(text, {"work.done": True}).why == "It is over."


@pytest.mark.parametrize("continues", ["true", "false"])
def test_a_rule_that_observes_does_what_stands_under_then_when_its_limit_is_reached(
    continues: str,
) -> None:
    text = rules(
        f"  - {{id: a, continue: {continues}, do: [snapshot],"
        " limit: {max: 1, per: 1h, then: [{log: {message: enough}}]}}\n"
    )

    ruling = ruled(text, {}, used=1)

    steps = ruling.asides[0].steps if ruling.asides else ruling.steps
    assert steps == (Log(message="enough"),)


def test_a_rule_without_a_limit_is_never_used_up() -> None:
    free, bound = policy(LIMITED).rules[1], policy(LIMITED).rules[0]

    assert not is_used_up(free, lambda *_: 1_000_000)
    assert not is_used_up(bound, lambda *_: 2)
    assert is_used_up(bound, lambda *_: 3)


def test_a_trial_whose_limit_is_reached_would_have_asked_for_a_person_at_once() -> None:
    trial = ruled(BESIDE, {"event": "blocked"}, used=2).asides[0]

    assert (trial.rule, trial.limited, trial.delay) == ("trial", True, None)
    assert trial.steps == (Attention(reason="limit of rule 'trial' reached"),)


def test_a_rule_that_only_observes_needs_nobody_when_its_limit_is_reached() -> None:
    text = rules(
        "  - {id: watch, continue: true, do: [snapshot], limit: {max: 1, per: 1h}}\n"
        "  - {id: try, mode: shadow, continue: true, do: [snapshot], limit: {max: 1, per: 1h}}\n"
    )

    watch, trial = ruled(text, {}, used=1).asides

    assert (watch.limited, watch.steps) == (True, ())
    assert trial.steps == (Attention(reason="limit of rule 'try' reached"),)


EXPLAINED = """\
 ? one                  policy.yaml:5
     when: hot and not work.done
           │           │
           │           unknown
           true
       hot: stop.reason == 'crash' or stop.attempt > 2
            │                         │
            │                         1
            'crash'
     unknown: work.done
     nearest miss: work.done known to be false and this rule would have decided
 ✔ two                  policy.yaml:8   <- decides, its limit is reached
     why: because
     when: default(session.context_used, 0%) > 80%
           │
           86%
 then: resume
"""


def test_an_explanation_names_the_comparisons_their_values_and_what_is_unknown() -> None:
    text = (
        "version: 1\ndefine:\n  hot: stop.reason == 'crash' or stop.attempt > 2\n"
        "rules:\n  - id: one\n    when: hot and not work.done\n    do: [finish]\n"
        "  - id: two\n    why: because\n    when: default(session.context_used, 0%) > 80%\n"
        "    do: [resume]\n    limit: {max: 1, per: 1h}\n"
        "  - id: three\n    do: [finish]\n" + "default: {do: [attention]}\n"
    )
    facts = {"event": "stopped", "stop.reason": "crash", "stop.attempt": 1,
             "session.context_used": 0.86}  # fmt: skip
    told = explain(policy(text), facts, lambda *_: 1)

    miss = nearest_miss(policy(text), facts, lambda *_: 1, told)
    assert render(told, miss=miss, then="resume") == EXPLAINED
    assert [(one.rule, one.outcome.value, one.reached) for one in told.considered] == [
        ("one", "unknown", True), ("two", "decides", True), ("three", "decides", False),
    ]  # fmt: skip
    assert plain_explanation(told)["considered"][0]["unknown"] == ("work.done",)


def test_an_explanation_says_when_nothing_is_done() -> None:
    told = explain(policy(TWO), {"event": "tick"}, never)

    assert not told.acts
    assert " ✔ default              <- nothing is done: no rule for this event" in render(told)


class Everything:
    """A finder that finds every rule true, whatever the facts."""

    def __init__(self, known: tuple[Rule, ...]) -> None:
        self.rules = known

    def true(self, facts: Mapping[str, FactValue]) -> Iterator[Rule]:
        return iter(self.rules)


def test_a_policy_with_a_finder_decides_by_what_the_finder_finds() -> None:
    plain = policy(rules("  - {id: one, when: stop.reason == 'quota', do: [finish]}\n"))
    found = replace(plain, finder=Everything(plain.rules))

    assert decide(plain, {"event": "stopped"}, never).rule == "default"
    assert decide(found, {"event": "stopped"}, never).rule == "one"


def test_a_finder_is_not_asked_about_rules_that_it_was_not_made_for() -> None:
    plain = policy(rules("  - {id: one, when: stop.reason == 'quota', do: [finish]}\n"))
    other = policy(rules("  - {id: two, when: stop.reason == 'quota', do: [finish]}\n"))
    stale = replace(other, finder=Everything(plain.rules))

    assert decide(stale, {"event": "stopped"}, never).rule == "default"
