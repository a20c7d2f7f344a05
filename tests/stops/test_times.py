from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from palingenesis.core.stops.bodies import NOTHING, read_body
from palingenesis.core.stops.clocktexts import clock_text
from palingenesis.core.stops.durations import leading_span, number, span
from palingenesis.core.stops.instants import epoch, http_date, rfc3339
from palingenesis.core.stops.times import best_hint, retry_after

AT = datetime(2026, 11, 21, 2, 16, 17, tzinfo=UTC)


def zones(name: str) -> tzinfo | None:
    known = {"Europe/London", "Europe/Zurich", "Europe/Madrid", "America/New_York", "Asia/Colombo"}
    return ZoneInfo(name) if name in known else None


def waits(value: str, **more: str) -> float | None:
    instant = retry_after({"retry-after": value, **more}, AT)
    return None if instant is None else (instant - AT).total_seconds()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("0", 0),
        ("1.5", 1.5),
        ("18000", 18_000),
        ("6m0s", 360),
        ("34.07s", 34.07),
        ("Sat, 21 Nov 2026 02:17:17 GMT", 60),
        ("Saturday, 21-Nov-26 02:17:17 GMT", 60),
        ("Sat Nov 21 02:17:17 2026", 60),
        ("2026-11-21T02:17:17Z", 60),
        ("1795227437", 60),
        ("1795227437000", 60),
    ],
)
def test_retry_after_is_read_in_every_form(value: str, seconds: float) -> None:
    assert waits(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "+120",
        "1_000",
        "١٢٠",
        "²",
        "9" * 5_000,
        "NaN",
        "inf",
        "1e3",
        "0x10",
        "",
        "soon",
        "3 apples",
        "Sat, 31 Feb 2026 02:17:17 GMT",
        "Sat, 21 Foo 2026 02:17:17 GMT",
        "Sat, 21 Nov 2026 25:17:17 GMT",
        "99999999999999999",
    ],
)
def test_nonsense_in_retry_after_is_no_hint(value: str) -> None:
    assert waits(value) is None


def test_milliseconds_win_over_contradicting_seconds() -> None:
    assert waits("60", **{"retry-after-ms": "1500"}) == 1.5
    assert waits("60", **{"retry-after-ms": "garbage"}) == 60


def test_a_server_whose_clock_is_wrong_is_believed_about_spans_and_not_about_dates() -> None:
    fast = {"date": "Sat, 21 Nov 2026 04:16:17 GMT"}  # two hours ahead of ours

    assert waits("Sat, 21 Nov 2026 04:17:17 GMT", **fast) == 60
    assert waits("60", **fast) == 60


def test_a_two_digit_year_is_the_nearest_one() -> None:
    assert http_date("Sunday, 06-Nov-94 08:49:37 GMT", AT) == datetime(
        1994, 11, 6, 8, 49, 37, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1),
        ("2m59.56s", 179.56),
        ("1h2m3.5s", 3723.5),
        ("19h 24m 10s", 69_850),
        ("9m38.016s", 578.016),
        ("2 hours and 5 minutes", 7_500),
        ("1 day", 86_400),
    ],
)
def test_spans_are_read_as_servers_write_them(text: str, seconds: float) -> None:
    found = span(text)

    assert found is not None
    assert found.total_seconds() == pytest.approx(seconds)


def hint(text: str = "", headers: dict[str, str] | None = None, body: str = "") -> float | None:
    found = best_hint(text, headers or {}, read_body(body), AT, zones)
    return None if found is None or found.at is None else (found.at - AT).total_seconds()


def test_a_text_in_an_error_names_its_span_or_its_epoch() -> None:
    assert hint("Please try again in 11.254s.") == pytest.approx(11.254)
    assert hint("quota threshold (reset after 19h 24m 10s)") == 69_850
    assert hint("Please retry after 86400 seconds.") == 86_400
    assert hint("Please retry in 10.67s.") == pytest.approx(10.67)
    assert hint("usage limit reached|1795230977") == 3_600


def test_an_exhausted_limit_among_the_headers_counts_and_an_open_one_does_not() -> None:
    headers = {
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2026-11-21T09:00:00Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-21T02:17:17Z",
    }

    assert hint(headers=headers) == 60
    assert hint(headers={**headers, "retry-after": "7"}) == 7


def test_a_reset_that_cannot_be_read_is_passed_over() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "soon",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s",
    }

    assert hint(headers=headers) == 360


def test_openais_resets_are_spans() -> None:
    headers = {
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s",
        "x-ratelimit-remaining-requests": "12",
        "x-ratelimit-reset-requests": "1s",
    }

    assert hint(headers=headers) == 360


def test_a_rejected_window_of_a_subscription_outlasts_a_short_retry_after() -> None:
    headers = {
        "retry-after": "60",
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": "1795234577",
    }

    assert hint(headers=headers) == 7_200


def test_bodies_name_their_times_in_many_ways() -> None:
    assert hint(body='{"error":{"type":"usage_limit_reached","resets_in_seconds":120}}') == 120
    assert hint(body='{"error":{"resets_at":1795227437}}') == 60
    assert hint(body='{"error":{"details":[{"retryDelay":"34s"}]}}') == 34
    router = '{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"1795227437000"}}}}'
    assert hint(body=router) == 60


def test_times_of_day_are_their_first_occurrence_after_the_record_in_the_named_zone() -> None:
    def at(text: str) -> datetime | None:
        found = clock_text(text, AT, zones)
        return None if found is None else found.at

    assert at("resets 6:50pm (Europe/London)") == datetime(2026, 11, 21, 18, 50, tzinfo=UTC)
    assert at("resets 1am (Europe/London)") == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert at("resets 11:30am (Asia/Colombo)") == datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert at("resets Aug 3, 7am (Europe/Zurich)") == datetime(2027, 8, 3, 5, tzinfo=UTC)
    assert at("resets May 28 at 7pm (Europe/Madrid)") == datetime(2027, 5, 28, 17, tzinfo=UTC)
    assert at("try again at Jan 11th, 2027 12:27 AM.") == datetime(2027, 1, 11, 0, 27, tzinfo=UTC)
    assert at("resets 12am (UTC)") == datetime(2026, 11, 22, tzinfo=UTC)
    assert at("resets 3") is None
    assert at("resets 13pm") is None
    assert at("resets Feb 30, 7am") is None


def test_a_zone_without_data_is_assumed_and_said_to_be() -> None:
    named = clock_text("resets 7am (Mars/Olympus)", AT, zones)
    plain = clock_text("resets 7am", AT, None)

    assert named is not None
    assert named.zone_assumed
    assert plain is not None
    assert plain.zone_assumed
    assert plain.at == datetime(2026, 11, 21, 7, tzinfo=UTC)


def test_an_hour_that_exists_twice_or_not_at_all_is_read_as_the_later_one() -> None:
    autumn = datetime(2026, 10, 31, 20, tzinfo=UTC)  # New York: 1 November, 2am becomes 1am
    spring = datetime(2026, 3, 8, 0, tzinfo=UTC)  # 8 March, 2am becomes 3am

    twice = clock_text("resets 1:30am (America/New_York)", autumn, zones)
    never = clock_text("resets 2:30am (America/New_York)", spring, zones)

    assert twice is not None
    assert twice.at == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert never is not None
    assert never.at == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


def test_a_dated_reset_that_has_just_passed_is_not_put_off_by_a_year() -> None:
    found = best_hint("resets Nov 20, 7am (Europe/Zurich)", {}, NOTHING, AT, zones)

    assert found is not None
    assert found.at is None


HEADER_NAMES = st.sampled_from(
    ["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens", "x-ratelimit-reset"]
    + [f"anthropic-ratelimit-{one}" for one in ("unified-status", "unified-reset", "tokens-reset")]
)
PIECES = st.sampled_from(
    [
        "resets",
        "try again at",
        "in",
        "Aug",
        "Feb 29",
        "7am",
        "12:60",
        "(Europe/London)",
        "|",
        "s",
        "9" * 13,
        "0",
        "24h",
        "1e400",
        "-",
        "2026-02-30T25:00:00Z",
        "Sat, 99 Nov 0000 00:00:00 GMT",
        "resets 7am",
    ]
)
TEXTS = st.text(max_size=60) | st.lists(PIECES, max_size=8).map(" ".join)
INSTANTS = st.sampled_from(
    [AT, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
) | st.integers(0, 3_000_000_000).map(lambda count: datetime.fromtimestamp(count, UTC))


@given(TEXTS, st.dictionaries(HEADER_NAMES, TEXTS), TEXTS, INSTANTS)
@example("resets 7am", {}, "", datetime.min.replace(tzinfo=UTC))
@example("resets Aug 3, 7am (Europe/London)", {}, "", datetime.max.replace(tzinfo=UTC))
def test_no_text_no_header_and_no_body_makes_the_reading_of_times_raise(
    text: str, headers: dict[str, str], body: str, at: datetime
) -> None:
    found = best_hint(text, headers, read_body("{" + body), at, zones)

    assert found is None or found.at is None or found.at >= at


@given(TEXTS, INSTANTS)
def test_every_reader_answers_something_or_none(text: str, at: datetime) -> None:
    for reader in (number, span, leading_span, epoch, rfc3339):
        reader(text)
    http_date(text, at)
    clock_text(text, at, zones)


@given(st.integers(min_value=0, max_value=30 * 86_400))
def test_every_whole_number_of_seconds_is_that_wait(count: int) -> None:
    assert retry_after({"retry-after": str(count)}, AT) == AT + timedelta(seconds=count)
