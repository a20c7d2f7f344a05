"""The end of her own TUI: by her, by her terminal, or by nobody's will."""

import signal
from collections.abc import Callable
from pathlib import Path

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
    until_over,
)
from tests.live.tui import Tui, by_closing_the_terminal, by_hammering_control_c

EXAMPLE = Path(__file__).parents[2] / "examples" / "policies" / "19-own-program.yaml"
CONTINUES = EXAMPLE.read_text(encoding="utf-8").replace("wait: {for: 30s}", "wait: {for: 2s}")
GOES_ON = "Your program was cut off. Look at what is done, and continue from there."


def by_control_c(tui: Tui) -> None:
    tui.press_until(b"\x03", lambda: tui.has_ended)


def by_exit(tui: Tui) -> None:
    tui.enter("/exit")
    tui.press_until(b"\r", lambda: tui.has_ended)


def test_a_tui_that_is_killed_in_a_turn_is_told_and_nothing_is_sent(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.default(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            session = at_work(night, tui)
            night.settle()
            tui.end(signal.SIGKILL)

            night.wait_for(session, "stood_down", timeout_s=PATIENT_S)
            assert f"palingenesis open {session}" in night.wait_for_told("ended in the middle")
            night.claim_quiet()
            assert len(night.provider.requests) == 1
            assert len(night.told.texts()) == 1
            assert night.rules(session) == ["own-program-died"]
            assert not integrated(night)


def test_a_policy_may_go_on_with_it_on_the_managed_server_once(opencode: Path):
    with Night(opencode, policy=CONTINUES) as night:
        plug_in(night)
        night.provider.script(Stall(text="painting "))
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode) as tui:
            session = at_work(night, tui)
            night.settle()
            refused = night.palin("open", session, "--print")
            assert f"process {tui.pid}" in refused.stderr
            tui.end(signal.SIGKILL)

            night.wait_for_requests(2, timeout_s=PATIENT_S)
            night.wait_for(session, "attention", timeout_s=PATIENT_S)  # the example's default
            night.claim_quiet()
            assert [one.session for one in night.provider.requests] == [session, session]
            assert night.provider.requests[1].last_user_text == GOES_ON
            assert night.session(session)["agent"] == "opencode"
            assert night.rules(session) == ["own-program-died", "default"]

            opened = night.palin("open", session, "--print")
            assert opened.returncode == 0, opened.stderr
            assert f"attach http://127.0.0.1:{night.port}" in opened.stdout
            assert f"--session {session}" in opened.stdout


@pytest.mark.parametrize(
    "leave", [by_control_c, by_hammering_control_c, by_exit, by_closing_the_terminal]
)
def test_her_leave_during_our_wait_ends_the_wait(opencode: Path, leave: Callable[[Tui], None]):
    with a_wait(opencode, 20) as (night, tui, session, waits):
        told = len(night.told.texts())
        night.settle()
        leave(tui)

        night.wait_for(session, "stood_down", timeout_s=PATIENT_S)
        until_over(night, waits)
        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert len(night.told.texts()) == told
        assert night.rules(session) == ["own-retry-long", "respect-user"], night.story()


def test_a_kill_during_our_wait_is_told_and_ends_the_wait(opencode: Path):
    with a_wait(opencode, 20) as (night, tui, session, waits):
        night.settle()
        tui.end(signal.SIGKILL)

        night.wait_for(session, "stood_down", timeout_s=PATIENT_S)
        assert f"palingenesis open {session}" in night.wait_for_told("Your OpenCode ended")
        until_over(night, waits)
        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert night.rules(session) == ["own-retry-long", "own-program-died"], night.story()


@pytest.mark.parametrize("leave", [by_hammering_control_c, by_closing_the_terminal])
def test_her_leave_in_a_turn_is_her_stop(opencode: Path, leave: Callable[[Tui], None]):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.default(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            session = at_work(night, tui)
            night.settle()
            leave(tui)

            night.wait_for(session, "stood_down", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert len(night.provider.requests) == 1
            assert night.told.texts() == []
