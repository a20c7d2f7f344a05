"""The ledger of limits as `status` shows it, for programs and for people."""

import re
from datetime import timedelta

from palingenesis.core.world import World
from palingenesis.runtime.limits import limits
from palingenesis.runtime.views import session_status
from palingenesis.surfaces.cli.limit_text import say_limit
from tests.core.fleet import RESET, Fleet
from tests.core.life import START
from tests.core.policies import NIGHT

REOPENS = START + RESET
MINUTE = timedelta(minutes=1)


def waiting(count: int = 3) -> Fleet:
    ships = Fleet(NIGHT, count)
    ships.refuse_all(resets=REOPENS)
    return ships


def said(ships: Fleet) -> str:
    (limit,) = limits(ships.world, ships.now)
    return re.sub(r"\d\d:\d\d", "HH:MM", say_limit(limit, {}, ships.now))


def test_nothing_is_told_of_limits_that_nobody_met():
    assert limits(World(), START) == []


def test_before_the_reset_it_is_used_up_until_then():
    ships = waiting()

    (limit,) = limits(ships.world, ships.now)
    assert limit["key"] == "anthropic/claude-sonnet-4-5 quota"
    assert (limit["provider"], limit["model"], limit["agent"]) == (
        "anthropic",
        "claude-sonnet-4-5",
        None,
    )
    assert limit["state"] == "closed"
    assert limit["until"] == limit["shown"] == "2026-02-05T07:00:00Z"
    assert (limit["waiting"], limit["refusals"], limit["canary"]) == (3, 3, None)
    assert said(ships) == (
        "limit anthropic/claude-sonnet-4-5 (quota): used up until HH:MM (in 4 h 59 min) · 3 waiting"
    )


def test_at_the_reset_the_canary_is_named_and_who_waits_for_it():
    ships = waiting()
    ships.until(REOPENS)

    (limit,) = limits(ships.world, ships.now)
    assert (limit["state"], limit["canary"], limit["waiting"]) == ("asked", "ses_000", 2)
    assert said(ships) == (
        "limit anthropic/claude-sonnet-4-5 (quota): the canary ses_000 is asked · 2 waiting"
    )
    row = session_status(ships.of(1), ships.now)
    assert row["for"] == "the canary ses_000 of anthropic/claude-sonnet-4-5 (quota)"
    assert row["rails"] == [row["for"]]
    assert row["until"] == "2026-02-05T07:10:00Z"


def test_a_reset_that_did_not_happen_is_told_beside_the_next_try():
    ships = waiting()
    ships.until(REOPENS)
    ships.refuse(0)

    assert said(ships) == (
        "limit anthropic/claude-sonnet-4-5 (quota): used up until HH:MM"
        " (in 1 min, displayed: HH:MM) · 3 waiting"
    )


def test_an_open_limit_is_told_while_somebody_waits_or_it_is_news():
    ships = waiting()
    ships.until(REOPENS)
    ships.refuse(0)
    ships.after(60)
    ships.answer(1)

    (limit,) = limits(ships.world, ships.now)
    assert (limit["state"], limit["until"], limit["shown"]) == ("open", None, None)
    assert limit["answered"] == "2026-02-05T07:01:00Z"
    assert limit["drift_s"] == 60.0
    assert said(ships) == (
        "limit anthropic/claude-sonnet-4-5 (quota): open, answered at HH:MM · 2 waiting"
        " · comes 1 min later than displayed"
    )
    ships.answer(0)
    ships.answer(2)
    ships.until(REOPENS + 100 * MINUTE)
    assert said(ships) == ""


def test_closed_limits_come_first():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=ships.now + MINUTE)
    ships.refuse(1, at=("openai", "gpt-5.2"), resets=REOPENS)
    ships.after(60)
    ships.answer(0)

    assert [one["state"] for one in limits(ships.world, ships.now)] == ["closed", "open"]
