"""What ships is tested by its own tests, completely."""

import json
from pathlib import Path

import pytest

from palingenesis import shipped
from tests.cli.test_commands import Say, say

__all__ = ["say"]

ROOT = Path(__file__).parents[2]
POLICIES = sorted(
    path
    for folder in ("policies", "examples/policies")
    for path in (ROOT / folder).rglob("*.yaml")
    if not path.name.endswith(".test.yaml")
    and path.name != "recommended@1.yaml"  # the default policy, word for word: tested as that
)


def test_every_policy_that_ships_and_every_example_has_its_tests():
    assert POLICIES
    assert [path.name for path in POLICIES if not path.with_suffix(".test.yaml").is_file()] == []


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_the_tests_of_a_policy_pass_and_see_all_of_it(say: Say, path: Path):
    said = say("policy", "test", str(path), "--coverage", "--json")

    told = json.loads(said.out)
    failed = [
        (test["name"], case["failures"])
        for file in told["files"]
        for test in file["tests"]
        for case in test["cases"]
        if case["failures"]
    ]
    missing = {
        rule["rule"]: rule["missing"]
        for covered in told["coverage"]
        for rule in covered["rules"]
        if rule["missing"]
    }
    assert (failed, missing) == ([], {})
    assert said.code == 0
    assert (told["todo"], told["coverage"][0]["percent"]) == (0, 100)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_a_policy_is_written_as_a_careful_author_would(say: Say, path: Path):
    said = say("policy", "lint", str(path), "--json")

    told = json.loads(said.out)
    assert [one for one in told["diagnostics"] if one["severity"] != "note"] == []
    assert said.code == 0


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_everything_is_proved_of_a_policy(say: Say, path: Path):
    said = say("policy", "prove", str(path), "--budget", "60s", "--json")

    claims = json.loads(said.out)["claims"]
    assert {one["id"]: one["verdict"] for one in claims if one["verdict"] != "proved"} == {}
    assert said.code == 0


def test_tests_are_no_policy_that_one_could_name():
    assert "default" in shipped.policy_names()
    assert [name for name in shipped.policy_names() if "test" in name] == []
