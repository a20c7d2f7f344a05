"""Diagnostics as data: the one JSON shape, GitHub's commands, and SARIF that its schema accepts."""

import json
import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from palingenesis.core.policy.codes.code import whole
from palingenesis.core.policy.codes.registry import CODES
from palingenesis.core.policy.diagnostics import Diagnostic, Grade, Related
from palingenesis.core.policy.reports import Checked, as_plain, as_sarif, as_workflow_commands
from tests.npm import unpacked
from tests.policy.texts import ROOT, compiled, rules

TWICE = rules("  - id: one\n    do: [finish]\n    do: [resume]\n")
(DOUBLED,) = compiled(TWICE).diagnostics
ALL = [
    Checked(file=f"{code}.yaml", diagnostics=compiled(whole(one.frame, one.bad)).diagnostics)
    for code, one in CODES.items()
]


def test_a_diagnostic_is_told_with_its_range_and_its_other_places() -> None:
    assert as_plain(DOUBLED, "my.yaml") == {
        "code": "Y005",
        "severity": "error",
        "message": "duplicate key 'do'",
        "help": "remove one of them",
        "url": "docs/reference/diagnostics.md#y005",
        "file": "my.yaml",
        "range": {"start": {"line": 5, "column": 5}, "end": {"line": 5, "column": 7}},
        "related": [
            {
                "message": "first defined here",
                "file": "my.yaml",
                "range": {"start": {"line": 4, "column": 5}, "end": {"line": 4, "column": 7}},
            }
        ],
    }


def test_a_diagnostic_that_stands_in_another_file_says_so() -> None:
    other = Related(message="there", line=1, col=1, length=1, file="base.yaml")
    one = Diagnostic(code="S006", message="twice", file="team.yaml", related=(other,))

    plain = as_plain(one, "my.yaml")

    assert plain["file"] == "team.yaml"
    assert plain["related"][0]["file"] == "base.yaml"


def test_the_documented_shape_is_the_one_that_is_told() -> None:
    written = (ROOT / "docs/reference/diagnostics.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", written, re.DOTALL)
    assert example is not None
    (one,) = compiled(
        rules("  - id: one\n    when: stop.resaon == 'x'\n    do: [finish]\n")
    ).diagnostics

    assert json.loads(example[1]) == as_plain(one, "my.yaml")


def test_every_code_leads_to_its_own_heading() -> None:
    written = (ROOT / "docs/reference/diagnostics.md").read_text(encoding="utf-8")
    headings = {line[4:].lower() for line in written.splitlines() if line.startswith("### ")}

    for checked in ALL:
        for one in checked.diagnostics:
            page, _, anchor = as_plain(one, checked.file)["url"].partition("#")
            assert (ROOT / page).is_file()
            assert anchor in headings


# ── GitHub ────────────────────────────────────────────────────────────────────────────────────


def test_github_is_told_file_line_column_and_the_way_out() -> None:
    (line,) = as_workflow_commands([Checked(file="my.yaml", diagnostics=(DOUBLED,))])

    assert line == (
        "::error file=my.yaml,line=5,col=5,endLine=5,endColumn=7,title=Y005"
        "::duplicate key 'do'%0Ahelp: remove one of them"
    )


@pytest.mark.parametrize(
    ("grade", "word"),
    [(Grade.ERROR, "error"), (Grade.WARNING, "warning"), (Grade.NOTE, "notice")],
)
def test_github_has_its_own_word_for_a_note(grade: Grade, word: str) -> None:
    one = Diagnostic(code="L116", severity=grade, message="hm")

    (line,) = as_workflow_commands([Checked(file="a", diagnostics=(one,))])

    assert line.startswith(f"::{word} file=a,")


@given(file=st.text(min_size=1), message=st.text(), advice=st.text(min_size=1))
def test_no_text_can_break_out_of_its_command(file: str, message: str, advice: str) -> None:
    one = Diagnostic(code="E009", message=message, help=advice)

    (line,) = as_workflow_commands([Checked(file=file, diagnostics=(one,))])

    found = re.fullmatch(r"::error ([^:]*)::(.*)", line, re.DOTALL)
    assert found is not None
    assert re.search(r"[\r\n]", line) is None
    properties = dict(part.split("=", 1) for part in found[1].split(","))
    assert github_reads(properties["file"], also=":,") == file
    assert github_reads(found[2]) == f"{message}\nhelp: {advice}"


def github_reads(text: str, also: str = "") -> str:
    """What the runner makes of an escaped text (actions/runner, ActionCommand.cs)."""
    for char in f"\r\n{also}":
        text = text.replace(f"%{ord(char):02X}", char)
    return text.replace("%25", "%")


# ── SARIF ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.npm
def test_the_official_schema_of_sarif_accepts_what_we_say_about_every_code() -> None:
    package = unpacked("@microsoft/jest-sarif", "1.0.0-beta.0")
    schema = json.loads((package / "lib/schemas/sarif-2.1.0-rtm.5.json").read_text("utf-8"))
    validator = Draft7Validator(schema)
    log = as_sarif(ALL, version="1.2.3")

    assert [error.message for error in validator.iter_errors(log)] == []
    assert not validator.is_valid({**log, "version": "3.0"})


def test_a_sarif_result_names_its_rule_place_and_other_places() -> None:
    log = as_sarif([Checked(file="a/my.yaml", diagnostics=(DOUBLED,))], version="1.2.3")
    (run,) = log["runs"]
    (result,) = run["results"]
    region = {"startLine": 5, "startColumn": 5, "endLine": 5, "endColumn": 7}

    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "Y005"
    assert result["level"] == "error"
    assert result["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "a/my.yaml"}, "region": region}}
    ]
    assert result["relatedLocations"][0]["message"] == {"text": "first defined here"}


def test_every_sarif_result_points_at_a_rule_that_is_listed_once() -> None:
    (run,) = as_sarif(ALL, version="1")["runs"]
    listed = [rule["id"] for rule in run["tool"]["driver"]["rules"]]

    assert sorted(set(listed)) == listed
    assert all(listed[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    assert len(run["results"]) >= len(listed)


def test_a_file_without_problems_is_a_run_without_results() -> None:
    (run,) = as_sarif([Checked(file="good.yaml", diagnostics=())], version="1")["runs"]

    assert run["results"] == []


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1))
def test_a_uri_can_be_read_back_as_the_file(file: str) -> None:
    one = Diagnostic(code="E009", message="m")
    log = as_sarif([Checked(file=file, diagnostics=(one,))], version="1")
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]

    read = urlsplit(location["artifactLocation"]["uri"])

    if file.startswith("/"):
        assert (read.scheme, unquote(read.path)) == ("file", file)
    else:
        assert (read.scheme, read.netloc) == ("", "")
        assert unquote(read.path) == file
