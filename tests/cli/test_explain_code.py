"""`explain-code` tells what a diagnostic means."""

import json

import pytest

from palingenesis.core.policy.codes.registry import CODES
from tests.cli.test_commands import Say, say

__all__ = ["say"]


def test_a_code_is_told_with_an_example_that_has_it_and_one_that_has_not(say: Say):
    said = say("explain-code", "E016")

    assert said.code == 0
    assert said.out.startswith("E016 (error): A unit is missing\n\nDurations, ratios and money")
    assert "told about:\n\n    when: session.context_used > 80\n" in said.out
    assert "better:\n\n    when: session.context_used > 80%\n" in said.out


def test_a_code_may_be_typed_in_small_letters(say: Say):
    assert say("explain-code", "e016").out == say("explain-code", "E016").out


@pytest.mark.parametrize(
    ("word", "hint"),
    [("E0016", "did you mean 'E016'?"), ("wait", "palingenesis explain-code")],
)
def test_a_code_that_does_not_exist_is_a_usage_error_with_a_way_out(say: Say, word: str, hint: str):
    said = say("explain-code", word)

    assert said.code == 2
    assert said.out == ""
    assert said.err == f"error: there is no code '{word}'\nhint: {hint}\n"


def test_without_a_code_all_are_listed_one_in_a_line(say: Say):
    listed = [line.split()[0] for line in say("explain-code").out.splitlines() if line[:1] == " "]

    assert listed == list(CODES)


def test_scripts_get_the_same_as_json(say: Say):
    one = json.loads(say("explain-code", "Y004", "--json").out)
    every = json.loads(say("explain-code", "--json").out)["codes"]

    assert one.pop("schema_version") == 1
    assert one in every
    assert one["severity"] == "warning"
    assert one["url"] == "docs/reference/diagnostics.md#y004"
    assert [it["code"] for it in every] == list(CODES)


def test_invisible_characters_of_an_example_are_written_out(say: Say):
    assert "<U+FEFF>version: 1" in say("explain-code", "Y004").out
