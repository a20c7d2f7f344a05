"""`policy lint`: exit codes and forms."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, say
from tests.policy.texts import with_when

__all__ = ["say"]


@pytest.fixture
def dead(tmp_path: Path) -> str:
    path = tmp_path / "dead.yaml"
    path.write_text(with_when("stop.exit_code > 300"))
    return str(path)


def test_the_default_policy_has_notes_and_no_warning(say: Say):
    said = say("policy", "lint")

    assert said.code == 0
    assert "0 warnings" in said.out


def test_a_warning_is_exit_code_1_with_its_place_and_the_way_out(say: Say, dead: str):
    said = say("policy", "lint", dead)

    assert said.code == 1
    assert f"{dead}:" in said.out
    assert "warning[L101]: rule" in said.out
    assert "= help: correct the condition, or remove the rule" in said.out


def test_a_policy_that_cannot_be_used_is_exit_code_5(say: Say, tmp_path: Path):
    (tmp_path / "bad.yaml").write_text(with_when("stop.resaon == 'x'"))

    said = say("policy", "lint", str(tmp_path / "bad.yaml"))

    assert said.code == 5
    assert "E009" in said.out


def test_programs_get_the_same_findings_in_the_one_shape(say: Say, dead: str):
    plain = json.loads(say("policy", "lint", dead, "--json").out)
    sarif = json.loads(say("policy", "lint", dead, "--sarif").out)

    assert [one["code"] for one in plain["diagnostics"]].count("L101") == 1
    assert {one["ruleId"] for one in sarif["runs"][0]["results"]} >= {"L101"}


def test_overlaps_are_told_when_asked_for(say: Say):
    assert "L104" not in say("policy", "lint").out
    assert "L104" in say("policy", "lint", "--overlaps").out
