"""Mistakes that few people make, and what is said of them: the exact words where there are few."""

from dataclasses import replace

import pytest
import yaml

from palingenesis.core.policy.diagnostics import MOST
from palingenesis.core.policy.expressions import Scope, read_expression
from palingenesis.core.policy.read import MOST_ENTRIES, read
from palingenesis.core.policy.structure import plain
from tests.policy.texts import END, HERE, SHIPPED, compiled, found, outside, with_do, with_when

LONG_ZERO = "000000000.000w00000000.000d00000000.000h"
"""Forty characters that are a duration."""

CASES = {
    "a merge key": (
        "version: 1\nrules: []\n<<: {name: a}\n" + END,
        ("Y006", 3, 1, "a merge key '<<' is not allowed",
         "write it out, or give a condition a name with 'define:'"),
    ),
    "a very long list": (
        f"a: [{'1,' * (MOST_ENTRIES + 1)}]\n",
        ("Y003", 1, 2005, "a list of more than 1000 entries", ""),
    ),
    "a depth that the parser refuses itself": (
        "a: " + "[" * 2_000,
        ("Y003", 1, 1003, "nested deeper than 24 lists and mappings", ""),
    ),
    "a fact behind a character that is written as a number": (
        with_when('"\\x73top.attempt > 3 and foo"'),
        ("E009", 4, 11, "unknown fact 'foo'", ""),
    ),
    "a step that stands alone and cannot": (
        with_do("[notify]"),
        ("S005", 4, 10, "'message' is missing here", ""),
    ),
    "a step with nothing behind its colon": (
        with_do("[notify: ]"),
        ("S005", 4, 18, "'message' is missing here", ""),
    ),
    "a rule with nothing in it that others come after": (
        "version: 1\nrules: [{id: a, do: [finish]}, {}]\n" + END,
        ("S005", 2, 32, "'id' is missing here", "give the rule a name: '- id: my-rule'"),
        ("S005", 2, 32, "'do' is missing here", "say what to do: do: [notify: {message: …}]"),
    ),
    "a text among the rules": (
        "version: 1\nrules: [no, {id: a, when: foo, do: [finish]}]\n" + END,
        ("S004", 2, 9, "an entry of rules must be a mapping, not a text", ""),
        ("E009", 2, 27, "unknown fact 'foo'", ""),
    ),
    "a text that only begins like a duration": (
        with_do(f"[wait: {{for: {LONG_ZERO}x}}, resume]"),
        ("S003", 4, 22, f"'{LONG_ZERO}' is not a duration", ""),
    ),
    "a sign that repeats the beginning of a text": (
        with_when("\"matches(stop.message, '^*')\""),
        ("E013", 4, 34, "cannot use this pattern: '*' has nothing to repeat", ""),
    ),
    "a name that is neither a preset nor a file": (
        "version: 1\nextends: [foo]\nrules: []\n" + END,
        ("S018", 2, 11, "'foo' is neither a preset nor a policy file",
         "name a preset (builtin:recommended@1) or a file that ends in .yaml"),
        ("S018", 2, 11, "cannot read 'foo': no such file or directory",
         "the path is relative to the file that names it"),
    ),
    "channels that are a mapping": (
        with_do("[notify: {message: a, channels: {x: 1}}]"),
        ("S004", 4, 41, "channels must be a list, not a mapping", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_mistake_is_told_with_its_place(case: tuple[object, ...]) -> None:
    text, *expected = case
    assert isinstance(text, str)

    assert found(text) == expected


@pytest.mark.parametrize(
    ("written", "whole"),
    [("1.5", "write 1 or 2"), ("2.0", "write 2")],
)
@pytest.mark.parametrize("text", ["stop.attempt > {}", "{} < stop.attempt"])
def test_a_whole_number_is_compared_with_whole_numbers_only(
    text: str, written: str, whole: str
) -> None:
    ((code, _, _, message, advice),) = found(with_when(f'"{text.format(written)}"'))

    assert (code, message, advice) == (
        "E006", f"stop.attempt is a whole number; {written} is none", whole,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["stop.attempt in (1, 1.5)", "default(stop.attempt, 1.5) > 1", "count(crash, 1h) > 1.5"]
)
def test_neither_a_list_nor_a_default_nor_a_count_has_a_fraction(text: str) -> None:
    ((code, _, _, message, advice),) = found(with_when(f'"{text}"'))

    assert (code, advice) == ("E006", "write 1 or 2")
    assert message.endswith("is a whole number; 1.5 is none")


def test_a_number_without_a_unit_may_have_a_fraction_where_the_unit_is_asked_for() -> None:
    ((code, *_, advice),) = found(with_when("session.cost > 2.5"))

    assert (code, advice) == ("E016", "did you mean $2.5?")


@pytest.mark.parametrize(
    "text",
    [
        "x: [" + "&a 1, " * 300 + "]",
        "x: {" + ", ".join(f"k{n}: &a 1" for n in range(300)) + "}",
        "version: 1\nrules: [" + "{}, " * 300 + "]\n" + END,
        "version: 1\nrules:\n" + "- {id: a, when: foo and bar and baz, do: [finish]}\n" * 300 + END,
    ],
    ids=["anchors in a list", "anchors in a mapping", "rules with nothing", "several in a rule"],
)
def test_of_very_many_mistakes_only_so_many_are_told(text: str) -> None:
    assert len(found(text)) == MOST


def test_a_file_that_cannot_be_read_is_not_told_of_when_too_much_was_told_before() -> None:
    anchors = "version: 1\nrules: []\nx: [" + "&a 1, " * 250 + "]\n"
    files = {"./a.yaml": anchors, "./b.yaml": "\x00"}
    text = "version: 1\nextends: [./a.yaml, ./b.yaml]\nrules: []\n" + END

    told = compiled(text, outside(files)).diagnostics

    assert len(told) == MOST
    assert {one.file for one in told} == {"./a.yaml"}


def test_an_inherited_rule_is_not_replaced_by_one_that_does_nothing() -> None:
    text = "version: 1\nextends: [./team.yaml]\nrules: [{id: a, override: replace}]\n" + END
    team = "version: 1\nrules: [{id: a, do: [finish]}]\n" + END

    (one,) = compiled(text, outside({"./team.yaml": team})).diagnostics

    assert (one.code, one.line, one.message) == ("S005", 3, "'do' is missing here")
    assert one.help == "say what to do, or write 'override: merge' to change some keys only"


def test_where_no_channel_is_configured_none_is_proposed() -> None:
    nobody = replace(HERE, channels=frozenset())

    (one,) = compiled(with_do("[notify: {message: a, channels: [x]}]"), nobody).diagnostics

    assert (one.code, one.message) == ("L131", "no channel 'x' is configured")
    assert one.help == "there is none yet: see [channels] in docs/reference/configuration.md"


def test_to_send_at_any_hour_may_be_written_down() -> None:
    plainly = compiled(with_do("[notify: {message: a}]")).policy
    written = compiled(with_do("[notify: {message: a, quiet: send}]")).policy

    assert plainly is not None
    assert written is not None
    assert written.rules[0].steps == plainly.rules[0].steps


def test_of_an_expression_that_cannot_be_parsed_a_part_that_is_too_large_is_not_looked_into() -> (
    None
):
    large = f"foo.baz in ({', '.join('1' * 130)})"

    told = read_expression(f"work.done == == 3 and {large} and foo.bar", Scope()).mistakes

    assert [one.message for one in told] == [
        "cannot parse the expression: something is missing or misplaced here",
        "unknown fact 'foo.bar'",
    ]


def test_what_is_nested_too_deeply_for_the_parser_is_told() -> None:
    (told,) = read_expression(f"{'-' * 4_900}1", Scope(), longest=5_000).mistakes

    assert (told.code, told.message) == (
        "E003", "cannot parse the expression: it is nested too deeply",
    )  # fmt: skip


def test_without_libyaml_a_policy_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it, _ = read(SHIPPED.read_bytes())
    assert with_it is not None
    monkeypatch.delattr(yaml, "CSafeLoader")

    without, _ = read(SHIPPED.read_bytes())
    refused, told = read('x: "\\UFFFFFFFF"\n')

    assert without is not None
    assert plain(without) == plain(with_it)
    assert refused is None
    assert [one.code for one in told.found] == ["Y001"]
