"""What a verdict tells of how it came about, how sure it is, and where it stops reading."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from palingenesis.core.stops.bodies import NOTHING, read_body
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.clocktexts import clock_text
from palingenesis.core.stops.evidence import Evidence, Verdict
from palingenesis.core.stops.signatures import PACK, VERSION
from palingenesis.core.stops.times import best_hint
from palingenesis.core.values import StopReason

AT = datetime(2026, 11, 21, 2, 16, 17, tzinfo=UTC)
SEVEN = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
ZURICH = ZoneInfo("Europe/Zurich")


def read(**traces: object) -> Verdict:
    return classify(Evidence(at=AT, **traces))  # type: ignore[arg-type]


def at_home(name: str) -> tzinfo | None:
    return ZURICH if name in {"", "Europe/Zurich"} else None


# ── how sure ──────────────────────────────────────────────────────────────────────────────────


def test_how_sure_a_signature_makes_lies_between_a_half_and_one_and_words_never_make_sure():
    surer = {row.id for row in PACK if not 0.5 < row.confidence <= 1}
    by_words = {row.id for row in PACK if row.look == "text" and row.confidence == 1}

    assert surer == by_words == set()


def test_words_alone_are_worth_less_than_with_an_answer_and_are_told_in_two_digits():
    alone, answered = (read(message="usage limit reached", status=status) for status in (None, 418))

    assert alone.reason is answered.reason is StopReason.QUOTA
    assert alone.confidence < answered.confidence == 0.85
    assert alone.confidence == round(alone.confidence, 2)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", StopReason.CONTEXT_EXHAUSTED),
        (
            "Too many tokens, please wait: your prompt is too long for one minute",
            StopReason.RATE_LIMIT,
        ),
        ("Rate limit reached: reduce the length of the messages", StopReason.RATE_LIMIT),
        (
            "You exceeded your current quota, please check your plan and billing details",
            StopReason.BILLING,
        ),
        (
            "You exceeded your current quota, please check your billing. Please retry in 3s.",
            StopReason.RATE_LIMIT,
        ),
    ],
)
def test_words_that_ask_to_wait_are_about_neither_the_context_nor_money(
    message: str, reason: StopReason
):
    assert read(message=message).reason is reason


def test_a_verdict_says_nothing_more_of_itself_if_nothing_more_is_known():
    assert Verdict(reason=StopReason.UNKNOWN, confidence=0.5).evidence == {}


# ── what it was read from ─────────────────────────────────────────────────────────────────────


def test_what_it_was_read_from_is_told_and_cut():
    verdict = read(
        error_name="E" * 90,
        limit="L" * 90,
        finish="f" * 50,
        status=429,
        response_body=json.dumps({"error": {"type": "rate_limit_error", "code": "a_code"}}),
    )

    assert verdict.evidence["error"] == "E" * 80
    assert verdict.evidence["limit"] == "L" * 80
    assert verdict.evidence["finish"] == "f" * 40
    assert verdict.evidence["status"] == 429
    assert verdict.evidence["codes"] == "a_code rate_limit_error"
    assert verdict.evidence["pack"] == VERSION


def test_what_was_not_there_is_not_told():
    assert set(read(message="overloaded").evidence) == {"signature", "pack"}
    assert set(read(message="what is this").evidence) == {"pack"}


def test_a_page_in_the_answers_place_is_told():
    verdict = read(status=502, message="Bad Gateway", response_body="<html>no</html>")

    assert verdict.evidence["html"] is True
    assert "html" not in read(status=502, response_body='{"code": "x"}').evidence


def test_a_reset_that_is_shorter_than_its_window_is_told_to_be_ignored():
    body = {"error": {"code": 429, "message": "per day", "details": [{"retryDelay": "34s"}]}}

    verdict = read(status=429, message="too many tokens per day", response_body=json.dumps(body))

    assert verdict.retry_at is None
    assert verdict.evidence["reset_ignored"] == "shorter than its window"


# ── without a signature ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("traces", "reason", "confidence"),
    [
        ({}, StopReason.COMPLETED, 1.0),
        ({"error_name": "Odd"}, StopReason.UNKNOWN, 0.5),
        ({"message": "odd"}, StopReason.UNKNOWN, 0.5),
        ({"status": 418}, StopReason.UNKNOWN, 0.5),
        ({"exit_code": 1}, StopReason.CRASH, 0.9),
        ({"exit_code": 0}, StopReason.USER_EXIT, 0.9),
        ({"exit_code": 1, "message": "odd"}, StopReason.UNKNOWN, 0.5),
    ],
)
def test_an_answer_that_came_to_its_end_is_complete_only_if_nothing_failed(
    traces: dict[str, object], reason: StopReason, confidence: float
):
    verdict = read(finish="stop", **traces)

    assert (verdict.reason, verdict.confidence) == (reason, confidence)


# ── words ─────────────────────────────────────────────────────────────────────────────────────


def test_people_are_told_the_assistants_words_and_the_answers_only_in_their_place():
    body = json.dumps({"error": {"message": "inner words"}})

    assert read(status=500, message="outer words", response_body=body).message == "outer words"
    assert read(status=500, response_body=body).message == "inner words"
    assert read(status=500, message='{"error": 1}', response_body=body).message == "inner words"


@pytest.mark.parametrize(("before", "found"), [(1989, True), (1990, False)])
def test_a_message_is_read_for_two_thousand_characters(before: int, found: bool):
    verdict = read(message="x" * before + " overloaded")

    assert (verdict.reason is StopReason.OVERLOADED) is found


@pytest.mark.parametrize(("length", "found"), [(20_000, True), (20_001, False)])
def test_a_body_is_read_for_twenty_thousand_characters(length: int, found: bool):
    bare = json.dumps({"pad": "", "code": "c"})
    text = json.dumps({"pad": "x" * (length - len(bare)), "code": "c"})
    assert len(text) == length

    assert (read_body(text) != NOTHING) is found


def test_a_message_that_is_no_text_is_none():
    assert read_body('{"message": 5, "error": {"message": "words"}}').message == "words"


def test_a_context_that_is_too_long_for_a_minute_is_a_rate_and_no_full_context():
    full = "input token count 5 exceeds the maximum"

    assert read(message=full).reason is StopReason.CONTEXT_EXHAUSTED
    assert read(message=f"rate limit exceeded: {full}").reason is StopReason.RATE_LIMIT


# ── a spend cap ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "headers", "reason"),
    [
        ("", {}, StopReason.BILLING),
        (" resets at 2026-12-01T00:00:00Z", {}, StopReason.QUOTA),
        (" resets at 2026-11-20T00:00:00Z", {}, StopReason.BILLING),
        ("", {"retry-after": "30"}, StopReason.BILLING),
    ],
)
def test_a_spend_cap_is_a_long_window_only_with_a_date_of_its_own_that_lies_ahead(
    more: str, headers: dict[str, str], reason: StopReason
):
    verdict = read(message=f"spend limit reached,{more}", response_headers=headers)

    assert verdict.reason is reason


# ── times of day ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "at", "named"),
    [
        ("resets 23:59 UTC", SEVEN, SEVEN.replace(hour=23, minute=59)),
        ("resets 24:00 UTC", SEVEN, None),
        ("resets 10:60 UTC", SEVEN, None),
        ("resets 7am (UTC)", SEVEN, SEVEN + timedelta(days=1)),
        ("resets 7am (UTC)", SEVEN - timedelta(seconds=1), SEVEN),
        ("resets Jan 2, 7am (UTC)", SEVEN, datetime(2027, 1, 2, 7, tzinfo=UTC)),
        ("resets Nov 21, 7am (UTC)", SEVEN + timedelta(days=7), SEVEN),
        (
            "resets Nov 21, 7am (UTC)",
            SEVEN + timedelta(days=7, seconds=1),
            SEVEN.replace(year=2027),
        ),
        (
            "resets Dec 31, 7pm (UTC)",
            datetime(2027, 1, 1, tzinfo=UTC),
            datetime(2026, 12, 31, 19, tzinfo=UTC),
        ),
    ],
)
def test_a_time_of_day_is_the_first_one_ahead_or_the_one_that_has_just_passed(
    text: str, at: datetime, named: datetime | None
):
    found = clock_text(text, at, None)

    assert (found.at if found else None) == named


@pytest.mark.parametrize(
    ("text", "assumed", "hour"),
    [
        ("resets 7am (Europe/Zurich)", False, 6),
        ("resets 7am", True, 6),
        ("resets 7am (America/Nowhere)", True, 7),
        ("resets 7am (UTC)", False, 7),
    ],
)
def test_a_zone_is_assumed_where_none_is_named_or_nothing_is_known_of_it(
    text: str, assumed: bool, hour: int
):
    found = clock_text(text, AT, at_home)

    assert found is not None
    assert (found.zone_assumed, found.at.hour) == (assumed, hour)


# ── limits among the headers ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"reset-requests": "10s"}, 10),
        ({"reset-requests": "10s", "remaining-requests": "5"}, 10),
        ({"reset-requests": "10s", "reset-tokens": "20s"}, None),
        ({"reset-requests": "10s", "reset-tokens": "20s", "remaining-requests": "0"}, 10),
        (
            {
                "reset-requests": "10s",
                "reset-tokens": "20s",
                "remaining-requests": "0",
                "remaining-tokens": "0",
            },
            20,
        ),
        (
            {
                "reset-requests": "20s",
                "reset-tokens": "10s",
                "remaining-requests": "0",
                "remaining-tokens": "1",
            },
            20,
        ),
        ({"reset-unified": "10s"}, None),
        ({"resets": "10s"}, None),
    ],
)
def test_of_the_limits_the_latest_of_which_nothing_is_left_counts_or_the_only_one(
    headers: dict[str, str], after: float | None
):
    named = {f"x-ratelimit-{name}": value for name, value in headers.items()}

    hint = best_hint("", named, NOTHING, AT, None)

    found = None if hint is None or hint.at is None else (hint.at - AT).total_seconds()
    assert found == after
