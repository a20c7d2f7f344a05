"""The registry, the schema, the reference pages and the shipped policies tell one story.

`REWRITE=1 pytest tests/policy/test_agreement.py` writes the schema anew.
"""

import json
import os
import re
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from palingenesis.core.facts import EVENTS, FACTS, STOP_REASONS, Kind
from palingenesis.core.policy.functions import FUNCTIONS
from palingenesis.core.policy.schema import schema_text
from palingenesis.core.policy.steps import ACTIONS, Form
from tests.policy.texts import ROOT, SCHEMA, compiled

PLAIN: dict[str, Any] = json.loads(SCHEMA)
STEPS: dict[str, Any] = PLAIN["$defs"]["step"]["properties"]


def test_the_published_schema_is_the_one_that_the_tables_make() -> None:
    place = ROOT / "schemas/policy.schema.json"
    if os.environ.get("REWRITE"):
        place.write_text(schema_text(), encoding="utf-8")

    assert place.read_text(encoding="utf-8") == schema_text(), (
        "run this test with REWRITE=1, and commit the schema"
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(PLAIN)


def test_the_schema_knows_exactly_the_events() -> None:
    assert tuple(PLAIN["$defs"]["event"]["enum"]) == EVENTS


def test_the_schema_knows_exactly_the_actions_and_their_options() -> None:
    assert {name: set(step["properties"]) for name, step in STEPS.items()} == {
        name: set(action.options) for name, action in ACTIONS.items()
    }


@pytest.mark.parametrize("name", ACTIONS)
def test_the_schema_says_the_same_of_an_action_as_the_table(name: str) -> None:
    action, step = ACTIONS[name], STEPS[name]

    assert step["description"] == action.doc
    assert step.get("required", []) == [key for key, one in action.options.items() if one.required]
    for key, option in action.options.items():
        assert step["properties"][key]["description"] == option.doc
        if option.form is Form.CHOICE:
            assert tuple(step["properties"][key]["enum"]) == option.values


def test_the_short_form_is_offered_for_every_action_that_needs_no_options() -> None:
    short = PLAIN["$defs"]["steps"]["items"]["anyOf"][1]["enum"]

    assert short == [
        name
        for name, action in ACTIONS.items()
        if name not in {"wait", "switch-model"}
        and not any(option.required for option in action.options.values())
    ]


def test_an_enum_has_values_and_nothing_else_has() -> None:
    assert all(bool(fact.values) == (fact.kind is Kind.ENUM) for fact in FACTS.values())


def test_everything_in_the_schema_is_described_for_the_editor() -> None:
    def undescribed(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = []
        for key, value in node.get("properties", {}).items():
            if "description" not in value and "$ref" not in value and "title" not in value:
                found.append(f"{path}/{key}")
            found += undescribed(value, f"{path}/{key}")
        for key, value in node.get("$defs", {}).items():
            found += undescribed(value, f"{path}/{key}")
        return found

    assert undescribed(PLAIN, "") == []


def page(name: str) -> str:
    return (ROOT / "docs/reference" / name).read_text(encoding="utf-8")


def test_the_facts_page_has_every_fact_with_its_kind_and_meaning() -> None:
    text = page("facts.md")

    for fact in FACTS.values():
        assert f"| `{fact.name}` | {fact.kind.value}" in text
        assert fact.doc in text
    for function in FUNCTIONS.values():
        assert f"`{function}`" in text
    for reason in STOP_REASONS:
        assert f"`{reason}`" in text


def test_the_actions_page_has_every_action_and_option() -> None:
    text = page("actions.md")

    for name, action in ACTIONS.items():
        assert f"### `{name}`" in text
        assert action.doc in text
        for key, option in action.options.items():
            assert f"| `{key}` |" in text
            assert option.doc in text


def test_the_page_about_the_default_policy_explains_every_rule_in_its_order() -> None:
    policy = compiled((ROOT / "policies/default.yaml").read_bytes()).policy
    assert policy is not None

    explained = re.findall(r"^### `(.*)`", page("default-policy.md"), re.MULTILINE)

    assert explained == [rule.id for rule in policy.rules]


def policies_in(folder: str) -> list[Any]:
    """The policies of a folder, without the files of tests beside them."""
    found = sorted((ROOT / folder).glob("*.yaml"))
    return [path for path in found if not path.name.endswith(".test.yaml")]


EXAMPLES = policies_in("examples/policies")
SHIPPED = policies_in("policies")
SHIPPED_DEFAULT = ROOT / "policies" / "default.yaml"


@pytest.mark.parametrize("path", [*EXAMPLES, *SHIPPED], ids=lambda path: path.name)
def test_every_policy_that_we_ship_is_valid_without_a_warning(path: Any) -> None:
    result = compiled(path.read_bytes())

    assert result.diagnostics == ()
    assert result.policy is not None


@pytest.mark.parametrize("path", [*EXAMPLES, *SHIPPED], ids=lambda path: path.name)
def test_every_policy_that_we_ship_also_pleases_an_editor(path: Any) -> None:
    import yaml

    class Core(yaml.SafeLoader):
        """Reads numbers, `true`, `false` and null as YAML 1.2 does; leaves `no` and dates alone."""

    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    Core.yaml_implicit_resolvers = {
        first: [one for one in found if one[0].rsplit(":", 1)[1] in {"int", "null"}]
        for first, found in resolvers.items()
    }
    Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=Core)

    assert [error.message for error in Draft202012Validator(PLAIN).iter_errors(document)] == []


def test_the_recommended_preset_is_the_default_policy_to_build_upon() -> None:
    default = compiled(SHIPPED_DEFAULT.read_bytes()).policy
    preset = compiled((ROOT / "policies/presets/recommended@1.yaml").read_bytes()).policy
    built = compiled(
        b"version: 1\nextends: [builtin:recommended@1]\nrules: []\ndefault: {do: [attention]}\n"
    ).policy

    assert default is not None
    assert preset is not None
    assert built is not None
    assert preset.digest == default.digest
    assert built.rules == tuple(replace(rule, file=built.rules[0].file) for rule in preset.rules)


def test_every_yaml_block_in_the_documentation_is_a_valid_policy() -> None:
    for name in ("policy.md", "default-policy.md"):
        for block in re.findall(r"```yaml\n(.*?)```", page(name), re.DOTALL):
            assert [one.message for one in compiled(block).diagnostics] == [], block
