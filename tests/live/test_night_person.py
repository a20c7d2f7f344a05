"""Nights in which the person acts: she stops it, answers it, leaves, or goes on by herself."""

import signal
from pathlib import Path

import pytest

from palingenesis.demo.replies import Stall, Text, Tool, rate_limited
from tests.live.night import TAKES_OVER_SOON, Night, default_policy

STUBBORN = """version: 1
rules:
  - id: stubborn
    when: true
    do:
      - resume: {message: "Go on, whatever happens."}
default:
  do: [resume]
"""

ASKS_FOR_BASH = {"permission": {"bash": "ask"}}
BASH = Tool(name="bash", arguments={"command": "echo hello there", "description": "Say hello"})
QUESTION = Tool(
    name="question",
    arguments={
        "questions": [
            {
                "question": "Which colour shall the door have?",
                "header": "Colour",
                "options": [
                    {"label": "Red", "description": "like a fire engine"},
                    {"label": "Blue", "description": "like the sea"},
                ],
            }
        ]
    },
)


@pytest.mark.parametrize("policy", [None, STUBBORN], ids=["default", "stubborn"])
def test_what_the_person_stops_stays_stopped(opencode: Path, policy: str | None):
    with Night(opencode, policy=policy) as night:
        night.provider.script(Stall(text="here comes"))
        session = night.begin("do it")
        night.wait_for(session, "working")
        night.wait_for_requests(1)

        night.api("POST", f"/session/{session}/abort")

        night.wait_for(session, "stood_down")
        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert night.session(session)["reason"] == "user_abort"
        assert night.told.texts() == []

        # Her next word opens it again.
        night.provider.script(Stall(text="well"))
        night.prompt(session, "now do it")
        night.wait_for(session, "working")
        night.wait_for_requests(2)


def test_what_the_person_stops_before_the_first_word_stays_stopped(opencode: Path):
    with Night(opencode, policy=STUBBORN) as night:
        session = night.begin("do it")
        night.wait_for(session, "working")
        night.api("POST", f"/session/{session}/abort")

        night.wait_for(session, "stood_down")
        night.claim_quiet()
        assert night.session(session)["reason"] == "user_abort"
        assert len(night.provider.requests) <= 1
        assert len([m for m in night.messages(session) if m["info"]["role"] == "user"]) == 1


@pytest.mark.parametrize("policy", [None, STUBBORN], ids=["default", "stubborn"])
def test_a_server_that_the_person_closes_is_not_fought(opencode: Path, policy: str | None):
    """She disposes of everything and ends the server: her turn is marked as aborted."""
    with Night(opencode, policy=policy) as night:
        night.provider.script(Stall(text="here comes"))
        session = night.begin("do it")
        night.wait_for_requests(1)
        night.wait_for(session, "working")
        pid = night.agent_pid()

        night.api("POST", "/global/dispose")
        night.wait_for(session, "stood_down")
        night.send(pid, signal.SIGTERM)

        night.wait(lambda: night.agent_pid(of_any=True) != pid, 30, lambda: "the end of it")
        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert night.session(session)["status"] == "stood_down"
        assert night.session(session)["reason"] == "user_abort"


def test_a_permission_is_told_at_once_and_never_answered_by_us(opencode: Path):
    with Night(opencode, config=ASKS_FOR_BASH) as night:
        night.provider.script(BASH, Text(text="said"))
        session = night.begin("say hello")

        told = night.wait_for_told("echo hello there", timeout_s=15)
        night.wait_for(session, "blocked")
        notice = night.told.notices[0]["data"]
        assert "permission for bash" in told
        assert notice["severity"] == "warning"
        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert night.rules(session) == []

        (asked,) = night.api("GET", "/permission")
        night.api("POST", f"/permission/{asked['id']}/reply", {"reply": "once"})

        night.wait_for_rules(session, "finished-in-sight")
        assert len(night.provider.requests) == 2


def test_a_question_is_told_with_its_text_and_left_to_the_person(opencode: Path):
    with Night(opencode, policy=STUBBORN) as night:
        night.provider.script(QUESTION, Stall(text="blue it is"))
        session = night.begin("paint the door")

        night.wait_for_told("Which colour shall the door have?", timeout_s=15)
        night.wait_for(session, "blocked")
        night.claim_quiet()
        assert len(night.provider.requests) == 1

        (asked,) = night.api("GET", "/question")
        night.api("POST", f"/question/{asked['id']}/reply", {"answers": [["Blue"]]})

        night.wait_for_requests(2)
        night.wait_for(session, "working")
        assert len(night.told.texts()) == 1


def test_a_rejected_permission_ends_the_turn_and_nobody_insists(opencode: Path):
    with Night(opencode, config=ASKS_FOR_BASH) as night:
        night.provider.script(BASH)
        session = night.begin("say hello")
        night.wait_for(session, "blocked")

        (asked,) = night.api("GET", "/permission")
        night.api("POST", f"/permission/{asked['id']}/reply", {"reply": "reject"})

        night.wait_for(session, "attention")
        night.claim_quiet()
        assert len(night.provider.requests) == 1


def test_the_person_goes_on_during_our_wait_and_ours_is_cancelled(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        night.provider.script(rate_limited(8), Text(text="as you say"))
        session = night.begin("do it")
        waits = night.wait_for(session, "waiting")
        night.wait(
            lambda: not night.api("GET", "/session/status"), 10, lambda: "OpenCode being idle"
        )
        night.settle()

        night.prompt(session, "never mind, do something else")

        night.wait_for_rules(session, "own-retry-long", "finished")
        night.wait(lambda: night.has_passed(waits["until"]), 20, lambda: "our old deadline")
        night.claim_quiet()
        assert [one.last_user_text for one in night.provider.requests] == [
            "do it",
            "never mind, do something else",
        ]
        assert "cancelled" in [one["kind"] for one in night.decisions(session)]
