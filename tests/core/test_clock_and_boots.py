"""Set clocks, boots, sleeps and blind spots: each number of them on both of its sides."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from palingenesis.core import events
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.stepping import NOTICED, SETTLED, machine_slept, moved, nobody_saw
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.values import Source, Status
from palingenesis.core.world import Hold, Plan, Session, World
from tests.core.life import AGENT, SES, START, Act, Life, alive, ended, passed, stopped
from tests.core.policies import NIGHT, RATE, policy, rule

HOURS = timedelta(hours=2)
MINUTE = timedelta(minutes=1)
UNCHECKED = {"reset_source": "body", "reset_unchecked": True}
QUIET = policy(rule("quiet", "", {"interrupt": {}}, event=["stalled"]) | {"for": "5m"})
HELD = policy(rule("held", "", {"resume": {}}) | {"for": "5m"})


def clock_set(by: timedelta) -> Act:
    def act(life: Life) -> events.Event:
        life.now += by
        return events.ClockStepped(at=life.now, by=by)

    return act


def started(boot: str = "one", booted_at: datetime | None = START) -> Act:
    return lambda life: events.DaemonStarted(
        at=life.now, version="test", seed="5eed5eed5eed", boot_id=boot, booted_at=booted_at
    )


def told(life: Life) -> list[str]:
    return [one.why for one in life.decisions if one.kind == "moved"]


# ── which step is one ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", [NOTICED, -NOTICED])
def test_half_a_second_is_the_least_that_is_noticed(by: timedelta):
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90)

    life >> clock_set(by - by / 1000)
    assert told(life) == []
    life >> clock_set(by)
    assert len(told(life)) == 1


@pytest.mark.parametrize(
    ("before", "now"), [(None, START + HOURS), (START, None), (None, None)]
)  # fmt: skip
def test_where_the_time_since_boot_is_not_told_nothing_is_made_up_for(
    before: datetime | None, now: datetime | None
):
    life = Life(NIGHT) >> started(booted_at=before) >> stopped("rate_limit", retry_after=90)

    life >> started(booted_at=now)

    life << timedelta(seconds=90)
    assert life.world.booted_at == now


# ── waits from before a boot ──────────────────────────────────────────────────────────────────


def rebooted(wait_s: float = 18_000, waited_s: float = 10_800) -> Life:
    """A wait goes on, the machine was booted, and its clock may be wrong since then."""
    life = Life(NIGHT) >> started("one") >> stopped("rate_limit", retry_after=wait_s)
    life >> passed(waited_s)
    return life >> started("two", booted_at=life.now)


@pytest.mark.parametrize(("up_for", "left"), [(SETTLED - MINUTE / 60, 4), (SETTLED, 2)])
def test_a_clock_that_is_set_within_a_quarter_of_an_hour_after_a_boot_was_wrong_since_then(
    up_for: timedelta, left: int
):
    life = rebooted() >> passed(up_for.total_seconds())

    life >> clock_set(-HOURS)

    life << timedelta(hours=left) - up_for


def test_a_wait_that_began_in_this_boot_counts_elapsed_time_however_young_that_is():
    life = Life(NIGHT) >> started("one") >> stopped("rate_limit", retry_after=18_000)

    life >> clock_set(-HOURS)

    life << timedelta(hours=5)


def test_a_wait_of_an_older_journal_that_names_no_boot_counts_elapsed_time():
    life = rebooted()
    plan = life.session.plan
    assert plan is not None
    life.world = replace(
        life.world, sessions={SES: replace(life.session, plan=replace(plan, boot=""))}
    )

    life >> clock_set(-HOURS)

    life << timedelta(hours=2)


def test_a_wait_that_would_begin_right_now_was_right_all_the_time():
    life = rebooted(waited_s=7_200)

    life >> clock_set(-HOURS)

    life << timedelta(hours=5)
    assert told(life)[-1].startswith("the clock was set back by 2h; it goes by the date")


def test_one_that_would_begin_only_in_a_while_was_not():
    life = rebooted(waited_s=7_199)

    life >> clock_set(-HOURS)

    life << timedelta(hours=5) - timedelta(seconds=7_199)
    assert told(life)[-1].startswith("the clock was set back by 2h; it counts elapsed time")


def test_a_second_wait_of_a_plan_is_judged_by_when_it_began_itself():
    two = policy(rule("two", "", {"wait": {"for": "3h"}}, {"wait": {"for": "5h"}}, {"resume": {}}))
    life = Life(two) >> started("one") >> stopped("network") >> passed(3 * 3_600) >> passed(60)
    life >> started("two", booted_at=life.now)

    life >> clock_set(-HOURS)  # then it would begin only in two hours, though its plan is older

    life << timedelta(hours=5) - MINUTE


def test_no_wait_from_before_a_boot_is_longer_than_the_longest_wait_from_when_it_began():
    life = rebooted(wait_s=7.9 * 86_400, waited_s=86_400)
    began = START

    life >> clock_set(-timedelta(hours=12))

    plan = life.session.plan
    assert plan is not None
    assert plan.deadline == began + min(
        timedelta(days=7.9), WAIT_MAX - timedelta(hours=12)
    )  # fmt: skip


def test_what_waits_for_nothing_says_nothing_of_the_clock():
    life = Life(policy(rule("go", "", {"resume": {}}))) >> stopped("network") << "resume"

    life >> clock_set(HOURS)

    assert told(life) == []


# ── dates ─────────────────────────────────────────────────────────────────────────────────────


def test_a_date_is_cut_at_the_longest_wait_counted_from_when_the_wait_began():
    life = Life(NIGHT) >> stopped("quota", retry_after=18_000, evidence=UNCHECKED) >> passed(3_600)

    life >> clock_set(-WAIT_MAX + timedelta(hours=5))  # exactly as long as it may be
    plan = life.session.plan
    assert plan is not None
    assert (plan.deadline, plan.dated) == (START + timedelta(hours=5), None)

    life >> clock_set(-MINUTE)
    plan = life.session.plan
    assert plan is not None
    assert plan.dated == START + timedelta(hours=5)
    assert plan.deadline == plan.dated - MINUTE

    life >> clock_set(HOURS)
    plan = life.session.plan
    assert plan is not None
    assert (plan.deadline, plan.dated) == (START + timedelta(hours=5), None)


def test_a_date_waited_for_after_another_wait_is_cut_from_its_own_beginning():
    plan = Plan(
        decision=1, rule="r", event="stopped", steps=(), index=0, started_at=START,
        seed="s", tries=0, stop="", facts={}, source=Source.DATE,
        wait_from=START + timedelta(days=1), deadline=START + WAIT_MAX + timedelta(hours=12),
    )  # fmt: skip

    after = moved(plan, timedelta(hours=-1))

    assert (after.deadline, after.dated) == (plan.deadline, None)


# ── nobody could see ──────────────────────────────────────────────────────────────────────────


def of(status: Status, **changes: object) -> tuple[Draft, Session]:
    session = Session(id=SES, agent=AGENT, since=START, status=status, **changes)  # type: ignore[arg-type]
    world = World(sessions={SES: session})
    return Draft(world, NIGHT, START + HOURS), session


STALL = Hold(rule="r", event="stalled", deadline=START + 5 * MINUTE, began=START)
STOP = Hold(rule="r", event="stopped", deadline=START + 5 * MINUTE, began=START)


def test_that_nothing_is_seen_for_a_while_begins_anew_where_nobody_could_see_and_a_stop_does_not():
    old = replace(STALL, began=None)
    draft, session = of(Status.WORKING, holds=(STALL, STOP, old))

    nobody_saw(draft, session)

    anew = replace(STALL, deadline=draft.at + 5 * MINUTE)
    assert draft.sessions[SES].holds == (anew, STOP, old)
    assert draft.sessions[SES].stall_told_at == draft.at


def test_a_hold_that_lasts_longer_already_is_not_shortened():
    late = replace(STALL, deadline=START + timedelta(hours=9), began=START + timedelta(hours=8))
    draft, session = of(Status.WORKING, holds=(late,))

    nobody_saw(draft, session)

    assert draft.sessions[SES].holds == (late,)


def test_a_sleep_puts_off_what_is_held_for_want_of_a_sign_of_life_and_nothing_else():
    draft, _ = of(Status.WORKING, holds=(STALL, STOP))

    machine_slept(draft, timedelta(minutes=90))

    slept = replace(STALL, deadline=START + 95 * MINUTE)
    assert draft.sessions[SES].holds == (slept, STOP)


@pytest.mark.parametrize(
    ("status", "until"),
    [(Status.VERIFYING, None), (Status.WAITING, START), (Status.ATTENTION, START)],
)
def test_only_a_prompt_that_has_to_be_proved_gets_more_time_for_that(
    status: Status, until: datetime | None
):
    draft, session = of(status, verify_until=until, holds=(STALL,))

    nobody_saw(draft, session)

    assert draft.sessions[SES] == session


def test_a_session_that_is_quiet_since_before_our_start_gets_the_rule_s_whole_time_again():
    life = Life(QUIET) >> passed(QUIET.stall_after.total_seconds())
    held = life.session.holds
    assert [hold.event for hold in held] == ["stalled"]
    life.now += 4 * MINUTE

    life >> started()

    life >> passed(299)
    life.claim_nothing_more()
    life >> passed(1) << "interrupt"


def test_a_stop_that_is_held_goes_on_being_held_over_our_restart():
    life = Life(HELD) >> stopped("network") << Status.HOLDING >> passed(240)

    life >> started() >> passed(60)

    life << "resume"
    life >> ended("resume") >> alive << Status.WORKING


def test_what_is_no_instant_and_holds_none_stays_the_very_same():
    for value in ("text", 7, None, Session, ("a", 1), {"a": "b"}):
        assert moved(value, HOURS) == value


def test_what_waits_no_more_is_given_no_end_when_the_clock_is_set_after_a_boot():
    life = Life(policy(RATE)) >> started("one")
    life >> stopped("rate_limit", retry_after=90) >> passed(90) << "resume"
    life.now += MINUTE
    life >> started("two", life.now - MINUTE)

    life >> clock_set(HOURS)

    assert life.session.plan is not None
    assert (life.session.plan.boot, life.session.plan.deadline) == ("one", None)
    assert told(life) == []
