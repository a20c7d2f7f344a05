"""The schema of test files: made from the tables, and as strict as the reader.

`REWRITE=1 pytest tests/simulation/test_policy_test_schema.py` writes the schema anew.
"""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from palingenesis.core.policy.codes.registry import CODES
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, read
from palingenesis.simulation.testing.schema import schema

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "schemas" / "policy-test.schema.json"
FILES = sorted([*ROOT.glob("policies/**/*.test.yaml"), *ROOT.glob("examples/**/*.test.yaml")])
SEEN_BY_A_SCHEMA = ("T201", "T202", "T203", "T204", "T206", "T207", "T209")
"""Codes of mistakes that need no look at the policy and no look at two places at once."""


def plain(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.value
        case Listing():
            return [plain(item) for item in node.items]
        case Table():
            return {key.text: plain(value) for key, value in node.entries}
        case None:
            return None


def problems(text: str) -> list[str]:
    node, findings = read(text)
    assert findings.found == []
    return [error.message for error in Draft202012Validator(schema()).iter_errors(plain(node))]


def test_the_schema_that_ships_is_the_one_that_the_tables_make():
    made = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("REWRITE"):
        PLACE.write_text(made, encoding="utf-8")

    assert PLACE.read_text(encoding="utf-8") == made, "run this test with REWRITE=1, and commit it"


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_test_file_of_ours_is_valid_by_the_schema(path):
    assert problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("code", SEEN_BY_A_SCHEMA)
def test_what_the_reader_refuses_an_editor_underlines(code):
    assert problems(CODES[code].bad) != []
    assert problems(CODES[code].good) == []


def test_every_key_has_its_words_for_hovering():
    def walk(part: object) -> list[str]:
        if isinstance(part, list):
            return [found for item in part for found in walk(item)]
        if not isinstance(part, dict):
            return []
        named = part.get("properties", {})
        missing = [
            name
            for name, inner in named.items()
            if "description" not in inner and set(inner) != {"enum"} and set(inner) != {"const"}
        ]
        return missing + [found for inner in part.values() for found in walk(inner)]

    assert walk(schema()) == []
