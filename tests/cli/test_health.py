"""`health`: one word, and why; the recipe `health | grep -q degraded` works as written."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from palingenesis.runtime.refusals import CONFIG_REFUSED
from palingenesis.runtime.views import instant
from tests.cli.test_commands import Say, daemon, say
from tests.control.doors import Served, a_session

__all__ = ["daemon", "say"]


def test_all_is_well(say: Say, daemon: Served):
    said = say("health")

    assert (said.code, said.out, said.err) == (0, "healthy\n", "")


def test_down_is_an_answer_and_exit_code_3(say: Say):
    said = say("health")

    assert said.code == 3
    assert said.out.splitlines() == [
        "down",
        "  daemon: the daemon is not running",
        "    → palingenesis daemon start",
    ]


def test_an_agent_that_is_down_degrades_it_and_says_why(say: Say, daemon: Served):
    daemon.door.agent_changes = {"up": False, "detail": "nobody listens"}

    said = say("health")

    assert said.code == 1
    assert said.out.splitlines()[:2] == [
        "degraded",
        "  agent: opencode is not up: nobody listens",
    ]


def began(seconds_ago: int) -> dict[str, object]:
    at = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    return {"at": instant(at), "since": instant(at - timedelta(seconds=seconds_ago))}


def test_a_server_that_is_not_reached_yet_right_after_the_start_is_no_illness(
    say: Say, daemon: Served
):
    daemon.door.agent_changes = {"up": False, "heard": False, "detail": "not reached yet"}
    daemon.door.changes = began(20)

    said = say("health")

    assert said.code == 75
    assert said.out.splitlines() == [
        "starting",
        "  start: opencode is not reached yet: the daemon has begun a moment ago",
        "    → palingenesis status",
    ]
    assert say("status").out.startswith("starting")


@pytest.mark.parametrize(
    ("seconds_ago", "heard", "paused"),
    [(60, False, False), (20, True, False), (20, False, True)],
    ids=["for too long", "it was found down", "and more is amiss"],
)
def test_but_only_as_long_as_that_is_usual_and_nothing_else_is_amiss(
    say: Say, daemon: Served, seconds_ago: int, heard: bool, paused: bool
):
    daemon.door.agent_changes = {"up": False, "heard": heard, "detail": "not reached yet"}
    daemon.door.changes = {**began(seconds_ago), "paused": paused}

    said = say("health")

    assert said.code == 1
    assert said.out.startswith("degraded\n")


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"paused": True}, "pause"),
        ({"rails": [{"rail": "30 restarts an hour", "until": None}]}, "rail"),
        ({"warnings": ["the sensor of opencode broke, it is begun anew"]}, "sensor"),
        (
            {"policy": {"name": "p", "digest": "d", "path": "/p.yaml", "stale": ["p.yaml:1:1"]}},
            "policy",
        ),
        ({"notifications": {"channels": [], "pending": 0, "failed": 2, "last": None}}, "notices"),
        ({"warnings": [f"{CONFIG_REFUSED}: palingenesis config validate"]}, "config"),
        ({"safe_hold": {"since": "", "what": "w", "where": "x", "version": "1"}}, "hold"),
    ],
)
def test_every_reason_is_told_with_the_command_that_shows_or_mends_it(
    say: Say, daemon: Served, changes: dict[str, object], about: str
):
    daemon.door.changes = changes

    said = say("health", "--json")

    document = json.loads(said.out)
    assert said.code == 1
    assert document["health"] == "degraded"
    assert [one["about"] for one in document["complaints"]] == [about]
    assert document["complaints"][0]["fix"].startswith("palingenesis ")


def test_a_policy_file_that_is_gone_is_not_said_to_be_refused(say: Say, daemon: Served):
    gone = ["the file is gone: /p.yaml"]
    daemon.door.changes = {"policy": {"name": "p", "digest": "d", "path": "/p.yaml", "stale": gone}}

    said = say("health")

    assert said.code == 1
    assert said.out.splitlines() == [
        "degraded",
        "  policy: the policy's file is gone, what it said last decides: restore it, or begin anew",
        "    → palingenesis daemon restart",
    ]


def test_a_journal_that_cannot_be_written_degrades_it(say: Say, daemon: Served):
    daemon.door.changes = {
        "journal": {
            "seq": 2,
            "ok": False,
            "detail": "the disk is full",
            "bytes": 1,
            "bytes_max": 2,
            "waiting": 3,
            "removed": None,
        }
    }

    assert "journal: nothing can be written down" in say("health").out


def test_a_session_that_waits_for_its_person_is_told_and_is_no_illness(say: Say, daemon: Served):
    daemon.door.listed = [a_session(status="attention")]

    said = say("health")

    assert said.code == 0
    assert said.out == "healthy\n  1 session waits for you: palingenesis status\n"
