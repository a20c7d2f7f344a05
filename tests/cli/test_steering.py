"""Commands for one session, for those of an agent, and for all; tried dry, asked, and repeated."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import WHO, Say, daemon, environment, say
from tests.control.doors import Served, a_session

__all__ = ["daemon", "say"]

OTHER = a_session(id="ses_3ghi", title="Elsewhere", agent="opencode@there")
FREE = a_session(id="ses_4jkl", title="Free", supervised=False)


@pytest.fixture(autouse=True)
def _three(daemon: Served) -> None:
    daemon.door.listed += [OTHER, FREE]


def test_an_agent_means_its_sessions_and_no_others(say: Say, daemon: Served):
    said = say("pause", "opencode")

    assert said.code == 0
    assert daemon.door.given == [("pause", "ses_1abc", WHO), ("pause", "ses_2def", WHO)]


def test_a_session_with_the_name_of_an_agent_is_meant_first(say: Say, daemon: Served):
    daemon.door.listed.append(a_session(id="ses_5", title="opencode"))

    say("pause", "opencode")

    assert daemon.door.given == [("pause", "ses_5", WHO)]


@pytest.mark.parametrize("name", ["abort", "skip", "new-session", "detach"])
def test_all_are_those_that_it_fits(say: Say, daemon: Served, name: str):
    said = say(name, "--all", "--json")

    document = json.loads(said.out)
    assert [one["session"] for one in document["given"]] == ["ses_1abc", "ses_2def", "ses_3ghi"]
    assert document["ok"] is True
    assert len(daemon.door.given) == 3


def test_all_that_can_be_enrolled_are_those_that_are_not_ours(say: Say, daemon: Served):
    say("enrol", "--all")

    assert daemon.door.given == [("enrol", "ses_4jkl", WHO)]


@pytest.mark.parametrize("name", ["pause", "resume", "abort", "skip", "new-session", "detach"])
def test_tried_dry_nothing_is_given(say: Say, daemon: Served, name: str):
    said = say(name, "--dry-run", "ses_2")

    assert (said.code, said.out) == (
        0,
        f"would {name} 1 session:\n  Write the docs (ses_2def): waiting\n",
    )
    assert json.loads(say(name, "ses_2", "--dry-run", "--json").out)["would"] == ["ses_2def"]
    assert daemon.door.given == []


def test_a_pause_of_all_is_of_those_to_come_as_well(say: Say, daemon: Served):
    assert say("pause", "--dry-run").out.startswith("would pause all sessions, and those to come:")


def test_one_and_all_cannot_both_be_meant(say: Say, daemon: Served):
    assert say("abort", "ses_1", "--all").code == 2
    assert daemon.door.given == []


def test_a_misspelt_session_is_told_which_might_be_meant(say: Say, daemon: Served):
    assert say("abort", "Write teh docs").err.endswith(
        "hint: did you mean ses_2def (Write the docs)?\n"
    )
    assert "did you mean ses_1abc" in say("skip", "ses_1acb").err


def test_what_was_given_twice_is_no_error(say: Say, daemon: Served):
    assert [say("abort", "ses_1").code for _ in range(2)] == [0, 0]


def on_a_terminal(folder: Path, typed: bytes, *words: str) -> int:
    """The exit code of a command whose person types that."""
    main, side = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "palingenesis", *words],
        env={**environment(folder), "PYTHONPATH": "engine"},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    os.write(main, typed)
    code = child.wait(60)
    os.close(main)
    return code


@pytest.mark.parametrize(
    ("typed", "words", "code", "given"),
    [
        (b"n\n", ("abort", "ses_1"), 130, 0),
        (b"y\n", ("abort", "ses_1"), 0, 1),
        (b"", ("abort", "ses_1", "--yes"), 0, 1),
        (b"n\n", ("skip", "--all"), 130, 0),
        (b"", ("pause",), 0, 1),
        (b"", ("skip", "ses_1"), 0, 1),
    ],
)
def test_a_person_at_a_terminal_is_asked_before_something_ends(
    tmp_path: Path, daemon: Served, typed: bytes, words: tuple[str, ...], code: int, given: int
):
    assert on_a_terminal(tmp_path, typed, *words) == code
    assert len(daemon.door.given) == given
