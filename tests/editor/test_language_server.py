"""What an editor offers, explains and underlines: the real YAML language server is asked."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from palingenesis import shipped
from palingenesis.core.facts import EVENTS, FACTS
from palingenesis.core.policy.modeline import with_modeline
from palingenesis.core.policy.steps import ACTIONS
from palingenesis.surfaces.cli.policy_schema import KINDS
from tests.editor.language_server import LanguageServer, language_server
from tests.policy.texts import ROOT

pytestmark = pytest.mark.npm

SCHEMAS = {
    kind: shipped.folder("schemas") / f"{kind}.schema.json"
    for kind in KINDS
    if (shipped.folder("schemas") / f"{kind}.schema.json").is_file()
}
OURS = {
    "policy": [
        *(ROOT / "policies").rglob("*.yaml"),
        *(ROOT / "examples/policies").rglob("*.yaml"),
    ],
    "policy-test": [
        *(ROOT / "policies").rglob("*.test.yaml"),
        *ROOT.glob("examples/**/*.test.yaml"),
    ],
    "scenario": [*ROOT.glob("examples/scenarios/*.yaml"), *ROOT.glob("scenarios/*.yaml")],
}
HEAD = "version: 1\nrules:\n  - id: one\n"
TAIL = "default: {do: [attention]}\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("editor")
    for place in SCHEMAS.values():
        shutil.copy(place, folder)
    with language_server(folder) as one:
        yield one


def opened(server: LanguageServer, text: str, kind: str = "policy") -> str:
    return server.open(with_modeline(text, f"./{kind}.schema.json"))


def at(text: str, mark: str) -> tuple[str, int, int]:
    """The text without `mark`, and the line and character of it below a modeline."""
    line, character = next(
        (number, row.index(mark)) for number, row in enumerate(text.split("\n")) if mark in row
    )
    return text.replace(mark, ""), line + 1, character


def offered(server: LanguageServer, marked: str, kind: str = "policy") -> dict[str, dict[str, Any]]:
    """What is offered where `^` stands."""
    text, line, character = at(marked, "^")
    return server.completions(opened(server, text, kind), line, character)


def shown(server: LanguageServer, marked: str, kind: str = "policy") -> str:
    """What is shown over the place where `^` stands."""
    text, line, character = at(marked, "^")
    return server.hover(opened(server, text, kind), line, character)


# ── a policy ──────────────────────────────────────────────────────────────────────────────────


def test_every_action_is_offered_under_do_with_its_meaning(server: LanguageServer) -> None:
    found = offered(server, f"{HEAD}    do:\n      - ^\n{TAIL}")

    assert set(ACTIONS) <= set(found)
    assert found["wait"]["documentation"] == ACTIONS["wait"].doc


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.options])
def test_every_option_of_an_action_is_offered(server: LanguageServer, name: str) -> None:
    found = offered(server, f"{HEAD}    do:\n      - {name}:\n          ^\n{TAIL}")

    assert set(ACTIONS[name].options) <= set(found)


def test_every_event_is_offered(server: LanguageServer) -> None:
    assert set(EVENTS) <= set(offered(server, f"{HEAD}    event: ^\n    do: [finish]\n{TAIL}"))


def test_the_keys_of_a_rule_are_offered(server: LanguageServer) -> None:
    rule = json.loads(SCHEMAS["policy"].read_text())["$defs"]["rule"]

    found = offered(server, f"{HEAD}    ^\n")

    assert set(rule["properties"]) - {"id"} <= set(found)


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        (f"{HEAD}    do:\n      - no^tify: {{message: hi}}\n{TAIL}", "Tell people."),
        (f"{HEAD}    do:\n      - st^and-down\n{TAIL}", "Leave the session alone until the person"),
        (f"{HEAD}    wh^en: agent.up\n    do: [finish]\n{TAIL}", "session.context_used"),
        (f"{HEAD}    f^or: 5m\n    do: [finish]\n{TAIL}", "stay true"),
        (f"{HEAD}    do: [{{wait: {{f^or: 5m}}}}]\n{TAIL}", "A fixed time."),
        (f"ver^sion: 1\nrules: []\n{TAIL}", "The language's version."),
    ],
)
def test_what_is_under_the_pointer_is_explained(
    server: LanguageServer, marked: str, said: str
) -> None:
    assert said in shown(server, marked)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEAD}    whn: agent.up\n    do: [finish]\n{TAIL}", "Property whn is not allowed."),
        (f"{HEAD}    event: stoped\n    do: [finish]\n{TAIL}", "Value is not accepted."),
        (f"{HEAD}    do:\n      - wiat: {{for: 5m}}\n{TAIL}", "Property wiat is not allowed."),
        (f"{HEAD}    do:\n      - notify: {{}}\n{TAIL}", 'Missing property "message".'),
        (f"version: 2\nrules: []\n{TAIL}", "Value must be 1."),
        (f"{HEAD}    do: [finish]\n", 'Missing property "default".'),
        (f"{HEAD}    for: 5 minutes\n    do: [finish]\n{TAIL}", "A number with a unit"),
    ],
)
def test_a_mistake_is_underlined(server: LanguageServer, text: str, said: str) -> None:
    messages = server.diagnostics(opened(server, text))

    assert any(said in message for message in messages), messages


# ── a file of tests ───────────────────────────────────────────────────────────────────────────

TESTED = "version: 1\npolicy: p.yaml\ntests:\n  - name: one\n"


def test_what_a_test_may_expect_is_offered(server: LanguageServer) -> None:
    schema = json.loads(SCHEMAS["policy-test"].read_text())
    marked = f"{TESTED}    steps:\n      - event: {{reason: crash}}\n        expect:\n          ^\n"

    found = offered(server, marked, "policy-test")

    assert set(schema["$defs"]["expect"]["properties"]) <= set(found)


def test_the_facts_that_a_test_may_give_are_offered_with_their_meaning(
    server: LanguageServer,
) -> None:
    found = offered(server, f"{TESTED}    given:\n      ^\n", "policy-test")

    assert FACTS["session.cost"].doc in found["session.cost"]["documentation"]
    assert "work.state" in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{TESTED}    steps:\n      - expct: {{}}\n", "Property expct is not allowed."),
        (f"{TESTED}    given: {{work.stat: valid}}\n", "Property work.stat is not allowed."),
        (f"{TESTED}    on: {{restart: failing}}\n", "Value is not accepted."),
        (f"{TESTED}    steps:\n      - event: {{reason: crsh}}\n", "Value is not accepted."),
    ],
)
def test_a_mistake_in_a_test_is_underlined(server: LanguageServer, text: str, said: str) -> None:
    messages = server.diagnostics(opened(server, text, "policy-test"))

    assert any(said in message for message in messages), messages


# ── every kind of file ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", SCHEMAS)
def test_nothing_that_we_ship_is_underlined(server: LanguageServer, kind: str) -> None:
    files = {
        path for path in OURS[kind] if path.name.endswith(".test.yaml") == (kind == "policy-test")
    }
    found: dict[Path, list[str]] = {}

    for path in sorted(files):
        uri = opened(server, path.read_text(encoding="utf-8"), kind)
        found[path] = server.diagnostics(uri)
        server.close(uri)

    assert files
    assert {path: messages for path, messages in found.items() if messages} == {}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_keys_of_a_file_are_offered_with_their_meaning(
    server: LanguageServer, kind: str
) -> None:
    keys = json.loads(SCHEMAS[kind].read_text())["properties"]

    found = offered(server, "version: 1\n^\n", kind)

    assert set(keys) - {"version"} <= set(found)
    undocumented = [key for key in set(keys) - {"version"} if not found[key].get("documentation")]
    assert undocumented == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_key_that_does_not_exist_is_underlined_in_every_kind_of_file(
    server: LanguageServer, kind: str
) -> None:
    messages = server.diagnostics(opened(server, "version: 1\nruls: []\n", kind))

    assert "Property ruls is not allowed." in messages


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_version_is_explained_in_every_kind_of_file(server: LanguageServer, kind: str) -> None:
    assert "version" in shown(server, "ver^sion: 1\n", kind).lower()
