"""What a shell is offered for the names of policies, rules, facts, actions and codes."""

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from palingenesis.surfaces.cli.program import cli
from tests.cli.test_commands import environment
from tests.control.doors import StandInDoor, served


def offered(*words: str) -> list[str]:
    """The words that would be offered for the last one."""
    shell = ShellComplete(cli, {}, "palingenesis", "_PALINGENESIS_COMPLETE")
    found = shell.get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("explain-code", "E01"), "E016"),
        (("policy", "facts", "stop.re"), "stop.reason"),
        (("policy", "facts", "cou"), "count"),
        (("policy", "actions", "new"), "new-session"),
        (("policy", "show", "def"), "default"),
        (("policy", "validate", "d"), "default"),
        (("policy", "fmt", "d"), "default"),
        (("policy", "graph", "d"), "default"),
        (("policy", "init", "--from", "min"), "minimal"),
        (("policy", "show", "--rule", "cra"), "crash"),
        (("policy", "migr"), "migrate"),
    ],
)
def test_a_word_is_completed(words: tuple[str, ...], wanted: str):
    assert wanted in offered(*words)


def test_rules_are_those_of_the_policy_that_the_line_names(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "version: 1\nrules:\n  - id: my-own\n    do: [finish]\ndefault: {do: [attention]}\n"
    )

    assert offered("policy", "show", str(file), "--rule", "") == ["my-own"]


def test_without_a_policy_on_the_line_rules_are_those_that_the_daemon_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "mine.yaml"
    file.write_text(
        "version: 1\nrules:\n  - id: my-own\n    do: [finish]\ndefault: {do: [attention]}\n"
    )
    door = StandInDoor()
    door.changes["policy"] = {"name": "mine", "digest": "a1", "path": str(file), "stale": []}

    with served(tmp_path, door):
        assert offered("policy", "show", "--rule", "") == ["my-own"]


def test_a_policy_that_cannot_be_read_offers_no_rules(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("version: [\n")

    assert offered("policy", "show", str(tmp_path / "bad.yaml"), "--rule", "") == []
    assert offered("policy", "show", str(tmp_path / "none.yaml"), "--rule", "") == []


def test_what_is_piped_in_is_left_for_the_command():
    assert offered("policy", "show", "-", "--rule", "") == []


def test_sessions_are_those_that_the_daemon_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    assert offered("abort", "") == []
    with served(tmp_path):
        assert offered("abort", "") == ["ses_1abc", "ses_2def"]
        assert offered("explain", "ses_2") == ["ses_2def"]
        assert offered("events", "--session", "ses_1") == ["ses_1abc"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("events", "--filter", "session-st"), "session-stopped"),
        (("help", "exit"), "exit-codes"),
        (("man", "heal"), "health"),
        (("completion", "po"), "powershell"),
        (("answer", "q17", "y"), "yes"),
    ],
)
def test_words_of_closed_sets_are_completed(words: tuple[str, ...], wanted: str):
    assert wanted in offered(*words)
