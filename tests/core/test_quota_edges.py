"""The ledger of limits at its edges: who is asked, until when, what is expected and kept."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.quota import (
    CANARY_FOR,
    ROWS_MOST,
    asked_until,
    canary_of,
    drift_of,
    expected_at,
    floor_of,
    remember,
)
from palingenesis.core.ledger import Quota
from palingenesis.core.plans import Step
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.values import AgentId, SessionId, Status, Stop, StopReason, Way
from palingenesis.core.world import Agent, Plan, Session, World
from tests.core.fleet import RESET, SONNET, Fleet
from tests.core.life import START
from tests.core.policies import NIGHT, policy, rule

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
REOPENS = START + RESET
ME = SessionId("ses_me")
MY_AGENT = AgentId("opencode")


def a_limit(**changes: Any) -> Quota:
    known: dict[str, Any] = {
        "provider": "anthropic",
        "model": "sonnet",
        "window": "quota",
        "closed_at": START,
        "refused_at": START,
    }
    return Quota(**known | changes)


def a_plan(*steps: Step, **changes: Any) -> Plan:
    known: dict[str, Any] = {
        "decision": 1,
        "rule": "r",
        "event": "stopped",
        "steps": steps,
        "index": 0,
        "started_at": START,
        "seed": "s",
        "tries": 0,
        "stop": "k",
        "facts": {},
    }
    return Plan(**known | changes)


def a_world(*, up: bool = True, order: effects.Effect | None = None, **changes: Any) -> World:
    """One session that was prompted at the start, in an agent that is up."""
    known: dict[str, Any] = {
        "id": ME,
        "agent": MY_AGENT,
        "since": START,
        "went_to": "anthropic/sonnet",
        "prompts": (START,),
        "status": Status.WORKING,
    }
    agent = Agent(
        id=MY_AGENT, assistant="opencode", way=Way.MANAGED, version="1", supported=True,
        up=up, since=START, started_at=START,
    )  # fmt: skip
    return World(
        agents={MY_AGENT: agent},
        sessions={ME: Session(**known | changes)},
        open={order.id: order} if order is not None else {},
    )


def until(world: World, **changes: Any) -> datetime | None:
    return asked_until(world, a_limit(**changes), world.sessions[ME])


# ── who is asked just now ─────────────────────────────────────────────────────────────────────

ASKED = START + CANARY_FOR


@pytest.mark.parametrize("status", [Status.WORKING, Status.VERIFYING, Status.STALLED])
def test_who_was_prompted_and_has_not_answered_is_asked_for_ten_minutes(status: Status):
    world = a_world(status=status)

    assert until(world) == ASKED == START + 10 * MINUTE
    assert canary_of(world, a_limit(), ASKED - MINUTE / 60) is not None
    assert canary_of(world, a_limit(), ASKED) is None
    assert canary_of(world, a_limit(), START, but=ME) is None


@pytest.mark.parametrize("status", [Status.ATTENTION, Status.PAUSED, Status.BLOCKED])
def test_who_rests_is_not_asked(status: Status):
    assert until(a_world(status=status)) is None


def test_whose_program_is_down_or_who_never_was_prompted_is_not_asked():
    assert until(a_world(up=False)) is None
    assert until(a_world(prompts=())) is None
    assert until(replace(a_world(), agents={})) is None


@pytest.mark.parametrize(("answered", "asked"), [(-1, True), (0, False), (1, False)])
def test_an_answer_ends_it_unless_it_was_given_before(answered: int, *, asked: bool):
    world = a_world(answered_at=START + answered * MINUTE)

    assert until(world) == (ASKED if asked else None)


def test_a_prompt_goes_to_the_model_that_the_newest_step_with_a_model_names():
    steps = (
        plans.Resume(model="anthropic/opus"),
        plans.Wait(span=MINUTE),
        plans.Resume(model="openai/gpt"),
    )
    worlds = [a_world(plan=a_plan(*steps, index=index)) for index in range(3)]

    assert [until(world, model="opus") for world in worlds] == [ASKED, ASKED, None]
    assert [until(world, provider="openai", model="gpt") for world in worlds] == [
        None,
        None,
        ASKED,
    ]
    assert [until(world) for world in worlds] == [None, None, None]


def order(plan: Plan) -> effects.Resume:
    return effects.Resume(
        id=plan.effect or "",
        decision=1,
        session=ME,
        agent=MY_AGENT,
        stop="k",
        words=True,
        text="go on",
    )


def test_a_prompt_that_is_being_sent_counts_from_when_it_was_ordered():
    plan = a_plan(plans.Resume(), effect="e", acted_at=START + MINUTE)
    sent = a_world(status=Status.ACTING, plan=plan, order=order(plan))
    told = a_world(status=Status.ACTING, plan=plan)

    assert until(sent) == START + MINUTE + CANARY_FOR
    assert until(told) is None


def test_a_summary_that_is_being_made_counts_from_when_the_session_began_to_act():
    plan = a_plan(plans.Compact(), effect="e")
    compact = effects.Compact(id="e", decision=1, session=ME, agent=MY_AGENT, stop="k")
    world = a_world(
        status=Status.ACTING, plan=plan, order=compact, since=START + MINUTE
    )  # fmt: skip

    assert until(world) == START + MINUTE + CANARY_FOR


@pytest.mark.parametrize(
    ("steps", "index", "probe", "asked"),
    [
        ((plans.Delegate(),), 0, ME, True),
        ((plans.Delegate(),), 0, None, False),
        ((plans.Delegate(),), 0, SessionId("ses_other"), False),
        ((plans.Wait(span=MINUTE), plans.Resume()), 0, ME, False),
        ((plans.Resume(), plans.Delegate()), 0, ME, False),
        ((plans.Delegate(),), 1, ME, False),
    ],
)
def test_who_waits_is_asked_only_as_a_probe_that_is_left_to_its_assistant(
    steps: tuple[Step, ...], index: int, probe: SessionId | None, *, asked: bool
):
    plan = a_plan(*steps, index=index, deadline=START + 3 * MINUTE)
    world = a_world(status=Status.WAITING, plan=plan)

    assert until(world, probe=probe) == (START + 3 * MINUTE if asked else None)


# ── what is expected ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shown_s", "shown_at", "later"),
    [
        (299, START, False),
        (300, START, True),
        (300, START + MINUTE, False),
        (299, None, False),
        (300, None, True),
    ],
)
def test_a_reset_is_expected_as_late_as_before_unless_it_is_a_pause_of_less_than_five_minutes(
    shown_s: int, shown_at: datetime | None, *, later: bool
):
    shown = START + timedelta(seconds=shown_s)
    quota = a_limit(shown=shown, shown_at=shown_at, drift=7 * MINUTE)

    assert expected_at(quota) == (shown + 7 * MINUTE if later else shown)


def test_nobody_asks_in_vain_before_what_is_expected_and_what_a_refused_probe_says():
    shown = START + RESET

    assert floor_of(a_limit()) is None
    assert floor_of(a_limit(shown=shown)) == shown
    assert floor_of(a_limit(again_at=START + MINUTE)) == START + MINUTE
    assert floor_of(a_limit(shown=shown, again_at=shown + MINUTE)) == shown + MINUTE
    assert floor_of(a_limit(shown=shown, again_at=shown - MINUTE)) == shown


@pytest.mark.parametrize(
    ("reason", "after_s", "model", "drift"),
    [
        (StopReason.QUOTA, 300, "sonnet", 7 * MINUTE),
        (StopReason.QUOTA, 299, "sonnet", timedelta(0)),
        (StopReason.QUOTA, None, "sonnet", timedelta(0)),
        (StopReason.QUOTA, 300, "opus", timedelta(0)),
        (StopReason.NETWORK, 300, "sonnet", timedelta(0)),
    ],
)
def test_a_session_expects_a_displayed_reset_of_its_own_limit_as_late_as_before(
    reason: StopReason, after_s: int | None, model: str, drift: timedelta
):
    retry_at = START + timedelta(seconds=after_s) if after_s is not None else None
    stop = Stop(key="k", reason=reason, provider="anthropic", model=model, retry_at=retry_at)
    world = a_world(stop=stop, stopped_at=START)
    world = replace(world, quota={"anthropic/sonnet quota": a_limit(drift=7 * MINUTE)})

    assert drift_of(world, world.sessions[ME]) == drift


# ── what is kept ──────────────────────────────────────────────────────────────────────────────


def kept(at: datetime, *rows: Quota) -> list[str]:
    """The rows that are left, by name, when another limit is put into the ledger."""
    before = {f"row {number:02}": row for number, row in enumerate(rows)}
    draft = Draft(World(quota=before), NIGHT, at)
    remember(draft, "new", a_limit(refused_at=at, closed_at=at))
    return [key for key in draft.world.quota if key != "new"]


OPEN = a_limit(closed=False)


@pytest.mark.parametrize(
    ("row", "for_so_long"),
    [
        (OPEN, DAY),
        (replace(OPEN, answered_at=START + MINUTE), DAY + MINUTE),
        (replace(OPEN, drift=MINUTE), WAIT_MAX),
        (a_limit(), WAIT_MAX),
        (a_limit(shown=START + RESET), WAIT_MAX + RESET),
    ],
)
def test_an_open_limit_is_kept_a_day_and_what_is_closed_or_learnt_as_long_as_any_wait(
    row: Quota, for_so_long: timedelta
):
    assert kept(START + for_so_long, row) == ["row 00"]
    assert kept(START + for_so_long + MINUTE / 60, row) == []


def test_of_too_many_limits_the_open_ones_go_first_and_then_those_refused_longest_ago():
    rows = [a_limit(refused_at=START + n * MINUTE) for n in range(ROWS_MOST)]
    rows[0] = replace(rows[0], refused_at=START + DAY)

    assert "row 01" not in kept(START + DAY, *rows)
    rows[5] = replace(OPEN, refused_at=START + 2 * DAY)
    assert "row 05" not in kept(START + DAY, *rows)
    assert len(kept(START + DAY, *rows)) == ROWS_MOST - 1


# ── plays ─────────────────────────────────────────────────────────────────────────────────────


def steps_of(ships: Fleet, count: int) -> list[timedelta]:
    """How long all wait after each probe that is refused, one after the other."""
    found = []
    for _ in range(count):
        _, number = ships.asked[-1]
        ships.refuse(number, WINDOWS[ships.ledger.window])
        assert ships.ledger.again_at is not None
        found.append(ships.ledger.again_at - ships.now)
        ships.until(ships.ledger.again_at)
    return found


WINDOWS = {"quota": "quota", "rate": "rate_limit"}


def test_after_refused_probes_a_long_window_is_left_alone_for_a_minute_up_to_an_hour():
    ships = Fleet(NIGHT, 12)
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)

    waits = [step / MINUTE for step in steps_of(ships, 8)]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_after_refused_probes_a_short_one_is_left_alone_for_seconds_up_to_ten_minutes():
    ships = Fleet(NIGHT, 14)
    ships.refuse_all("rate_limit")
    ships.after(30)

    waits = [step.total_seconds() for step in steps_of(ships, 9)]

    first = waits[0]
    assert first in (5, 10, 20)
    assert waits == [min(first * 2**n, 600) for n in range(9)]


def learnt() -> Fleet:
    """A reset came seven minutes late; now the limit is closed for another window."""
    ships = Fleet(NIGHT, 3)
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)
    ships.refuse(0)
    ships.until(REOPENS + MINUTE)
    ships.now = REOPENS + 7 * MINUTE
    ships.answer(1)
    assert ships.ledger.drift == 7 * MINUTE
    ships.after(30)
    for number in range(3):
        ships.complete(number)
    ships.after(1)
    ships.refuse_all(resets=REOPENS + RESET)
    assert ships.ledger.late == 0
    return ships


@pytest.mark.parametrize(("late_s", "on_time"), [(-1, 0), (0, 1), (1, 1)])
def test_an_answer_from_the_very_instant_of_the_reset_on_says_that_it_came_in_time(
    late_s: int, on_time: int
):
    ships = learnt()
    ships.until(REOPENS + RESET - MINUTE)
    ships.command(commands.Skip(session=ships.id(2)))
    ships.now = REOPENS + RESET + timedelta(seconds=late_s)

    ships.answer(2)

    assert not ships.ledger.closed
    assert (ships.ledger.drift, ships.ledger.on_time) == (7 * MINUTE, on_time)


def test_what_is_still_said_while_a_backup_is_made_is_no_answer():
    backs_up = policy(
        rule("limit", "stop.reason == 'quota'", {"wait": {"for": "1m"}}, {"snapshot": {}},
             {"resume": {}})
    )  # fmt: skip
    ships = Fleet(backs_up, 1, slow=True)
    ships.refuse(0)
    ships.after(60)
    assert ships.of(0).status is Status.ACTING
    ships.after(1)

    ships.answer(0)

    assert ships.ledger.closed


def test_a_canary_that_ends_lets_the_next_go_although_another_line_is_stuck_before_it():
    ships = Fleet(NIGHT, 6)
    for number in (0, 1, 2):
        ships.refuse(number, resets=REOPENS)
    ships.after(1)
    for number in (3, 4, 5):
        ships.refuse(number, resets=REOPENS + MINUTE, at=(SONNET[0], "opus"))
    ships.until(REOPENS + MINUTE)
    assert ships.asked_since(START) == [0, 3]
    ships.after(15)
    ships.take(events.DaemonStarted(at=ships.now, version="test", seed="s", boot_id="two"))

    ships.slow = True  # what follows is seen in this very turn
    ships.command(commands.Abort(session=ships.id(3)))

    assert ships.asked_since(START) == [0, 3, 4]
    waits = ships.of(5)
    assert waits.outlook.startswith("the canary ses_004")
    assert waits.plan is not None
    assert waits.plan.boot == "two"
