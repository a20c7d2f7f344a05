from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from palingenesis.assistants.opencode.messages import Failure
from palingenesis.assistants.opencode.reading import Owner, retrying_stop, stop_of
from palingenesis.assistants.opencode.signals import Busy, Retry
from palingenesis.assistants.opencode.transcript import Transcript, read_transcript
from palingenesis.core.values import StopReason
from tests.opencode.reading.test_transcripts import said, tool, words

CREATED_MS = 1_795_227_377_000
AT = datetime.fromtimestamp(CREATED_MS / 1000, UTC) + timedelta(minutes=1)
ASKED = said("user", "msg_1", words("do it"), time={"created": CREATED_MS})


def answer(*parts: dict[str, Any], completed: bool = True, **info: Any) -> Transcript:
    time = {"created": CREATED_MS + 1} | ({"completed": CREATED_MS + 9_000} if completed else {})
    return read_transcript([ASKED, said("assistant", "msg_2", *parts, time=time, **info)])


def test_an_empty_session_has_not_stopped() -> None:
    assert stop_of(read_transcript([]), at=AT) is None
    assert stop_of(read_transcript([]), at=AT, owner=Owner(dead=True)) is None


def test_a_busy_session_has_not_stopped_unless_its_server_died() -> None:
    busy = Busy(session="ses_1")
    unfinished = answer(completed=False)

    assert stop_of(unfinished, at=AT, status=busy) is None
    assert stop_of(unfinished, at=AT) is None  # idle, but the end is not stored yet
    dead = stop_of(unfinished, at=AT, status=busy, owner=Owner(dead=True))
    assert dead is not None
    assert dead.reason == "crash"
    assert dead.evidence["exit.signal"] == "unknown"


def test_an_aborted_retry_is_the_users_abort_and_its_turn_can_be_rerun_without_words() -> None:
    stop = stop_of(answer(), at=AT)

    assert stop is not None
    assert (stop.reason, stop.words) == ("user_abort", False)
    assert stop.evidence["aborted_retry"] is True


def test_a_turn_that_was_aborted_before_its_answer_began_is_the_users_abort() -> None:
    asked = read_transcript([ASKED])
    soon = datetime.fromtimestamp(CREATED_MS / 1000, UTC) + timedelta(seconds=2)

    stop = stop_of(asked, at=soon, begun="msg_1")

    assert stop is not None
    assert (stop.reason, stop.words) == ("user_abort", False)
    assert stop_of(asked, at=soon) is None  # nobody was seen to work on it: wait for its answer
    failed = Failure(name="UnknownError", message="Model not found: x/y.")
    other = stop_of(asked, at=soon, begun="msg_1", failure=failed)
    assert other is not None
    assert other.reason == "model_not_found"


def test_a_turn_that_ended_after_tool_calls_is_unknown_and_says_so() -> None:
    stop = stop_of(answer(tool("bash", "error"), finish="tool-calls"), at=AT)

    assert stop is not None
    assert (stop.reason, stop.words) == ("unknown", True)
    assert stop.evidence["stopped_after"] == "tool-calls"


def test_the_messages_own_error_outweighs_the_one_of_the_stream() -> None:
    late = Failure(name="UnknownError", message="Model not found: x/y.")
    error = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}

    stop = stop_of(answer(words("half"), error=error), at=AT, failure=late)

    assert stop is not None
    assert stop.reason == "user_abort"


def test_an_old_error_does_not_taint_a_turn_that_ended_well() -> None:
    healed = Failure(name="ContextOverflowError", message="prompt is too long")

    stop = stop_of(answer(words("done"), finish="stop"), at=AT, failure=healed)

    assert stop is not None
    assert stop.reason == "completed"


def test_the_wait_a_server_asked_for_counts_from_the_answer_and_not_from_our_reading() -> None:
    error = {
        "name": "APIError",
        "data": {"statusCode": 429, "responseHeaders": {"retry-after": "60"}},
    }
    transcript = answer(error=error)

    now = stop_of(transcript, at=AT)
    hours_later = stop_of(transcript, at=AT + timedelta(hours=3))

    assert now == hours_later
    assert now is not None
    assert transcript.answer is not None
    assert transcript.answer.completed is not None
    assert now.retry_at == transcript.answer.completed + timedelta(minutes=1)


def test_secrets_in_a_providers_message_stay_out_of_the_stop() -> None:
    error = {"name": "APIError", "data": {"message": "Incorrect API key: sk-abcdefgh12345678"}}

    stop = stop_of(answer(error=error), at=AT)

    assert stop is not None
    assert "abcdefgh" not in stop.message


@pytest.mark.parametrize(
    ("parts", "place", "needs_words"),
    [
        ((), "request", False),
        (({"type": "step-start"},), "request", False),
        (({"type": "step-start"}, words("")), "text", True),
        ((words("I will"), tool("bash", "running")), "tool", False),
        ((tool("bash"), {"type": "step-finish"}), "tool", False),
    ],
)
def test_a_crash_says_where_it_hit_and_whether_words_are_needed(
    parts: tuple[dict[str, Any], ...], place: str, needs_words: bool
) -> None:
    owner = Owner(dead=True, signal="SIGKILL")

    stop = stop_of(answer(*parts, completed=False), at=AT, owner=owner)

    assert stop is not None
    assert (stop.reason, stop.signal, stop.words) == ("crash", "SIGKILL", needs_words)
    assert stop.evidence["died_in"] == place


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", StopReason.COMPLETED),
        ("length", StopReason.OUTPUT_LIMIT),
        ("tool-calls", StopReason.CRASH),
        ("unknown", StopReason.CRASH),
    ],
)
def test_a_server_that_dies_between_the_end_of_an_answer_and_its_completion_cuts_nothing_off(
    finish: str, reason: StopReason
) -> None:
    stop = stop_of(answer(completed=False, finish=finish), at=AT, owner=Owner(dead=True))

    assert stop is not None
    assert stop.reason is reason


def test_a_turn_younger_than_the_server_is_still_its_own() -> None:
    unfinished = answer(completed=False)
    created = AT - timedelta(minutes=1)

    younger = Owner(server_started=created + timedelta(seconds=5))
    older = Owner(server_started=created - timedelta(seconds=5))

    assert stop_of(unfinished, at=AT, owner=younger) is not None
    assert stop_of(unfinished, at=AT, owner=older) is None


def test_a_prompt_that_died_with_its_server_is_rerun_without_words() -> None:
    stop = stop_of(read_transcript([ASKED]), at=AT, owner=Owner(dead=True, exit_code=1))

    assert stop is not None
    assert (stop.reason, stop.words, stop.exit_code) == ("crash", False, 1)


def test_a_five_hour_retry_is_a_quota_that_the_assistant_waits_for_itself() -> None:
    retry = Retry(
        session="ses_1",
        attempt=1,
        message="Rate limit reached on tokens per min (TPM). Please try again in 1.4s.",
        next=AT + timedelta(hours=5),
    )

    stop = retrying_stop(retry, answer(completed=False, providerID="p", modelID="m"), AT)

    assert stop.reason is StopReason.QUOTA
    assert stop.retrying
    assert (stop.retry_at, stop.attempt, stop.key) == (retry.next, 1, "msg_2:retry-1")
    assert (stop.provider, stop.model) == ("p", "m")
    assert stop.evidence["scope"] == "minute"


def test_a_retry_without_a_known_message_is_taken_for_what_opencode_retries() -> None:
    stop = retrying_stop(Retry(session="ses_1", attempt=2, message="X"), None, AT)

    assert (stop.reason, stop.confidence) == ("server_error", 0.4)
    assert stop.key == "ses_1:retry-2"


def test_the_status_of_a_retry_gives_the_same_stop_as_the_stream() -> None:
    retry = Retry(session="ses_1", attempt=3, message="Provider is overloaded", next=AT)
    transcript = answer(completed=False)

    assert stop_of(transcript, at=AT, status=retry) == retrying_stop(retry, transcript, AT)


def test_a_retry_and_the_end_it_comes_to_are_two_stops() -> None:
    retry = retrying_stop(Retry(session="s", attempt=1, message=""), answer(completed=False), AT)
    end = stop_of(answer(), at=AT)

    assert end is not None
    assert retry.key != end.key


def test_a_stop_tells_the_tokens_of_its_turn_where_the_assistant_counts_them() -> None:
    tokens = {"input": 100, "output": 30, "reasoning": 4, "cache": {"read": 1000, "write": 20}}

    counted = stop_of(answer(words("done"), finish="stop", tokens=tokens), at=AT)
    silent = stop_of(answer(words("done"), finish="stop"), at=AT)

    assert counted is not None
    assert counted.evidence["input_tokens"] == 1120
    assert counted.evidence["output_tokens"] == 34
    assert silent is not None
    assert "input_tokens" not in silent.evidence
