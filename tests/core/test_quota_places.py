"""Where a prompt goes, and which limit it meets there."""

import pytest

from palingenesis.core.kernel.quota_keys import (
    Place,
    concerns,
    heading_of,
    is_short,
    key_of,
    name_of,
    place_of,
    place_of_stop,
    window_of,
)
from palingenesis.core.ledger import Quota
from palingenesis.core.values import AgentId, SessionId, Stop, StopReason
from palingenesis.core.world import Session
from tests.core.life import START

AGENT = AgentId("opencode")
NOWHERE = Place("", "", "", AGENT)


def a_session(**changes: object) -> Session:
    known: dict[str, object] = {"id": SessionId("s"), "agent": AGENT, "since": START}
    return Session(**known | changes)  # type: ignore[arg-type]


def a_stop(provider: str | None = "anthropic", model: str | None = "sonnet", **more: str) -> Stop:
    return Stop(
        key="k", reason=StopReason.QUOTA, provider=provider, model=model, evidence=dict(more)
    )


def a_quota(**changes: object) -> Quota:
    known: dict[str, object] = {"window": "quota", "closed_at": START, "refused_at": START}
    return Quota(**known | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "changes", "place"),
    [
        (None, {}, NOWHERE),
        (None, {"stop": a_stop(account="anna")}, Place("anthropic", "anna", "sonnet", None)),
        (None, {"stop": a_stop(None), "went_to": "openai/gpt"}, Place("openai", "", "gpt", None)),
        (None, {"stop": a_stop(model=None)}, NOWHERE),
        (None, {"facts": {"session.model": "openai/gpt"}}, Place("openai", "", "gpt", None)),
        (None, {"facts": {"session.model": "gpt"}}, NOWHERE),
        (
            None,
            {"went_to": "a/b", "facts": {"session.model": "openai/gpt"}},
            Place("a", "", "b", None),
        ),
        ("openai/gpt", {"model": "a/b"}, Place("openai", "", "gpt", None)),
        (None, {"model": "a/b/c"}, Place("a", "", "b/c", None)),
        (
            "anthropic/opus",
            {"stop": a_stop(account="anna")},
            Place("anthropic", "anna", "opus", None),
        ),
        ("openai/gpt", {"stop": a_stop(account="anna")}, Place("openai", "", "gpt", None)),
        ("opus", {"stop": a_stop(account="anna")}, Place("anthropic", "anna", "opus", None)),
        ("opus", {"stop": a_stop(None)}, NOWHERE),
        ("opus", {}, NOWHERE),
        ("p" * 90 + "/" + "m" * 90, {}, Place("p" * 80, "", "m" * 80, None)),
    ],
)
def test_a_prompt_goes_where_it_is_sent_and_else_where_the_last_one_went(
    chosen: str | None, changes: dict[str, object], place: Place
):
    assert place_of(a_session(**changes), chosen) == place


def test_a_turn_went_where_its_stop_says_and_not_where_the_next_one_goes():
    session = a_session(model="openai/gpt", went_to="a/b")

    assert place_of_stop(session, a_stop()) == Place("anthropic", "", "sonnet", None)
    assert place_of_stop(session, None) == Place("a", "", "b", None)


def test_a_heading_names_both_or_nothing():
    assert heading_of(a_stop()) == "anthropic/sonnet"
    assert heading_of(a_stop(None)) == heading_of(a_stop(model=None)) == ""


HERE = Place("anthropic", "anna", "sonnet", None)


@pytest.mark.parametrize(
    ("limit", "place", "meets"),
    [
        ({"provider": "anthropic", "model": "sonnet", "account": "anna"}, HERE, True),
        ({"provider": "anthropic", "model": "sonnet", "account": "ben"}, HERE, False),
        ({"provider": "anthropic", "model": "sonnet"}, HERE, True),
        (
            {"provider": "anthropic", "model": "sonnet", "account": "ben"},
            HERE._replace(account=""),
            True,
        ),
        ({"provider": "anthropic", "model": "opus"}, HERE, False),
        ({"provider": "openai", "model": "sonnet"}, HERE, False),
        ({"agent": AGENT}, NOWHERE, True),
        ({"agent": AgentId("other")}, NOWHERE, False),
        ({"agent": AGENT}, HERE, False),
        ({}, NOWHERE, False),
    ],
)
def test_a_limit_is_met_by_what_goes_to_its_place(
    limit: dict[str, object], place: Place, meets: bool
):
    assert concerns(a_quota(**limit), place) is meets


def test_a_window_is_the_scope_that_is_named_or_what_the_reason_says():
    assert window_of(a_stop(scope="five_hours")) == "five_hours"
    assert window_of(a_stop(scope="x" * 90)) == "x" * 80
    assert window_of(a_stop()) == "quota"
    assert window_of(Stop(key="k", reason=StopReason.RATE_LIMIT)) == "rate"
    assert window_of(Stop(key="k", reason=StopReason.OVERLOADED)) == "load"
    assert window_of(Stop(key="k", reason=StopReason.AUTH)) == "quota"


def test_a_limit_of_a_minute_is_short_and_one_of_a_day_is_not():
    assert [is_short(it) for it in ("second", "minute", "rate", "load")] == [True] * 4
    assert [is_short(it) for it in ("hour", "five_hours", "day", "quota")] == [False] * 4


def test_a_limit_has_a_key_and_a_name():
    assert key_of(HERE, "day") == "anthropic#anna/sonnet day"
    assert key_of(HERE._replace(account=""), "day") == "anthropic/sonnet day"
    assert key_of(NOWHERE, "load") == "opencode load"
    assert name_of(a_quota(provider="a", model="b", window="five_hours")) == "a/b (five hours)"
    assert name_of(a_quota(agent=AGENT, window="load")) == "opencode (its load)"
    assert name_of(a_quota(agent=AGENT, window="day")) == "opencode (day)"
