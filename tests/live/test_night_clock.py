"""A night in which somebody sets the clock of the machine, forward and back."""

from datetime import timedelta
from pathlib import Path

from palingenesis.demo.replies import Status, Text
from tests.live.night import Night
from tests.torture.wall import Wall, wall_in

WAIT = timedelta(seconds=20)
POLICY = """version: 1
rules:
  - id: locked
    when: stop.reason == 'auth'
    do:
      - wait: {for: 20s}
      - resume
  - id: done
    when: stop.reason == 'completed'
    do: [finish]
default:
  do: [attention]
"""
BEHIND = "the clock was set back, and OpenCode goes by it"
LOCKED = Status(status=401, body={"error": {"message": "invalid api key"}})


def test_a_wait_ends_when_it_should_although_the_clock_is_set_by_hours(
    opencode: Path, tmp_path: Path
):
    wall = wall_in(tmp_path)
    with Night(opencode, policy=POLICY, daemon_starts=False) as night:
        night.start(environment=wall.environment())
        night.provider.script(LOCKED, Text(text="done"))
        session = night.begin("do it")
        night.wait_for(session, "waiting")

        for ahead in (timedelta(hours=2), timedelta(0)):
            is_set(night, wall, ahead)
            assert night.status_of(session) == "waiting"
        night.wait_for_requests(2, timeout_s=60)
        night.wait_for(session, "completed")

        first, second = night.provider.requests
        late = second.at - first.at - WAIT
        assert timedelta(seconds=-1) <= late < timedelta(seconds=15)
        assert night.clock_steps() == [
            "the clock was set forward by 2h",
            "the clock was set back by 2h",
        ]
        moved = [one["why"] for one in night.decisions(session) if one["kind"] == "moved"]
        assert len(moved) == 2
        assert all("it counts elapsed time" in why for why in moved)
        assert "every one came out the same" in night.palin("replay").stdout


def test_a_session_from_before_the_clock_was_set_back_is_prompted_once_and_late(
    opencode: Path, tmp_path: Path
):
    """OpenCode would answer such a prompt without end until its clock has caught up."""
    wall = wall_in(tmp_path)
    with Night(opencode, policy=POLICY, daemon_starts=False) as night:
        night.start(environment=wall.environment())
        night.provider.script(LOCKED)
        night.provider.default(Text(text="done"))
        session = night.begin("do it")
        night.wait_for(session, "waiting")

        is_set(night, wall, timedelta(seconds=-45))

        night.wait(
            lambda: night.session(session)["rails"] == [BEHIND], 60, lambda: "the prompt put off"
        )
        assert len(night.provider.requests) == 1
        night.wait_for_requests(2, timeout_s=90)
        night.wait_for(session, "completed")
        night.claim_quiet()
        assert len(night.provider.requests) == 2


def is_set(night: Night, wall: Wall, ahead: timedelta) -> None:
    """The clock is set, and the daemon has seen it."""
    before = len(night.clock_steps())
    wall.set_ahead(ahead)
    night.wait(lambda: len(night.clock_steps()) > before, 20, lambda: "the step being noticed")
