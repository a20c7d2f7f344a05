"""`answer`, and how `status` shows what is asked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from palingenesis.surfaces.cli.program import run
from tests.cli.test_commands import WHO, Said, Say, environment
from tests.control.doors import Served, a_session, served


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def said(*args: str) -> Said:
        code = run(args, environment(tmp_path))
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return said


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as here:
        yield here


def test_an_answer_is_given_by_the_short_name_of_its_question(say: Say, daemon: Served):
    said = say("answer", "q17", "yes")

    assert (said.code, said.out) == (0, f"yes to q17 by {WHO}\n")
    assert daemon.door.given == [("yes", "q17", WHO)]


def test_an_answer_for_scripts(say: Say, daemon: Served):
    document = json.loads(say("answer", "q17", "no", "--json").out)

    assert document == {"schema_version": 1, "ok": True, "message": f"no to q17 by {WHO}"}


def test_an_answer_to_nobody_is_an_error(say: Say, daemon: Served):
    said = say("answer", "q99", "yes")

    assert said.code == 1
    assert "no question 'q99'" in said.err


def test_only_yes_and_no_are_answers(say: Say, daemon: Served):
    assert say("answer", "q17", "maybe").code == 2
    assert say("answer", "q17").code == 2
    assert daemon.door.given == []


def test_status_shows_what_is_asked_until_when_and_how_to_answer(say: Say, daemon: Served):
    daemon.door.listed = [
        a_session(
            status="asking",
            question="q17",
            until="2026-11-21T03:30:00Z",
            next="retry",
            rule="refused",
            decision=17,
            **{"for": "Try the next model?"},
        )
    ]

    out = say("status").out

    assert "asking for Try the next model? until " in out
    assert "(in 30 min), on yes retry" in out
    assert "answer it: palingenesis answer q17 yes|no" in out
