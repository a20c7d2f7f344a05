"""She is there, in her own TUI with our plugin in it: what she does and types goes before ours."""

from pathlib import Path

import pytest

from palingenesis.demo.replies import Stall, Text
from tests.live.night import Night
from tests.live.plugging import (
    PAINT,
    PATIENT_S,
    a_tui,
    a_wait,
    at_work,
    integrated,
    plug_in,
    until_over,
)
from tests.live.test_night_person import STUBBORN

ESCAPE = b"\x1b"
CTRL_C = b"\x03"
HERS = "never mind, sweep the floor"


@pytest.mark.parametrize("policy", [None, STUBBORN], ids=["default", "stubborn"])
def test_what_she_interrupts_with_escape_stays_interrupted(opencode: Path, policy: str | None):
    with Night(opencode, policy=policy) as night:
        plug_in(night)
        night.provider.script(Stall(text="painting "))
        night.provider.default(Text(text="swept"))
        with a_tui(night, opencode) as tui:
            session = at_work(night, tui)
            tui.press_until(ESCAPE, lambda: night.status_of(session) == "stood_down")

            night.wait_for(session, "stood_down")
            assert night.session(session)["reason"] == "user_abort", night.story()
            night.claim_quiet()
            assert len(night.provider.requests) == 1
            assert night.told.texts() == []

            # Her next word opens it again.
            tui.enter(HERS)
            night.wait_for_requests(2, timeout_s=PATIENT_S)
            assert night.provider.requests[1].last_user_text == HERS


@pytest.mark.parametrize("policy", [None, STUBBORN], ids=["default", "stubborn"])
def test_what_she_ends_with_control_c_stays_ended(opencode: Path, policy: str | None):
    with Night(opencode, policy=policy) as night:
        plug_in(night)
        night.provider.default(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            session = at_work(night, tui)
            tui.press_until(CTRL_C, lambda: tui.has_ended)

            night.wait_for(session, "stood_down")
            night.wait(lambda: not integrated(night), 30, lambda: "the end of her program")
            night.claim_quiet()
            assert night.session(session)["reason"] in {"user_abort", "user_exit"}, night.story()
            assert len(night.provider.requests) == 1
            assert night.told.texts() == []


def test_what_she_types_during_our_wait_makes_ours_void(opencode: Path):
    with a_wait(opencode, 15, answer="swept") as (night, tui, session, waits):
        night.settle()
        tui.enter(HERS)

        night.wait_for_rules(session, "own-retry-long", "finished", timeout_s=PATIENT_S)
        until_over(night, waits)
        night.claim_quiet()
        assert [one.last_user_text for one in night.provider.requests] == [PAINT, HERS]
        assert "cancelled" in [one["kind"] for one in night.decisions(session)]
