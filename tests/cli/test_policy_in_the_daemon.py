"""`policy reload` and `policy shadow`, with a daemon that only answers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, daemon, say
from tests.control.doors import A_PREVIEW, A_SHADOW, Served

__all__ = ["daemon", "say"]


def test_reload_says_what_became_of_the_file(say: Say, daemon: Served):
    assert say("policy", "reload").out == "policy 'default' is in force\n"

    daemon.door.reload_answer = {"ok": False, "message": "refused", "problems": ["p.yaml:1: bad"]}
    said = say("policy", "reload")

    assert (said.code, said.out) == (5, "")
    assert "p.yaml:1: bad" in said.err
    assert "error: refused" in said.err


def test_a_dry_run_tells_what_would_happen_to_everything_that_is_pending(
    say: Say, daemon: Served, tmp_path: Path
):
    said = say("policy", "reload", "--dry-run", str(tmp_path / "next.yaml"))

    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "/next.yaml (d9e8f7)"
    assert lines[1] == "  Write the docs (ses_2def)"
    assert lines[2].startswith("    now    rule rate-limit: waits until ")
    assert lines[2].endswith(", then resume")
    assert lines[3].startswith("    then   the end moves from ")
    assert lines[5] == "    now    rule refused: waits for an answer, then switch-model, resume"
    assert lines[6] == "    then   attention: no rule matched"
    assert lines[7] == (
        "2 sessions with something pending: 2 would change; 3 with nothing pending. "
        "Nothing was changed."
    )
    assert daemon.door.asked == [("preview", str(tmp_path / "next.yaml"))]


def test_a_dry_run_without_a_file_is_about_the_daemons_own(say: Say, daemon: Served):
    document = json.loads(say("policy", "reload", "--dry-run", "--json").out)

    assert document == {"schema_version": 1, **A_PREVIEW}
    assert daemon.door.asked == [("preview", None)]


def test_a_file_is_only_for_a_dry_run(say: Say):
    said = say("policy", "reload", "next.yaml")

    assert said.code == 2
    assert "--dry-run FILE" in said.err


FIRST = datetime(2026, 11, 18, 17, 8, tzinfo=UTC).astimezone()
REPORT = f"""\
    3 \N{MULTIPLICATION SIGN}  timeout         network-retry → context-rollover
          - wait 5m → resume
          + snapshot → new-session
          first: {FIRST:%a %d %b %H:%M} session ses_2def, decision 412
net: waiting time -15m, new sessions +3, notifications ±0
"""


def test_the_report_counts_and_groups(say: Say, daemon: Served):
    said = say("policy", "shadow", "report")

    assert said.code == 0
    assert said.out.startswith(REPORT)
    assert said.out.endswith(
        "\n\npolicy.next.yaml  shadow for 3 d 4 h · 61 decisions · 56 same · 3 different (as above)"
        " · 2 unknown · 0 errors\npromote with: palingenesis policy shadow promote\n"
    )


def test_a_shadow_is_started_by_the_whole_path_of_its_file(
    say: Say, daemon: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    said = say("policy", "shadow", "start", "next.yaml")

    assert said.out.startswith("next decides in shadow from now on; it never acts\n")
    assert daemon.door.asked == [("start", str(tmp_path / "next.yaml"))]


def test_a_promotion_asks_first_and_needs_somebody_to_ask(say: Say, daemon: Served):
    said = say("policy", "shadow", "promote")

    assert said.code == 2
    assert "61 decisions" in said.err
    assert "say --yes" in said.err
    assert daemon.door.asked == [("report", None)]

    assert say("policy", "shadow", "promote", "--yes").code == 0
    assert daemon.door.asked[-1] == ("promote", None)


@pytest.mark.parametrize("order", ["start", "report", "promote", "stop"])
def test_every_order_answers_in_json(say: Say, daemon: Served, order: str):
    words = {"start": ["next.yaml"], "promote": ["--yes"]}.get(order, [])

    document = json.loads(say("policy", "shadow", order, *words, "--json").out)

    running = order in {"start", "report"}
    assert document == {"schema_version": 1, **A_SHADOW, "running": running}


@pytest.mark.parametrize("order", [["report"], ["promote", "--yes"], ["stop"]])
def test_without_a_shadow_that_is_one_clear_error(say: Say, daemon: Served, order: list[str]):
    daemon.door.no_shadow = True

    said = say("policy", "shadow", *order)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: no policy is in shadow\nhint: palingenesis policy shadow")


@pytest.mark.parametrize("command", [["reload"], ["reload", "--dry-run"], ["shadow", "report"]])
def test_without_a_daemon_one_line_says_so(say: Say, command: list[str]):
    said = say("policy", *command)

    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("error: the daemon is not running")
