"""Whoever asks about the past is told when a part of it is not there any more."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.core.record import to_plain
from palingenesis.journal import Retention, SqliteJournal, plan_sweep
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.ports import Entry
from palingenesis.surfaces.cli.program import run
from tests.cli.test_commands import environment
from tests.control.doors import a_row, served
from tests.journal.nights import stopped
from tests.policy.texts import SCHEMA

NOTE = "note: older entries were removed on "


@pytest.fixture
def swept(tmp_path: Path) -> Mapping[str, str]:
    """A journal of five stops a day ago; only the last two, after its snapshot, are left."""
    state = tmp_path / "s"
    state.mkdir(mode=0o700)
    with SqliteJournal.open(state / "journal.db") as journal:
        for number in range(1, 6):
            decision = {"is": "Decision", "id": number, "at": to_plain(stopped(number).at)}
            told = {"kind": "decided", "event": "stopped", "rule": "limit", "why": ""}
            journal.append(
                Entry(event=stopped(number), decisions=({**decision, **told},), effects=())
            )
            if number == 3:
                journal.remember({}, 3)
        now = SystemClock().now()
        sweep = plan_sweep(journal.path, Retention(keep=timedelta(days=1)), alive=(), at=now)
        while sweep is not None:
            sweep = journal.remove_some(sweep, now)
        assert [it.seq for it in journal.entries()] == [4, 5]
    return environment(tmp_path)


@pytest.mark.parametrize(
    "command", [["events"], ["events", "--since", "2026-01-01"], ["events", "--json"]]
)
def test_events_of_a_time_that_is_gone_in_part_say_so(swept, capsys, command):
    assert run(command, swept) == 0

    assert capsys.readouterr().err.startswith(NOTE)


@pytest.mark.parametrize(
    "command", [["events", "--limit", "2"], ["events", "--since", "2026-03-30"]]
)
def test_events_that_are_all_there_say_nothing(swept, capsys, command):
    assert run(command, swept) == 0

    assert capsys.readouterr().err in {"", "nothing happened that fits\n"}


@pytest.mark.parametrize("command", [["explain", "2"], ["policy", "explain", "--decision", "2"]])
def test_a_decision_that_is_gone_is_not_only_unknown(swept, capsys, command):
    assert run(command, swept) == 1

    told = capsys.readouterr().err
    assert "no decision 2 in the journal" in told
    assert "older entries were removed on " in told


def test_an_analysis_of_history_says_how_far_back_it_saw(swept, capsys, tmp_path):
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\nrules: []\ndefault: {do: [attention]}\n")

    run(["policy", "coverage", str(policy), "--history", "4000d"], swept)

    assert NOTE in capsys.readouterr().err
    assert SCHEMA


# ── through the daemon's door ─────────────────────────────────────────────────────────────────

REMOVED = {
    "entries": 40,
    "through": 40,
    "at": "2026-11-20T12:00:00Z",
    "until": "2026-11-19T12:00:00Z",
}


def told_by_a_daemon(
    folder: Path, capsys: pytest.CaptureFixture[str], *command: str
) -> tuple[str, str]:
    with served(folder) as daemon:
        daemon.door.rows = [a_row(41)]
        daemon.door.removed = REMOVED
        assert run(command, environment(folder)) == 0
    said = capsys.readouterr()
    return said.out, said.err


def test_status_says_how_large_the_journal_is_and_since_when_it_is_complete(tmp_path, capsys):
    out, _ = told_by_a_daemon(tmp_path, capsys, "status")

    assert "journal · 4.2 of at most 64 MiB · what is older than " in out


def test_events_from_a_daemon_say_it_too(tmp_path, capsys):
    _, err = told_by_a_daemon(tmp_path, capsys, "events")

    assert err.startswith(NOTE)
