"""The short form of the storms (see tests/torture/storms.py)."""

from datetime import timedelta

import pytest

from tests.torture.resets import Tally as Resets
from tests.torture.resets import play_all as play_resets
from tests.torture.storms import (
    RESTARTS_MOST,
    Tally,
    deaths,
    play_all,
    policies,
    refusals,
    trouble,
)

POLICIES = policies()


@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.parametrize("sessions", [0, 1, 10])
def test_a_server_that_dies_at_once_for_a_day_is_told_about_once(name: str, sessions: int):
    storm = deaths(name, POLICIES[name], sessions=sessions)

    assert storm.wrong == []
    assert 0 < storm.restarts <= RESTARTS_MOST
    assert storm.notices <= 1 + sessions


@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.parametrize("minutes", [None, 0.5, 20, 300])
def test_a_provider_that_refuses_for_a_week_is_asked_as_often_as_it_said(
    name: str, minutes: float | None
):
    retry_after = timedelta(minutes=minutes) if minutes is not None else None

    storm = refusals(name, POLICIES[name], retry_after=retry_after, retries=True)

    assert storm.wrong == []
    assert storm.prompts > 0


def test_a_policy_that_asks_for_trouble_stays_within_the_rails():
    tally = play_all(Tally(), count=12)

    assert tally.shown == []
    assert tally.storms == 12
    assert tally.prompts > 300
    assert tally.restarts > 50


def test_a_day_of_trouble_is_its_seed():
    first, again = trouble(3, span=timedelta(hours=6)), trouble(3, span=timedelta(hours=6))

    assert (first.prompts, first.turns, first.wrong) == (again.prompts, again.turns, again.wrong)


def test_sessions_that_share_a_reset_are_no_storm():
    tally = play_resets(Resets(), count=4)

    assert tally.shown == []
