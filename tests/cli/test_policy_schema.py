"""`policy schema` puts the schema to use for an editor."""

import json
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.core.policy.modeline import modeline_of, with_modeline
from palingenesis.surfaces.cli.policy_schema import KINDS
from tests.cli.test_commands import Say, say
from tests.policy.texts import SCHEMA, SHIPPED, compiled

__all__ = ["say"]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_bytes(SHIPPED.read_bytes())
    return file


def test_the_shipped_schema_is_printed(say: Say):
    assert say("policy", "schema").out == SCHEMA


def test_writing_puts_the_schema_beside_the_policy_and_a_line_on_its_top(say: Say, mine: Path):
    said = say("policy", "schema", "--write", str(mine))
    beside = mine.parent / "policy.schema.json"

    assert said.code == 0
    assert said.out.startswith(f"wrote {beside} (")
    assert said.out.endswith(f" and the modeline in {mine}:1\n")
    assert beside.read_text() == SCHEMA
    text = mine.read_text()
    assert text == (f"# yaml-language-server: $schema=./policy.schema.json\n{SHIPPED.read_text()}")
    before, after = compiled(SHIPPED.read_bytes()).policy, compiled(text).policy
    assert before is not None
    assert after is not None
    assert after.digest == before.digest


def test_writing_twice_changes_nothing(say: Say, mine: Path):
    say("policy", "schema", "--write", str(mine))
    text = mine.read_text()

    assert say("policy", "schema", "--write", str(mine)).out == f"nothing to do for {mine}\n"
    assert mine.read_text() == text


def test_checking_says_what_is_missing_and_what_is_old(say: Say, mine: Path):
    beside = mine.parent / "policy.schema.json"

    said = say("policy", "schema", "--check", str(mine))

    assert said.code == 1
    assert said.out == f"{beside} is missing\n{mine} has no modeline\n"
    assert said.err == f"hint: palingenesis policy schema --write {mine}\n"

    say("policy", "schema", "--write", str(mine))
    assert say("policy", "schema", "--check", str(mine)).code == 0

    beside.write_text("{}")
    assert say("policy", "schema", "--check", str(mine)).out == f"{beside} is another version's\n"


def test_a_modeline_that_leads_elsewhere_is_turned_and_the_rest_stays(say: Say, mine: Path):
    mine.write_text("# mine\n# yaml-language-server: $schema=../old.json\nversion: 1\n")

    checked = say("policy", "schema", "--check", str(mine))
    say("policy", "schema", "--write", str(mine))

    assert f"{mine}:2: the modeline leads to ../old.json" in checked.out
    assert mine.read_text() == (
        "# mine\n# yaml-language-server: $schema=./policy.schema.json\nversion: 1\n"
    )


def test_a_modeline_that_leads_to_the_same_file_another_way_is_left_alone(say: Say, mine: Path):
    text = f"# yaml-language-server: $schema={mine.parent}/policy.schema.json\nversion: 1\n"
    mine.write_text(text)

    say("policy", "schema", "--write", str(mine))

    assert mine.read_text() == text


def test_scripts_are_told_what_is_wrong_and_what_was_written(say: Say, mine: Path):
    checked = say("policy", "schema", "--check", str(mine), "--json")
    written = json.loads(say("policy", "schema", "--write", str(mine), "--json").out)

    assert checked.code == 1
    assert json.loads(checked.out)["problems"] == [
        f"{mine.parent / 'policy.schema.json'} is missing",
        f"{mine} has no modeline",
    ]
    assert written["kind"] == "policy"
    assert len(written["written"]) == 2
    assert json.loads(say("policy", "schema", "--check", str(mine), "--json").out)["problems"] == []


@pytest.mark.parametrize("args", [("--write",), ("--check",), ("--write", "--check", "x.yaml")])
def test_what_makes_no_sense_is_a_usage_error(say: Say, args: tuple[str, ...]):
    assert say("policy", "schema", *args).code == 2


def test_a_kind_that_does_not_exist_is_answered_with_the_nearest(say: Say):
    said = say("policy", "schema", "--kind", "polcy")

    assert said.code == 2
    assert "hint: did you mean 'policy'?" in said.err


KEYS = {"policy": "rules: []\n", "policy-test": "tests: []\n", "scenario": "world: {}\n"}
SHIPPING = [kind for kind in KINDS if (shipped.folder("schemas") / f"{kind}.schema.json").is_file()]


@pytest.mark.parametrize("kind", SHIPPING)
def test_the_kind_of_a_file_follows_from_its_keys(say: Say, tmp_path: Path, kind: str):
    file = tmp_path / "file.yaml"
    file.write_text(KEYS[kind])

    say("policy", "schema", "--write", str(file))

    written = json.loads((tmp_path / f"{kind}.schema.json").read_text())
    assert written["$schema"].endswith("schema")
    found = modeline_of(file.read_text())
    assert found is not None
    assert found.schema == f"./{kind}.schema.json"


def test_a_byte_order_mark_and_foreign_line_breaks_stay_what_they_are():
    text = with_modeline("\ufeffversion: 1\r\nrules: []\r\n", "./s.json")

    assert text == ("\ufeff# yaml-language-server: $schema=./s.json\r\nversion: 1\r\nrules: []\r\n")
    assert with_modeline(text, "./s.json") == text
