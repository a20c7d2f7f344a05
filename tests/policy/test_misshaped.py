"""What has not even the form of a policy: each mistake is told once, in its place, and no more."""

import pytest

from tests.policy.texts import END, compiled, found, policy, rules, with_do, with_when

ONE = "rules: [{id: a, do: [finish]}]\n" + END
QUIET = "calendars: {quiet: {from: '01:00', to: '02:00'}}\n"
DEEP = [f"  d{number:02}: d{number + 1:02} and work.done\n" for number in range(30)]
WIDE = [f"  d{n}: {' or '.join([f'd{n - 1}'] * 6)}\n" for n in range(1, 4)]

TEXTS: dict[str, tuple[str, list[tuple[str, int, int, str]]]] = {
    "a calendar that is a word": (
        f"version: 1\ncalendars: {{quiet: no}}\n{ONE}",
        [("S004", 2, 20, "quiet must be a mapping, not a text")],
    ),
    "a parameter that is a number": (
        f"version: 1\nparams: {{a: 5}}\n{ONE}",
        [("S004", 2, 13, "a must be a mapping, not a number")],
    ),
    "a parameter of a kind that none has": (
        f"version: 1\nparams: {{a: {{type: enum, default: x}}}}\n{ONE}",
        [("S002", 2, 20, "'enum' is not allowed here")],
    ),
    "a definition that is a list": (
        f"version: 1\ndefine: {{slow: [a]}}\n{ONE}",
        [("S004", 2, 16, "slow must be a text or true or false, not a list")],
    ),
    "a definition that is too long": (
        f"version: 1\ndefine:\n  slow: {'work.done or ' * 60}work.done\n{ONE}",
        [("E001", 3, 9, "the expression has 789 characters; 600 are allowed")],
    ),
    "definitions that are too deep": (
        f"version: 1\ndefine:\n{''.join(DEEP)}  d30: work.done\n{ONE}",
        [
            ("E015", 3, 3, "definitions use one another more than 16 deep"),
            ("E015", 19, 3, "definitions use one another more than 16 deep"),
        ],
    ),
    "definitions that are too much once written out": (
        ("version: 1\ndefine:\n  d0: work.done and stop.retrying and work.done and stop.retrying\n"
        f"{''.join(WIDE)}{ONE}"),
        [("E001", 6, 7, "the expression has more than 600 parts once written out")],
    ),
    "a step without its options": (with_do("[{}]"), [
        ("S009", 4, 10, "a step is one action; here is none")]),
    "an option of a calendar that is a list": (
        (f"version: 1\n{QUIET}rules: [{{id: a, do: [notify: {{message: hi, quiet: "
        f"{{calendar: [quiet], do: hold}}}}, finish]}}]\n{END}"),
        [("S004", 3, 62, "calendar must be a text, not a list")],
    ),
    "a calendar to wait for that is a list": (
        (f"version: 1\n{QUIET}rules: [{{id: a, do: [wait: {{until: calendar_end, "
        f"calendar: [quiet]}}, resume]}}]\n{END}"),
        [("S004", 3, 60, "calendar must be a text, not a list")],
    ),
    "a message that is a list": (with_do("[resume: {message: [a]}]"), [
        ("S004", 4, 28, "message must be a text, not a list")]),
    "a model that is a mapping": (with_do("[resume: {model: {a: b}}]"), [
        ("S004", 4, 26, "model must be a text, not a mapping")]),
    "a ladder that is a word": (with_do("[wait: {backoff: long}, resume]"), [
        ("S004", 4, 26, "backoff must be a mapping, not a text")]),
    "a folder whose pattern is too long": (
        f"version: 1\nrules: [{{id: a, match: {{project: /{'x' * 300}}}, do: [finish]}}]\n{END}",
        [("S017", 2, 34, "cannot use this path: a pattern has at most 200 characters")],
    ),
    "two statements of one name": (
        f"version: 1\nnever: [{{id: x, do: resume}}, {{id: x, do: retry}}]\n{ONE}",
        [("S006", 2, 35, "a second statement 'x'")],
    ),
    "a statement that is a word": (
        f"version: 1\nnever: [no]\n{ONE}",
        [("S004", 2, 9, "an entry of never must be a mapping, not a text")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS)
def test_what_has_no_form_is_told_in_its_place(case: str) -> None:
    text, expected = TEXTS[case]

    assert [one[:4] for one in found(text)] == expected


EXPRESSIONS = {
    "stop.reason in (oops, 'crash')": ("E009", 27, "unknown fact 'oops'"),
    "stop.reason in (stop.model, 'crash')": (
        "E006", 27, "a list after 'in' holds only fixed values"),
    "known(stop.model).x": ("E004", 11, "a member of a value is not allowed here"),
    "'a'.b == 'c'": ("E004", 12, "a member of a value is not allowed here"),
    "$5 .b > $1": ("E004", 11, "a member of a value is not allowed here"),
    "count(crash, stop.attempt) > 1": ("E011", 24, "the window of count() is a duration"),
    "(stop.attempt > 1) == 5": (
        "E006", 33, "stop.attempt > 1 is true or false; 5 is a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_has_no_form_in_a_condition_is_told_in_its_place(expression: str) -> None:
    code, column, message = EXPRESSIONS[expression]
    quoted = f'"{expression}"' if expression.startswith("'") else expression

    assert [one[:4] for one in found(with_when(quoted))] == [(code, 4, column, message)]


def test_no_more_than_two_hundred_mistakes_are_told() -> None:
    body = "".join(f"  - {{id: a{n}, when: x{n}, do: [finish]}}\n" for n in range(300))

    result = compiled(rules(body))

    assert result.policy is None
    assert [one.message for one in result.diagnostics] == [
        f"unknown fact 'x{n}'" for n in range(200)
    ]


def test_an_action_may_be_written_with_its_colon_alone() -> None:
    assert policy(with_do("[finish: ]")).rules == policy(with_do("[finish]")).rules
