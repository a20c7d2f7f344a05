"""Lint: said where a careful author agrees, and nowhere else."""

import re
from pathlib import Path

import pytest

from palingenesis.core.policy.analysis.budget import SpentError
from palingenesis.core.policy.analysis.lint import lint
from palingenesis.core.policy.codes.registry import CODES
from palingenesis.core.policy.diagnostics import Diagnostic, Grade
from tests.policy.texts import ROOT, SHIPPED, compiled, outside, policy

HEAD = "version: 1\n"
END = "default: {do: [attention]}\n"


def linted(text: str, **options: bool) -> tuple[Diagnostic, ...]:
    return lint(policy(text), text, **options).diagnostics  # type: ignore[arg-type]


def rules(*texts: str) -> str:
    listed = "".join(f"  - {text}\n" for text in texts)
    return f"{HEAD}rules:\n{listed}{END}"


def codes(text: str, **options: bool) -> list[str]:
    return [one.code for one in linted(text, **options) if one.severity is not Grade.NOTE]


POLICIES = sorted(
    path
    for folder in ("policies", "examples/policies")
    for path in (ROOT / folder).rglob("*.yaml")
    if not path.name.endswith(".test.yaml")
)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_every_policy_that_we_ship_is_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert codes(text) == []


def test_a_finding_points_at_the_part_of_the_condition() -> None:
    when = "stop.reason == 'crash' and count(crash, 1h) >= 0"
    text = rules(f"""{{id: a, when: "{when}", do: [finish]}}""")

    (found,) = [one for one in linted(text) if one.code == "L106"]

    line = text.splitlines()[found.line - 1]
    assert line[found.col - 1 : found.col - 1 + found.length] == "count(crash, 1h) >= 0"
    assert found.message == "rule 'a': 'count(crash, 1h) >= 0' is always true here"


def test_the_rules_that_take_everything_are_named_and_shown() -> None:
    text = rules(
        "{id: small, when: session.context_used <= 50%, do: [finish]}",
        "{id: large, when: session.context_used > 50%, do: [stand-down]}",
        "{id: none, when: not known(session.context_used), do: [stand-down]}",
        "{id: rest, do: [attention]}",
    )

    (found,) = [one for one in linted(text) if one.code == "L102"]

    assert found.line == 6
    assert "'small' and 'large' and 'none'" in found.message
    assert [one.line for one in found.related] == [3, 4, 5]


def test_the_unknown_is_not_forgotten() -> None:
    text = rules(
        "{id: small, when: session.context_used <= 50%, do: [finish]}",
        "{id: large, when: session.context_used > 50%, do: [stand-down]}",
        "{id: unknown, do: [attention]}",
    )

    assert codes(text) == []


def test_a_rule_in_shadow_takes_nothing_away() -> None:
    shadow = "{id: a, mode: shadow, when: stop.reason == 'crash', do: [finish]}"
    observer = "{id: b, continue: true, when: stop.reason == 'crash', do: [snapshot]}"
    last = "{id: c, when: stop.reason == 'crash', do: [stand-down]}"

    assert codes(rules(shadow, observer, last)) == []


def test_what_is_asked_of_a_fact_that_the_event_never_has_can_never_be_true() -> None:
    text = rules("{id: a, event: progress, when: stop.reason == 'crash', do: [finish]}")

    (found,) = [one for one in linted(text) if one.code == "L101"]

    assert "never known together with the event (progress)" in found.message


def test_fewer_in_an_hour_than_in_ten_minutes_is_impossible() -> None:
    text = rules("{id: a, when: 'count(crash, 10m) > 3 and count(crash, 1h) < 3', do: [finish]}")

    assert codes(text) == ["L101"]


WAIT = "wait: {until: retry_after, else: {backoff: {first: 15s, max: 10m}}}"


@pytest.mark.parametrize("reason", ["rate_limit", "quota", "overloaded"])
def test_what_the_provider_refuses_may_be_tried_for_ever_with_a_wait(reason: str) -> None:
    assert codes(rules(f"{{id: a, when: stop.reason == '{reason}', do: [{WAIT}, resume]}}")) == []
    assert codes(rules(f"{{id: a, when: stop.reason == '{reason}', do: [resume]}}")) == ["L115"]


@pytest.mark.parametrize(
    "ends",
    [
        "when: stop.reason == 'network' and episode.attempts < 9",
        "when: 'stop.reason == \"network\" and count(network, 6h) <= 12'",
        "when: stop.reason == 'network', limit: {max: 9, per: 1h}",
    ],
)
def test_a_count_or_a_limit_makes_a_rule_give_up(ends: str) -> None:
    assert codes(rules(f"{{id: a, {ends}, do: [resume]}}")) == []


def test_a_limit_that_goes_on_itself_ends_nothing() -> None:
    limit = "limit: {max: 3, per: 1h, then: [resume]}"

    text = rules(f"{{id: a, when: stop.reason == 'network', do: [resume], {limit}}}")

    assert codes(text) == ["L115"]


def test_an_earlier_rule_that_breaks_the_loop_is_seen() -> None:
    breaker = "{id: breaker, when: 'count(stopped, 6h) > 20', do: [attention]}"
    again = "{id: again, when: stop.reason == 'network', do: [resume]}"

    assert codes(rules(breaker, again)) == []
    assert codes(rules(again, breaker)) == ["L115"]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ("[resume]", ["L113"]),
        ("[switch-model: {to: a/b}, resume]", []),
        ("[resume: {model: a/b}]", []),
        ("[ask: {question: Really?, timeout: 30m, default: no}, resume]", []),
        ("[snapshot, new-session]", ["L113"]),
    ],
)
def test_a_refusal_is_cured_by_another_model_or_a_person_only(steps: str, found: list[str]) -> None:
    limit = "limit: {max: 2, per: 1h}"

    assert codes(rules(f"{{id: a, when: stop.reason == 'refused', do: {steps}, {limit}}}")) == found


def test_a_request_that_is_too_large_is_cured_by_a_new_session() -> None:
    limit = "limit: {max: 2, per: 1h}"
    when = "when: stop.reason == 'request_too_large'"

    assert codes(rules(f"{{id: a, {when}, do: [snapshot, new-session], {limit}}}")) == []
    assert codes(rules(f"{{id: a, {when}, do: [resume], {limit}}}")) == ["L113"]


def test_the_person_is_not_resumed_unless_a_rule_stands_down_first() -> None:
    again = "{id: again, do: [ask: {question: On?, timeout: 1h}, resume]}"
    careless = "{id: careless, when: stop.reason != 'auth', do: [resume], limit: {max: 2, per: 1h}}"

    assert "L114" in codes(rules(careless))
    assert "L114" not in codes(rules(again))


def test_a_name_is_used_by_a_message_a_condition_a_calendar_step_or_another_name() -> None:
    text = f"""{HEAD}time-zone: UTC
params: {{nudge: {{type: text, default: on}}, unused: {{type: text, default: off}}}}
calendars:
  night: {{days: [mon], from: "22:00", to: "06:00"}}
  never: {{days: [tue], from: "01:00", to: "02:00"}}
define: {{limited: stop.reason == 'quota', often: limited, idle: stop.reason == 'crash'}}
rules:
  - id: a
    when: often
    do:
      - wait: {{until: calendar_end, calendar: night, else: 5m}}
      - resume: {{message: "${{params.nudge}}"}}
{END}"""

    unused = [one.message for one in linted(text) if one.code == "L150"]

    assert unused == [
        "nothing uses the parameter 'unused'",
        "nothing uses the calendar 'never'",
        "nothing uses the condition 'idle'",
    ]


def test_a_single_calendar_is_used_without_being_named() -> None:
    text = f"""{HEAD}time-zone: UTC
calendars: {{night: {{days: [mon], from: "22:00", to: "06:00"}}}}
rules:
  - {{id: a, do: [notify: {{message: done, quiet: hold}}, finish]}}
{END}"""

    assert [one.message for one in linted(text) if one.code == "L150"] == []


def test_a_part_of_an_alternative_that_can_never_be_true_is_pointed_at() -> None:
    when = "stop.attempt > 5 or stop.reason == 'crash' and stop.attempt < 0"
    text = rules(f"""{{id: a, when: "{when}", do: [finish]}}""")

    (found,) = [one for one in linted(text) if one.code == "L106"]

    line = text.splitlines()[found.line - 1]
    assert line[found.col - 1 : found.col - 1 + found.length] in when
    assert found.message.endswith("is never true here")


def test_where_parameters_stand_in_a_condition_all_of_its_text_is_pointed_at() -> None:
    text = f"""{HEAD}params: {{least: {{type: int, default: 0}}}}
rules:
  - {{id: a, when: "count(crash, 1h) >= params.least and work.done", do: [finish]}}
{END}"""

    (found,) = [one for one in linted(text) if one.code == "L106"]

    line = text.splitlines()[found.line - 1]
    assert line[found.col - 1 : found.col - 1 + found.length].strip('"') == (
        "count(crash, 1h) >= params.least and work.done"
    )


def test_a_rule_of_another_file_is_pointed_at_by_file_and_line() -> None:
    team = "version: 1\nrules:\n  - {id: team, do: [finish]}\n" + END
    text = (
        "version: 1\nextends: [{use: ./team.yaml, position: top}]\n"
        "rules: [{id: own, do: [stand-down]}]\n" + END
    )
    result = compiled(text, outside({"./team.yaml": team}))
    assert result.policy is not None

    found = lint(result.policy, text, others=result.sources).diagnostics

    (one,) = [one for one in found if one.code == "L103"]
    assert (one.file, one.line) == ("", 3)
    assert [(it.file, it.line, it.col) for it in one.related] == [("./team.yaml", 3, 1)]
    assert result.sources == {"./team.yaml": team}


def test_a_policy_whose_text_is_not_its_own_is_still_looked_over_by_its_lines() -> None:
    one = policy(rules("{id: a, do: [finish]}", "{id: b, do: [finish]}"))
    wanted = one.rules[1].line

    for text in ("- a list\n", "{", "rules: [{id: [b]}, no]\n", "version: 1\nrules: []\n"):
        (found,) = [it for it in lint(one, text).diagnostics if it.code == "L103"]
        assert (found.line, found.col, found.length) == (wanted, 1, 1)


def test_what_costs_little_is_answered_although_other_questions_took_too_long() -> None:
    def too_slow() -> None:
        raise SpentError

    text = SHIPPED.read_text(encoding="utf-8")
    one = policy(text)

    assert lint(one, text).unanswered == ()
    assert lint(one, text, tick=too_slow).unanswered == ("reach", "constants")


def test_what_takes_too_much_work_is_named_and_not_guessed() -> None:
    def too_slow() -> None:
        raise SpentError

    parts = " or ".join(f"(session.messages == {n} and stop.attempt > {n})" for n in range(12))
    text = rules(*(f"{{id: r{n}, when: '{parts}', do: [finish]}}" for n in range(12)))

    found = lint(policy(text), text, tick=too_slow)

    assert found.unanswered
    assert not [one for one in found.diagnostics if one.code == "L102"]


def test_every_code_of_lint_is_on_its_page_with_its_grade() -> None:
    page = (ROOT / "docs/reference/lint.md").read_text(encoding="utf-8")

    told = dict(re.findall(r"^\| `(L\d{3})` \| (\w+) \|", page, re.MULTILINE))

    assert told == {code: one.severity.value for code, one in CODES.items() if code[0] == "L"}


def test_nothing_is_said_twice_and_everything_in_the_order_of_the_file() -> None:
    found = linted(SHIPPED.read_text(encoding="utf-8"), overlaps=True)

    assert len(set(found)) == len(found)
    assert [one.line for one in found] == sorted(one.line for one in found)


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        ("{backoff: {first: 1h, max: 1m}}", True),
        ("{until: retry_after, else: {backoff: {first: 1h, max: 1m}}}", True),
        ("{backoff: {first: 1m, max: 1m}}", False),
        ("{backoff: {first: 1m, max: 1h}}", False),
    ],
)
def test_a_ladder_that_begins_above_its_longest_wait_is_told(wait: str, told: bool):
    rule = f"{{id: a, when: stop.reason == 'network', do: [wait: {wait}, resume]}}"

    assert ("L117" in codes(rules(rule))) is told


NIGHT = """time-zone: UTC
calendars: {night: {days: [mon], from: "22:00", to: "06:00"}}
"""


def test_a_calendar_and_its_opposite_take_everything() -> None:
    text = rules(
        "{id: night, when: within('night'), do: [finish]}",
        "{id: day, when: not within('night'), do: [stand-down]}",
        "{id: rest, do: [attention]}",
    )

    (found,) = [
        it for it in linted(text.replace("rules:", f"{NIGHT}rules:", 1)) if it.code == "L102"
    ]

    assert found.message == (
        "rule 'rest' is unreachable: every case it matches is taken by 'night' and 'day'"
    )


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("session.cost == $0", "session.cost > $0"),
        ("stop.confidence < 100%", "stop.confidence == 100%"),
    ],
)
def test_there_is_nothing_below_the_least_value_or_above_the_greatest(small: str, large: str):
    fact = small.partition(" ")[0]

    assert codes(
        rules(
            f"{{id: small, when: {small}, do: [stand-down]}}",
            f"{{id: large, when: {large}, do: [stand-down]}}",
            f"{{id: none, when: not known({fact}), do: [stand-down]}}",
            "{id: rest, do: [attention]}",
        )
    ) == ["L102"]


def test_a_policy_whose_conditions_are_not_its_own_is_still_looked_over_by_its_rules() -> None:
    when = "stop.reason == 'crash' and count(crash, 1h) >= 0"
    one = policy(rules(f"""{{id: a, when: "{when}", do: [finish]}}"""))

    for text in ("rules: [{id: a, when: [[x]]}]\n", "rules: [{id: a}]\n"):
        (found,) = [it for it in lint(one, text).diagnostics if it.code == "L106"]
        assert (found.line, found.col, found.length) == (1, 14, 1)


def test_rules_that_restart_for_the_same_reason_are_told_once_and_others_are_not() -> None:
    limit = "do: [restart], limit: {max: 2, per: 1h}"
    text = rules(
        *(
            f"{{id: {name}, when: stop.reason == '{reason}'{more}, {limit}}}"
            for name, reason, more in (
                ("network", "network", " and work.done"),
                ("crash", "crash", " and work.done"),
                ("again", "crash", ""),
            )
        )
    )

    (found,) = [one for one in linted(text) if one.code == "L111"]

    assert found.message == (
        "'crash' and 'again' restart for the same reason, and their limits count apart: "
        "the restarts add up"
    )
