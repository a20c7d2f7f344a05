"""A file of one kind given to a command for another, and a value that the shell has eaten."""

from pathlib import Path

import pytest

from tests.cli.test_bad_input import is_told_well
from tests.cli.test_commands import Say, say

__all__ = ["say"]

OTHER_KINDS = {
    "scenario": ("version: 1\nstory: [died]\n", "this is a scenario: palingenesis policy simulate"),
    "tests": ("version: 1\ntests: []\n", "this is a file of tests: palingenesis policy test"),
}
READERS_OF_POLICIES = (
    ("validate",),
    ("lint",),
    ("prove",),
    ("graph",),
    ("show", "--resolved"),
    ("diff", "default"),
    ("coverage",),
    ("explain", "--reason", "crash", "--policy"),
    ("simulate", "--reason", "crash", "--policy"),
)


@pytest.mark.parametrize("words", READERS_OF_POLICIES, ids=" ".join)
@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_told_with_the_command_that_reads_it(
    say: Say, tmp_path: Path, kind: str, words: tuple[str, ...]
):
    text, hint = OTHER_KINDS[kind]
    file = tmp_path / "other.yaml"
    file.write_text(text)

    said = say("policy", *words, str(file))

    assert said.code == 5
    assert f"hint: {hint} {file}\n" in said.err


def test_tests_and_scenarios_that_are_mixed_up_are_told_too(say: Say, tmp_path: Path):
    for kind, command in (("tests", "simulate"), ("scenario", "test")):
        text, hint = OTHER_KINDS[kind]
        file = tmp_path / f"{kind}.yaml"
        file.write_text(text)

        said = say("policy", command, str(file))

        assert is_told_well(said, 5), said.err
        assert f"hint: {hint} {file}\n" in said.err


@pytest.mark.parametrize("command", ["simulate", "explain"])
def test_an_amount_that_the_shell_has_eaten_is_told_to_be_quoted(say: Say, command: str):
    said = say("policy", command, "--reason", "crash", "session.cost=2")

    assert is_told_well(said, 2), said.err
    assert "session.cost is an amount of money, not '2' (write it as $20, and in quotes" in said.err
