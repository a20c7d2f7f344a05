"""What a morning is made of: figures of a stretch, lanes of sessions, and what was odd."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.copies import replace
from palingenesis.core.counting import Written, savings
from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, DownCause, Result, SessionId, Status, Stop, StopReason
from palingenesis.core.world import Session
from palingenesis.runtime.lanes import Lane, Lanes
from palingenesis.runtime.morning import Morning, Reading
from palingenesis.runtime.oddities import Odd
from tests.core.test_counting import (
    AGENT,
    EVENING,
    FINISH,
    GIVE_UP,
    NIGHTS,
    ONE,
    TWO,
    at,
    blocked,
    decided,
    ended,
    figures,
    given_,
    new_session,
    resume,
    tick,
    verified,
)

WAIT_FIRST = (plans.Wait(span=timedelta(minutes=5)), plans.Resume())
TAKE_OVER = (plans.Interrupt(), plans.Wait(span=timedelta(minutes=5)), plans.Resume())


def working(minutes: float, session: SessionId = ONE) -> Event:
    return events.SessionWorking(at=at(minutes), session=session, agent=AGENT)


def stopped(minutes: float, reason: StopReason = StopReason.OVERLOADED) -> Event:
    stop = Stop(key=f"k{minutes}", reason=reason)
    return events.SessionStopped(at=at(minutes), session=ONE, agent=AGENT, stop=stop)


def lane_of(*night: Written, until: float = 60) -> Lane:
    """The one lane of a night."""
    lanes = Lanes(EVENING)
    lanes.take_all(night)
    (lane,) = lanes.ended(at(until))
    return lane


def told(lane: Lane) -> list[tuple[str, float, float]]:
    """Its statuses, from which minute to which."""
    minute = timedelta(minutes=1)
    return [
        (span.status.value, (span.start - EVENING) / minute, (span.end - EVENING) / minute)
        for span in lane.spans
    ]


def read(*night: Written, since: datetime = EVENING, until: float = 60) -> Morning:
    reading = Reading(since)
    reading.take_all(night)
    return reading.done(at(until))


def odd(*night: Written) -> list[tuple[str, str, int]]:
    return [(one.kind, one.text, one.times) for one in read(*night).odd]


# ── lanes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_session_that_waits_and_works_again_is_told_status_by_status():
    lane = lane_of(
        (working(0), [], []),
        (stopped(10), [decided(10, WAIT_FIRST)], []),
        (tick(15), [], [resume()]),
        (events.EffectEnded(at=at(16), effect="1.0", result=Result.OK), [], []),
        (tick(17), [verified(17)], []),
    )

    assert told(lane) == [
        ("working", 0, 10),
        ("waiting", 10, 15),
        ("acting", 15, 16),
        ("verifying", 16, 17),
        ("working", 17, 60),
    ]


def test_what_was_interrupted_to_wait_waits():
    interrupt = effects.Interrupt(id="9.0", decision=1, session=ONE, agent=AGENT)

    lane = lane_of(
        (working(0), [], []),
        (stopped(10), [decided(10, TAKE_OVER)], [interrupt]),
        (events.EffectEnded(at=at(11), effect="9.0", result=Result.OK), [], []),
    )

    assert [status for status, _, _ in told(lane)] == ["working", "acting", "waiting"]


def test_a_session_that_continues_another_goes_on_in_its_lane():
    lane = lane_of(
        (working(0), [], []),
        (stopped(10), [decided(10)], [new_session()]),
        (ended("1.1", session="two"), [], []),
        (working(12, TWO), [], []),
    )

    assert lane.ids == [ONE, TWO]
    assert told(lane)[-1] == ("working", 12, 60)


def test_a_pause_hides_what_comes_meanwhile_and_shows_it_after():
    lane = lane_of(
        (working(0), [], []),
        (given_(5, commands.Hold()), [], []),
        (blocked(6), [], []),
        (given_(9, commands.Release()), [], []),
    )

    assert told(lane) == [("working", 0, 5), ("paused", 5, 9), ("blocked", 9, 60)]


def test_a_stop_that_no_rule_goes_on_after_needs_a_person():
    assert told(lane_of((stopped(0), [], []), (tick(), [], []), (working(1), [], []))) == [
        ("working", 1, 60)
    ]
    assert told(lane_of((working(0), [], []), (stopped(5), [decided(5, GIVE_UP)], []))) == [
        ("working", 0, 5),
        ("attention", 5, 60),
    ]


def test_what_a_rail_puts_off_waits_and_what_it_refuses_needs_a_person():
    def refused(why: str) -> Written:
        one = decided(10, (), kind="refused")
        return (tick(10), [replace(one, why=why)], [])

    later = lane_of((working(0), [], []), refused("not before 2026-11-21T23:30:00Z: 12 an hour"))
    never = lane_of((working(0), [], []), refused("nothing was achieved"))

    assert told(later)[-1] == ("waiting", 10, 60)
    assert told(never)[-1] == ("attention", 10, 60)


@given(NIGHTS)
def test_a_lane_has_no_gap_until_its_session_is_gone_and_stays_within_its_stretch(
    night: list[Written],
):
    until = at(10_000)
    lanes = Lanes(EVENING)
    lanes.take_all(sorted(night, key=lambda one: one[0].at))

    for lane in lanes.ended(until):
        assert lane.spans
        for one, two in pairwise(lane.spans):
            assert one.end <= two.start
        for span in lane.spans:
            assert EVENING <= span.start < span.end


# ── figures ───────────────────────────────────────────────────────────────────────────────────


def test_a_stop_before_the_stretch_that_is_saved_in_it_is_a_save_of_it():
    night: list[Written] = [
        (events.Ticked(at=at(-30)), [decided(-30)], []),
        (events.Ticked(at=at(5)), [verified(5)], []),
    ]

    morning = read(*night)

    assert (morning.savings.saves, morning.savings.stopped) == (1, 0)
    assert [(one.waited, one.rule) for one in morning.saves] == [(timedelta(minutes=35), "a-rule")]


def test_a_save_that_its_progress_verifies_is_listed():
    progressed = events.SessionProgressed(at=at(3), session=ONE, what="turn")

    morning = read((tick(0), [decided(0)], []), (progressed, [verified(3)], []))

    assert (morning.savings.saves, len(morning.saves)) == (1, 1)


@given(NIGHTS)
def test_every_save_that_is_counted_is_listed(night: list[Written]):
    morning = read(*sorted(night, key=lambda one: one[0].at))

    assert len(morning.saves) == morning.savings.saves
    assert len(morning.handed) >= morning.savings.handed_over


def test_work_that_goes_on_in_a_new_session_is_listed_as_saved():
    morning = read(
        (tick(0), [decided(0, reason="context_exhausted")], [new_session()]),
        (ended("1.1", session="two"), [verified(3, TWO)], []),
    )

    assert [(one.session, one.reason) for one in morning.saves] == [(TWO, "context_exhausted")]


@given(NIGHTS, st.floats(-10, 610))
def test_the_figures_of_two_stretches_add_up_to_those_of_both(night: list[Written], cut: float):
    night = sorted(night, key=lambda one: one[0].at)
    first = [one for one in night if one[0].at < at(cut)]

    second = read(*night, since=at(cut)).savings

    # Sessions are counted anew in every stretch; everything else adds up.
    fixed = [place for place in range(len(figures(second))) if place not in {3, 4}]
    whole, before, after = figures(savings(night)), figures(savings(first)), figures(second)
    for place in fixed:
        assert abs(whole[place] - before[place] - after[place]) < 1e-6


def test_every_day_of_the_stretch_has_a_row():
    morning = read((tick(0), [decided(0, FINISH)], []), until=3 * 24 * 60)

    assert len(morning.days) == 4
    assert sum(day.stops["overloaded"] for day in morning.days) == 1


def test_rules_are_told_by_how_often_they_decided_with_their_newest_reason():
    morning = read(
        (tick(0), [decided(0)], []),
        (tick(1), [decided(1, GIVE_UP, session=TWO)], []),
    )

    (rule,) = morning.rules
    assert (rule.rule, rule.times, rule.sessions, rule.plan) == (
        "a-rule",
        2,
        2,
        "notify, then attention",
    )
    assert [one.why for one in morning.handed] == ["because"]


# ── what was odd ──────────────────────────────────────────────────────────────────────────────


def daemon(minutes: float) -> Event:
    return events.DaemonStarted(at=at(minutes), version="0.1", seed="s")


def test_a_daemon_that_was_stopped_and_one_that_died_leave_different_gaps():
    stop = events.DaemonStopped(at=at(5), why="asked")

    assert odd((daemon(0), [], []), (stop, [], []), (daemon(45), [], [])) == [
        ("gap", "nobody watched for 40m: the daemon was stopped", 1)
    ]
    assert odd((daemon(0), [], []), (tick(5), [], []), (daemon(45), [], [])) == [
        ("gap", "the daemon ended without a word for up to 40m, and was started again", 1)
    ]
    assert odd((daemon(0), [], []), (stop, [], []), (daemon(5.1), [], [])) == []


def test_a_daemon_that_ended_its_server_too_did_not_end_without_a_word():
    stop = events.DaemonStopped(at=at(5), why="asked")
    server = events.AgentDown(at=at(5), agent=AgentId("opencode"), cause=DownCause.STOPPED)

    told = odd((daemon(0), [], []), (stop, [], []), (server, [], []), (daemon(45), [], []))

    assert told == [("gap", "nobody watched for 40m: the daemon was stopped", 1)]


def test_the_same_again_is_counted():
    died = events.AgentDown(
        at=at(1), agent=AgentId("opencode"), cause=DownCause.EXITED, signal="SIGKILL"
    )

    assert odd((died, [], []), (died, [], [])) == [("agent", "opencode exited SIGKILL", 2)]


def test_an_agent_that_was_stopped_on_purpose_is_not_odd():
    ended_ = events.AgentDown(at=at(1), agent=AgentId("opencode"), cause=DownCause.STOPPED)

    assert odd((ended_, [], [])) == []


def test_an_outcome_that_nobody_knows_is_told_with_its_session():
    unknown = events.EffectEnded(at=at(2), effect="1.0", result=Result.UNKNOWN, detail="cut off")

    (found,) = read((tick(1), [], [resume()]), (unknown, [], [])).odd

    assert found == Odd(
        kind="unknown",
        text="nobody knows whether it happened: cut off",
        at=at(2),
        session=ONE,
    )


def test_what_the_clocks_did_is_told_in_whole_seconds_and_a_file_that_is_gone_as_gone():
    slept = events.MachineSlept(at=at(1), span=timedelta(hours=2, milliseconds=412))
    stepped = events.ClockStepped(at=at(2), by=timedelta(minutes=-3, milliseconds=7))
    gone = events.PolicyRefused(
        at=at(3), name="policy.yaml", digest="", problems=("the file is gone: /c/policy.yaml",)
    )

    assert odd((slept, [], []), (stepped, [], []), (gone, [], [])) == [
        ("clock", "the machine slept for 2h", 1),
        ("clock", "the clock was set back by 3m", 1),
        ("policy", "policy.yaml: the file is gone: /c/policy.yaml", 1),
    ]


def test_however_much_is_odd_the_list_has_an_end():
    refused = [
        (events.PolicyRefused(at=at(1), name=f"p{n}", digest="d", problems=("x",)), [], [])
        for n in range(1000)
    ]

    assert len(read(*refused).odd) == 200


def test_where_the_world_stands_is_where_a_lane_ends():
    lanes = Lanes(EVENING)
    lanes.take_all([(working(0), [], []), (stopped(10), [decided(10, WAIT_FIRST)], [])])
    session = Session(
        id=ONE, agent=AGENT, status=Status.ATTENTION, since=at(20), supervised=True, title="t"
    )

    lanes.corrected({ONE: session}, at(60))

    (lane,) = lanes.ended(at(60))
    assert lane.title == "t"
    assert told(lane) == [("working", 0, 10), ("waiting", 10, 20), ("attention", 20, 60)]
