"""The daemon comes and goes while her TUI lives: the plugin finds it again, and nothing is lost."""

from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from palingenesis.demo.replies import Stall, Text
from tests.live.night import Night
from tests.live.plugging import (
    PATIENT_S,
    a_tui,
    a_wait,
    at_work,
    integrated,
    plug_in,
    seen_session,
    sessions_of,
    until_over,
)
from tests.live.test_night_person import ASKS_FOR_BASH, BASH


def plugged_again(night: Night) -> None:
    night.wait(lambda: integrated(night), 30, lambda: "the plugin to connect again")


@pytest.mark.parametrize("number", [SIGKILL, SIGTERM], ids=["killed", "stopped"])
def test_a_wait_outlives_the_daemon_and_is_ended_once(opencode: Path, number: int):
    with a_wait(opencode, 25) as (night, tui, session, before):
        night.stop(number)
        night.start()
        plugged_again(night)
        after = night.session(session)
        assert after["until"] == before["until"], night.story()
        assert after["agent"] == f"opencode-{tui.pid}"

        night.wait_for(session, "completed", timeout_s=PATIENT_S)
        night.claim_quiet()
        assert [one.session for one in night.provider.requests] == [session, session]
        assert night.rules(session) == ["own-retry-long", "finished"]


def test_a_deadline_that_passes_without_a_daemon_is_kept_once(opencode: Path):
    with a_wait(opencode, 8) as (night, _tui, session, before):
        night.stop(SIGKILL)
        until_over(night, before)
        assert len(night.provider.requests) == 1
        night.start()

        night.wait_for(session, "completed", timeout_s=PATIENT_S)
        night.claim_quiet()
        assert len(night.provider.requests) == 2
        assert night.rules(session) == ["own-retry-long", "finished"]


def test_a_turn_that_ends_without_a_daemon_is_told_when_it_comes_back(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.script(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            session = at_work(night, tui)
            night.stop(SIGTERM)
            night.provider.release()
            night.wait(
                lambda: night.provider.requests[0].ended == "finished", 20, lambda: "its end"
            )
            night.start()

            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert len(night.provider.requests) == 1


def test_a_daemon_that_comes_later_finds_her_session_at_work(opencode: Path):
    with Night(opencode, daemon_starts=False) as night:
        plug_in(night)
        night.provider.script(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            night.wait_for_requests(1, timeout_s=PATIENT_S)
            night.start()

            session = seen_session(night, tui)
            night.wait_for(session, "working", timeout_s=PATIENT_S)
            assert [one["id"] for one in integrated(night)] == [f"opencode-{tui.pid}"]
            assert len(night.control.sessions()) == 1

            night.provider.release()
            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert len(night.provider.requests) == 1


def test_a_daemon_that_comes_later_finds_the_permission_that_is_asked(opencode: Path):
    with Night(opencode, daemon_starts=False, config=ASKS_FOR_BASH) as night:
        plug_in(night)
        night.provider.script(BASH, Text(text="said"))
        with a_tui(night, opencode) as tui:
            night.wait_for_requests(1, timeout_s=PATIENT_S)
            night.wait(lambda: "ermission" in tui.shown(), 30, tui.shown)
            night.start()

            assert "permission for bash" in night.wait_for_told("echo hello there", timeout_s=30)
            session = seen_session(night, tui)
            night.wait_for(session, "blocked")

            tui.type(b"\r")  # "Allow once" is what is chosen already
            night.wait_for_requests(2, timeout_s=PATIENT_S)
            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert len(night.alarms()) == 1, night.told.texts()


def test_sessions_of_yesterday_are_not_touched_when_her_tui_comes(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.default(Text(text="painted"))
        old = night.begin("paint the cellar")
        night.wait_for(old, "completed", timeout_s=PATIENT_S)
        with a_tui(night, opencode) as tui:
            session = seen_session(night, tui)
            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()

            assert [one["id"] for one in sessions_of(night, tui.pid)] == [session]
            assert night.session(old)["agent"] == "opencode"
            assert len(night.provider.requests) == 2
