"""Programs of hers beside one another: each works on its own, and none is doubled."""

from pathlib import Path

from palingenesis.demo.replies import Reply, Text, rate_limited
from tests.live.night import TAKES_OVER_SOON, Night, default_policy
from tests.live.plugging import (
    PAINT,
    PATIENT_S,
    a_tui,
    a_tui_on,
    a_wait,
    plug_in,
    seen_session,
    sessions_of,
)


def limited_once(retry_after_s: int) -> dict[str, Reply]:
    return {word: rate_limited(retry_after_s) for word in ("paint it", "sweep it")}


def test_two_tuis_in_one_project_are_each_resumed_in_their_own(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        plug_in(night)
        limits = limited_once(15)
        night.provider.respond(lambda request: limits.pop(request.last_user_text, None))
        night.provider.default(Text(text="done"))
        with a_tui(night, opencode, "paint it") as one:
            first = seen_session(night, one)
            with a_tui(night, opencode, "sweep it") as other:
                second = seen_session(night, other)
                for session in (first, second):
                    night.wait_for(session, "completed", timeout_s=PATIENT_S)
                night.claim_quiet()

                assert [s["id"] for s in sessions_of(night, one.pid)] == [first]
                assert [s["id"] for s in sessions_of(night, other.pid)] == [second]
                asked = [(r.session, r.last_user_text) for r in night.provider.requests]
                assert sorted(asked) == sorted([(first, "paint it"), (second, "sweep it")] * 2)
                for session in (first, second):
                    assert night.rules(session) == ["own-retry-long", "finished"]


def test_her_prompt_in_a_second_tui_on_the_same_session_makes_the_wait_in_the_first_void(
    opencode: Path,
):
    with (
        a_wait(opencode, 120, answer="swept") as (night, one, session, _),
        a_tui_on(night, opencode, session) as other,
    ):
        night.wait(lambda: PAINT in other.shown(), PATIENT_S, other.shown)
        night.settle()
        other.enter("sweep it")
        night.wait_for_rules(session, "own-retry-long", "finished", timeout_s=PATIENT_S)
        night.claim_quiet()

        asked = [(r.session, r.last_user_text) for r in night.provider.requests]
        assert asked == [(session, PAINT), (session, "sweep it")]
        assert [s["id"] for s in sessions_of(night, other.pid)] == [session]
        assert sessions_of(night, one.pid) == []
        assert night.session(session)["status"] == "completed"
        assert "cancelled" in [decision["kind"] for decision in night.decisions(session)]


def test_the_managed_server_has_the_plugin_too_and_is_not_doubled(opencode: Path):
    with Night(opencode, daemon_starts=False) as night:
        plug_in(night)
        night.provider.script(rate_limited(2))
        night.provider.default(Text(text="done"))
        night.start()
        session = night.begin("do it")
        night.wait_for(session, "completed", timeout_s=PATIENT_S)
        night.claim_quiet()

        assert [one["way"] for one in night.control.status()["agents"]] == ["managed"]
        assert len(night.provider.requests) == 2
        assert night.rules(session)[0] == "own-retry-short"
        assert "lets us in" not in night.log()


def test_without_a_daemon_opencode_works_as_always(opencode: Path):
    with Night(opencode, daemon_starts=False) as night:
        plug_in(night)
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode) as tui:
            night.wait_for_requests(1, timeout_s=PATIENT_S)
            night.wait(lambda: b"painted" in tui.screen, PATIENT_S, tui.shown)
            tui.press_until(b"\x03", lambda: tui.has_ended)

        log = (night.home.data / "log" / "opencode.log").read_text(encoding="utf-8")
        complaints = [line for line in log.splitlines() if "level=INFO" not in line]
        assert not [line for line in complaints if "palingenesis" in line], complaints
