"""`policy prove`, `lint` and `validate` without a file are about the policy in use, and name it."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, say
from tests.cli.test_policy_prove import CARELESS
from tests.control.doors import StandInDoor, served
from tests.policy.texts import with_when

__all__ = ["say"]

WORDS = ("prove", "lint", "validate")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The person's own policy: one of its statements does not hold."""
    folder = tmp_path / "c"
    folder.mkdir(mode=0o700)
    (folder / "policy.yaml").write_text(CARELESS)
    return folder / "policy.yaml"


def test_prove_proves_the_persons_own_policy(say: Say, own: Path):
    said = say("policy", "prove")

    assert said.code == 1
    assert said.out.splitlines()[-1] == f"{own}: 6 of 8 proved"


def test_lint_looks_over_the_persons_own_policy(say: Say, own: Path):
    own.write_text(with_when("stop.exit_code > 300"))

    said = say("policy", "lint")

    assert said.code == 1
    assert f"{own}:3:9: warning[L101]" in said.out


def test_validate_checks_the_persons_own_policy(say: Say, own: Path):
    own.write_text(with_when("stop.resaon == 'x'"))

    said = say("policy", "validate")

    assert said.code == 5
    assert f"{own}:4:11: error[E009]" in said.out


@pytest.mark.parametrize("word", WORDS)
def test_without_a_policy_of_her_own_it_is_the_shipped_one_by_its_name(say: Say, word: str):
    said = say("policy", word)

    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("default: ")


@pytest.mark.parametrize("word", WORDS)
def test_the_shipped_one_can_still_be_named(say: Say, own: Path, word: str):
    said = say("policy", word, "default")

    assert said.code == 0
    assert str(own) not in said.out


@pytest.mark.parametrize("word", WORDS)
def test_a_policy_in_use_that_is_not_there_is_told_with_who_names_it(
    say: Say, tmp_path: Path, word: str
):
    said = say("policy", word, PALINGENESIS_POLICY=str(tmp_path / "none.yaml"))

    assert said.code == 5
    assert f"cannot read {tmp_path / 'none.yaml'}" in said.err
    assert "hint: PALINGENESIS_POLICY names this file" in said.err


@pytest.mark.parametrize("word", WORDS)
def test_the_daemon_says_which_policy_is_in_use(say: Say, own: Path, tmp_path: Path, word: str):
    other = tmp_path / "other.yaml"
    other.write_text(own.read_text().replace("again", "other"))

    door = StandInDoor()
    door.changes["policy"] = {"name": "o", "digest": "a1", "path": str(other), "stale": []}

    with served(tmp_path, door):
        said = say("policy", word, "--json")

    document = json.loads(said.out)
    (file,) = document["files"] if word == "validate" else (document,)
    assert file["file"] == str(other)
