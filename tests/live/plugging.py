"""Our plugin in the OpenCode of a night, as `palingenesis integrate opencode` puts it there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from palingenesis.app.integrating import Integration, carry_out
from palingenesis.demo.replies import Text, rate_limited
from tests.live.night import TAKES_OVER_SOON, Night, default_policy
from tests.live.tui import Tui

PATIENT_S = 90.0
"""A TUI takes its time to begin, the more so beside others."""
PAINT = "paint it"


def plug_in(night: Night) -> Path:
    """Install the plugin; every OpenCode that begins from now on has it."""
    socket = night.root / "run" / "control.sock"
    found = Integration.find(night.home.environment(), socket)
    carry_out(found.installation())
    return found.place.path


def a_tui(night: Night, opencode: Path, prompt: str = PAINT) -> Tui:
    """Her own TUI, beginning with a prompt."""
    return Tui(opencode, "--prompt", prompt, **_hers(night))


def a_tui_on(night: Night, opencode: Path, session: str) -> Tui:
    """Her own TUI, showing a session that is there already."""
    return Tui(opencode, "--session", session, **_hers(night))


def _hers(night: Night) -> dict[str, Any]:
    return {"cwd": night.project, "environment": night.home.environment()}


def integrated(night: Night) -> list[dict[str, Any]]:
    """The programs that let us in, and live."""
    agents = night.control.status()["agents"]
    return [dict(one) for one in agents if one["way"] == "integrated" and one["up"]]


def sessions_of(night: Night, pid: int) -> list[dict[str, Any]]:
    """What is known of the sessions of that process."""
    return [dict(one) for one in night.control.sessions() if one["agent"] == f"opencode-{pid}"]


def seen_session(night: Night, tui: Tui) -> str:
    """The first session of the TUI, once it is known."""
    night.wait(
        lambda: sessions_of(night, tui.pid),
        PATIENT_S,
        lambda: f"a session of the TUI in {tui.pid}; there are {night.control.sessions()}",
    )
    return str(sessions_of(night, tui.pid)[0]["id"])


@contextmanager
def a_wait(
    opencode: Path, limit_s: int, *, answer: str = "painted"
) -> Iterator[tuple[Night, Tui, str, dict[str, Any]]]:
    """Her TUI, whose session waits for a limit that we have taken over; and how it waits."""
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        plug_in(night)
        night.provider.script(rate_limited(limit_s))
        night.provider.default(Text(text=answer))
        with a_tui(night, opencode) as tui:
            session = seen_session(night, tui)
            yield night, tui, session, night.wait_for(session, "waiting", timeout_s=PATIENT_S)


def at_work(night: Night, tui: Tui) -> str:
    """The session of the TUI, once its first request is under way and it is seen at work."""
    session = seen_session(night, tui)
    night.wait_for(session, "working", timeout_s=PATIENT_S)
    night.wait_for_requests(1, timeout_s=PATIENT_S)
    return session


def until_over(night: Night, waits: dict[str, Any]) -> None:
    """Until the end of a wait has passed, as that status told it."""
    night.wait(lambda: night.has_passed(waits["until"]), 60, lambda: "our old deadline")
