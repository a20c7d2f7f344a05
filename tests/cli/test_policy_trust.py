"""`policy trust`: a project's policy is trusted as it is, and no other way."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, say

__all__ = ["say"]

BOLD = "version: 1\nrules: [{id: mine, when: stop.reason == 'crash', do: [resume]}]\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "app" / ".palingenesis" / "policy.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(BOLD)
    return tmp_path / "app"


def test_what_is_trusted_is_listed_until_it_changes_or_is_removed(say: Say, app: Path):
    file = app / ".palingenesis" / "policy.yaml"
    empty = say("policy", "trust", "--list")
    trusted = say("policy", "trust", str(app))
    listed = say("policy", "trust", "--list")
    file.write_text(BOLD + "# another line\n")
    changed = say("policy", "trust", "--list", "--json")
    removed = say("policy", "trust", str(file), "--remove")

    assert (empty.code, empty.out) == (0, "")
    assert trusted.out.startswith(f"{app}: trusted as it is now (sha256 ")
    assert listed.out == f"{file}: trusted\n"
    assert json.loads(changed.out)["trusted"] == [
        {"path": str(file), "state": "changed since; it may only tighten"}
    ]
    assert removed.out == f"{app}: trusted no more; its policy may only tighten\n"
    assert say("policy", "trust", "--list").out == ""


def test_a_policy_with_mistakes_is_not_trusted_and_they_are_told(say: Say, app: Path):
    (app / ".palingenesis" / "policy.yaml").write_text(BOLD.replace("crash", "crahs"))

    said = say("policy", "trust", str(app))

    assert said.code == 5
    assert "error[E010]: 'crahs' is not a value of stop.reason" in said.err
    assert say("policy", "trust", "--list").out == ""


def test_a_project_without_a_policy_cannot_be_trusted(say: Say, tmp_path: Path):
    said = say("policy", "trust", str(tmp_path))

    assert said.code == 5
    assert "a project keeps its policy in .palingenesis/policy.yaml" in said.err


def test_what_is_not_trusted_need_not_be_removed(say: Say, tmp_path: Path):
    removed = say("policy", "trust", str(tmp_path), "--remove")

    assert (removed.code, removed.out) == (0, f"{tmp_path}: was not trusted\n")


@pytest.mark.parametrize("given", [[], ["x", "--list"], ["--list", "--remove"]])
def test_it_is_one_project_or_the_list(say: Say, given: list[str]):
    assert say("policy", "trust", *given).code == 2


def test_one_project_is_trusted_no_more_and_not_the_whole_list(say: Say):
    said = say("policy", "trust", "--list", "--remove")

    assert said.err.startswith("error: --remove takes the directory of a project, and no --list\n")
    assert say("policy", "trust", "--remove").err.startswith("error: give the directory of a")
