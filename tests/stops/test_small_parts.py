"""The small readers, each at the edge of what it reads."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from palingenesis.core.stops.bodies import NOTHING, Body, NamedTime, read_body
from palingenesis.core.stops.clocktexts import clock_text
from palingenesis.core.stops.durations import LONGEST, leading_span, number, seconds, span
from palingenesis.core.stops.instants import (
    epoch,
    find_rfc3339,
    http_date,
    later,
    moment,
    month_of,
    of_epoch,
    rfc3339,
)
from palingenesis.core.stops.scopes import scope_of
from palingenesis.core.stops.times import best_hint, is_implausible, is_long, retry_after

AT = datetime(2026, 11, 21, 2, 16, 17, tzinfo=UTC)
CLAIM = "anthropic-ratelimit-unified-representative-claim"
STATUS = "anthropic-ratelimit-unified-status"


def body(**fields: object) -> Body:
    return read_body(json.dumps(fields))


# ── bodies ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("html", ["<!doctype html>", " <html>", "<?xml ?>", "<H1>no</H1>"])
def test_a_page_is_no_answer(html: str):
    assert read_body(html) == Body(html=True)


@pytest.mark.parametrize("text", ["", "no", "{", '{"a": }', "[1, 2]", "x" * 20_000 + '{"a": 1}'])
def test_what_holds_no_object_says_nothing(text: str):
    assert read_body(text) == NOTHING


def test_the_first_message_and_every_code_is_read_wherever_it_stands():
    found = read_body('data: {"error": [{"type": "Limit", "message": "no"}, {"message": "more"}]}')

    assert found.message == "no"
    assert found.codes == {"limit"}
    assert body(a=[1, "code", None]).codes == frozenset()
    assert body(code=429, type=True, name="x" * 90).codes == {"429", "x" * 80}


def test_nothing_is_read_below_the_seventh_level_or_beyond_two_hundred():
    deep: dict[str, object] = {"code": "found"}
    for _ in range(6):
        deep = {"a": deep}

    assert body(**deep).codes == {"found"}
    assert body(a=deep).codes == frozenset()
    assert body(a=[{"code": f"c{n}"} for n in range(201)]).codes == {f"c{n}" for n in range(200)}
    assert body(**{f"k{n}": 1 for n in range(199)}, code="last").codes == {"last"}
    assert body(**{f"k{n}": 1 for n in range(200)}, code="last").codes == frozenset()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"code": 400}, 400),
        ({"status": "599"}, 599),
        ({"statusCode": 503.0}, None),
        ({"code": 399, "status": 500}, 500),
        ({"code": 600}, None),
        ({"code": "none"}, None),
        ({"other": 429}, None),
    ],
)
def test_a_status_is_a_number_of_an_error(fields: dict[str, object], status: int | None):
    assert body(**fields).status == status


@pytest.mark.parametrize(
    ("key", "value", "time"),
    [
        ("retry_after", 7, (7, False)),
        ("retryAfter", "7.5", (7.5, False)),
        ("Retry_After", 7, (7, False)),
        ("retryDelay", "34s", (34, False)),
        ("reset_at", 1_000_000_000, (1_000_000_000, True)),
        ("reset_at", 999_999_999, (999_999_999, False)),
        ("retry_after", 1_000_000_000, (1_000_000_000, False)),
        ("resetsAt", "2026-11-21T02:17:17Z", (AT.timestamp() + 60, True)),
        ("retry_after", True, None),
        ("retry_after", "soon", None),
        ("retry_after", None, None),
        ("patience", 7, None),
    ],
)
def test_a_time_is_a_span_or_an_instant(key: str, value: object, time: tuple[float, bool] | None):
    expected = () if time is None else (NamedTime(value=time[0], absolute=time[1]),)

    assert body(**{key: value}).times == expected


# ── instants and spans ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Sat, 21 Nov 2026 02:16:17 GMT", AT),
        ("Saturday, 21-Nov-26 02:16:17 UTC", AT),
        ("Sat Nov 21 02:16:17 2026", AT),
        ("Sat, 21 Nov 2026 02:16:60 GMT", AT.replace(second=59)),
        ("Saturday, 21-Nov-76 02:16:17 GMT", AT.replace(year=2076)),
        ("Saturday, 21-Nov-77 02:16:17 GMT", AT.replace(year=1977)),
        ("Sat, 21 Foo 2026 02:16:17 GMT", None),
        ("Sat, 31 Feb 2026 02:16:17 GMT", None),
        ("Sat, 21 Nov 2026 02:16:17 CET", None),
    ],
)
def test_a_date_of_http_has_three_forms(text: str, found: datetime | None):
    assert http_date(text, AT) == found


def test_a_month_is_named_by_three_letters():
    assert [month_of(name) for name in ("jan", "December", "NOVE", "no", "foo")] == [
        1,
        12,
        11,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-21T02:16:17Z", AT),
        (" 2026-11-21 02:16:17 ", AT),
        ("2026-11-21t03:16:17+01:00", AT),
        ("2026-11-31T02:16:17Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-11-21", None),
    ],
)
def test_an_instant_without_an_offset_is_utc(text: str, found: datetime | None):
    assert rfc3339(text) == found


def test_an_instant_is_found_inside_a_text():
    assert find_rfc3339("resets at 2026-11-21T02:16:17Z.") == AT
    assert find_rfc3339("resets soon") is None


@pytest.mark.parametrize(
    ("count", "found"),
    [
        (1_000_000_000, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        (99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (0, None),
        (-5, None),
        (100_000_000_000_000, None),
    ],
)
def test_seconds_and_milliseconds_are_told_apart_by_their_size(
    count: float, found: datetime | None
):
    assert of_epoch(count) == found


def test_a_short_number_is_no_instant():
    assert epoch("999999999") is None
    assert epoch("1000000000") == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert epoch("soon") is None


def test_there_is_nothing_beyond_the_calendar():
    assert later(AT, timedelta(days=5_000_000)) is None
    assert later(AT, timedelta(seconds=5)) == AT + timedelta(seconds=5)
    assert moment(2026, 2, 30, (0, 0, 0)) is None
    assert moment(2026, 11, 21, (2, 16, 17)) == AT


def test_a_number_has_digits_and_a_point():
    assert [number(it) for it in ("7", " 7.5\t", "-1", "1e3", "1_0", "\u0661", "")] == [
        7,
        7.5,
        *[None] * 5,
    ]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("12ms", 0.012),
        ("5 millis", 0.005),
        ("3 milliseconds", 0.003),
        ("2 msecs", 0.002),
        ("1 msec", 0.001),
        ("6m0s", 360),
        ("19h 24m 10s", 69_850),
        ("2 hours and 5 mins", 7500),
        ("1 week", 604_800),
        ("2d", 172_800),
        ("3 things", None),
        ("9999 days", None),
    ],
)
def test_a_span_is_the_sum_of_its_pieces(text: str, length: float | None):
    assert span(text) == (None if length is None else timedelta(seconds=length))


def test_a_span_may_lead_a_text():
    assert leading_span("5 minutes, then more") == timedelta(minutes=5)
    assert leading_span("in 5 minutes") is None


def test_no_wait_is_longer_than_a_leap_year_or_shorter_than_nothing():
    assert seconds(LONGEST.total_seconds()) == LONGEST == timedelta(days=366)
    assert seconds(LONGEST.total_seconds() + 1) is None
    assert seconds(0) == timedelta(0)
    assert seconds(-1) is None


# ── scopes and hints ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "headers", "scope"),
    [
        ("a weekly limit", {}, "week"),
        ("tokens per min (TPM)", {}, "minute"),
        ("per day and per minute", {}, "day"),
        ("", {CLAIM: "five_hour", STATUS: "rejected"}, "five_hours"),
        ("weekly", {CLAIM: "5h", STATUS: "rejected"}, "five_hours"),
        ("weekly", {CLAIM: "5h", STATUS: "allowed"}, "week"),
        ("weekly", {CLAIM: "of nobody", STATUS: "rejected"}, "week"),
        ("weekly", {STATUS: "rejected"}, "week"),
        ("nothing", {}, ""),
    ],
)
def test_the_window_that_rejected_counts_and_else_the_longest_that_is_named(
    text: str, headers: dict[str, str], scope: str
):
    assert scope_of(text, frozenset(), headers) == scope


def test_a_window_may_be_named_by_a_code():
    assert scope_of("", frozenset({"requests-per-day"}), {}) == "day"


@pytest.mark.parametrize(
    ("scope", "longest"),
    [
        ("second", timedelta(hours=1)),
        ("minute", timedelta(hours=6)),
        ("hour", timedelta(hours=24)),
        ("five_hours", timedelta(hours=12)),
        ("day", timedelta(hours=50)),
        ("week", timedelta(days=15)),
        ("month", timedelta(days=63)),
        ("", timedelta(days=63)),
    ],
)
def test_a_wait_is_implausible_beyond_what_its_window_can_be(scope: str, longest: timedelta):
    assert not is_implausible(AT + longest, scope, AT)
    assert is_implausible(AT + longest + timedelta(seconds=1), scope, AT)


def test_a_wait_is_long_beyond_an_hour():
    assert not is_long(AT + timedelta(hours=1), AT)
    assert is_long(AT + timedelta(hours=1, seconds=1), AT)


@pytest.mark.parametrize(
    ("theirs", "waits"),
    [
        ("Sat, 21 Nov 2026 02:16:17 GMT", 60),
        ("Sat, 21 Nov 2026 02:16:16 GMT", 60),
        ("Sat, 21 Nov 2026 02:16:15 GMT", 62),
        ("Sat, 21 Nov 2026 02:17:17 GMT", 0),
        ("yesterday", 60),
    ],
)
def test_a_date_is_read_by_the_clock_of_whoever_names_it(theirs: str, waits: float):
    headers = {"date": theirs, "retry-after": "Sat, 21 Nov 2026 02:17:17 GMT"}

    assert retry_after(headers, AT) == AT + timedelta(seconds=waits)


@pytest.mark.parametrize(
    ("named", "at"),
    [
        ("Sat, 21 Nov 2026 02:17:17 GMT", AT + timedelta(minutes=1)),
        ("Sat, 21 Nov 2026 02:16:17 GMT", AT),
        ("Sat, 21 Nov 2026 02:15:17 GMT", AT),
        ("Sat, 21 Nov 2026 02:15:16 GMT", None),
    ],
)
def test_what_has_passed_for_a_minute_is_over(named: str, at: datetime | None):
    hint = best_hint("", {"retry-after": named}, NOTHING, AT, None)

    assert hint is not None
    assert hint.at == at
    assert hint.unchecked
    assert hint.source == "retry-after"


def test_a_time_of_day_beyond_the_last_day_of_the_calendar_is_none():
    text = "resets at 6:50pm (UTC)"

    assert clock_text(text, datetime(9999, 12, 31, 12, tzinfo=UTC), None) is None
    named = clock_text(text, datetime(9999, 12, 29, 12, tzinfo=UTC), None)
    assert named is not None
    assert named.at == datetime(9999, 12, 29, 18, 50, tzinfo=UTC)


def test_an_instant_that_lies_beyond_the_calendar_on_our_clock_is_no_hint():
    headers = {"date": "Sat, 21 Nov 2026 01:16:17 GMT", "retry-after": "9999-12-31T23:59:59Z"}

    assert best_hint("", headers, NOTHING, AT, None) is None
    assert retry_after(headers, AT) is None
    on_time = headers | {"date": "Sat, 21 Nov 2026 02:16:17 GMT"}
    assert retry_after(on_time, AT) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
