"""Every recorded scenario, played through the reading: the stops it tells, and no more."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from palingenesis.assistants.opencode.life import (
    Blocked,
    Ended,
    Hint,
    Life,
    PersonSpoke,
    Retrying,
    Spinning,
    fold,
    root_of,
)
from palingenesis.assistants.opencode.reading import (
    ANSWER_GRACE,
    Owner,
    retrying_stop,
    stop_of,
)
from palingenesis.assistants.opencode.signals import (
    SessionInfo,
    Signal,
    read_payload,
)
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.core.values import Stop
from tests.opencode.reading.recordings import Payload, Replica, payloads, scenarios, streams

_BEGIN = datetime(2026, 11, 21, tzinfo=UTC)


class Night:
    """A sensor without a network: folds the stream, reads the replica whenever it is told to."""

    def __init__(self) -> None:
        self.replica = Replica()
        self.lives: dict[str, Life] = {}
        self.parents: dict[str, str | None] = {}
        self.stops: dict[str, Stop] = {}
        self.told: list[str] = []
        self.hints: list[Hint] = []
        self.now = _BEGIN

    def play(self, scenario: str, name: str = "event_0.jsonl") -> "Night":
        for payload in payloads(scenario, name):
            self._take(payload)
        return self

    def die(self) -> None:
        """The server is killed where the recording ends."""
        for session, life in self.lives.items():
            stop = stop_of(
                read_transcript(self.replica.messages(session)),
                at=self.now,
                failure=life.failure,
                owner=Owner(dead=True, signal="SIGKILL"),
            )
            self._tell(stop)

    def _take(self, payload: Payload) -> None:
        self.replica.take(payload)
        signal = read_payload(payload)
        assert signal is not None
        self._clock(signal)
        session = getattr(signal, "session", "")
        if isinstance(signal, SessionInfo):
            self.parents[signal.info.id] = signal.info.parent
        if session:
            root = root_of(session, self.parents)
            life = self.lives.setdefault(root, Life(session=root))
            self.lives[root], hints = fold(life, signal)
            for hint in hints:
                self.hints.append(hint)
                self._follow(root, hint)

    def _clock(self, signal: Signal) -> None:
        message = getattr(signal, "message", None)
        for instant in (getattr(message, "created", None), getattr(message, "completed", None)):
            if instant is not None:
                self.now = max(self.now, instant)

    def _follow(self, session: str, hint: Hint) -> None:
        transcript = read_transcript(self.replica.messages(session))
        if isinstance(hint, Retrying):
            stop = retrying_stop(hint.retry, transcript, self.now)
            assert stop.retry_at == hint.retry.next
            self._tell(stop)
        elif isinstance(hint, Ended):
            failure = self.lives[session].failure
            self._tell(stop_of(transcript, at=self.now, failure=failure))
        elif isinstance(hint, Blocked):
            self.told.append(f"blocked {hint.asked.text}")

    def _tell(self, stop: Stop | None) -> None:
        if stop is None or stop.key in self.stops:
            return
        self.stops[stop.key] = stop
        words = " + words" if stop.words else ""
        retrying = f" #{stop.attempt}" if stop.retrying else ""
        floor = ""
        if stop.retry_at is not None and not stop.retrying:
            floor = f" in {(stop.retry_at - self.now).total_seconds():g} s"
        self.told.append(f"{stop.reason}{retrying}{floor}{words}")


DONE = "completed + words"
ABORTED = "user_abort + words"


def _retries(reason: str, count: int = 5) -> tuple[str, ...]:
    return tuple(f"{reason} #{attempt}" for attempt in range(1, count + 1))


TOLD: dict[str, tuple[str, ...]] = {
    "abort_mid_stream": (DONE, ABORTED, DONE),
    "abort_mid_tool": (DONE, ABORTED, DONE),
    "abort_then_prompt_at_once": (
        DONE,
        ABORTED,
        DONE,
        ABORTED,
        DONE,
        ABORTED,
        DONE,
        ABORTED,
        DONE,
        ABORTED,
        DONE,
    ),
    "auth_401_anthropic": (DONE, "auth", DONE),
    "auth_401_openai": (DONE, "auth", DONE),
    "auth_password": (),
    "bad_config": (DONE,),
    "bad_request_400": (DONE, "unknown", DONE),
    "basic_text": (DONE, DONE, DONE),
    "catalogue": (),
    "close_mid": (DONE, *_retries("network", 1), DONE, DONE),
    "conn_refused": (*_retries("network"), "network"),
    "crash_resume_empty": (DONE,),
    "ctx_anthropic_auto": (DONE, DONE, DONE),
    "ctx_anthropic_noauto": (DONE, "context_exhausted", DONE),
    "ctx_compaction_rate_limited": (DONE, *_retries("rate_limit"), "rate_limit in 1 s", DONE),
    "ctx_env_noauto": (DONE, "context_exhausted", DONE),
    "ctx_openai_auto": (DONE, DONE, DONE),
    "ctx_openai_noauto": (DONE, "context_exhausted", DONE),
    "ctx_usage_high_auto": (DONE, DONE, DONE),
    "ctx_usage_high_noauto": (DONE, DONE, DONE),
    "dispose_global_mid_stream": (DONE, ABORTED),
    "dispose_instance_mid_stream": (DONE, ABORTED),
    "dns_failure": (*_retries("network"), "network"),
    "empty_answer": (DONE, DONE, DONE),
    "eof_for_ever": (ABORTED,),
    "eof_mid_anthropic": (DONE, DONE, DONE),
    "error_500_gives_up": (DONE, *_retries("server_error"), "server_error", DONE),
    "error_500_once": (DONE, *_retries("server_error", 1), DONE, DONE),
    "error_503_html": (DONE, *_retries("server_error", 1), DONE, DONE),
    "event_streams": (),
    "finish_length": (DONE, "output_limit + words", DONE),
    "forbidden_403": (DONE, "model_not_found", DONE),
    "fork_summarize": (DONE, DONE, DONE, DONE, DONE),
    "mcp_local": (DONE,),
    "no_api_key": ("auth",),
    "openapi_doc": (),
    "overloaded_529": (DONE, *_retries("overloaded", 2), DONE, DONE),
    "payment_402": (DONE, "billing", DONE),
    "permission_ask": ("blocked bash: echo hi", DONE, "blocked bash: echo two", DONE),
    "plugin_push": (*_retries("rate_limit", 1), DONE, DONE),
    "port_in_use": (),
    "prompt_race_after_error": (DONE, DONE),
    "prompt_while_busy": (DONE, DONE),
    "rate_limit_mid_stream": (DONE, *_retries("rate_limit", 1), DONE, DONE),
    "reset_before": (DONE, *_retries("network", 1), DONE, DONE),
    "resume_variants": (DONE, "auth", DONE, "auth", DONE, "auth", DONE),
    "rl_anthropic": (DONE, *_retries("rate_limit", 1), DONE, DONE),
    "rl_headers_no_retry_after": (DONE, *_retries("rate_limit"), "rate_limit in 1 s", DONE),
    "rl_insufficient_quota": (DONE, *_retries("billing"), "billing", DONE),
    "rl_no_header_gives_up": (DONE, *_retries("rate_limit"), "rate_limit in 1.4 s", DONE),
    "rl_opencode_free_usage": (DONE, *_retries("quota", 1), DONE, DONE),
    "rl_retry_after_http_date": (DONE, *_retries("rate_limit", 1), DONE, DONE),
    "rl_retry_after_ms": (DONE, *_retries("rate_limit", 1), DONE, DONE),
    "rl_retry_after_seconds": (DONE, *_retries("rate_limit", 2), DONE, DONE),
    "sighup_mid_stream": (DONE,),
    "sigint_mid_stream": (DONE,),
    "sigkill_mid_stream": (DONE,),
    "sigkill_mid_tool": (DONE,),
    "sigterm_mid_stream": (DONE,),
    "slow_stream": (DONE, DONE, DONE),
    "stall_headers_timeout": (DONE, *_retries("timeout", 1), DONE, DONE),
    "stall_mid_chunk_timeout": (DONE, *_retries("timeout", 1), DONE, DONE),
    "stall_mid_default": (DONE, ABORTED, DONE),
    "stall_total_timeout": (DONE, "timeout", DONE),
    "subagent": (DONE, DONE),
    "tool_call": (DONE, DONE, DONE),
    "two_servers": (DONE, DONE),
    "unknown_model": ("model_not_found", "model_not_found"),
    "v2_api": (),
}


def test_every_recording_has_its_row() -> None:
    assert sorted(TOLD) == scenarios()


@pytest.mark.parametrize("scenario", scenarios())
def test_a_recorded_scenario_tells_exactly_these_stops(scenario: str) -> None:
    night = Night().play(scenario)

    assert tuple(night.told) == TOLD[scenario]


@pytest.mark.parametrize(("scenario", "name"), streams())
def test_every_recorded_stream_can_be_read(scenario: str, name: str) -> None:
    night = Night().play(scenario, name)

    assert all(stop.key and stop.message == stop.message.strip() for stop in night.stops.values())


class Death(NamedTuple):
    scenario: str
    place: str
    words: bool


@pytest.mark.parametrize(
    "death",
    [
        Death("sigkill_mid_stream", "text", True),
        Death("sigterm_mid_stream", "text", True),
        Death("sigkill_mid_tool", "tool", False),
    ],
    ids=lambda death: death.scenario,
)
def test_a_server_that_dies_in_a_turn_leaves_a_crash_and_says_what_going_on_needs(
    death: Death,
) -> None:
    night = Night().play(death.scenario)

    night.die()

    crash = list(night.stops.values())[-1]
    assert (crash.reason, crash.signal, crash.words) == ("crash", "SIGKILL", death.words)
    assert crash.evidence["died_in"] == death.place


def test_a_dead_server_takes_no_session_with_it_that_had_ended_before() -> None:
    night = Night().play("basic_text")
    before = list(night.told)

    night.die()

    assert night.told == before


def test_a_crash_is_still_seen_after_the_restart_because_the_turn_is_older_than_the_server() -> (
    None
):
    night = Night().play("sigkill_mid_tool")
    (session,) = night.lives
    transcript = read_transcript(night.replica.messages(session))

    restarted = Owner(server_started=night.now + timedelta(seconds=3))
    stop = stop_of(transcript, at=night.now + timedelta(seconds=4), owner=restarted)

    night.die()
    assert stop is not None
    assert stop.reason == "crash"
    assert stop.key in night.stops


def test_a_prompt_in_the_gap_between_two_idles_is_found_unanswered_later() -> None:
    night = Night()
    for payload in payloads("prompt_race_after_error"):
        night._take(payload)
        if payload["properties"].get("part", {}).get("text") == "swallowed?":
            break
    (session,) = night.lives
    transcript = read_transcript(night.replica.messages(session))
    assert transcript.user is not None
    assert transcript.user.created is not None

    soon = stop_of(transcript, at=transcript.user.created + timedelta(seconds=1))
    later = stop_of(transcript, at=transcript.user.created + ANSWER_GRACE)

    assert soon is None
    assert later is not None
    assert (later.reason, later.words) == ("unknown", False)
    assert later.evidence["unanswered"] is True


def test_a_provider_that_cuts_every_answer_off_shows_as_spinning_and_never_as_progress() -> None:
    night = Night().play("eof_for_ever")

    spinning = [hint.hollow for hint in night.hints if isinstance(hint, Spinning)]

    assert spinning == [1, 2, 3, 4, 5]


def test_a_prompt_that_opencode_repeats_after_a_forced_summary_is_nobodys_new_word() -> None:
    for scenario in ("ctx_openai_auto", "ctx_anthropic_auto", "ctx_compaction_rate_limited"):
        night = Night().play(scenario)

        spoken = [hint.message for hint in night.hints if isinstance(hint, PersonSpoke)]

        assert len(spoken) == 3, scenario  # "warm up", "do the thing", "continue"


def test_a_subagents_error_and_retry_are_none_of_its_parents_stops() -> None:
    night = Night().play("subagent")

    assert len(night.lives) == 1
    assert all(not stop.retrying for stop in night.stops.values())
    assert all(not life.children for life in night.lives.values())
