import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.assistants.opencode.reading import stop_of
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.evidence import Evidence, Verdict
from palingenesis.core.stops.signatures import PACK
from palingenesis.core.values import StopReason

AT = datetime(2026, 11, 21, 2, 16, 17, tzinfo=UTC)
MESSAGES = json.loads(
    (Path(__file__).parents[1] / "recordings/stop-messages/stop-messages.json").read_text()
)["messages"]
GROUPS = {
    "quota": {StopReason.QUOTA},
    "transient": {
        StopReason.RATE_LIMIT,
        StopReason.OVERLOADED,
        StopReason.SERVER_ERROR,
        StopReason.NETWORK,
    },
    "context_exhausted": {StopReason.CONTEXT_EXHAUSTED},
    "auth": {StopReason.AUTH},
    "billing": {StopReason.BILLING},
}


def zones(name: str) -> tzinfo | None:
    return ZoneInfo(name) if "/" in name else None


def answered(status: int | None, body: object = "", message: str = "", **headers: str) -> Verdict:
    text = body if isinstance(body, str) else json.dumps(body)
    return classify(
        Evidence(
            at=AT,
            error_name="APIError",
            message=message,
            status=status,
            response_body=text,
            response_headers={name.replace("_", "-"): value for name, value in headers.items()},
        ),
        zones=zones,
    )


def error(kind: str = "", message: str = "", code: str | None = None) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message, "code": code}}


@pytest.mark.parametrize(
    "message", [one for one in MESSAGES if one["is_stop"]], ids=lambda one: one["text"][:40]
)
def test_a_real_error_message_alone_is_put_in_its_class(message: dict[str, str]) -> None:
    verdict = classify(Evidence(at=AT, message=message["text"]), zones=zones)

    assert verdict.reason in GROUPS[message["group"]]
    assert 0.5 < verdict.confidence < 1


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one["text"][:40])
def test_the_same_words_as_prose_or_as_a_tools_output_are_no_stop_at_all(
    message: dict[str, str],
) -> None:
    said = [
        {"info": {"id": "msg_1", "role": "user"}, "parts": []},
        {
            "info": {
                "id": "msg_2",
                "role": "assistant",
                "finish": "stop",
                "time": {"created": 1795227377845, "completed": 1795227377846},
            },
            "parts": [
                {
                    "type": "tool",
                    "tool": "bash",
                    "state": {"status": "completed", "output": message["text"]},
                },
                {"type": "text", "text": message["text"]},
            ],
        },
    ]

    stop = stop_of(read_transcript(said), at=AT)

    assert stop is not None
    assert stop.reason == "completed"


def test_the_resets_of_real_messages_are_found() -> None:
    def reset(start: str) -> datetime | None:
        (text,) = [one["text"] for one in MESSAGES if one["text"].startswith(start)]
        return classify(Evidence(at=AT, message=text), zones=zones).retry_at

    assert reset("You've hit your session") == datetime(2026, 11, 21, 18, 50, tzinfo=UTC)
    assert reset("You're out of extra") == datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert reset("Limit reached") == datetime(2026, 12, 17, 5, tzinfo=UTC)
    assert reset("[codex/gpt-5.6") == AT + timedelta(seconds=69_850)
    assert reset("Rate limit reached for gpt-5") == AT + timedelta(seconds=11.254)
    assert reset("Claude AI usage limit reached|") is None  # that instant has passed


def test_a_codex_date_with_a_year_is_read_as_utc_if_no_zone_is_known() -> None:
    spring = datetime(2026, 6, 10, tzinfo=UTC)
    text = "You've hit your usage limit. Upgrade to Pro or try again at Jun 11th, 2026 12:27 AM."

    verdict = classify(Evidence(at=spring, message=text))

    assert verdict.retry_at == datetime(2026, 6, 11, 0, 27, tzinfo=UTC)
    assert verdict.evidence["zone_assumed"] is True


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, error("rate_limit_error", "slow down"), "rate_limit"),
        (429, "", "rate_limit"),
        (429, error("insufficient_quota", "You exceeded your current quota"), "billing"),
        (429, error("usage_limit_reached", "The usage limit has been reached"), "quota"),
        (429, error("", "free-models-per-day"), "quota"),
        (429, error("FreeUsageLimitError", "Rate limit exceeded"), "quota"),
        (429, error("enforced_spend_limit_reached", "stop"), "billing"),
        (429, error("x", "Server is temporarily limiting requests"), "overloaded"),
        (529, "", "overloaded"),
        (200, error("overloaded_error", "Overloaded"), "overloaded"),
        (503, error("", "The request queue is full."), "overloaded"),
        (503, "<html><h1>503</h1></html>", "server_error"),
        (500, error("api_error", "oops"), "server_error"),
        (502, "", "server_error"),
        (504, "", "timeout"),
        (408, "", "timeout"),
        (401, error("authentication_error", "invalid x-api-key"), "auth"),
        (401, "", "auth"),
        (403, error("permission_error", "no"), "auth"),
        (402, "", "billing"),
        (400, error("x", "Your credit balance is too low to access the API."), "billing"),
        (401, error("ModelError", "Model x is not supported for format openai"), "model_not_found"),
        (404, error("not_found_error", "model: claude-9"), "model_not_found"),
        (403, error("x", "no access", "model_not_found"), "model_not_found"),
        (
            400,
            error("x", "prompt is too long: 208310 tokens > 200000 maximum"),
            "context_exhausted",
        ),
        (400, error("x", "…", "context_length_exceeded"), "context_exhausted"),
        (413, error("x", "prompt is too long"), "context_exhausted"),
        (413, error("request_too_large", "Request exceeds 32 MB"), "request_too_large"),
        (413, "", "request_too_large"),
        (
            429,
            error("", "Request too large for gpt-5 on TPM: must be reduced"),
            "request_too_large",
        ),
        (400, error("x", "blocked", "content_policy_violation"), "refused"),
        (400, error("invalid_request_error", "Invalid value for 'tool_choice'."), "unknown"),
        (429, {"__type": "ThrottlingException", "message": "Too many tokens"}, "rate_limit"),
        (429, error("", "Too many tokens, please wait before trying again."), "rate_limit"),
    ],
)
def test_an_answer_is_put_in_its_class_by_its_codes_first(
    status: int, body: object, reason: str
) -> None:
    assert answered(status, body).reason == reason


@pytest.mark.parametrize(
    ("name", "message", "reason"),
    [
        ("MessageAbortedError", "Aborted", "user_abort"),
        ("ProviderAuthError", "API key is missing", "auth"),
        ("ContextOverflowError", "anything", "context_exhausted"),
        ("ContentFilterError", "blocked", "refused"),
        ("MessageOutputLengthError", "", "output_limit"),
        ("UnknownError", "Model not found: fake/nope.", "model_not_found"),
        ("UnknownError", "The operation timed out.", "timeout"),
        ("UnknownError", "Failed query: insert into part", "unknown"),
        ("APIError", "Cannot connect to API: Was there a typo in the url or port?", "network"),
        ("APIError", "Connection reset by server", "network"),
        ("APIError", "getaddrinfo ENOTFOUND api.example", "network"),
        ("APIError", "SSE read timed out", "timeout"),
    ],
)
def test_the_assistants_own_names_and_messages_are_known(
    name: str, message: str, reason: str
) -> None:
    verdict = classify(Evidence(at=AT, error_name=name, message=message))

    assert verdict.reason == reason


def test_a_short_window_with_a_long_wait_is_a_quota() -> None:
    verdict = answered(429, "", "Rate limit reached", retry_after="18000")

    assert (verdict.reason, verdict.retry_at) == ("quota", AT + timedelta(hours=5))
    assert "implausible" not in verdict.evidence


def test_a_day_for_a_limit_of_tokens_per_minute_is_said_to_be_implausible() -> None:
    verdict = answered(429, "", "tokens per min (TPM). Please retry after 86400 seconds.")

    assert verdict.evidence["scope"] == "minute"
    assert verdict.evidence["implausible"] is True
    assert verdict.retry_at == AT + timedelta(days=1)


def test_half_a_minute_for_a_daily_quota_is_not_believed() -> None:
    body = {
        "error": {
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please check your plan and billing"
            " details. Quota metric: generativelanguage.googleapis.com/requests",
            "details": [
                {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]},
                {"retryDelay": "34s"},
            ],
        }
    }

    verdict = answered(429, body)

    assert (verdict.reason, verdict.retry_at) == ("quota", None)
    assert verdict.evidence["scope"] == "day"


def test_a_spend_cap_with_a_date_is_a_quota_and_without_one_it_is_billing() -> None:
    dated = answered(
        400, error("x", "Spend limit reached. Try again at Dec 1, 2026 12:00 AM (UTC)")
    )
    plain = answered(400, error("x", "Spend limit reached."))

    assert (dated.reason, dated.retry_at) == ("quota", datetime(2026, 12, 1, tzinfo=UTC))
    assert (plain.reason, plain.retry_at) == ("billing", None)


def test_waiting_is_never_advised_where_it_cures_nothing() -> None:
    assert answered(401, "", retry_after="60").retry_at is None
    assert answered(429, error("insufficient_quota"), retry_after="1").retry_at is None


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "completed"),
        ("length", "output_limit"),
        ("content-filter", "refused"),
        ("other", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_answers_end_tells_a_reason(finish: str, reason: str) -> None:
    assert classify(Evidence(at=AT, finish=finish)).reason == reason


@pytest.mark.parametrize(
    ("code", "signal", "reason"),
    [(0, None, "user_exit"), (1, None, "crash"), (None, "SIGKILL", "crash")],
)
def test_an_exit_tells_a_reason(code: int | None, signal: str | None, reason: str) -> None:
    assert classify(Evidence(at=AT, exit_code=code, signal=signal)).reason == reason


def test_a_message_for_people_is_one_short_paragraph() -> None:
    body = json.dumps(error("rate_limit_error", "one\n\x1b[31m two\u202e " + "x" * 900))

    verdict = classify(Evidence(at=AT, message=body))

    assert verdict.message.startswith("one [31m two x")
    assert len(verdict.message) == 500


def test_every_signature_has_a_name_of_its_own() -> None:
    assert len({row.id for row in PACK}) == len(PACK)
    assert all(row.find == row.find.lower() for row in PACK if row.look in {"name", "code"})


TEXT = st.text(max_size=80)


@given(
    st.builds(
        Evidence,
        at=st.just(AT),
        error_name=TEXT,
        message=TEXT | TEXT.map(lambda text: "{" + text),
        status=st.none() | st.integers(),
        response_body=TEXT | TEXT.map(lambda text: '{"error":' + text),
        response_headers=st.dictionaries(TEXT, TEXT, max_size=4),
        limit=TEXT,
        finish=TEXT,
        exit_code=st.none() | st.integers(),
        signal=st.none() | TEXT,
    )
)
def test_no_evidence_makes_the_classifier_raise(evidence: Evidence) -> None:
    verdict = classify(evidence, zones=zones)

    assert 0 <= verdict.confidence <= 1
    assert len(verdict.message) <= 500
