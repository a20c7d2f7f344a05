"""What sessions cost by the day and by the work; and the other facts that the kernel makes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from palingenesis.core import commands, events
from palingenesis.core.kernel.snapshot import facts_of
from palingenesis.core.policy.calendars import Zone
from palingenesis.core.values import FactValue, SessionId
from tests.core.life import (
    AGENT,
    SES,
    START,
    Life,
    ended,
    known,
    passed,
    progressed,
    stopped,
    told_to,
)
from tests.core.policies import NIGHT, RATE, policy, rule

OTHER = SessionId("ses_other")
EAST = Zone(name="East", changes=(0,), offsets=(9 * 3600,))


def facts(life: Life, session: SessionId = SES) -> dict[str, FactValue]:
    return facts_of(life.world, life.world.sessions[session], "stopped", life.now, life.policy)


def seen(life: Life, session: SessionId, created: datetime | None) -> None:
    life.take(events.SessionSeen(at=life.now, session=session, agent=AGENT, created=created))


def costs(life: Life, session: SessionId, cost: FactValue | None) -> None:
    life.take(events.FactsObserved(at=life.now, session=session, facts={"session.cost": cost}))


def test_a_day_costs_by_how_much_all_sessions_rose():
    life = Life(NIGHT)
    seen(life, OTHER, START)
    costs(life, OTHER, 1.0)
    life >> known(session__cost=10.0) >> known(session__cost=12.5)
    costs(life, OTHER, 1.5)

    assert facts(life)["budget.today"] == 4.0
    assert facts(life)["budget.session"] == 12.5
    assert facts(life, OTHER)["budget.session"] == 1.5


def test_the_first_cost_of_a_session_counts_whole_only_if_it_was_begun_today():
    life = Life(NIGHT)
    for name, created in (("old", START - timedelta(days=1)), ("unknown", None), ("new", START)):
        seen(life, SessionId(name), created)
        costs(life, SessionId(name), 3.0)

    assert facts(life)["budget.today"] == 3.0


def test_a_new_day_begins_in_the_time_zone_of_the_policy():
    life = Life(replace(NIGHT, zone=EAST), now=datetime(2026, 2, 5, 14, 0, tzinfo=UTC))
    life >> known(session__cost=1.0) >> known(session__cost=3.0)
    life >> passed(3599)
    assert facts(life)["budget.today"] == 2.0

    life >> passed(1)

    assert facts(life)["budget.today"] == 0.0
    assert facts(life)["budget.week"] == 2.0


def test_a_week_is_seven_days_and_no_more_than_eight_are_remembered():
    life = Life(NIGHT)
    life >> known(session__cost=0.0)
    for day in range(1, 12):
        life >> known(session__cost=float(day)) >> passed(86_400)

    assert len(life.world.spent) == 8
    assert facts(life)["budget.week"] == 6.0
    assert facts(life)["budget.today"] == 0.0


def test_a_cost_that_falls_takes_nothing_back_and_nonsense_is_no_cost():
    life = Life(NIGHT)
    life >> known(session__cost=1.0) >> known(session__cost=4.0)
    for cost in (2.0, True, -5.0, float("inf"), float("nan"), None):
        costs(life, SES, cost)

    assert facts(life)["budget.today"] == 3.0


def test_without_any_cost_a_budget_is_unknown():
    assert not {name for name in facts(Life(NIGHT)) if name.startswith("budget.")}


def test_a_session_that_continues_another_one_has_its_own_cost_and_the_budget_of_both():
    life = Life(NIGHT)
    life >> known(session__cost=5.0) >> stopped("context_exhausted")
    life >> ended("snapshot", path="p") >> ended("new-session", session="ses_new")
    heir = SessionId("ses_new")
    assert "session.cost" not in facts(life, heir)
    assert facts(life, heir)["budget.session"] == 5.0

    costs(life, heir, 0.5)

    assert facts(life, heir)["session.cost"] == 0.5
    assert facts(life, heir)["budget.session"] == 5.5
    assert facts(life, heir)["budget.today"] == 0.5


def test_stops_repeat_until_there_is_real_progress():
    life = Life(NIGHT)
    for key in "abc":
        life >> stopped("rate_limit", retry_after=1, key=key)
    assert facts(life)["progress.repeats"] == 3

    life >> progressed

    assert facts(life)["progress.repeats"] == 0


def test_a_limit_begins_anew_where_the_server_named_that_and_not_where_it_asked_to_wait():
    def resets(source: str) -> FactValue | None:
        life = Life(NIGHT)
        life >> stopped("quota", retry_after=600, evidence={"reset_source": source}) >> passed(60)
        return facts(life).get("stop.resets_in")

    assert resets("body") == timedelta(seconds=540)
    assert resets("retry-after") is None
    assert resets("opencode") is None


def test_who_paused_is_a_fact_until_it_is_released():
    life = Life(NIGHT)
    life >> told_to(commands.Hold(session=SES), by="anna")
    assert facts(life)["operator.paused_by"] == "anna"

    life >> told_to(commands.Release(session=SES)) >> told_to(commands.Hold(), by="bert")
    assert facts(life)["operator.paused_by"] == "bert"

    life >> told_to(commands.Release())
    assert "operator.paused_by" not in facts(life)


def test_a_session_is_as_old_as_it_was_seen_first():
    life = Life(NIGHT)
    life >> passed(60) >> stopped("rate_limit", retry_after=9) >> progressed

    assert facts(life)["session.age"] == timedelta(seconds=60)


def test_a_budget_may_decide():
    life = Life(policy(rule("budget", "budget.today >= $20", {"attention": {}}), RATE))
    life >> known(session__cost=1.0) >> known(session__cost=30.0) >> stopped("rate_limit")

    assert life.decisions[-1].rule == "budget"


def test_a_cost_that_could_not_be_told_for_a_while_is_not_counted_twice():
    life = Life(NIGHT)
    seen(life, OTHER, START)
    for cost in (2.0, None, 2.5):
        costs(life, OTHER, cost)

    assert facts(life)["budget.today"] == 2.5


def test_a_cost_that_was_told_stays_known():
    life = Life(NIGHT)
    life >> known(session__cost=2.0) >> known(session__cost=None)

    assert facts(life)["session.cost"] == 2.0
