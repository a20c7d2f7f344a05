"""Every command leaves its line in the journal, with who asked: held against a real daemon."""

import json
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.surfaces.cli.who import who
from tests.cli.real import a_home


@pytest.mark.e2e
def test_orders_to_the_daemon_itself_leave_their_line_with_who_asked(tmp_path: Path):
    (tmp_path / "next.yaml").write_text(shipped.policy("cautious").read_text())
    with a_home(tmp_path) as home:
        home.start()
        for words in (
            ("pause",),
            ("resume",),
            ("daemon", "reload"),
            ("daemon", "act-again"),
            ("policy", "shadow", "start", str(tmp_path / "next.yaml")),
            ("policy", "shadow", "stop"),
            ("daemon", "stop"),
        ):
            assert home.say(*words).returncode == 0, words
        rows = json.loads(home.say("events", "--limit", "1000", "--json").stdout)["events"]

    given = [row["summary"] for row in rows if row["kind"] == "command-given"]
    assert [line.partition(" by ")[0] for line in given] == [
        "pause",
        "resume",
        "reload",
        "act-again",
        "shadow start",
        "shadow stop",
    ]
    assert all("(cli, run by " in line for line in given)
    (stopped,) = [row["summary"] for row in rows if row["kind"] == "daemon-stopped"]
    assert stopped.startswith("asked to stop by ")
    assert "(cli, run by " in stopped


def test_who_is_the_person_and_the_place():
    assert who({}).endswith(")")
    assert " (cli, " in who({})
    assert len(who({"SSH_CONNECTION": "x" * 500})) <= 80
