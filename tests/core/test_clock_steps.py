"""The wall clock is set: whatever counts elapsed time goes on counting it, and dates stay dates."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from palingenesis.core import events, plans
from palingenesis.core.counting import savings
from palingenesis.core.effects import name_of
from palingenesis.core.events import Event
from palingenesis.core.kernel.stepping import SETTLED, moved
from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.policy.calendars import DAYS, UTC_ZONE, Calendar
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.safety import PROMPTS_PER_HOUR, WAIT_MAX
from palingenesis.core.step import next_deadline
from palingenesis.core.values import Source, Status, Stop, StopReason
from palingenesis.core.world import Session, World
from tests.core.life import (
    AGENT,
    SES,
    START,
    Act,
    Life,
    alive,
    ended,
    passed,
    progressed,
    stopped,
)
from tests.core.policies import NIGHT, STUBBORN, policy, rule
from tests.core.test_laws import NIGHTS

HOURS = timedelta(hours=2)
UNCHECKED = {"reset_source": "body", "reset_unchecked": True}


def clock_set(by: timedelta) -> Act:
    """No time passes, but the clock shows another one."""

    def act(life: Life) -> Event:
        life.now += by
        return events.ClockStepped(at=life.now, by=by)

    return act


def started(life: Life, *, boot: str = "one", booted_at: datetime | None = START) -> Event:
    return events.DaemonStarted(
        at=life.now, version="test", seed="5eed5eed5eed", boot_id=boot, booted_at=booted_at
    )


def slept(span: timedelta) -> Act:
    def act(life: Life) -> Event:
        life.now += span
        return events.MachineSlept(at=life.now, span=span)

    return act


# ── the law ───────────────────────────────────────────────────────────────────────────────────


STEPS = st.sampled_from([-7_200, -31, 0.7, 7_200, 86_400])


@settings(max_examples=200, deadline=None)
@given(NIGHTS, STEPS, st.integers(0, 40))
@example((STUBBORN, [stopped("crash"), passed(601), stopped("crash")]), 7_200, 1)
def test_a_night_goes_the_same_way_whenever_the_clock_is_set_and_by_however_much(
    night: tuple[Any, list[Act]], by_s: float, when: int
):
    chosen, acts = night
    by = timedelta(seconds=by_s)
    one, other = Life(chosen), Life(chosen)

    for number, act in enumerate(acts):
        if number == when:
            other >> clock_set(by)
        happens_to_both(act, one, other, by if number >= when else timedelta(0))

        assert shape(other) == shape(one)
        due, moved_due = (next_deadline(life.world, chosen) for life in (one, other))
        shift = by if number >= when else timedelta(0)
        assert moved_due == (due + shift if due is not None else None)


def happens_to_both(act: Act, one: Life, other: Life, ahead: timedelta) -> None:
    """The same happens to two lives whose clocks differ; their orders may have other numbers."""
    event = act(one)
    other.now = one.now + ahead
    if event is None:
        return
    answer = act(other) if isinstance(event, events.EffectEnded) else moved(event, ahead)
    assert answer is not None
    one.take(event)
    other.take(answer)


def shape(life: Life) -> object:
    """What was decided and ordered, and where sessions stand; without numbers and instants."""
    return (
        [(d.kind, d.rule, d.event, d.tries) for d in life.decisions if d.kind != "moved"],
        life.names(),
        [
            (session.status, session.unproductive, session.repeats, len(session.prompts))
            for session in life.world.sessions.values()
        ],
    )


@settings(max_examples=50, deadline=None)
@given(NIGHTS, STEPS)
def test_a_step_and_its_opposite_leave_the_world_as_it_was(
    night: tuple[Any, list[Act]], by_s: float
):
    chosen, acts = night
    life = Life(chosen)
    for act in acts:
        life >> act
    by = timedelta(seconds=by_s)

    assert moved(moved(life.world, by), -by) == life.world


def test_every_instant_of_the_world_moves():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90, key="once") >> passed(90)
    life >> ended("resume") >> alive >> progressed
    life >> stopped("rate_limit", retry_after=90, key="again")
    before = life.world

    after = moved(before, HOURS)

    text = str(to_plain(after))
    assert "2026-02-05T02:" not in text
    assert moved(before, timedelta(0)) is before
    assert from_plain(World, to_plain(after)) == after


# ── waits ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_wait_for_a_span_of_the_server_ends_as_late_as_before(by: timedelta):
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=18_000) >> passed(3_600)

    life >> clock_set(by)

    life << timedelta(hours=4)
    (life >> passed(4 * 3_600 - 1)).claim_nothing_more()
    life >> passed(1) << "resume"


@pytest.mark.parametrize(("by", "left"), [(HOURS, 2), (-HOURS, 6)])
def test_a_wait_for_a_date_that_nothing_could_be_held_against_goes_by_the_clock(
    by: timedelta, left: float
):
    life = Life(NIGHT) >> stopped("quota", retry_after=18_000, evidence=UNCHECKED) >> passed(3_600)

    life >> clock_set(by)

    life << timedelta(hours=left)
    assert life.session.stop is not None
    assert life.session.stop.retry_at == START + timedelta(hours=5)
    assert life.decisions[-1].kind == "moved"
    assert life.decisions[-1].why.endswith("it goes by the date, and ends at 2026-02-05T07:00:00Z")


def test_a_wait_says_what_has_become_of_it():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=18_000)

    life >> clock_set(HOURS)

    told = life.decisions[-1]
    assert (told.kind, told.rule, told.session) == ("moved", "rate", SES)
    assert told.why == (
        "the clock was set forward by 2h; it counts elapsed time, and ends at 2026-02-05T09:00:00Z"
    )


def test_a_date_never_makes_a_wait_longer_than_the_rail_allows():
    life = Life(NIGHT) >> stopped("quota", retry_after=18_000, evidence=UNCHECKED)

    life >> clock_set(timedelta(days=-300))

    life << WAIT_MAX


def test_a_date_that_the_rail_came_before_is_gone_by_again_when_the_clock_is_set_right():
    life = Life(NIGHT) >> stopped("quota", retry_after=18_000, evidence=UNCHECKED)

    life >> clock_set(timedelta(days=-300)) >> clock_set(HOURS) << WAIT_MAX

    life >> clock_set(timedelta(days=300) - HOURS) << timedelta(hours=5)


def test_a_clock_that_was_wrong_before_the_boot_too_makes_no_wait_longer():
    life = Life(NIGHT)
    life.take(started(life, boot="one"))
    life >> stopped("rate_limit", retry_after=7.9 * 86_400) >> passed(700)
    life.take(started(life, boot="two", booted_at=life.now))
    life >> passed(600)

    life >> clock_set(timedelta(days=-1))  # else it would have begun to wait tomorrow

    life << timedelta(seconds=7.9 * 86_400 - 1_300)


@given(
    wait_s=st.floats(60, 8 * 86_400),
    waited=st.floats(0, 1),
    by_s=st.floats(-20 * 86_400, 20 * 86_400),
)
@example(wait_s=7.9 * 86_400, waited=0.999, by_s=-86_400)
def test_no_wait_from_before_a_boot_is_longer_than_the_rail_allows(wait_s, waited, by_s):
    life = Life(NIGHT)
    life.take(started(life, boot="one"))
    life >> stopped("rate_limit", retry_after=wait_s) >> passed(wait_s * waited * 0.99)
    life.take(started(life, boot="two", booted_at=life.now))
    by = timedelta(seconds=by_s)

    life >> clock_set(by)

    plan = life.session.plan
    assert plan is not None
    if plan.deadline is not None:  # whichever of the two clocks was right when it began to wait
        assert plan.deadline <= START + WAIT_MAX + min(by, timedelta(0))


def test_a_wait_from_before_a_boot_goes_by_the_clock():
    life = Life(NIGHT)
    life.take(started(life, boot="one"))
    life >> stopped("rate_limit", retry_after=18_000) >> passed(10_800)
    life.take(started(life, boot="two", booted_at=life.now))  # two of these hours are an error
    life << timedelta(hours=2)

    life >> clock_set(-HOURS)

    life << timedelta(hours=4)
    assert life.session.stop is not None
    assert life.session.stop.retry_at == START + timedelta(hours=5)


def test_what_a_rail_asked_to_wait_for_moves_with_its_window_also_after_a_boot():
    life = Life(NIGHT)
    life.take(started(life, boot="one"))
    prompts(life, PROMPTS_PER_HOUR)
    life >> stopped("rate_limit", retry_after=1, key="more") >> passed(1) << Status.WAITING
    plan = life.session.plan
    assert plan is not None
    assert plan.deadline is not None
    left = plan.deadline - life.now
    life.take(started(life, boot="two", booted_at=life.now))

    life >> clock_set(-HOURS)

    life << left


def test_once_the_machine_has_been_up_for_a_while_a_step_is_as_any_other():
    life = Life(NIGHT)
    life.take(started(life, boot="one"))
    life >> stopped("rate_limit", retry_after=18_000)
    life.take(started(life, boot="two", booted_at=life.now))
    life >> passed(SETTLED.total_seconds())

    life >> clock_set(-HOURS)

    life << timedelta(hours=5) - SETTLED


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_clock_that_was_set_while_we_did_not_run_is_made_up_for_at_the_start(by: timedelta):
    life = Life(NIGHT)
    life.take(started(life))
    life >> stopped("rate_limit", retry_after=18_000) >> passed(3_600)

    life.now += by
    life.take(started(life, booted_at=START + by))

    life << timedelta(hours=4)
    assert life.world.booted_at == START + by


def test_after_a_boot_nothing_is_made_up_for():
    life = Life(NIGHT)
    life.take(started(life))
    life >> stopped("rate_limit", retry_after=18_000) >> passed(3_600)

    life.take(started(life, boot="two", booted_at=START + HOURS))

    life << timedelta(hours=4)
    assert (life.world.boot_id, life.world.booted_at) == ("two", START + HOURS)


def test_a_difference_of_half_a_second_is_none():
    life = Life(NIGHT)
    life.take(started(life))
    life >> stopped("rate_limit", retry_after=90)

    life.take(started(life, booted_at=START + timedelta(milliseconds=499)))

    life << timedelta(seconds=90)


def test_a_journal_that_tells_no_boot_is_taken_as_it_is():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90)

    life.take(started(life, booted_at=START - HOURS))

    life << timedelta(seconds=90)


# ── where the end of a wait comes from ────────────────────────────────────────────────────────


QUIET = Calendar(name="quiet", days=frozenset(range(7)), start=time(22), end=time(7), zone=UTC_ZONE)
AT_ITS_END = {"wait": {"until": "calendar_end", "calendar": "quiet"}}
DATED = Stop(
    key="a", reason=StopReason.QUOTA, retry_at=START + timedelta(hours=1), evidence=UNCHECKED
)


@pytest.mark.parametrize(
    ("wait", "stop", "source"),
    [
        (plans.Wait(span=timedelta(minutes=5)), None, Source.POLICY),
        (plans.Wait(until="retry_after"), DATED, Source.DATE),
        (plans.Wait(until="retry_after"), replace(DATED, evidence={}), Source.SERVER),
        (plans.Wait(span=timedelta(minutes=5)), DATED, Source.DATE),
        (plans.Wait(span=timedelta(hours=5)), DATED, Source.POLICY),
        (plans.Wait(until="calendar_end", calendar="quiet"), None, Source.CALENDAR),
        (plans.Wait(span=timedelta(days=30)), None, Source.RAIL),
        (
            plans.Wait(span=timedelta(days=3), longest=timedelta(days=1)),
            None,
            Source.POLICY,
        ),
    ],
)
def test_the_end_of_a_wait_says_where_it_comes_from(
    wait: plans.Wait, stop: Stop | None, source: Source
):
    found = deadline_of(wait, stop, START, tries=0, seed="s", calendars={"quiet": QUIET})

    assert found.source is source


def test_the_end_of_quiet_hours_stays_where_the_clock_shows_it():
    life = Life(
        policy(
            rule("night", "within('quiet')", AT_ITS_END, {"resume": {}}),
            zones={},
            calendars={
                "quiet": {"days": list(DAYS), "from": "22:30", "to": "07:00", "zone": "UTC"}
            },
        )
    )
    life >> stopped("rate_limit") << timedelta(hours=5)

    life >> clock_set(HOURS)

    life << timedelta(hours=3)


# ── the windows of rails, and what has to stay true ───────────────────────────────────────────


def prompts(life: Life, number: int) -> None:
    for index in range(number):
        life >> stopped("rate_limit", retry_after=1, key=f"k{index}") >> passed(1)
        life >> ended("resume") >> alive >> progressed
    life.orders.clear()


def test_a_window_of_a_rail_does_not_open_early_when_the_clock_is_set_forward():
    life = Life(NIGHT)
    prompts(life, PROMPTS_PER_HOUR)

    (
        life
        >> clock_set(HOURS)
        >> stopped("rate_limit", retry_after=1, key="more")
        >> passed(1)
        << "notify"
    )

    life.claim_nothing_more()
    assert life.session.rails == ("12 prompts an hour for one session",)
    life >> passed(3_500)
    life.claim_nothing_more()
    life >> passed(100) << "resume"


def test_a_window_of_a_rail_does_not_lock_for_hours_when_the_clock_is_set_back():
    life = Life(NIGHT)
    prompts(life, PROMPTS_PER_HOUR)

    (
        life
        >> clock_set(-HOURS)
        >> stopped("rate_limit", retry_after=1, key="more")
        >> passed(1)
        << "notify"
    )

    life.claim_nothing_more()
    life >> passed(3_600) << "resume"


def test_a_session_that_works_is_not_taken_for_stalled_when_the_clock_is_set():
    stalls = policy(rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"]))
    life = Life(stalls) >> passed(60) >> alive

    life >> clock_set(HOURS) >> passed(60)

    life.claim_nothing_more()
    assert life.session.status is Status.WORKING


# ── an assistant that goes by the clock ───────────────────────────────────────────────────────


def test_a_prompt_that_came_too_early_counts_as_never_sent_and_is_sent_when_it_can_be():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> passed(90) << "resume"
    first = life.last["resume"]

    life >> ended("resume", "failed", not_before=(life.now + HOURS).isoformat())

    life << HOURS
    assert life.session.prompts == ()
    assert life.session.unproductive == 0
    assert life.session.episode is not None
    assert life.session.episode.attempts == 0
    assert life.session.rails == ("failed",)
    life.claim_nothing_more() >> passed(HOURS.total_seconds()) << "resume"
    assert life.last["resume"].id == f"{first.id}.1"
    life >> ended("resume") >> alive << Status.WORKING


def test_it_goes_by_the_clock_also_when_that_is_set_right():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> passed(90) << "resume"
    life >> ended("resume", "failed", not_before=(life.now + HOURS).isoformat())

    life >> clock_set(HOURS) >> passed(0) << "resume"


def test_it_may_come_too_early_again_and_each_order_has_an_id_of_its_own():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> passed(90)
    ids = set()
    for _ in range(3):
        life << "resume"
        ids.add(life.last["resume"].id)
        life >> ended("resume", "failed", not_before=(life.now + HOURS).isoformat())
        life >> passed(HOURS.total_seconds())

    assert len(ids) == 3


@pytest.mark.parametrize("said", ["", "soon", "2026-02-05T09:00:00", "2020-01-01T00:00:00+00:00"])
def test_an_instant_that_is_none_or_is_over_puts_nothing_off(said: str):
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> passed(90) << "resume"

    life >> ended("resume", "failed", not_before=said)

    assert life.session.status is not Status.WAITING


def test_nothing_is_put_off_for_longer_than_any_wait_may_be():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> passed(90) << "resume"

    life >> ended("resume", "failed", not_before=(life.now + timedelta(days=99)).isoformat())

    life << WAIT_MAX


# ── sleep ─────────────────────────────────────────────────────────────────────────────────────


def test_after_a_sleep_a_prompt_has_its_whole_time_to_be_proved():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=1) >> passed(1) << "resume"
    life >> ended("resume")
    assert life.session.status is Status.VERIFYING

    life >> slept(timedelta(hours=8)) >> passed(1)

    assert life.session.status is Status.VERIFYING
    life >> alive << Status.WORKING


def test_after_a_short_sleep_nobody_is_taken_for_stalled():
    stalls = policy(
        rule("stall", "", {"interrupt": {}}, {"resume": {}}, event=["stalled"]),
        rule("slow", "", {"notify": {"message": "?"}}, event=["stalled"]) | {"for": "5m"},
    )
    life = Life(stalls)
    life >> passed((stalls.stall_after - timedelta(seconds=30)).total_seconds())

    life >> slept(timedelta(minutes=1)) >> passed(1)

    life.claim_nothing_more()
    assert life.session.status is Status.WORKING


def test_a_sleep_changes_nothing_about_a_wait():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=18_000)

    life >> slept(timedelta(hours=10)) >> passed(1) << "resume"


def test_a_displayed_reset_moves_unless_it_is_a_date():
    span = Life(NIGHT) >> stopped("quota", retry_after=18_000)
    date = Life(NIGHT) >> stopped("quota", retry_after=18_000, evidence=UNCHECKED)

    for life in (span, date):
        life >> clock_set(HOURS)

    shown = [quota.shown for life in (span, date) for quota in life.world.quota.values()]
    assert shown == [START + timedelta(hours=7), START + timedelta(hours=5)]


def test_what_was_waited_for_counts_elapsed_time():
    life = Life(NIGHT)
    written = []
    for act in (
        stopped("rate_limit", retry_after=90),
        clock_set(HOURS),
        passed(90),
        ended("resume"),
        alive,
    ):
        event = act(life)
        assert event is not None
        turn = life.take(event)
        written.append((event, turn.decisions, turn.effects))

    assert savings(written).waited == timedelta(seconds=90)


def test_an_instant_at_the_end_of_the_calendar_stays_there():
    end = datetime.max.replace(tzinfo=UTC)
    session = Session(id=SES, agent=AGENT, since=end)

    assert moved(session, HOURS).since == end


def test_what_a_step_tells_names_no_order():
    life = Life(NIGHT) >> stopped("rate_limit", retry_after=90) >> clock_set(HOURS)

    assert [name_of(one) for one in life.orders] == []
