"""Commands that are given no policy are about the one in use, which a running daemon names."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, say
from tests.cli.test_policy_prove import CARELESS
from tests.cli.test_with_the_daemon_down import night
from tests.control.doors import StandInDoor, served
from tests.policy.texts import with_when

__all__ = ["night", "say"]

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


BOLD = """\
version: 1
rules:
  - {id: bold, when: stop.reason == 'crash', do: [resume]}
default: {do: [attention]}
"""


@pytest.fixture
def other(tmp_path: Path, own: Path) -> Iterator[Path]:
    """The file that a running daemon was started with, while the person has one of her own."""
    file = tmp_path / "other.yaml"
    file.write_text(BOLD)
    door = StandInDoor()
    door.changes["policy"] = in_force(file)
    with served(tmp_path, door):
        yield file


def in_force(file: Path) -> dict[str, object]:
    named = {"name": file.stem, "digest": "a1", "path": str(file), "origin": "--policy"}
    return {**named, "stale": []}


def test_what_is_simulated_is_what_the_daemon_goes_by(say: Say, other: Path):
    said = say("policy", "simulate", "--reason", "crash")

    assert said.code == 0
    assert "bold" in said.out


def test_what_is_explained_is_what_the_daemon_goes_by(say: Say, other: Path):
    said = say("policy", "explain", "--reason", "crash")

    assert said.code == 0
    assert "✔ bold" in said.out


def test_coverage_is_of_the_policy_that_the_daemon_goes_by(
    say: Say, night: dict[str, str], other: Path
):
    said = say("policy", "coverage", "--history", "8760h", "--json")

    told = json.loads(said.out)
    assert told["policy"] == str(other)
    assert [row["rule"] for row in told["rules"]] == ["bold", "default"]


def test_a_test_that_is_recorded_names_the_policy_that_the_daemon_goes_by(
    say: Say, night: dict[str, str], other: Path
):
    said = say("policy", "record", "--json")

    assert json.loads(said.out)["policy"]["used"] == str(other)


def test_a_project_is_held_against_the_policy_that_the_daemon_goes_by(
    say: Say, own: Path, other: Path, tmp_path: Path
):
    own.write_text(with_when("stop.resaon == 'x'"))
    project = tmp_path / "app" / ".palingenesis" / "policy.yaml"
    project.parent.mkdir(parents=True)
    project.write_text(
        "version: 1\nrules: [{id: mine, when: stop.reason == 'auth', do: [resume]}]\n"
    )

    said = say("policy", "trust", str(tmp_path / "app"))

    assert (said.code, said.err) == (0, "")


def test_a_flag_of_the_daemon_that_names_what_is_gone_is_told_as_the_daemons(say: Say, other: Path):
    other.unlink()

    said = say("policy", "simulate", "--reason", "crash")

    assert said.code == 5
    assert f"cannot read {other}" in said.err
    assert "hint: --policy of the running daemon names this file" in said.err


def test_a_policy_that_is_named_is_read_whatever_the_daemon_goes_by(
    say: Say, other: Path, tmp_path: Path
):
    named = tmp_path / "named.yaml"
    named.write_text(BOLD.replace("bold", "meek"))

    simulated = say("policy", "simulate", "--reason", "crash", "--policy", str(named))
    shipped = say("policy", "simulate", "--reason", "crash", "--policy", "default")

    assert "meek" in simulated.out
    assert (shipped.code, "bold" in shipped.out) == (0, False)


def test_a_file_that_was_refused_is_the_one_that_is_validated(say: Say, tmp_path: Path):
    bad = tmp_path / "policy.yaml"
    bad.write_text("version: 1\nrules: []\n")
    door = StandInDoor()
    policy = {"name": "default", "digest": "d", "path": "/d/default.yaml", "stale": ["p"]}
    door.changes["policy"] = {**policy, "refused": str(bad), "origin": "your own policy.yaml"}

    with served(tmp_path, door):
        said = say("policy", "validate")

    assert said.code == 5
    assert f"{bad}:1:1: error[S005]: 'default' is missing here" in said.out
