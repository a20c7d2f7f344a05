"""The second look allows what a rail's number allows, and objects to one more."""

from datetime import datetime, timedelta

import pytest

from palingenesis.core import effects
from palingenesis.core.copies import replace
from palingenesis.core.safety import PROMPTS_PER_HOUR, RESTARTS_MAX, UNPRODUCTIVE_MAX, WAIT_MAX
from palingenesis.core.second_look import objection
from palingenesis.core.step import Turn
from palingenesis.core.values import (
    Block,
    BlockKind,
    SessionId,
    Severity,
    Status,
    StopReason,
    Way,
)
from palingenesis.core.world import Held, World
from tests.core.life import AGENT, SES, START, Life, stopped
from tests.core.policies import NIGHT
from tests.core.test_second_look import a_prompt, a_restart, on, why, with_agent, with_session

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def instead(turn: Turn, kind: type) -> Turn:
    """The same turn with another kind of prompt in place of its own."""
    (effect,) = turn.effects
    common = {"id": effect.id, "decision": effect.decision, "session": SES, "agent": AGENT}
    more = {"source": "Next-step.md", "if_missing": "summary"} if kind is effects.NewSession else {}
    return turn._replace(effects=(kind(**common, stop="k", **more),))


def with_world(turn: Turn, **changes: object) -> Turn:
    return turn._replace(world=replace(turn.world, **changes))


def hers(turn: Turn) -> Turn:
    """The same turn, asked for by the person."""
    plan = turn.world.sessions[SES].plan
    assert plan is not None
    return with_session(turn, plan=replace(plan, event="operator"))


# ── prompts ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "oldest", "said"),
    [
        (PROMPTS_PER_HOUR, START, ""),
        (PROMPTS_PER_HOUR + 1, START, "more than 12 prompts within an hour"),
        (PROMPTS_PER_HOUR + 1, START - HOUR, ""),
        (PROMPTS_PER_HOUR + 1, START - HOUR + MOMENT, "more than 12 prompts within an hour"),
    ],
)
def test_the_thirteenth_prompt_of_an_hour_is_objected_to(count: int, oldest: datetime, said: str):
    life, before, turn, effect = a_prompt()
    assert life.now == START

    told = why(life, before, with_session(turn, prompts=(oldest, *(START,) * (count - 1))))

    assert told == (said and f"Resume {effect.id}: {said}")


@pytest.mark.parametrize(("count", "said"), [(60, ""), (61, "60 prompts within an hour in all")])
def test_the_sixty_first_prompt_of_all_is_objected_to(count: int, said: str):
    life, before, turn, _ = a_prompt()

    told = why(life, before, with_world(turn, prompted=(START,) * count))

    assert told.endswith(said)
    assert bool(told) is bool(said)


@pytest.mark.parametrize(
    ("kind", "count", "said"),
    [
        (effects.NewSession, 20, ""),
        (effects.NewSession, 21, "more than 20 new sessions within an hour in all"),
        (effects.Retry, 21, ""),
    ],
)
def test_the_twenty_first_new_session_is_objected_to(kind: type, count: int, said: str):
    life, before, turn, _ = a_prompt()

    told = why(life, before, with_world(instead(turn, kind), begun=(START,) * count))

    assert told.endswith(said)
    assert bool(told) is bool(said)


@pytest.mark.parametrize(
    ("kind", "unproductive", "said"),
    [
        (effects.Retry, UNPRODUCTIVE_MAX, ""),
        (effects.Retry, UNPRODUCTIVE_MAX + 1, "3 prompts in a row achieved nothing"),
        (effects.Compact, UNPRODUCTIVE_MAX - 1, ""),
        (effects.Compact, UNPRODUCTIVE_MAX, "3 prompts in a row achieved nothing"),
    ],
)
def test_a_prompt_counts_itself_among_those_in_vain_and_a_summary_does_not(
    kind: type, unproductive: int, said: str
):
    life, before, turn, _ = a_prompt()
    spoilt = with_session(instead(turn, kind), unproductive=unproductive, stop=on(StopReason.AUTH))

    told = why(life, before, spoilt)

    assert told.endswith(said)
    assert bool(told) is bool(said)


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({"stop": on(StopReason.NETWORK), "prompts": (START - timedelta(minutes=10), START)}, True),
        (
            {
                "stop": on(StopReason.NETWORK),
                "prompts": (START - timedelta(minutes=10) + MOMENT, START),
            },
            False,
        ),
        ({"stop": on(StopReason.NETWORK), "prompts": (START,)}, False),
        ({"stop": None, "prompts": (START - HOUR, START)}, False),
        ({"stop": on(StopReason.AUTH), "prompts": (START - HOUR, START)}, False),
    ],
)
def test_an_outage_may_be_probed_every_ten_minutes(changes: dict[str, object], right: bool):
    life, before, turn, _ = a_prompt()
    in_vain = with_session(turn, unproductive=UNPRODUCTIVE_MAX + 1, **changes)

    assert (why(life, before, in_vain) == "") is right


def test_a_stall_is_in_vain_whatever_it_stopped_for_before():
    life, before, turn, _ = a_prompt()
    plan = turn.world.sessions[SES].plan
    assert plan is not None
    changes = {"unproductive": UNPRODUCTIVE_MAX + 1, "stop": on(StopReason.QUOTA)}

    stalled = with_session(turn, plan=replace(plan, event="stalled"), **changes)

    assert "achieved nothing" in why(life, before, stalled)


def test_what_the_person_asks_for_is_not_counted():
    life, before, turn, _ = a_prompt()
    much = with_session(turn, prompts=(START,) * (PROMPTS_PER_HOUR + 1))

    assert why(life, before, hers(much)) == ""


def test_the_person_may_send_on_what_she_stopped():
    life, before, turn, _ = a_prompt()

    assert why(life, before, hers(with_session(turn, latched=True))) == ""


def test_nothing_is_done_where_nobody_watches_or_nobody_is_known():
    life, before, turn, _ = a_prompt()

    assert "its sensor is broken" in why(life, before, with_world(turn, unseen={AGENT: "x"}))
    assert "no such agent" in why(life, before, with_world(turn, agents={}))
    elsewhere = instead(turn, effects.Retry)
    (effect,) = elsewhere.effects
    astray = elsewhere._replace(effects=(replace(effect, session=SessionId("ses_9")),))
    assert "no such session" in why(life, before, astray)


# ── what touches no session ───────────────────────────────────────────────────────────────────


def only(turn: Turn, effect: effects.Effect) -> Turn:
    return turn._replace(effects=(effect,))


def test_telling_is_never_objected_to_and_a_hook_only_in_a_pause():
    life, before, turn, effect = a_prompt()
    common = {"id": effect.id, "decision": effect.decision}
    told = effects.Notify(**common, session=SES, severity=Severity.INFO, title="t", message="m")
    hook = effects.Run(**common, session=SES, hook="page")
    paused = with_world(turn, paused=True)

    assert why(life, before, only(paused, told)) == ""
    assert why(life, before, only(paused, effects.Log(**common, session=SES, message="m"))) == ""
    assert why(life, before, only(turn, hook)) == ""
    assert "paused everything" in why(life, before, only(paused, hook))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"way": Way.ATTACHED}, "not ours to end"),
        ({"supported": False}, "not ours to end"),
    ],
)
def test_only_a_server_of_ours_is_ended(changes: dict[str, object], said: str):
    life, before, turn, effect = a_prompt()
    stop = effects.Stop(id=effect.id, decision=effect.decision, agent=AGENT)
    world = with_agent(turn.world, **changes)

    told = why(life, before, only(turn, stop)._replace(world=world))

    assert said in told
    assert bool(told) is bool(said)
    nobody = with_world(only(turn, stop), agents={})
    assert "not ours to end" in why(life, before, nobody)


def test_a_backup_beside_needs_no_plan_and_one_that_decides_does():
    life, before, turn, effect = a_prompt()
    common = {"id": effect.id, "decision": effect.decision, "session": SES, "agent": AGENT}
    planless = with_session(turn, plan=None)

    assert why(life, before, only(planless, effects.Snapshot(**common, aside=True))) == ""
    assert "no plan" in why(life, before, only(planless, effects.Snapshot(**common)))
    plan = turn.world.sessions[SES].plan
    assert plan is not None
    other = with_session(turn, plan=replace(plan, effect="5eed5eed-9.9"))
    assert "no plan" in why(life, before, only(other, effects.Snapshot(**common)))


def test_a_block_keeps_prompts_out_and_nothing_else():
    life, before, turn, effect = a_prompt()
    block = Block(id="b", kind=BlockKind.QUESTION, since=START)
    common = {"id": effect.id, "decision": effect.decision, "session": SES, "agent": AGENT}
    blocked = with_session(turn, block=block, prompts=(START,) * (PROMPTS_PER_HOUR + 1))

    assert "waits for the person" in why(life, before, hers(blocked))
    assert why(life, before, only(blocked, effects.Interrupt(**common))) == ""


def test_only_the_order_that_she_asked_for_is_hers():
    life, before, turn, effect = a_prompt()
    plan = turn.world.sessions[SES].plan
    assert plan is not None
    another = replace(turn.world.sessions[SES], id=SessionId("ses_2"))
    asked = replace(another, plan=replace(plan, event="operator", effect="5eed5eed-7.0"))
    sessions = {**turn.world.sessions, SessionId("ses_2"): asked}

    paused = with_world(turn, paused=True, sessions=sessions)

    assert f"Resume {effect.id}: the operator has paused everything" == why(life, before, paused)


def test_a_notice_that_was_held_comes_from_its_own_decision():
    life, before, turn, _ = a_prompt()
    old = effects.Notify(
        id="5eed5eed-7.0", decision=7, session=SES, severity=Severity.INFO, title="t", message="m"
    )
    held = Held(notice=old, rule="r", calendar="quiet", until=START)

    assert "nobody decided it" in why(life, before, only(turn, old))
    assert why(life, replace(before, held=(held,)), only(turn, old)) == ""


def test_a_restart_of_one_server_is_not_held_up_by_that_of_another():
    life, before, turn = a_restart()
    other = replace(turn.effects[0], id="5eed5eed-0.9", agent="another")

    both = with_world(turn, open={**turn.world.open, other.id: other})

    assert why(life, before, both) == ""


# ── servers ───────────────────────────────────────────────────────────────────────────────────


def burst(span: timedelta) -> tuple[datetime, ...]:
    """As many restarts as open the breaker, the last of them now."""
    return (START - span, *(START,) * (RESTARTS_MAX - 1))


@pytest.mark.parametrize(
    ("changes", "open_"),
    [
        ({"restarts": burst(timedelta(minutes=10))}, True),
        ({"restarts": burst(timedelta(minutes=10) + MOMENT)}, False),
        ({"restarts": (START,) * (RESTARTS_MAX - 1)}, False),
        ({"restarts": (START - HOUR, *burst(timedelta(minutes=1)))}, True),
        ({"restarts": (), "tripped": True}, False),
        ({"restarts": (START - timedelta(minutes=30),), "tripped": True}, False),
        ({"restarts": (START - timedelta(minutes=30) + MOMENT,), "tripped": True}, True),
    ],
)
def test_a_breaker_is_open_for_half_an_hour(changes: dict[str, object], open_: bool):
    life, before, turn = a_restart()
    assert life.now == START

    told = why(life, with_agent(before, **changes), turn)

    assert ("its breaker is open" in told) is open_
    assert bool(told) is open_


@pytest.mark.parametrize(("count", "right"), [(30, True), (31, False)])
def test_the_thirty_first_restart_of_an_hour_is_objected_to(count: int, right: bool):
    life, before, turn = a_restart()

    told = why(life, before, with_world(turn, restarted=(START,) * count))

    assert ("more than 30 restarts within an hour in all" in told) is not right
    assert (told == "") is right


def test_a_server_that_nobody_watches_is_not_restarted():
    life, before, turn = a_restart()

    assert "its sensor is broken" in why(life, before, with_world(turn, unseen={AGENT: "x"}))


def test_a_server_that_was_not_known_before_has_no_history():
    life, before, turn = a_restart()

    assert why(life, replace(before, agents={}), turn) == ""


def test_the_person_may_start_a_server_that_a_rule_stopped():
    life, before, turn = a_restart()

    assert why(life, with_agent(before, stopped=True), hers(turn)) == ""


# ── waits ─────────────────────────────────────────────────────────────────────────────────────


def a_wait() -> tuple[Life, World, Turn]:
    life = Life(NIGHT)
    before = life.world
    event = stopped("quota", retry_after=3600)(life)
    assert event is not None
    return life, before, life.take(event)


@pytest.mark.parametrize(
    ("past", "right"),
    [(timedelta(0), True), (timedelta(seconds=1), True), (timedelta(seconds=1) + MOMENT, False)],
)
def test_a_wait_may_overrun_the_cap_by_a_second_and_no_more(past: timedelta, right: bool):
    life, before, turn = a_wait()
    plan = turn.world.sessions[SES].plan
    assert plan is not None

    long = with_session(turn, plan=replace(plan, deadline=START + WAIT_MAX + past))

    assert (why(life, before, long) == "") is right


def test_a_wait_counts_from_where_it_began():
    life, before, turn = a_wait()
    plan = turn.world.sessions[SES].plan
    assert plan is not None
    later = replace(plan, wait_from=START + HOUR, deadline=START + HOUR + WAIT_MAX)

    assert why(life, before, with_session(turn, plan=later)) == ""


def test_only_a_wait_is_capped_and_only_one_that_this_turn_began():
    life, before, turn = a_wait()
    plan = turn.world.sessions[SES].plan
    assert plan is not None
    for_ever = with_session(turn, plan=replace(plan, deadline=START + 2 * WAIT_MAX))

    assert "would wait until 2026-02-21T02:00:00Z" in why(life, before, for_ever)
    acting = with_session(for_ever, status=Status.ACTING)
    assert why(life, before, acting) == ""
    assert why(life, replace(before, sessions=for_ever.world.sessions), for_ever) == ""
    nothing = with_session(turn, plan=replace(plan, deadline=None))
    assert why(life, before, nothing) == ""


def test_every_wait_is_looked_at_and_not_the_first_alone():
    life, before, turn = a_wait()
    session = turn.world.sessions[SES]
    assert session.plan is not None
    for_ever = replace(session, plan=replace(session.plan, deadline=START + 2 * WAIT_MAX))
    other = SessionId("ses_2")
    idle = replace(session, id=SES, plan=None)
    known = before.sessions[SES]

    for first in (idle, session, known):
        two = with_world(turn, sessions={SES: first, other: for_ever})
        said = objection(before, two.world, (), set(), life.now, enforced=True)
        assert said.startswith("ses_2 would wait")
