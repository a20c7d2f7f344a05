"""Facts, durations and messages as text; and how the command line shows a mistake."""

from datetime import timedelta

import pytest

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import parse, parse_duration, show, show_duration
from palingenesis.core.policy.messages import fill, placeholders
from palingenesis.core.policy.patterns import PatternError, compile_pattern
from palingenesis.core.values import FactValue
from palingenesis.surfaces.cli.policy_text import render, report
from tests.policy.texts import compiled, rules, with_do


@pytest.mark.parametrize(
    ("text", "seconds", "again"),
    [("90s", 90, "1m30s"), ("1h30m", 5400, "1h30m"), ("1.5h", 5400, "1h30m"), ("1w", 604800, "7d"),
     ("250ms", 0.25, "250ms"), ("0s", 0, "0s"), ("8d", 691200, "8d")],
)  # fmt: skip
def test_durations_are_read_and_written(text: str, seconds: float, again: str) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert show_duration(parse_duration(text)) == again


@pytest.mark.parametrize(
    ("text", "hint"),
    [("5 minutes", "did you mean '5m'?"), ("5", "a unit is missing: '5s' or '5m'?"),
     ("5M", "did you mean '5m'?"), ("30m1h", "units are w d h m s ms, as in 90s or 1h30m"),
     ("", "units are w d h m s ms, as in 90s or 1h30m"),
     ("\u0663s", "units are w d h m s ms, as in 90s or 1h30m")],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_a_guess(text: str, hint: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        parse_duration(text)

    assert (caught.value.message, caught.value.hint) == (f"'{text}' is not a duration", hint)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("session.context_used", 0.86, "86%"), ("session.cost", 1.2, "$1.20"),
     ("progress.age", timedelta(seconds=90), "1m30s"), ("work.done", True, "true"),
     ("stop.attempt", 3, "3"), ("stop.reason", "crash", "crash"), ("stop.model", "a b", "a b")],
)  # fmt: skip
def test_facts_are_shown_and_read_back(name: str, value: FactValue, text: str) -> None:
    assert show(name, value) == text
    assert parse(name, text) == value


def test_a_long_span_is_shown_without_its_milliseconds() -> None:
    assert show("progress.age", timedelta(seconds=90, milliseconds=400)) == "1m30s"
    assert show("progress.age", timedelta(milliseconds=400)) == "400ms"


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [("stop.resaon", "x", "unknown fact 'stop.resaon'", "did you mean 'stop.reason'?"),
     ("stop.reason", "crsh", "'crsh' is not a value of stop.reason", "did you mean 'crash'?"),
     ("session.context_used", "80", "session.context_used is a ratio, not '80'",
      "write it as 80%"),
     ("session.cost", "20", "session.cost is an amount of money, not '20'", "write it as $20"),
     ("work.done", "yes", "work.done is true or false, not 'yes'", ""),
     ("stop.attempt", "1.5", "stop.attempt is a whole number, not '1.5'", "")],
)  # fmt: skip
def test_a_value_that_is_not_of_its_kind_is_refused(
    name: str, text: str, message: str, hint: str
) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        parse(name, text)

    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_messages_are_filled_and_what_is_missing_is_called_unknown() -> None:
    template = "${stop.reason} until ${ resume_at }, $${literally} $20 ${x.y}"

    filled = fill(template, {"stop.reason": "quota", "resume_at": "03:00"})

    assert filled == "quota until 03:00, ${literally} $20 unknown"
    assert [one.name for one in placeholders(template)] == ["stop.reason", "resume_at", "x.y"]


def test_a_value_with_a_placeholder_in_it_is_not_filled_again() -> None:
    assert fill("${stop.message}", {"stop.message": "${stop.model}"}) == "${stop.model}"


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [("^night-[0-9]+$", "night-12", True), ("^night-[0-9]+$", "a night-12", False),
     ("(?i)WEEKLY", "the weekly limit", True), ("a{2,3}b", "ab", False),
     (r"\bday\b", "today", False),
     ("a{2,}b", "aaaab", True), ("a{2}b", "aab", True), (r"\d{2}", "a1b22", True),
     (r"^\D+$", "no digit", True), (r"\W", "word_1", False), (r"\S", " \t", False),
     (r"a\tb\nc\rd", "a\tb\nc\rd", True), (r"1\.5", "1x5", False), ("(?:ab)+c", "ababc", True),
     ("[]a]$", "]", True), ("[a-]$", "-", True), (r"[\d-]$", "-", True),
     (r"^[^\s]+$", "a b", False), ("(?i)[a-f]Z", "Cz", True), ("(?i)[^A-F]", "c", False),
     ("|a", "", True),
     ("(cat|dog)s?$", "two dogs", True), ("[^a-c]", "abc", False), (".", "", False)],
)  # fmt: skip
def test_patterns_search_anywhere(pattern: str, text: str, found: bool) -> None:
    assert compile_pattern(pattern).found_in(text) is found


NO_PATTERN = {
    "(": "'(' has no ')'",
    "a)": "')' has no '('",
    "[": "'[' has no ']'",
    "[a": "'[' has no ']'",
    "*": "'*' has nothing to repeat",
    "a**": "'*' directly after '*' is not supported",
    "(?=a)": "'(?' is not supported (only '(?:' and a leading '(?i)')",
    "\\1": "'\\1' is not supported",
    "a\\": "a backslash at the end",
    "[z-a]": "'z-a' is not a range",
    "[a-\\d]": "'a-\\' is not a range",
    "a{99}": "a count is at most 50, the smaller one first",
    "a{3,2}": "a count is at most 50, the smaller one first",
    "a{2,99}": "a count is at most 50, the smaller one first",
    "a{000002}": "a count is at most 50",
    "a{x}": "'{' begins a count such as {2} or {2,5}; write \\{ for the sign",
    "a{2": "'{' begins a count such as {2} or {2,5}; write \\{ for the sign",
}


@pytest.mark.parametrize("pattern", NO_PATTERN)
def test_a_pattern_that_is_malformed_is_refused_with_what_is_wrong(pattern: str) -> None:
    with pytest.raises(PatternError) as refused:
        compile_pattern(pattern)

    assert str(refused.value) == NO_PATTERN[pattern]


@pytest.mark.parametrize("pattern", ["x" * 300, "((a{30}){30}){30}", "(" * 99 + "a" + ")" * 99])
def test_a_pattern_that_could_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


def test_a_mistake_is_shown_with_its_line_a_caret_and_the_way_out() -> None:
    text = rules("  - id: one\n    when: stop.resaon == 'x'\n    do: [finish]\n")

    assert report(compiled(text), text, "my.yaml") == (
        "my.yaml:4:11: error[E009]: unknown fact 'stop.resaon'\n"
        "  |\n"
        "4 |     when: stop.resaon == 'x'\n"
        "  |           ^^^^^^^^^^^\n"
        "  = help: did you mean 'stop.reason'?\n"
        "\n"
        "my.yaml: 1 error; the daemon would keep its current policy\n"
    )


def test_a_second_place_is_shown_too() -> None:
    text = rules("  - id: one\n    do: [finish]\n  - id: one\n    do: [finish]\n")

    assert render(compiled(text).diagnostics, text, "my.yaml") == (
        "my.yaml:5:9: error[S006]: a second rule 'one'\n"
        "  |\n"
        "5 |   - id: one\n"
        "  |         ^^^\n"
        "  |\n"
        "3 |   - id: one\n"
        "  |         ^^^ first used here\n"
        "  = help: ids are unique: decisions are explained by them\n"
        "\n"
    )


def test_a_good_policy_is_summed_up_in_one_line() -> None:
    text = with_do("[finish]")
    result = compiled(text)
    assert result.policy is not None

    digest = result.policy.digest[:6]
    assert report(result, text, "my.yaml") == f"my.yaml: valid · 1 rule · sha256 {digest}\n"


def test_the_caret_stands_below_wide_characters_and_on_very_long_lines() -> None:
    wide = with_do('[{log: {message: "漢字 ${a.b}"}}]')
    long = with_do('[{log: {message: "' + "x" * 3000 + '${a.b}"}}]')

    for text in (wide, long, wide.encode()):
        shown = render(compiled(text).diagnostics, text, "p").splitlines()
        assert max(len(line) for line in shown) < 200
        assert "${a.b}" in shown[2]
    caret = render(compiled(wide).diagnostics, wide, "p").splitlines()[3]
    assert caret == "  |" + " " * 32 + "^" * 6
