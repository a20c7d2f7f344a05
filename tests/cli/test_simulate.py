"""`policy simulate` as people and programs see it: the night, its morning, many nights, a page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.policy import policy as policy_group

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
NASTY = """<script>alert(1)</script>" onmouseover='x' & \u202e"""


def simulate(home: Path, *arguments: str) -> Result:
    desk = Desk(environ={"HOME": str(home), "PALINGENESIS_CONFIG_DIR": str(home)})
    return CliRunner().invoke(policy_group, ["simulate", *arguments], obj=desk)


def written(home: Path, text: str) -> str:
    path = home / "night.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_night_is_told_line_by_line_and_summed_up_in_the_morning(tmp_path):
    said = simulate(tmp_path, str(EXAMPLES / "07-the-orphan.yaml"))

    assert said.exit_code == 0
    assert "03:00:00     down" in said.output
    assert "  invariants    kept\n" in said.output
    assert "  expectations  5 of 5 hold\n" in said.output


def test_an_expectation_that_fails_is_told_and_is_the_exit_code(tmp_path):
    text = "version: 1\nworld: {sessions: [{id: a, turns: 3}]}\nexpect: {prompts: 5}\n"

    said = simulate(tmp_path, written(tmp_path, text), "--summary")

    assert said.exit_code == 1
    assert "✘ prompts: expected 5, found 0" in said.output
    assert "0 of 1 hold" in said.output


def test_the_same_facts_are_there_for_programs(tmp_path):
    said = simulate(tmp_path, str(EXAMPLES / "07-the-orphan.yaml"), "--json")

    document = json.loads(said.output)
    assert document["schema_version"] == 1
    assert document["ok"] is True
    assert document["summary"]["stops"]["crash"] >= 4
    assert document["summary"]["breaches"] == []
    assert [one["name"] for one in document["summary"]["sessions"]] == ["a", "b"]
    assert {line["session"] for line in document["lines"]} >= {"a", "b"}


def test_many_nights_are_told_in_percentiles_and_compared_on_the_same_nights(tmp_path):
    policy = written(tmp_path, "version: 1\nrules: []\ndefault: {do: [attention]}\n")

    said = simulate(tmp_path, "--nights", "4", "--seed", "7", "--compare", policy)

    assert said.exit_code == 0
    assert "4 nights of typical under default, seed 7" in said.output
    assert "default → night on the same 4 nights" in said.output
    assert "hours worked" in said.output


def test_many_nights_for_programs(tmp_path):
    document = json.loads(simulate(tmp_path, "typical", "--nights", "3", "--json").output)

    assert document["nights"] == 3
    assert set(document["measures"]["stops"]) == {*("mean", "percentiles", "least", "most", "bins")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nights", "3", "--reason", "crash"],
        ["--nights", "0"],
        ["--html", "x.html", "--reason", "crash"],
        ["--html", "x.html", "--nights", "3"],
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, arguments):
    assert simulate(tmp_path, *arguments).exit_code == 2


def test_a_page_shows_the_night_without_script_and_without_anything_from_outside(tmp_path):
    page = tmp_path / "night.html"

    said = simulate(
        tmp_path, str(EXAMPLES / "07-the-orphan.yaml"), "--summary", "--html", str(page)
    )

    text = page.read_text(encoding="utf-8")
    assert said.exit_code == 0
    assert text.startswith("<!doctype html>")
    assert "default-src 'none'" in text
    assert text.count('<div class="mark stop') >= 4
    assert text.count("class=lane") == 3, "two sessions and the axis"
    for outside in ("http:", "https:", "<script", "<link", "@import", "url("):
        assert outside not in text


def test_no_text_of_a_scenario_is_markup_on_the_page(tmp_path):
    hostile = json.dumps(NASTY)
    text = (
        f"version: 1\nabout: {hostile}\n"
        f"world:\n  sessions: [{{id: a, title: {hostile}, model: {hostile}, turns: 200}}]\n"
        f"  failures: [{{what: auth, at: 1h, message: {hostile}}}]\n"
        f"expect: {{told: {hostile}, prompts: 0}}\n"
    )
    page = tmp_path / "night.html"

    simulate(tmp_path, written(tmp_path, text), "--html", str(page))

    shown = page.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onmouseover=&#x27;x&#x27; &amp;" in shown
    assert "<script" not in shown
    assert "\u202e" not in shown
    assert '" onmouseover' not in shown


def test_a_page_that_cannot_be_written_is_a_sentence(tmp_path):
    said = simulate(tmp_path, "typical", "--html", str(tmp_path / "no" / "night.html"))

    assert said.exit_code != 0
    assert "cannot write" in str(said.exception)
