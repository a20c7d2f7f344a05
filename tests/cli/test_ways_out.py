"""The way out of a mistake helps, and what did not happen is not told as if it had."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.core import commands, events
from palingenesis.core.errors import PalingenesisError
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.ports import Entry
from tests.cli.test_commands import Say, daemon, environment, say
from tests.control.doors import Served, a_session
from tests.lived import live, scenario

__all__ = ["daemon", "say"]

NIGHT = """\
version: 1
world:
  at: {at}
  until: 1h
  sessions:
    - {{id: parser, turns: 40, turn: {{takes: 5m, tokens: 1k}}}}
"""
PAUSED = a_session(status="paused", **{"for": "paused"})


def piped(folder: Path, command: str, stdout: str) -> "subprocess.CompletedProcess[str]":
    """What a shell says of the command's own end, whoever reads its output."""
    program = f"{sys.executable} -m palingenesis {command}"
    return subprocess.run(
        ["bash", "-c", f"{program} {stdout}; echo ${{PIPESTATUS[0]}} >&2"],
        env={**environment(folder), "PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["status", "sessions"])
def test_where_all_is_paused_no_line_offers_to_release_one(say: Say, daemon: Served, command: str):
    daemon.door.listed = [PAUSED]
    assert "resume ses_1abc" in say(command).out

    daemon.door.changes = {"paused": True}

    assert "resume ses_1abc" not in say(command).out


def test_one_in_attention_is_released_after_the_pause_of_all(say: Say, daemon: Served):
    daemon.door.listed = [a_session(status="attention")]
    daemon.door.changes = {"paused": True}

    assert "palingenesis resume && palingenesis resume ses_1abc" in say("status").out


@pytest.mark.parametrize("command", ["report", "inspect parser", "report --html -"])
def test_after_a_night_too_none_is_offered_alone_while_all_are_paused(
    say: Say, tmp_path: Path, command: str
):
    path = tmp_path / "journal.db"
    live(path, scenario(NIGHT.format(at=f"{datetime.now(UTC) - timedelta(hours=2):%FT%TZ}")))
    with SqliteJournal.open(path) as journal:
        hold = events.CommandGiven(at=datetime.now(UTC), command=commands.Hold(), by="ada")
        journal.append(Entry(event=hold, decisions=(), effects=()))

    said = say(*command.split(), PALINGENESIS_STATE_DIR=str(tmp_path)).out

    assert "paused" in said
    assert "palingenesis resume" in said
    assert "resume ses_" not in said


def test_one_of_many_that_is_refused_is_told_with_the_way_out(say: Say, daemon: Served):
    daemon.door.listed.append(a_session(id="ses_2", title="other"))
    daemon.door.refusing = PalingenesisError("all are paused", "palingenesis resume")

    said = say("resume", "opencode")

    assert said.code == 1
    assert "error: all are paused (palingenesis resume) (and " in said.err


def test_where_nothing_can_be_enrolled_that_is_said(say: Say, daemon: Served):
    said = say("enrol", "--all")

    assert (said.code, said.out) == (0, "")
    assert said.err == "enrol: there is no session for it\n"
    document = json.loads(say("enrol", "--all", "--json").out)
    assert (document["ok"], document["given"]) == (True, [])


def test_a_new_session_is_told_to_scripts_with_its_folder(
    say: Say, daemon: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    new = json.loads(say("open", "--json").out)
    old = json.loads(say("open", "ses_1", "--json").out)

    assert new["argv"][-2:] == ["--dir", str(tmp_path)]
    assert new["directory"] == str(tmp_path)
    assert "--dir" not in old["argv"]


def test_one_frame_for_a_reader_who_has_gone_is_no_failure(daemon: Served, tmp_path: Path):
    said = piped(tmp_path, "attach --once", "| true")

    assert said.stderr == "0\n"


def test_a_manual_page_that_cannot_be_written_is_a_failure(tmp_path: Path):
    said = piped(tmp_path, "man inspect", "> /dev/full")

    assert said.stderr.splitlines()[-1] == "1"
    assert "error: the output cannot be written: no space left on device" in said.stderr


def test_a_policy_to_begin_with_is_no_stream_and_no_folder(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()

    stream, folder = say("policy", "init", "-"), say("policy", "init", "mine")

    assert (stream.code, folder.code) == (2, 1)
    assert not (tmp_path / "-").exists()
    assert "'-'" in stream.err
    assert (
        folder.err == "error: mine is a folder\nhint: palingenesis policy init mine/policy.yaml\n"
    )


def test_a_mark_alone_is_no_part_of_a_name(say: Say):
    said = say("monitors", "add", "-")

    assert said.err == (
        "error: there is no assistant '-'\nhint: one of: opencode, claude-code, codex\n"
    )


def test_an_unknown_fact_is_told_alike_wherever_it_is_given(say: Say):
    rehearsed = say("policy", "simulate", "--reason", "crash", "foo=bar")
    explained = say("policy", "explain", "--reason", "crash", "foo=bar")

    assert rehearsed.code == explained.code == 2
    assert rehearsed.err.splitlines()[0] == explained.err.splitlines()[0]


def test_a_policy_to_compare_with_is_not_told_as_another_option(say: Say):
    said = say("policy", "simulate", "typical", "--nights", "1", "--compare", "nowhere.yaml")

    assert said.code == 5
    assert "--policy" not in said.err
    assert "hint: give a file, or a shipped policy: cautious, default, overnight" in said.err


def test_that_no_test_was_run_is_no_error_where_it_is_allowed(say: Say, tmp_path: Path):
    allowed = say("policy", "test", "--allow-empty", str(tmp_path))

    assert allowed.code == 0
    assert allowed.err == "no test was run\n"


@pytest.mark.parametrize("command", [("policy", "simulate", "typical")])
def test_a_page_that_cannot_be_written_is_no_fault_of_the_policy(
    say: Say, tmp_path: Path, command: tuple[str, ...]
):
    page = tmp_path / "no" / "night.html"

    said = say(*command, "--html", str(page))

    assert said.code == 1
    assert f"error: cannot write {page}: no such file or directory\n" in said.err


def test_what_waits_for_a_restart_is_mended_by_one(say: Say, daemon: Served):
    daemon.door.warnings = ["monitoring: after the next restart (palingenesis daemon restart)"]

    found = json.loads(say("doctor", "--json").out)["findings"]

    (waiting,) = [one for one in found if one["said"] == daemon.door.warnings[0]]
    assert waiting["fix"] == "palingenesis daemon restart"


@pytest.mark.parametrize(
    ("command", "two"),
    [
        ("events --json --yaml", "--json and --yaml"),
        ("explain --yaml --json", "--json and --yaml"),
        ("config show --json --yaml", "--json and --yaml"),
        ("policy validate default --github --json", "--json and --github"),
        ("policy lint default --sarif --github", "--github and --sarif"),
    ],
)
def test_two_forms_at_once_are_no_form(say: Say, daemon: Served, command: str, two: str):
    said = say(*command.split())

    assert (said.code, said.out) == (2, "")
    assert f"error: {two} are two forms; choose one" in said.err


def test_a_log_since_a_time_that_is_still_to_come_is_no_silence(say: Say, tmp_path: Path):
    (tmp_path / "daemon.log").write_text("2026-02-05 02:00:00 info     daemon: begun\n")

    said = say("logs", "--since", "2199-01-01", PALINGENESIS_STATE_DIR=str(tmp_path))

    assert (said.code, said.out) == (0, "")
    assert said.err == "note: --since is still to come, so there is nothing yet\n"
