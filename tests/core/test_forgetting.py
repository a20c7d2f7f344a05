"""What is long over is forgotten; what the person said of it is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.kernel.forgetting import WORDS_MAX
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    SessionId,
    Status,
    StopReason,
    Way,
)
from palingenesis.core.world import Hold, Plan, World
from tests.core.life import (
    SES,
    START,
    Life,
    agent_up,
    alive,
    asked,
    person_prompts,
    progressed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import NIGHT

MONTH = timedelta(days=30)


def later(life: Life, span: timedelta = MONTH + timedelta(hours=1)) -> None:
    """Time passes, and another session comes into being."""
    life.now += span
    number = len(life.world.sessions)
    life.take(agent_up(life))
    life.take(
        events.SessionSeen(at=life.now, session=SessionId(f"ses_new_{number}"), agent=life_agent())
    )


def life_agent() -> AgentId:
    return AgentId("opencode")


def known(life: Life) -> bool:
    return SES in life.world.sessions


@pytest.mark.parametrize("reason", ["completed", "auth"])
def test_a_session_at_rest_is_forgotten_after_a_month(reason):
    life = Life(NIGHT) >> stopped(reason)

    later(life, MONTH - timedelta(hours=1))
    assert known(life)
    later(life, timedelta(hours=2))

    assert not known(life)


def test_a_session_that_only_was_listed_is_forgotten_after_a_month():
    life = Life(NIGHT)
    other = SessionId("ses_listed")
    life.take(events.SessionSeen(at=life.now, session=other, agent=life_agent()))

    later(life)

    assert other not in life.world.sessions


@pytest.mark.parametrize(
    "act",
    [alive, progressed, working, stopped("rate_limit", retry_after=7 * 86_400), asked()],
    ids=["alive", "progressed", "working", "waiting", "blocked"],
)
def test_a_session_in_its_life_is_never_forgotten(act):
    life = Life(NIGHT) >> act

    later(life)

    assert known(life)


def test_a_session_that_showed_a_sign_of_life_lately_is_remembered():
    life = Life(NIGHT) >> stopped("auth")
    life.now += MONTH - timedelta(days=1)
    life >> alive

    later(life, timedelta(days=2))

    assert known(life)


def test_a_session_that_works_again_after_it_was_forgotten_is_ours_as_any_other():
    life = Life(NIGHT) >> stopped("completed")
    later(life)

    life >> working

    assert life.session.status is Status.WORKING
    assert life.session.supervised


def test_the_person_s_stop_outlives_everything_else_about_a_session():
    life = Life(NIGHT) >> progressed >> stopped(StopReason.USER_ABORT)
    happened = life.session.happened
    assert happened

    later(life)
    life >> working

    assert life.session.latched
    assert life.session.status is Status.STOOD_DOWN
    assert life.session.happened == ()
    life.orders.clear()
    life >> stopped("rate_limit", retry_after=1)
    life.claim_nothing_more()
    life >> person_prompts
    assert not life.session.latched


def test_a_session_that_we_were_told_to_leave_alone_stays_left_alone():
    life = Life(NIGHT) >> told_to(commands.Detach(session=SES))

    later(life)
    life >> working

    assert life.session.status is Status.DETACHED


def test_of_many_words_the_newest_are_remembered():
    life = Life(NIGHT) >> stopped(StopReason.USER_ABORT)
    one = life.session
    many = {
        SessionId(f"ses_{n:05}"): replace(
            one, id=SessionId(f"ses_{n:05}"), since=one.since + timedelta(seconds=n)
        )
        for n in range(WORDS_MAX + 10)
    }
    life.world = replace(life.world, sessions=many)

    later(life, MONTH * 2)

    words = [session for session in life.world.sessions.values() if session.latched]
    assert len(words) == WORDS_MAX
    assert SessionId("ses_00009") not in life.world.sessions
    assert SessionId("ses_00010") in life.world.sessions


def program(life: Life, name: str, way: Way) -> AgentId:
    agent = AgentId(name)
    up = agent_up(life)
    life.take(replace(up, agent=agent, way=way))
    return agent


@pytest.mark.parametrize("way", [Way.OBSERVED, Way.INTEGRATED])
def test_a_program_of_the_person_s_own_is_forgotten_with_its_last_session(way: Way):
    life = Life(NIGHT)
    mine, hers = program(life, "opencode:1", way), program(life, "opencode:2", way)
    life.take(events.SessionSeen(at=life.now, session=SessionId("ses_hers"), agent=hers))
    for agent in (mine, hers):
        life.take(events.AgentDown(at=life.now, agent=agent, cause=DownCause.ENDED, exit_code=0))

    later(life, timedelta(days=2))

    assert mine not in life.world.agents
    assert hers in life.world.agents
    assert life_agent() in life.world.agents
    later(life)
    later(life, timedelta(minutes=1))
    assert hers not in life.world.agents


def test_a_life_of_years_is_remembered_in_little_room():
    life = Life(NIGHT)
    sizes = []
    for number in range(1_000):
        life.now += timedelta(days=1)
        session = SessionId(f"ses_{number}")
        life.work(session)
        life.take(replace(stopped("completed")(life), session=session))
        sizes.append(len(life.world.sessions))

    assert max(sizes) <= 33
    assert isinstance(life.world, World)


# ── what is kept, and of what ─────────────────────────────────────────────────────────────────


def changed(life: Life, **changes: object) -> Life:
    session = replace(life.session, **changes)  # type: ignore[arg-type]
    life.world = replace(life.world, sessions={SES: session})
    return life


def test_a_session_at_rest_is_remembered_for_thirty_days_to_the_second():
    life = Life(NIGHT) >> stopped("auth")

    later(life, MONTH)
    assert known(life)
    later(life, timedelta(seconds=1))

    assert not known(life)


HOLD = Hold(rule="r", event="stopped", deadline=START + MONTH * 3)
PLAN = Plan(
    decision=1,
    rule="r",
    event="stopped",
    steps=(),
    index=0,
    started_at=START,
    seed="s",
    tries=0,
    stop="",
    facts={},
)


@pytest.mark.parametrize(
    "changes",
    [
        {"watches": (HOLD,)},
        {"plan": PLAN},
        {"reopen_at": START + MONTH * 3},
    ],
    ids=["watched", "planned", "reopened"],
)
def test_a_session_with_anything_still_to_come_is_not_forgotten(changes: dict[str, object]):
    life = changed(Life(NIGHT) >> stopped("auth"), **changes)

    later(life)

    assert known(life)


@pytest.mark.parametrize("status", [Status.ATTENTION, Status.STOOD_DOWN, Status.COMPLETED])
def test_a_question_that_was_never_answered_does_not_keep_a_session_at_rest(status: Status):
    block = Block(id="per_1", kind=BlockKind.PERMISSION, since=START)
    life = changed(Life(NIGHT) >> stopped("auth"), status=status, block=block)

    later(life)

    assert not known(life)


def test_a_try_that_was_to_come_does_not_keep_a_session_that_the_person_took_away():
    life = changed(
        Life(NIGHT) >> stopped("auth"),
        status=Status.DETACHED,
        reopen_at=START + MONTH * 3,
    )

    later(life)

    assert life.session.reopen_at is None, "only her word is kept"


def test_what_is_under_way_keeps_its_session_and_its_program():
    life = Life(NIGHT) >> stopped("auth")
    hers = program(life, "opencode:1", Way.OBSERVED)
    life.take(events.AgentDown(at=life.now, agent=hers, cause=DownCause.ENDED, exit_code=0))
    kept, gone = (
        effects.Interrupt(id=name, decision=1, session=SES, agent=agent)
        for name, agent in (("a", life_agent()), ("b", hers))
    )
    life.world = replace(life.world, open={one.id: one for one in (kept, gone)})

    later(life)
    assert known(life)
    assert hers in life.world.agents

    life.world = replace(life.world, open={})
    later(life, timedelta(minutes=1))
    assert not known(life)
    assert hers not in life.world.agents


def test_of_her_word_what_names_the_session_and_its_kin_is_kept():
    life = Life(NIGHT) >> stopped(StopReason.USER_ABORT)
    kin: dict[str, object] = {
        "directory": "/home/ada",
        "parent": SessionId("ses_top"),
        "predecessor": SessionId("ses_before"),
        "successor": SessionId("ses_after"),
        "outlook": "the person stopped it",
        "supervised": True,
    }
    changed(life, facts={"session.cost": 1.0}, **kin)

    later(life)

    word = life.session
    assert {name: getattr(word, name) for name in kin} == kin
    assert (word.title, word.latched, word.facts, word.stop) == ("night", True, {}, None)


def test_more_words_than_are_remembered_cost_nobody_else_her_session():
    life = Life(NIGHT) >> stopped(StopReason.USER_ABORT)
    many = {
        SessionId(f"ses_{n:05}"): replace(life.session, id=SessionId(f"ses_{n:05}"))
        for n in range(WORDS_MAX + 1)
    }
    full = [replace(life.session, id=SessionId(f"ses_a{n}")) for n in range(3)]
    rest = [replace(one, id=SessionId(f"ses_b{n}"), latched=False) for n, one in enumerate(full)]
    life.world = replace(life.world, sessions=many | {one.id: one for one in (*full, *rest)})

    later(life, MONTH * 2)
    later(life, timedelta(minutes=1))

    latched = [one for one in life.world.sessions.values() if one.latched]
    assert len(latched) == WORDS_MAX
    assert all(one.id not in life.world.sessions for one in rest)


def test_whom_nobody_has_forgotten_yet_is_no_word_of_hers():
    life = Life(NIGHT) >> stopped(StopReason.USER_ABORT)
    young = replace(life.session, since=life.now)
    many = {
        SessionId(f"ses_{n:05}"): replace(young, id=SessionId(f"ses_{n:05}"))
        for n in range(WORDS_MAX + 5)
    }
    life.world = replace(life.world, sessions=many)

    later(life, timedelta(hours=1))

    assert sum(one.latched for one in life.world.sessions.values()) == WORDS_MAX + 5


@pytest.mark.parametrize(("span", "forgotten"), [(86_400, False), (86_401, True)])
def test_a_program_that_is_gone_for_more_than_a_day_is_forgotten(span: int, *, forgotten: bool):
    life = Life(NIGHT)
    gone, here = (
        program(life, "opencode:1", Way.OBSERVED),
        program(life, "opencode:2", Way.OBSERVED),
    )
    managed = program(life, "opencode:3", Way.MANAGED)
    for agent in (gone, managed):
        life.take(events.AgentDown(at=life.now, agent=agent, cause=DownCause.ENDED, exit_code=0))

    later(life, timedelta(seconds=span))

    assert (gone not in life.world.agents) is forgotten
    assert {here, managed} <= set(life.world.agents)
