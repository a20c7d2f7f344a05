"""Everything known of a session, read from what a night has left behind."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, say  # noqa: F401 - a fixture
from tests.lived import live, scenario

NIGHT = """\
version: 1
world:
  seed: a-night
  at: {at}
  until: 2h
  sessions:
    - {{id: parser, turns: 40, turn: {{takes: 5m..8m, tokens: 1k..2k}}}}
    - {{id: docs, turns: 40, turn: {{takes: 5m..8m, tokens: 1k..2k}}}}
    - {{id: tests, turns: 40, turn: {{takes: 5m..8m, tokens: 1k..2k}}}}
story:
  - after: 1h
    session: parser
    stopped: {{reason: quota, retry_after: 9h, message: "come back \\u202elater"}}
  - after: 1m
    session: tests
    stopped: {{reason: quota, retry_after: 9h}}
  - after: 10m
    session: tests
    aborted:
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory: one session waits for its quota, one did until it was ended."""
    folder = tmp_path_factory.mktemp("night")
    begun = datetime.now(UTC) - timedelta(hours=2, minutes=1)
    live(folder / "journal.db", scenario(NIGHT.format(at=f"{begun:%Y-%m-%dT%H:%M:%SZ}")))
    return folder


def test_a_session_that_waits_is_told_with_its_plan_and_why(say: Say, night: Path):  # noqa: F811
    said = say("inspect", "parser", PALINGENESIS_STATE_DIR=str(night))

    assert said.code == 0
    assert said.out.startswith("parser (ses_parser): waiting for ")
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    titles = [
        line.strip() for line in said.out.splitlines() if line[:2] == "  " and line[2:3] != " "
    ]
    assert any(line.startswith("plan of rule quota #") for line in titles)
    assert "on 'stopped' now: rule quota" in titles
    assert "  > 1. wait" in said.out
    assert "first quota" in said.out
    assert "stop.reason" in said.out
    assert " → quota" in said.out


def test_as_json_everything_is_there(say: Say, night: Path):  # noqa: F811
    found = json.loads(say("inspect", "parser", "--json", PALINGENESIS_STATE_DIR=str(night)).out)

    assert found["schema_version"] == 1
    assert (found["session"]["id"], found["session"]["status"]) == ("ses_parser", "waiting")
    assert found["plan"]["steps"][found["plan"]["at"]] == "wait"
    assert found["facts"]["stop.reason"] == "quota"
    assert (found["would"]["event"], found["would"]["rule"]) == ("stopped", "quota")
    assert [one["outcome"] for one in found["would"]["considered"]].count("won") == 1
    assert found["history"][0]["kind"] == "session-stopped"
    assert found["agent"]["id"] == "opencode"


def test_of_a_session_that_a_person_has_stopped_it_is_said_that_no_rule_goes_on_with_it(
    say: Say,  # noqa: F811
    night: Path,
):
    stopped = say("inspect", "tests", PALINGENESIS_STATE_DIR=str(night)).out
    waiting = say("inspect", "parser", PALINGENESIS_STATE_DIR=str(night)).out

    lines = stopped.splitlines()
    would = next(at for at, line in enumerate(lines) if line.startswith("    would "))
    assert "resume" in lines[would]
    assert lines[would + 1] == "    but no rule goes on with it: the person stopped this session"
    assert "no rule goes on" not in waiting


def test_a_session_at_work_is_told_without_a_plan(say: Say, night: Path):  # noqa: F811
    found = json.loads(say("inspect", "docs", "--json", PALINGENESIS_STATE_DIR=str(night)).out)

    assert (found["session"]["status"], found["plan"], found["episode"]) == ("working", None, None)


def test_of_several_sessions_one_has_to_be_named(say: Say, night: Path):  # noqa: F811
    unclear = say("inspect", PALINGENESIS_STATE_DIR=str(night))
    unknown = say("inspect", "nobody", PALINGENESIS_STATE_DIR=str(night))

    assert (unclear.code, unknown.code) == (2, 2)
    assert "it could be any of 3 sessions" in unclear.err
    assert "no such session" in unknown.err


def test_without_a_journal_nothing_is_known(say: Say):  # noqa: F811
    assert say("inspect").code == 3
