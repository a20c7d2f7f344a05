"""A person's commands at the command line, on a daemon that runs and an OpenCode that works."""

import json
from collections.abc import Iterator

import pytest

from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Reply, Text
from tests.live.night import Night
from tests.torture.standing_in import stand_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LONG = Text(text=" ".join(["word"] * 600), chunk_delay_s=0.1)


def answer(_request: ModelRequest) -> Reply:
    return LONG


@pytest.fixture(name="night")
def _night() -> Iterator[Night]:
    with stand_in() as program, Night(program) as night:
        night.provider.respond(answer)
        yield night


def say(night: Night, *words: str) -> str:
    said = night.palin(*words)
    assert said.returncode == 0, (words, said.stdout, said.stderr)
    return said.stdout


def test_every_command_does_what_it_says_and_leaves_its_line_with_who_asked(night: Night):
    first = night.begin("write a long text")
    night.wait_for(first, "working")

    for _ in range(2):
        assert "is paused" in say(night, "pause", first)
    assert night.status_of(first) == "paused"
    for _ in range(2):
        assert "is working" in say(night, "resume", first)
    assert "would abort 1 session" in say(night, "abort", first, "--dry-run")
    assert night.status_of(first) == "working"

    say(night, "skip", first)
    night.wait(
        lambda: any("Leave the current step" in one.last_user_text for one in night.asked(first)),
        30,
        lambda: "the words of the skip",
    )
    night.wait_for(first, "working")
    for _ in range(2):
        say(night, "abort", first)
    night.wait_for(first, "stood_down")

    say(night, "detach", first)
    assert night.session(first)["supervised"] is False
    for _ in range(2):
        say(night, "enrol", first)
    assert night.session(first)["supervised"] is True

    rows = json.loads(say(night, "events", "--filter", "command-given", "--json"))["events"]
    given = [row["summary"].partition(" by ") for row in rows]
    assert [word for word, _, _ in given] == [
        *("pause", "pause", "resume", "resume", "skip", "abort", "abort"),
        *("detach", "enrol", "enrol"),
    ]
    assert all("(cli, run by " in who for _, _, who in given)
    assert {row["session"] for row in rows} == {first}


def test_an_agent_is_paused_with_all_its_sessions(night: Night):
    sessions = [night.begin(f"text {number}") for number in (1, 2)]
    for one in sessions:
        night.wait_for(one, "working")
    agent = night.session(sessions[0])["agent"]

    say(night, "pause", agent)

    assert [night.status_of(one) for one in sessions] == ["paused", "paused"]
    assert "2 sessions: 2 paused" in say(night, "status")

    say(night, "resume", agent)

    assert [night.status_of(one) for one in sessions] == ["working", "working"]
