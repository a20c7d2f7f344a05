"""Waiting for a condition, and for the end of a calendar's window."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from palingenesis.core import commands, events
from palingenesis.core.policy.calendars import DAYS, UTC_ZONE, Calendar
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import next_deadline
from palingenesis.core.values import FactValue, Source, Status
from palingenesis.core.world import World
from tests.core.life import (
    SES,
    START,
    Act,
    Life,
    known,
    passed,
    person_prompts,
    progressed,
    stopped,
    told_to,
)
from tests.core.policies import policy, rule

QUIET = Calendar(
    name="quiet", days=frozenset(range(7)), start=time(22, 30), end=time(7), zone=UTC_ZONE
)
MORNING = datetime(2026, 2, 5, 7, 0, tzinfo=UTC)
ELSE = {"else": "10s", "max": "2h"}


def waiting(**options: Any) -> Policy:
    return policy(rule("wait", "stop.reason != 'crash'", {"wait": options}, {"retry": {}}))


def on_network(**options: Any) -> Policy:
    return waiting(**{"for-condition": "host.network", **ELSE, **options})


def network(up: bool | None) -> Act:
    def act(life: Life) -> events.Event:
        facts: dict[str, FactValue | None] = {"host.network": up}
        return events.FactsObserved(at=life.now, facts=facts)

    return act


def adopts(life: Life, policy: Policy) -> None:
    life.policy = policy
    life.take(
        events.PolicyAdopted(
            at=life.now, name=policy.name, digest=policy.digest, resolved=policy.resolved
        )
    )


# ── for-condition ─────────────────────────────────────────────────────────────────────────────


def test_a_session_goes_on_as_soon_as_the_network_is_there_again():
    life = Life(on_network())

    life >> network(False) >> stopped("network")
    life << timedelta(hours=2)
    assert life.session.outlook == "until host.network"
    life >> passed(700)
    life.claim_nothing_more()

    life >> network(True)
    life << "retry"


def test_a_condition_that_never_comes_true_ends_with_the_longest_wait():
    life = Life(on_network())
    life >> network(False) >> stopped("network") >> passed(7200)

    life << "retry"


def test_a_condition_that_is_true_already_waits_as_else_says():
    life = Life(on_network())
    life >> network(True) >> stopped("network")

    life << timedelta(seconds=10)
    life >> network(False) >> network(True)
    life.claim_nothing_more()


def test_a_condition_that_cannot_be_told_waits_as_else_says():
    life = Life(on_network())
    life >> stopped("network")

    life << timedelta(seconds=10)


def test_without_else_a_condition_that_is_true_already_is_no_wait():
    life = Life(waiting(**{"for-condition": "host.network"}))
    life >> network(True) >> stopped("network")

    life << "retry"


def test_without_a_longest_wait_a_condition_is_waited_for_at_most_eight_days():
    life = Life(waiting(**{"for-condition": "host.network"}))
    life >> network(False) >> stopped("network")

    life << timedelta(days=8)


def test_a_condition_that_comes_true_does_not_send_us_before_the_time_the_server_named():
    life = Life(on_network())
    life >> network(False) >> stopped("rate_limit", retry_after=300)

    life >> network(True)

    life << timedelta(seconds=300)
    life >> passed(300)
    life << "retry"


def test_not_all_wake_at_once_when_a_condition_comes_true():
    life = Life(on_network(jitter="30s"))
    life >> network(False) >> stopped("network")

    life >> network(True)

    life << Status.WAITING
    due = next_deadline(life.world, life.policy)
    assert due is not None
    assert timedelta(0) < due - START <= timedelta(seconds=30)


def test_a_condition_about_the_session_itself_is_looked_at_when_its_facts_change():
    life = Life(waiting(**{"for-condition": "session.cost > $2"}))
    life >> known(session__cost=1.0) >> stopped("network")
    life.claim_nothing_more()

    life >> known(session__cost=3.0)
    life << "retry"


def test_a_condition_that_time_moves_is_looked_at_every_minute():
    life = Life(waiting(**{"for-condition": "operator.seen > 5m"}))
    life >> person_prompts >> stopped("network")
    assert next_deadline(life.world, life.policy) == START + timedelta(minutes=1)

    for _ in range(5):
        life >> passed(60)
    life.claim_nothing_more()
    life >> passed(60)

    life << "retry"


@pytest.mark.parametrize(
    "condition", ["count(crash, 15m) > 1", "within('quiet')", "budget.today > $5"]
)
def test_so_is_one_that_counts_asks_for_a_calendar_or_for_a_day_s_money(condition: str):
    asking = policy(
        rule("wait", "", {"wait": {"for-condition": condition}}, {"retry": {}}),
        calendars={"quiet": {"days": list(DAYS), "from": "22:30", "to": "23:00", "zone": "UTC"}},
        zones={},
    )
    life = Life(asking)

    life >> known(session__cost=1.0) >> stopped("network") << Status.WAITING

    assert next_deadline(life.world, life.policy) == START + timedelta(minutes=1)


def in_boot(boot: str) -> Act:
    return lambda life: events.DaemonStarted(
        at=life.now, version="test", seed="5eed5eed5eed", boot_id=boot
    )


def test_a_wait_whose_condition_came_true_awaits_nothing_more_and_is_of_the_boot_it_came_in():
    life = Life(waiting(**{"for-condition": "operator.seen > 5m or host.network", "jitter": "1m"}))
    life >> in_boot("one") >> network(False) >> person_prompts >> stopped("network")
    life >> in_boot("two") >> network(True)

    life << Status.WAITING
    plan = life.session.plan
    assert plan is not None
    assert (plan.awaits, plan.look_at, plan.boot) == ("", None, "two")
    assert plan.because == "operator.seen > 5m or host.network: it is so now"
    assert plan.source is Source.POLICY


@pytest.mark.parametrize(
    ("retry_s", "source"),
    [(300, Source.SERVER), (61, Source.SERVER), (60, Source.POLICY), (59, Source.POLICY)],
)
def test_what_is_still_waited_for_then_is_the_servers_word_if_that_lies_ahead(
    retry_s: int, source: Source
):
    life = Life(on_network(jitter="10m"))
    life >> network(False) >> stopped("rate_limit", retry_after=retry_s) >> passed(60)

    life >> network(True)

    life << Status.WAITING
    plan = life.session.plan
    assert plan is not None
    assert plan.source is source


def test_a_date_that_a_wait_before_went_by_is_none_of_the_next_one():
    two = policy(
        rule("two", "", {"wait": {"until": "retry_after"}}, {"wait": {"for": "1h"}}, {"retry": {}})
    )
    dated = {"reset_source": "body", "reset_unchecked": True}
    life = Life(two) >> stopped("quota", retry_after=3_600, evidence=dated)
    life.take(events.ClockStepped(at=life.now, by=timedelta(days=-30)))
    assert life.session.plan is not None
    assert life.session.plan.dated is not None

    life >> passed(8 * 86_400)

    life << timedelta(hours=1)
    assert life.session.plan is not None
    assert life.session.plan.dated is None


def test_a_condition_that_only_events_can_change_needs_no_clock():
    life = Life(on_network())
    life >> network(False) >> stopped("network")

    assert next_deadline(life.world, life.policy) == START + timedelta(hours=2)


def test_the_same_trouble_again_does_not_shorten_the_wait_for_a_condition():
    life = Life(on_network())
    life >> network(False) >> stopped("network", key="a") >> passed(60)

    life >> stopped("network", key="b")

    life << timedelta(hours=2) - timedelta(minutes=1)
    assert life.decisions[-1].kind == "kept"
    life >> network(True)
    life << "retry"


def test_a_wait_for_a_condition_outlives_us():
    life = Life(on_network())
    life >> network(False) >> stopped("network")

    life.world = from_plain(World, to_plain(life.world))
    life >> network(True)

    life << "retry"


def test_a_condition_that_came_true_during_a_pause_is_seen_when_the_pause_ends():
    life = Life(on_network())
    life >> network(False) >> stopped("network") >> told_to(commands.Hold(session=SES))
    life >> passed(60) >> network(True)
    life.claim_nothing_more()

    life >> told_to(commands.Release(session=SES))

    life << "retry"


def test_a_pause_does_not_make_a_wait_begin_anew():
    life = Life(waiting(**{"for": "10m"}))
    life >> stopped("network") >> passed(60) >> told_to(commands.Hold(session=SES))
    life >> passed(60) >> told_to(commands.Release(session=SES))

    life << timedelta(minutes=8)


def test_two_waits_in_a_row_last_as_long_as_both():
    life = Life(policy(rule("two", "", {"wait": {"for": "5m"}}, {"wait": {"for": "10m"}})))
    life >> stopped("network") >> passed(300)

    life << timedelta(minutes=10)


def test_a_condition_that_a_new_policy_does_not_know_is_waited_for_no_longer():
    life = Life(on_network())
    life >> network(False) >> stopped("network") >> passed(60)

    adopts(life, waiting(**{"for": "5m"}))

    life << timedelta(minutes=4)
    life >> network(True)
    life.claim_nothing_more()


def test_the_same_wait_for_a_condition_goes_on_under_a_new_policy():
    life = Life(on_network())
    life >> network(False) >> stopped("network") >> passed(60)
    more = policy(*on_network().resolved["rules"], rule("more", "", {"finish": {}}))

    adopts(life, more)

    life << timedelta(minutes=119)
    life >> network(True)
    life << "retry"


# ── the end of a calendar's window ────────────────────────────────────────────────────────────


def until_morning(**options: Any) -> Policy:
    given = {"until": "calendar_end", "calendar": "quiet", "else": "5m", **options}
    return replace(waiting(**given), calendars={"quiet": QUIET})


def test_a_session_goes_on_when_the_window_of_a_calendar_ends():
    life = Life(until_morning())

    life >> stopped("network")

    life << MORNING - START
    assert life.session.outlook == "the end of 'quiet'"


def test_outside_the_window_a_wait_for_its_end_waits_as_else_says():
    life = Life(until_morning(), now=MORNING)

    life >> stopped("network")

    life << timedelta(minutes=5)


def test_a_server_that_names_a_later_time_than_the_window_is_waited_for():
    life = Life(until_morning())

    life >> stopped("quota", retry_after=86_400)

    life << timedelta(days=1)


def test_a_window_that_ends_earlier_under_a_new_policy_ends_the_wait_earlier():
    life = Life(until_morning())
    life >> stopped("network") >> progressed

    early = replace(until_morning(), calendars={"quiet": replace(QUIET, end=time(5))})
    adopts(life, early)

    life << MORNING.replace(hour=5) - START


def test_whether_a_window_is_open_is_a_fact():
    asking = policy(
        rule("night", "within('quiet')", {"finish": {}}),
        calendars={
            "quiet": {"days": ["thu", "wed"], "from": "22:30", "to": "07:00", "zone": "UTC"}
        },
        zones={},
    )
    night, day = Life(asking), Life(asking, now=MORNING)

    night >> stopped("network")
    day >> stopped("network")

    night << Status.COMPLETED
    day << Status.ATTENTION
    assert day.decisions[0].facts["within(quiet)"] is False
