"""Scenario files: every key is documented, every mistake is told, the schema is the reader's."""

import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.policy.read import read
from palingenesis.core.policy.structure import plain
from palingenesis.simulation.grammar import keys_in
from palingenesis.simulation.invariants import INVARIANTS
from palingenesis.simulation.keys import EXPECT, SCENARIO
from palingenesis.simulation.performance import perform
from palingenesis.simulation.scenario import read_scenario
from palingenesis.simulation.scenario_schema import (
    reference_tables,
    scenario_schema,
    scenario_schema_text,
)
from palingenesis.simulation.typical import TYPICAL
from tests.simulation.nights import ROOT, shipped, zones

EXAMPLES = sorted((ROOT / "examples" / "scenarios").glob("*.yaml"))
PAGE = (ROOT / "docs" / "reference" / "scenarios.md").read_text(encoding="utf-8")


def faults_of(text: str) -> list[tuple[str, int, int, str, str]]:
    found = read_scenario(text, zones=zones)
    assert found.scenario is None
    return [(d.code, d.line, d.col, d.message, d.help) for d in found.diagnostics]


def errors_by_schema(text: str) -> list[str]:
    from jsonschema import Draft202012Validator

    node, _ = read(text)
    assert node is not None
    return [e.message for e in Draft202012Validator(scenario_schema()).iter_errors(plain(node))]


def test_the_shipped_schema_is_what_the_tables_say():
    path = ROOT / "schemas" / "scenario.schema.json"
    if os.environ.get("REWRITE"):
        path.write_text(scenario_schema_text(), encoding="utf-8")

    assert path.read_text(encoding="utf-8") == scenario_schema_text(), (
        "REWRITE=1 pytest " + __file__
    )


def test_the_schema_is_one_and_describes_every_key():
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(scenario_schema())
    assert [path for path, key in keys_in(SCENARIO) if len(key.doc) < 8] == []


@pytest.mark.parametrize("text", [*(p.read_text() for p in EXAMPLES), TYPICAL])
def test_reader_and_schema_take_the_same_files(text):
    assert read_scenario(text, zones=zones).diagnostics == ()
    assert errors_by_schema(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "version: 1\nworld:\n  sesions: [a]\nstory: [died]\n",
            ("S101", 3, 3, "unknown key 'sesions' in 'world'", "did you mean 'sessions'?"),
        ),
        (
            "version: 1\nworld: {sessions: [{id: a, turn: {takes: 6m..2m}}]}\n",
            ("S103", 2, 42, "'6m..2m' ends before it begins", "the smaller one first"),
        ),
        (
            "version: 1\nworld: {sessions: [{id: a}, {id: a}]}\n",
            ("S104", 2, 34, "a second session is named 'a'", ""),
        ),
        (
            "version: 1\nworld: {sessions: [api]}\nexpect: {sessions: {apu: working}}\n",
            ("S104", 3, 26, "there is no session 'apu'", "did you mean 'api'?"),
        ),
        (
            "version: 1\nworld: {sessions: [a], failures: [{what: crsh, at: 1h}]}\n",
            ("S103", 2, 42, "'crsh' is not allowed here", "did you mean 'crash'?"),
        ),
        (
            "version: 1\nworld: {sessions: [a], failures: [{what: crash}]}\n",
            ("S105", 2, 35, "a failure has fixed times ('at') or a rate ('per-hour')", ""),
        ),
        (
            "version: 1\nworld: {sessions: [a], time-zone: Europe/Berln}\n",
            (
                *("S103", 2, 35, "there is no zone 'Europe/Berln'"),
                "an IANA name, as in Europe/Berlin",
            ),
        ),
        (
            "version: 1\nworld: {sessions: [a], until: 25:00}\n",
            (
                *("S103", 2, 31, "'25:00' is not a moment"),
                "a time of day (02:30), a span after the start (90m), or an instant with its zone",
            ),
        ),
        (
            "version: 1\nworld: {sessions: [a]}\nexpect: {prompts: few}\n",
            ("S103", 3, 19, "'few' is not a count", "write 3, 1..4, 2.. or ..5"),
        ),
        (
            "version: 1\nworld: {agents: [x]}\n",
            (
                *("S102", 1, 1, "a scenario needs a 'story'"),
                "or 'sessions' in its world, which work by themselves",
            ),
        ),
        (
            "version: 1\nfaults: {late: 3%}\nstory: [died]\n",
            (
                *("S105", 2, 9, "faults need a world to act in"),
                "give the world 'sessions' that work by themselves",
            ),
        ),
        (
            "version: 2\nstory: [died]\n",
            ("S103", 1, 10, "'2' is not a whole number from 1 to 1", ""),
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_way_out(text, told):
    assert told in faults_of(text)


def test_the_reference_page_tells_every_key_as_the_tables_do():
    path = ROOT / "docs" / "reference" / "scenarios.md"
    head, marker, tables = PAGE.partition("test_scenario_files.py -->\n")
    if os.environ.get("REWRITE"):
        tables = "\n" + reference_tables()
        path.write_text(f"{head}{marker}{tables}", encoding="utf-8")

    assert marker
    assert tables == "\n" + reference_tables(), "REWRITE=1 pytest " + __file__
    assert [name for name in INVARIANTS if f"`{name}`" not in head] == []


def test_every_yaml_on_the_reference_page_is_a_scenario_that_can_be_read():
    blocks = re.findall(r"```yaml\n(version.*?)```", PAGE, re.DOTALL)

    assert blocks
    for block in blocks:
        found = read_scenario(block, zones=zones)
        assert found.diagnostics == ()
        assert found.scenario is not None
        assert perform(shipped(), found.scenario).watch.invariants.broken == []


def test_the_schema_knows_every_expectation():
    document = json.loads(scenario_schema_text())

    expected = set(document["properties"]["expect"]["properties"])
    assert expected == {key.name for key in EXPECT.keys}


KEYS = sorted({key.name for _, key in keys_in(SCENARIO)})
VALUES = ["1", "a", "5m", "2m..6m", "20%", "$3", "02:30", "[a]", "{id: a}", "", "true", "-1h", "'"]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=8))
def test_no_mixture_of_keys_and_values_breaks_the_reader(pairs):
    inside = ", ".join(f"{key}: {value}" for key, value in pairs)
    for frame in ("world: {%s}", "expect: {%s}", "faults: {%s}", "world: {sessions: [{%s}]}"):
        read_scenario(f"version: 1\n{frame % inside}\nstory: [died]\n", zones=zones)


def test_the_night_of_the_how_to_page_can_be_played():
    page = (ROOT / "docs" / "how-to" / "rehearse-a-night.md").read_text(encoding="utf-8")
    scenario, faults = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    found = read_scenario(scenario + faults, zones=zones)

    assert found.diagnostics == ()
