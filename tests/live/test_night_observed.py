"""Her own TUI listens on no port: it is watched and told about, and touched only after its end."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from palingenesis.demo.replies import Stall, Text, unauthorized
from tests.live.night import Night
from tests.live.plugging import PATIENT_S, a_tui
from tests.live.tui import Tui, by_closing_the_terminal, by_hammering_control_c

CONTINUES = """version: 1
rules:
  - id: take-over
    why: Her program crashed; its session lives on in the database.
    when: stop.reason == 'crash' and agent.way == 'observed'
    do: [resume]
default: {do: [stand-down]}
"""


def seen_working(night: Night) -> str:
    """The session of the TUI, once it is seen at work."""

    def found() -> list[str]:
        return [
            session["id"]
            for session in night.control.sessions()
            if session["status"] == "working" and session["agent"].startswith("opencode-")
        ]

    night.wait(lambda: bool(found()), PATIENT_S, lambda: str(night.control.sessions()))
    session = found()[0]
    night.wait_for_requests(1)
    night.settle()
    return session


def test_her_own_program_is_watched_and_a_crash_of_it_is_told_and_nothing_is_done(opencode: Path):
    with Night(opencode) as night:
        night.provider.default(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            session = seen_working(night)
            tui.end(signal.SIGKILL)

            night.wait_for(session, "stood_down")
            assert "only observed" in night.wait_for_told("only observed")
            night.claim_quiet()
            assert len(night.provider.requests) == 1
            assert night.rules(session) == ["observed"]


@pytest.mark.parametrize("leave", [by_hammering_control_c, by_closing_the_terminal])
def test_her_own_exit_is_respected_in_silence(opencode: Path, leave: Callable[[Tui], None]):
    with Night(opencode) as night:
        night.provider.default(Stall(text="painting "))
        with a_tui(night, opencode) as tui:
            session = seen_working(night)
            leave(tui)

            night.wait_for(session, "stood_down")
            night.claim_quiet()
            assert night.told.texts() == []
            assert len(night.provider.requests) == 1


def test_a_stop_in_her_program_is_told_and_nothing_is_done(opencode: Path):
    with Night(opencode) as night:
        night.provider.default(unauthorized())
        with a_tui(night, opencode):
            assert "only observed" in night.wait_for_told("only observed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert len(night.provider.requests) == 1


def test_a_session_is_continued_on_the_managed_server_after_its_program_has_crashed(
    opencode: Path,
):
    with Night(opencode, policy=CONTINUES) as night:
        night.provider.script(Stall(text="painting "))
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode) as tui:
            session = seen_working(night)
            assert len(night.provider.requests) == 1
            tui.end(signal.SIGKILL)

            night.wait_for(session, "stood_down", timeout_s=PATIENT_S)
            assert night.session(session)["agent"] == "opencode"
            assert len(night.provider.requests) == 2
            assert night.rules(session) == ["take-over", "default"]
