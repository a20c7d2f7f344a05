"""What is read off a file without compiling it: its schema, its kind, the lines of a rule."""

import pytest

from palingenesis.core.policy.modeline import kind_of, modeline_of, with_modeline
from palingenesis.core.policy.rule_lines import lines_of
from tests.policy.texts import rules

LINE = "# yaml-language-server: $schema="


def test_an_editor_is_told_the_schema_in_a_comment_on_top() -> None:
    assert with_modeline("version: 1\n", "./a.json") == f"{LINE}./a.json\nversion: 1\n"
    assert with_modeline("version: 1\r\n", "./a.json") == f"{LINE}./a.json\r\nversion: 1\r\n"
    assert with_modeline("\ufeffversion: 1\n", "./a.json") == (
        f"\ufeff{LINE}./a.json\nversion: 1\n"
    )


def test_the_comment_that_a_file_has_is_changed_and_no_second_one_is_put_on_top() -> None:
    text = f"# mine\n  {LINE}./old.json  # kept\nversion: 1\n"

    assert with_modeline(text, "./new.json") == text.replace("old", "new")


def test_the_first_such_comment_counts_and_its_place_is_told() -> None:
    text = f"version: 1\n# see {LINE}./none.json\n{LINE}./a.json\n{LINE}./b.json\n"

    found = modeline_of(text)

    assert found is not None
    assert (found.schema, found.line) == ("./a.json", 3)
    assert text[found.span.start : found.span.end] == "./a.json"
    assert modeline_of("version: 1\n") is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("version: 1\nrules: []\n", "policy"),
        ("version: 1\ntests: []\n", "policy-test"),
        ("story: []\n", "scenario"),
        ("world: {}\n", "scenario"),
        ("- a list\n", "policy"),
        ("", "policy"),
        ("{", "policy"),
    ],
)
def test_the_keys_of_a_file_tell_what_kind_it_is(text: str, kind: str) -> None:
    assert kind_of(text) == kind


RULES = rules(
    "  # about the first\n  # in two lines\n  - id: first\n    do: [finish]\n\n"
    "  # about the second\n  - {id: second, do: [finish]}\n  - id: third\n"
    "    when: >\n      work.done\n      and stop.attempt > 1\n    do: [finish]\n"
)


def test_a_rule_is_shown_as_it_is_written_with_the_comments_right_above_it() -> None:
    assert lines_of(RULES, "first") == (
        "  # about the first\n  # in two lines\n  - id: first\n    do: [finish]"
    )
    assert lines_of(RULES, "second") == "  # about the second\n  - {id: second, do: [finish]}"
    assert lines_of(RULES, "third").endswith("      and stop.attempt > 1\n    do: [finish]")


@pytest.mark.parametrize(
    "text", ["rules: no\n", "- a list\n", "{", "rules: [no, {do: [finish]}, {id: [first]}]\n"]
)
def test_where_there_is_no_such_rule_there_are_no_lines_of_it(text: str) -> None:
    assert lines_of(text, "first") == ""
    assert lines_of(RULES, "fourth") == ""


def test_comments_that_reach_up_to_the_first_line_of_the_file_are_shown_from_there() -> None:
    assert lines_of("# top\nrules: [{id: a, do: [finish]}]\n", "a") == (
        "# top\nrules: [{id: a, do: [finish]}]"
    )
