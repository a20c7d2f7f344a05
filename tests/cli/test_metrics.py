"""`metrics export`: from the daemon, and from its journal when it is down."""

import json
from pathlib import Path

import pytest

from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.journal import SqliteJournal
from palingenesis.surfaces.cli.program import run
from tests.cli.test_commands import Say, daemon, environment, say
from tests.control.doors import Served
from tests.core.policies import NIGHT
from tests.journal import released
from tests.telemetry.exposed import lint, parse

__all__ = ["daemon", "say"]


@pytest.fixture
def night(tmp_path: Path) -> dict[str, str]:
    """A journal that a daemon left behind."""
    environ = environment(tmp_path)
    state = Path(environ["PALINGENESIS_STATE_DIR"])
    state.mkdir(mode=0o700, exist_ok=True)
    with SqliteJournal.open(state / "journal.db") as journal:
        world = World()
        for number, entry in enumerate(released.night()):
            world = step(world, entry.event, NIGHT).world
            seq = journal.append(entry)
            if number == 3:
                journal.remember(to_plain(world), seq)
    return environ


def test_a_daemon_that_runs_tells_them_itself(say: Say, daemon: Served):
    said = say("metrics", "export")

    assert (said.code, said.out) == (0, "# the metrics, as prometheus\n")
    assert say("metrics", "export", "--format", "json").out == "# the metrics, as json\n"


def test_of_a_daemon_that_is_down_the_journal_tells_what_was_counted(night, capsys):
    assert run(["metrics", "export"], night) == 0

    told = parse(capsys.readouterr().out)
    assert told["palingenesis_up"].value() == 0
    assert told["palingenesis_stops_total"].value(reason="rate_limit") > 0
    assert "palingenesis_supervised_sessions" not in told


def test_appended_to_a_file_it_is_what_promtool_reads(night, capsys):
    assert run(["metrics", "export"], night) == 0

    assert lint(capsys.readouterr().out) == ""


def test_as_a_document_it_has_a_version(night, capsys):
    assert run(["metrics", "export", "--format", "json"], night) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert set(document["labels"]) == {"host", "user"}
    assert document["metrics"][0]["name"] == "palingenesis_up"


def test_without_a_journal_there_is_nothing_to_tell(tmp_path: Path, capsys):
    assert run(["metrics", "export"], environment(tmp_path)) == 3

    said = capsys.readouterr()
    assert said.out == ""
    assert "there is no journal yet" in said.err


def test_a_wrong_format_is_a_usage_error(night, capsys):
    assert run(["metrics", "export", "--format", "graphite"], night) == 2
    assert "prometheus" in capsys.readouterr().err
