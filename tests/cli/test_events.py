"""`events`: chosen by type, all of them as they are read, followed, and for other programs."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
import yaml

from palingenesis.core.events import Event, FactsObserved, SessionSeen
from palingenesis.core.values import AgentId, SessionId
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.kinds import KINDS, classes_of, kind_of
from palingenesis.runtime.ports import Entry
from tests.cli.test_commands import Say, daemon, environment, say
from tests.control.doors import Served, a_row

__all__ = ["daemon", "say"]

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def a_journal(folder: Path, count: int) -> None:
    """A session that was seen, and many facts after it."""
    (folder / "s").mkdir(mode=0o700)
    with SqliteJournal.open(folder / "s" / "journal.db") as journal:
        seen = SessionSeen(at=AT, session=SessionId("ses_1"), agent=AgentId("opencode"))
        journal.append(Entry(event=seen, decisions=[], effects=[]))
        for number in range(1, count):
            facts = FactsObserved(at=AT + timedelta(seconds=number), facts={"host.load": number})
            journal.append(Entry(event=facts, decisions=[], effects=[]))


def test_every_kind_of_event_has_a_name_that_leads_back_to_it():
    classes = get_args(Event)

    assert len(KINDS) == len(set(KINDS)) == len(classes)
    assert classes_of(KINDS) == [one.__name__ for one in classes]
    assert [kind_of(one) for one in classes] == list(KINDS)


def test_events_are_chosen_by_type(say: Say, daemon: Served):
    daemon.door.rows = [a_row(1), {**a_row(2), "kind": "agent-down"}, a_row(3)]

    for words in (
        ("--filter", "agent-down"),
        ("--filter", "AGENT-DOWN"),
        ("--filter", "agent-down,agent-up"),
        ("--filter", "agent-up", "--filter", "agent-down"),
    ):
        document = json.loads(say("events", *words, "--json").out)
        assert [row["seq"] for row in document["events"]] == [2]


def test_what_was_ordered_is_set_apart_from_what_happened_also_without_a_rule(
    say: Say, daemon: Served
):
    ordered = {**a_row(1, summary="ok interrupted"), "rule": None, "effects": ["resume"]}
    daemon.door.rows = [ordered, {**a_row(2), "effects": []}, {**ordered, "effects": []}]

    lines = say("events").out.splitlines()

    assert lines[0].endswith("ok interrupted → resume")
    assert lines[1].endswith("stopped → rate-limit")
    assert lines[2].endswith("ok interrupted")


def test_a_type_that_is_none_is_told_which_might_be_meant(say: Say, daemon: Served):
    said = say("events", "--filter", "session-stoped")

    assert said.code == 2
    assert said.err.endswith("hint: did you mean 'session-stopped'?\n")
    assert "one of: daemon-started" in say("events", "--filter", "xyz").err


def test_when_there_are_more_than_were_told_it_says_so(say: Say, daemon: Served):
    daemon.door.rows = [a_row(seq) for seq in range(1, 9)]

    said = say("events", "--since", "2026-11-21T00:00Z", "--limit", "5")

    assert len(said.out.splitlines()) == 5
    assert said.err == "note: the newest 5; --all tells all since then\n"


def test_all_are_told_with_the_daemon_up_or_down(say: Say, tmp_path: Path):
    a_journal(tmp_path, 1200)

    document = json.loads(say("events", "--all", "--json").out)

    assert document["schema_version"] == 1
    assert [row["seq"] for row in document["events"]] == list(range(1, 1201))
    assert len(say("events", "--all").out.splitlines()) == 1200
    seen = json.loads(say("events", "--all", "--filter", "session-seen", "--json").out)
    assert [row["seq"] for row in seen["events"]] == [1]
    assert len(json.loads(say("events", "--all", "--session", "ses", "--json").out)["events"]) == 1


def test_nothing_at_all_is_a_document_as_well(say: Say, daemon: Served):
    daemon.door.rows = []

    assert json.loads(say("events", "--json").out) == {"schema_version": 1, "events": []}


def test_events_are_yaml_documents_too(say: Say, daemon: Served):
    documents = list(yaml.safe_load_all(say("events", "--yaml").out))

    assert [one["seq"] for one in documents] == [1, 2]


@pytest.mark.parametrize("form", ["--json", "--yaml", None])
def test_however_many_there_are_the_memory_stays(tmp_path: Path, form: str | None):
    program = (
        "import resource, sys; from palingenesis.surfaces.cli.program import run;"
        "run(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    most_kib = {}
    for count in (200, 4_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        a_journal(folder, count)
        said = subprocess.run(
            [sys.executable, "-c", program, "events", "--all", *([form] if form else [])],
            env={**environment(folder), "PYTHONPATH": "engine"},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert said.stdout.count("host.load") >= count - 1
        most_kib[count] = int(said.stderr.splitlines()[-1])

    assert most_kib[4_000] - most_kib[200] < 4_096


def test_following_ends_with_the_daemon(say: Say, tmp_path: Path):
    from tests.control.doors import served

    with served(tmp_path) as here:
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "palingenesis",
                "events",
                "-f",
                "--json",
                "--filter",
                "agent-up",
            ],
            env={**environment(tmp_path), "PYTHONPATH": "engine"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        here.append(a_row(3))
        here.append({**a_row(4), "kind": "agent-up"})
        assert json.loads(child.stdout.readline())["seq"] == 4
        here.append({**a_row(5), "kind": "agent-up"})  # this one can only come by the stream
        assert json.loads(child.stdout.readline())["seq"] == 5
    _, err = child.communicate(timeout=60)

    assert child.returncode == 3
    assert err.startswith("error: the daemon has ended")
