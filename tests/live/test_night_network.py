"""Nights without a network, and nights of silence."""

from datetime import timedelta
from pathlib import Path

from palingenesis.demo.replies import Cut, Stall, Text, Tool
from tests.live.night import Night, default_policy

STALLS_SOON = default_policy(("stall-after: 10m", "stall-after: 5s"))
RETRIES_SOON = default_policy(
    ("{first: 10s, factor: 2, max: 10m}, jitter: 5s", "{first: 3s, factor: 2, max: 6s}"),
)
PATIENT_S = 120.0


def test_an_outage_outlasts_opencode_and_is_tried_again_by_us(opencode: Path):
    with Night(opencode, policy=RETRIES_SOON) as night:
        session = night.begin("warm up")
        night.wait_for_rules(session, "finished-in-sight")

        night.provider.refuse()
        night.prompt(session, "do it")
        night.wait(
            lambda: "transient" in night.rules(session), PATIENT_S, lambda: "OpenCode giving up"
        )
        assert len(night.provider.requests) == 1
        night.provider.accept()
        night.provider.script(Text(text="done"))

        night.wait_for(session, "completed", timeout_s=PATIENT_S)
        assert len(night.provider.requests) == 2
        assert night.provider.requests[1].last_user_text == "do it"
        assert set(night.rules(session)) == {
            "finished-in-sight",
            "finished",
            "own-retry-short",
            "transient",
        }
        assert [d["rule"] for d in night.decisions(session)].count("transient") == 2
        assert night.alarms() == []


def test_a_connection_that_breaks_in_the_middle_heals_by_itself(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Cut(how="reset_mid", text="half of"), Text(text="all of it"))
        session = night.begin("do it")

        night.wait_for(session, "completed")

        assert len(night.provider.requests) == 2
        assert night.rules(session) == ["own-retry-short", "finished"]


def test_a_stalled_session_is_interrupted_and_goes_on(opencode: Path):
    with Night(opencode, policy=STALLS_SOON) as night:
        night.provider.script(Stall(text="and then"), Text(text="done"))
        session = night.begin("do it")

        night.wait_for_rules(session, "stalled", "finished")
        night.wait_for(session, "completed")

        first, second = night.provider.requests
        assert first.ended == "client gone"
        assert second.at - first.at >= timedelta(seconds=5)
        assert night.rules(session) == ["stalled", "finished"]
        assert len(list((night.state / "backups").iterdir())) == 1
        assert night.alarms() == []


def test_a_quiet_tool_is_no_stall(opencode: Path):
    with Night(opencode, policy=STALLS_SOON) as night:
        command = {"command": "sleep 15; echo built", "description": "Build"}
        night.provider.script(Tool(name="bash", arguments=command), Text(text="built"))
        session = night.begin("build it")

        night.wait_for(session, "completed", timeout_s=40)

        first, second = night.provider.requests
        assert second.at - first.at >= timedelta(seconds=15)
        assert night.rules(session) == ["finished-in-sight"]
        assert not (night.state / "backups").exists() or not list(
            (night.state / "backups").iterdir()
        )


def test_a_provider_that_cuts_every_answer_off_is_not_asked_without_end(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(*[Cut(how="eof_mid")] * 500)
        session = night.begin("do it")

        night.wait_for(session, "waiting")

        night.claim_quiet()
        assert night.rules(session) == ["own-retry-long"]
        assert len(night.provider.requests) < 50
