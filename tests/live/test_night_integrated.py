"""Her own TUI with our plugin in it: it listens on no port, and its work goes on all the same."""

from datetime import timedelta
from pathlib import Path

from palingenesis.demo.replies import Text, context_overflow, rate_limited, unauthorized
from tests.live.night import TAKES_OVER_SOON, Night, default_policy, instant
from tests.live.plugging import PAINT, PATIENT_S, a_tui, integrated, plug_in, seen_session

NO_COMPACTION = {"compaction": {"auto": False}}
NEXT_STEP = "Paint the door next; the window is done.\n"


def test_a_short_rate_limit_is_left_to_her_own_opencode(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.script(rate_limited(3))
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode) as tui:
            session = seen_session(night, tui)
            night.wait_for(session, "completed", timeout_s=PATIENT_S)

            assert len(night.provider.requests) == 2, night.story()
            assert night.rules(session)[0] == "own-retry-short"
            assert "painted" in tui.shown()


def test_a_long_rate_limit_is_taken_over_and_resumed_once_in_her_own_tui(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        plug_in(night)
        night.provider.script(rate_limited(12))
        night.provider.default(Text(text="painted"))
        with a_tui(night, opencode) as tui:
            session = seen_session(night, tui)
            waits = night.wait_for(session, "waiting", timeout_s=PATIENT_S)
            assert waits["rule"] == "own-retry-long"
            said = "rate limit: resume at "
            night.wait(lambda: said in tui.shown(), PATIENT_S, tui.shown)
            assert "rule own-retry-long" in tui.shown()
            refused = night.palin("open", session)
            assert refused.returncode == 1
            assert f"is open in your own OpenCode (process {tui.pid})" in refused.stderr

            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.wait(lambda: "painted" in tui.shown(), PATIENT_S, tui.shown)
            night.claim_quiet()

            first, second = night.provider.requests
            assert first.session == second.session == session
            assert second.at - instant(waits["until"]) >= timedelta(seconds=-1)
            assert first.messages == second.messages  # not a word was added
            assert night.rules(session) == ["own-retry-long", "finished"]
            assert [one["id"] for one in integrated(night)] == [f"opencode-{tui.pid}"]


def test_a_full_context_becomes_a_new_session_in_the_same_tui(opencode: Path):
    with Night(opencode, config=NO_COMPACTION) as night:
        plug_in(night)
        (night.project / "Next-step.md").write_text(NEXT_STEP)
        night.provider.script(context_overflow())
        night.provider.default(Text(text="the door is green"))
        with a_tui(night, opencode) as tui:
            session = seen_session(night, tui)
            night.wait(
                lambda: night.session(session).get("successor"),
                PATIENT_S,
                lambda: "the session's successor",
            )
            new = str(night.session(session)["successor"])
            night.wait_for(new, "completed", timeout_s=PATIENT_S)
            night.wait(lambda: "the door is green" in tui.shown(), PATIENT_S, tui.shown)
            night.claim_quiet()

            assert [one.session for one in night.provider.requests] == [session, new]
            assert NEXT_STEP.strip() in night.provider.requests[1].last_user_text
            assert night.session(new)["agent"] == f"opencode-{tui.pid}"
            assert night.session(session)["status"] == "completed"
            assert night.rules(session) == ["context-full"]


def test_a_refused_key_is_told_once_and_never_tried_again(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.default(unauthorized())
        with a_tui(night, opencode) as tui:
            session = seen_session(night, tui)
            night.wait_for(session, "attention", timeout_s=PATIENT_S)
            night.wait_for_told("Login or billing problem")
            night.claim_quiet()

            assert [one.last_user_text for one in night.provider.requests] == [PAINT]
            assert len(night.told.texts()) == 1
            assert night.rules(session) == ["credentials"]
