"""Nights with limits: what OpenCode waits for by itself, what we take over, what never clears."""

from datetime import timedelta
from pathlib import Path
from signal import SIGKILL

from palingenesis.demo.replies import Status, Text, overloaded, rate_limited
from tests.live.bench import SCRIPTED_CLAUDE
from tests.live.night import TAKES_OVER_SOON, Night, default_policy, instant

PATIENT_S = 120.0


def milliseconds(count: int) -> Status:
    return Status(
        status=429, body=dict(rate_limited().body), headers={"retry-after-ms": str(count)}
    )


def anthropic(text: str) -> dict[str, object]:
    provider, _, model = text.partition("/")
    return {"model": {"providerID": provider, "modelID": model}}


def test_a_short_limit_is_left_to_opencode_in_whatever_form_the_server_names_it(opencode: Path):
    with Night(opencode) as night:
        for limit in (rate_limited(2), rate_limited("{http_date+2}"), milliseconds(1500)):
            night.provider.reset()
            night.provider.script(limit, Text(text="done"))
            session = night.begin("do it")

            night.wait_for_rules(session, "own-retry-short", "finished")
            night.wait_for(session, "completed")

            first, second = night.provider.requests
            assert second.at - first.at > timedelta(seconds=1)
            assert len(night.messages(session)) == 2  # no prompt of ours
        assert night.alarms() == []


def test_a_long_limit_is_taken_over_and_the_same_question_is_asked_once_more(opencode: Path):
    limits = {
        "seconds": rate_limited(6),
        "date": rate_limited("{http_date+6}"),
        "milliseconds": milliseconds(6000),
    }
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        night.provider.respond(lambda request: limits.pop(request.last_user_text, None))
        night.provider.default(Text(text="done"))
        forms = {form: night.begin(form) for form in tuple(limits)}
        waits = {form: night.wait_for(session, "waiting") for form, session in forms.items()}

        for form, session in forms.items():
            assert waits[form]["rule"] == "own-retry-long"
            assert waits[form]["next"] == "resume"
            night.wait_for(session, "completed")

            first, second = night.asked(session)
            until = instant(waits[form]["until"])
            # They share the limit, so they go one by one, a few seconds apart.
            assert timedelta(seconds=-1) <= second.at - until < timedelta(seconds=15)
            assert second.at - first.at >= timedelta(seconds=5)
            assert first.messages == second.messages  # not a word was added
            assert night.rules(session) == ["own-retry-long", "finished"]
        night.claim_quiet(1)
        assert len(night.provider.requests) == 6
        assert len(night.alarms()) == 3
        assert all("taken over from the assistant" in told for told in night.alarms())


def test_five_hours_are_kept_by_us_and_survive_our_own_death(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(rate_limited(18_000))
        session = night.begin("do it")
        before = night.wait_for(session, "waiting")
        agent = night.agent_pid()

        night.stop(SIGKILL)
        night.start()

        after = night.wait_for(session, "waiting")
        assert after["until"] == before["until"]
        assert after["rule"] == before["rule"] == "own-retry-long"
        assert night.agent_pid() == agent
        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert instant(after["until"]) - night.provider.requests[0].at >= timedelta(hours=5)
        assert len(night.told.texts()) == 1


def test_a_deadline_that_passes_while_we_are_dead_is_kept_once(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        night.provider.script(rate_limited(8), Text(text="done"))
        session = night.begin("do it")
        until = instant(night.wait_for(session, "waiting")["until"])

        night.stop(SIGKILL)
        night.wait(lambda: night.now() > until, 20, lambda: "the deadline")
        assert len(night.provider.requests) == 1
        night.start()

        night.wait_for(session, "completed")
        night.claim_quiet(2)
        assert len(night.provider.requests) == 2
        assert night.rules(session) == ["own-retry-long", "finished"]


def test_a_limit_without_a_hint_outlasts_opencode_and_is_tried_again_by_us(opencode: Path):
    short = default_policy(
        ("{first: 15s, factor: 2, max: 30m}", "{first: 2s, factor: 2, max: 4s}"),
        ("jitter: 10s", "jitter: 1s"),
    )
    with Night(opencode, policy=short) as night:
        night.provider.script(*[rate_limited()] * 6, Text(text="done"))
        session = night.begin("do it")

        night.wait_for(session, "completed", timeout_s=PATIENT_S)

        assert len(night.provider.requests) == 7
        last = night.rules(session)[-2:]
        assert last == ["throttled", "finished"], night.story()
        assert set(night.rules(session)) == {"own-retry-short", "throttled", "finished"}
        assert night.provider.requests[-1].messages == night.provider.requests[0].messages
        assert night.alarms() == []


def test_an_overloaded_provider_is_left_to_opencode(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(overloaded(), overloaded(), Text(text="done"))
        session = night.begin("do it", **anthropic(SCRIPTED_CLAUDE))

        night.wait_for(session, "completed")

        assert len(night.provider.requests) == 3
        assert night.rules(session) == ["own-retry-short", "own-retry-short", "finished"]
        assert night.alarms() == []
