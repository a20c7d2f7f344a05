"""A clock that is wrong, ours or the server's, moves neither a date nor a span."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from palingenesis.core.stops.bodies import read_body
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.evidence import Evidence
from palingenesis.core.stops.times import Hint, best_hint

AT = datetime(2026, 11, 21, 2, 16, 17, tzinfo=UTC)
"""By our clock, when the answer came."""
WAIT = timedelta(minutes=43, seconds=43)

Answer = tuple[str, dict[str, str], str]
"""Text, headers and body."""


def http(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


DATES: dict[str, Callable[[datetime], Answer]] = {
    "retry-after, an HTTP date": lambda at: ("", {"retry-after": http(at)}, ""),
    "retry-after, RFC 3339": lambda at: ("", {"retry-after": iso(at)}, ""),
    "retry-after, an epoch": lambda at: ("", {"retry-after": str(int(at.timestamp()))}, ""),
    "an exhausted limit": lambda at: (
        "",
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": iso(at)},
        "",
    ),
    "a rejected window": lambda at: (
        "",
        {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": str(int(at.timestamp())),
        },
        "",
    ),
    "an epoch in the body": lambda at: (
        "",
        {},
        f'{{"error":{{"resets_at":{int(at.timestamp())}}}}}',
    ),
    "milliseconds in the body": lambda at: (
        "",
        {},
        f'{{"error":{{"resetAt":{int(at.timestamp())}000}}}}',
    ),
    "a date in the body": lambda at: ("", {}, f'{{"error":{{"reset_at":"{iso(at)}"}}}}'),
    "an epoch in the text": lambda at: (f"limit reached|{int(at.timestamp())}", {}, ""),
    "a date in the text": lambda at: (f"limit reached until {iso(at)}.", {}, ""),
    "a time of day in the text": lambda at: (f"Your limit resets at {at:%H:%M} (UTC)", {}, ""),
}
SPANS: dict[str, Answer] = {
    "retry-after-ms": ("", {"retry-after-ms": "2623000"}, ""),
    "retry-after": ("", {"retry-after": "2623"}, ""),
    "a span in a header": (
        "",
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "43m43s"},
        "",
    ),
    "a span in the body": ("", {}, '{"error":{"resets_in_seconds":2623}}'),
    "a span in the text": ("Please try again in 43m43s.", {}, ""),
}


def utc(name: str) -> tzinfo | None:
    return UTC if name in {"", "UTC"} else None


def hint(answer: Answer, date: datetime | None) -> Hint:
    text, headers, body = answer
    if date is not None:
        headers = {**headers, "date": http(date)}
    found = best_hint(text, headers, read_body(body), AT, utc)
    assert found is not None
    return found


@given(st.sampled_from(sorted(DATES)), st.integers(-40 * 86_400, 40 * 86_400))
@example("retry-after, an HTTP date", 7_200)
@example("an epoch in the body", -7_200)
@example("a time of day in the text", -7_200)
def test_with_a_date_header_a_date_is_a_span_from_the_answer(form: str, ahead_s: int) -> None:
    theirs = AT + timedelta(seconds=ahead_s)

    found = hint(DATES[form](theirs + WAIT), theirs)

    assert found.at is not None
    # A header has whole seconds, so one of difference is not told; a time of day whole minutes.
    exact = timedelta(seconds=60 if "time of day" in form else 1)
    assert abs(found.at - AT - WAIT) <= exact
    assert not found.unchecked


@given(st.sampled_from(sorted(SPANS)), st.integers(-40 * 86_400, 40 * 86_400))
def test_a_span_is_the_same_whatever_the_servers_clock_shows(form: str, ahead_s: int) -> None:
    found = hint(SPANS[form], AT + timedelta(seconds=ahead_s))

    assert found.at == AT + WAIT
    assert not found.unchecked


@pytest.mark.parametrize("form", DATES)
def test_without_a_date_header_a_date_is_believed_and_said_to_be_unchecked(form: str) -> None:
    found = hint(DATES[form](AT + WAIT), None)

    assert found.at == AT + WAIT
    assert found.unchecked


@pytest.mark.parametrize("form", SPANS)
def test_without_a_date_header_a_span_needs_no_check(form: str) -> None:
    found = hint(SPANS[form], None)

    assert found.at == AT + WAIT
    assert not found.unchecked


def test_a_body_that_holds_nothing_but_a_time_is_read():
    body = f'{{"error": {{"resets_at": "{iso(AT + WAIT)}"}}}}'

    verdict = classify(Evidence(at=AT, error_name="APIError", status=429, response_body=body))

    assert verdict.retry_at == AT + WAIT


def test_the_verdict_says_that_a_date_could_not_be_checked() -> None:
    told = {
        name: classify(
            Evidence(
                at=AT,
                error_name="APIError",
                status=429,
                message="rate limited",
                response_headers={"retry-after": http(AT + WAIT), **headers},
            )
        ).evidence
        for name, headers in (("alone", {}), ("dated", {"date": http(AT)}))
    }

    assert told["alone"]["reset_unchecked"] is True
    assert "reset_unchecked" not in told["dated"]


@pytest.mark.parametrize("date", ["soon", "", "Sat, 31 Feb 2026 02:17:17 GMT", "9" * 300])
def test_a_date_header_that_is_none_checks_nothing(date: str) -> None:
    found = best_hint("", {"retry-after": http(AT + WAIT), "date": date}, read_body(""), AT, utc)

    assert found == Hint(at=AT + WAIT, source="retry-after", unchecked=True)
