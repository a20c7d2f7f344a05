"""Her own TUI with our plugin in it: it listens on no port, and is looked after all the same."""

from pathlib import Path

from palingenesis.demo.replies import Text, rate_limited
from tests.live.night import TAKES_OVER_SOON, Night, default_policy
from tests.live.plugging import plug_in
from tests.live.tui import Tui

PATIENT_S = 90.0


def a_tui(night: Night, opencode: Path, prompt: str = "paint it") -> Tui:
    return Tui(opencode, prompt, cwd=night.project, environment=night.home.environment())


def integrated(night: Night) -> list[dict[str, object]]:
    """The programs that let us in."""
    agents = night.control.status()["agents"]
    return [dict(one) for one in agents if one["way"] == "integrated"]


def seen_session(night: Night) -> str:
    """The session of the TUI, once it is known."""

    def found() -> list[str]:
        ours = {one["id"] for one in integrated(night)}
        return [one["id"] for one in night.control.sessions() if one["agent"] in ours]

    night.wait(lambda: bool(found()), PATIENT_S, lambda: str(night.control.sessions()))
    return found()[0]


def test_a_rate_limit_is_waited_out_and_resumed_once_in_her_own_tui(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        plug_in(night)
        night.provider.script(rate_limited(6))
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode) as tui:
            session = seen_session(night)
            said = "rate limit: resume at "
            night.wait(lambda: said in tui.shown(), PATIENT_S, tui.shown)
            assert "rule own-retry-long" in tui.shown()
            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.wait(lambda: "painted" in tui.shown(), PATIENT_S, tui.shown)
            assert len(night.provider.requests) == 2, night.story()
