"""The stand-in waits as long as OpenCode was seen to wait."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.demo.stand_in import failures

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


def limited(headers: dict[str, str]) -> failures.CallError:
    return failures.refused(429, "Too Many Requests", headers, "{}", "http://x/v1")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "60", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": format_datetime(NOW.replace(second=5), usegmt=True)}, 5.0),
        ({"retry-after": "18000"}, 18_000.0),
        ({"retry-after": "soon"}, 2.0),
        ({}, 2.0),
    ],
)
def test_the_first_wait_is_what_the_headers_ask_for_or_two_seconds(headers, seconds):
    assert limited(headers).delay_s(1, NOW, 0.0) == seconds


@given(attempt=st.integers(1, 5), chance=st.floats(0, 1, exclude_max=True))
def test_unasked_waits_double_and_jitter_by_a_quarter_at_most(attempt: int, chance: float):
    delay_s = limited({}).delay_s(attempt, NOW, chance)

    assert 2**attempt <= delay_s <= 2**attempt * 1.25


@given(attempt=st.integers(1, 5), chance=st.floats(0, 1, exclude_max=True))
def test_waits_for_a_network_that_is_away_are_capped_at_half_a_minute(attempt: int, chance: float):
    assert failures.broken("away", "http://x").delay_s(attempt, NOW, chance) <= 30


def test_an_overloaded_provider_is_called_so():
    error = failures.refused(529, "", {}, '{"error": {"message": "Overloaded"}}', "http://x")

    assert error.is_retryable
    assert error.status_message == "Provider is overloaded"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_what_trying_again_cannot_cure_is_not_tried_again(status: int):
    assert not failures.refused(status, "No", {}, '{"error": "no"}', "http://x").is_retryable


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"error": {"code": "context_length_exceeded"}}'),
        (400, '{"error": {"message": "prompt is too long: 5 tokens > 4 maximum"}}'),
        (413, "too large"),
    ],
)
def test_an_overflow_is_recognised(status: int, body: str):
    assert failures.refused(status, "No", {}, body, "http://x").is_overflow
