"""`policy validate`: several files, a pipe, and forms for other programs."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, in_a_process, say
from tests.policy.texts import with_do, with_when

__all__ = ["say"]

GOOD = with_do("[finish]")
WARNED = with_do("[new-session]")
BAD = with_when("stop.resaon == 'x'")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    found = {}
    for name, text in {"good": GOOD, "warned": WARNED, "bad": BAD}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        found[name] = str(tmp_path / f"{name}.yaml")
    return found


def test_several_files_are_all_checked_and_one_bad_one_is_enough(say: Say, files: dict[str, str]):
    said = say("policy", "validate", files["bad"], files["good"], "default")

    assert said.code == 5
    assert f"{files['bad']}: 1 error" in said.out
    assert f"{files['good']}: valid · 1 rule" in said.out
    assert "default: valid" in said.out


@pytest.mark.parametrize(
    ("name", "flags", "code"),
    [("good", ["--strict"], 0), ("warned", [], 0), ("warned", ["--strict"], 1),
     ("bad", ["--strict"], 5)],
)  # fmt: skip
def test_a_warning_fails_only_when_it_is_asked_for(
    say: Say, files: dict[str, str], name: str, flags: list[str], code: int
):
    assert say("policy", "validate", files[name], *flags).code == code


def test_what_is_piped_in_is_checked_beside_files(tmp_path: Path, files: dict[str, str]):
    done = in_a_process(tmp_path, "policy", "validate", "-", files["good"], input=BAD)

    assert done.returncode == 5
    assert "-:4:11: error[E009]" in done.stdout
    assert f"{files['good']}: valid" in done.stdout


def test_there_is_only_one_standard_input(say: Say):
    assert say("policy", "validate", "-", "-").code == 2


def test_json_has_one_entry_a_file(say: Say, files: dict[str, str]):
    document = json.loads(say("policy", "validate", files["good"], files["bad"], "--json").out)
    good, bad = document["files"]

    assert (document["schema_version"], document["valid"]) == (1, False)
    assert (good["file"], good["valid"], good["rules"]) == (files["good"], True, ["one"])
    assert (bad["valid"], bad["digest"]) == (False, None)
    assert [one["code"] for one in bad["diagnostics"]] == ["E009"]


def test_github_gets_one_command_a_problem_and_nothing_else(say: Say, files: dict[str, str]):
    said = say("policy", "validate", files["bad"], files["warned"], "--github")

    assert said.code == 5
    assert [line.split(" ")[0] for line in said.out.splitlines()] == ["::error", "::warning"]


def test_code_scanning_gets_sarif(say: Say, files: dict[str, str]):
    said = say("policy", "validate", files["bad"], files["good"], "--sarif")
    (run,) = json.loads(said.out)["runs"]

    assert said.code == 5
    assert [one["ruleId"] for one in run["results"]] == ["E009"]


def test_a_file_that_cannot_be_read_is_told_before_anything_is_checked(
    say: Say, files: dict[str, str]
):
    said = say("policy", "validate", files["good"], "missing.yaml")

    assert said.code == 5
    assert said.out == ""
    assert said.err.startswith("error: cannot read missing.yaml")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version: 1\ntests: []\n", "a file of tests: palingenesis policy test"),
        ("version: 1\nstory: [died]\n", "a scenario: palingenesis policy simulate"),
    ],
)
def test_a_file_of_another_kind_is_answered_with_the_command_for_it(
    say: Say, tmp_path: Path, text: str, hint: str
):
    (tmp_path / "other.yaml").write_text(text)

    said = say("policy", "validate", str(tmp_path / "other.yaml"))

    assert said.code == 5
    assert said.err == f"hint: this is {hint} {tmp_path / 'other.yaml'}\n"


def test_a_policy_with_mistakes_gets_no_such_hint(say: Say, files: dict[str, str]):
    assert say("policy", "validate", files["bad"]).err == ""
