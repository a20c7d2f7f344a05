"""What each rail says, in words, on both sides of its number."""

from datetime import datetime, timedelta

import pytest

from palingenesis.core import effects, safety
from palingenesis.core.copies import replace
from palingenesis.core.safety import Allowed, Later, NeedsAgent, Refused, Told
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    SessionId,
    Severity,
    Status,
    Stop,
    StopReason,
    Way,
)
from palingenesis.core.world import Agent, Floor, Plan, SafeHold, Session, World

AT = datetime.fromisoformat("2026-02-05T02:00:00Z")
AGENT = AgentId("opencode")
SES = SessionId("ses_1")
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def ago(**span: float) -> datetime:
    return AT - timedelta(**span)


def an_agent(**changes: object) -> Agent:
    agent = Agent(
        id=AGENT,
        assistant="opencode",
        way=Way.MANAGED,
        version="1.18.33",
        supported=True,
        up=True,
        since=AT,
        started_at=AT,
    )
    return replace(agent, **changes)


def a_session(**changes: object) -> Session:
    return replace(Session(id=SES, agent=AGENT, since=AT, status=Status.DECIDING), **changes)


def a_world(*, agent: Agent | None = None, **changes: object) -> World:
    known = agent or an_agent()
    return replace(World(agents={known.id: known}), **changes)


def a_stop(reason: StopReason) -> Stop:
    return Stop(key="k", reason=reason)


def a_plan(event: str = "stopped", effect: str | None = None) -> Plan:
    return Plan(
        decision=1,
        rule="r",
        event=event,
        steps=(),
        index=0,
        started_at=AT,
        seed="",
        tries=0,
        stop="k",
        facts={},
        effect=effect,
    )


def may_prompt(session: Session, *, by_person: bool = False, **world: object) -> safety.Verdict:
    if not by_person:
        return safety.may_prompt(a_world(**world), session, AT)
    return safety.may_prompt(a_world(**world), session, AT, by_person=by_person)


def test_the_numbers_are_those_that_are_promised():
    assert safety.RESTARTS_WITHIN == safety.PROBE == timedelta(minutes=10)
    assert timedelta(minutes=30) == safety.BREAKER
    assert timedelta(days=8) == safety.WAIT_MAX
    assert timedelta(seconds=10) == safety.SIGNS_EVERY
    assert timedelta(minutes=2) == safety.YIELD
    assert timedelta(minutes=5) == safety.RECHECK


# ── touching ──────────────────────────────────────────────────────────────────────────────────


def test_a_session_of_a_running_agent_of_ours_may_be_touched():
    assert safety.may_touch(a_world(), a_session(), AT) == Allowed()


def test_an_agent_that_nobody_knows_is_not_touched():
    world = World(agents={})

    assert safety.may_touch(world, a_session(), AT) == Refused(rail="its agent is not known")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"up": False}, NeedsAgent()),
        (
            {"supported": False},
            Refused(rail="opencode 1.18.33 was not tested: observed, never acted on"),
        ),
        (
            {"way": Way.OBSERVED},
            Refused(rail="this agent is only observed: told about, not touched"),
        ),
        ({"way": Way.ATTACHED}, Allowed()),
    ],
)
def test_what_an_agent_is_decides_what_may_be_done(
    changes: dict[str, object], said: safety.Verdict
):
    assert safety.may_touch(a_world(agent=an_agent(**changes)), a_session(), AT) == said
    assert may_prompt(a_session(), agent=an_agent(**changes)) == said


def test_where_nobody_watches_it_is_looked_again_in_five_minutes():
    later = Later(
        until=AT + timedelta(minutes=5),
        rail="opencode cannot be watched now, so nothing is done there",
    )

    assert may_prompt(a_session(), unseen={AGENT: "it broke"}) == later
    assert safety.may_restart(a_world(unseen={AGENT: "x"}), an_agent(), AT) == later


def test_the_persons_stop_holds_for_us_and_not_for_her():
    latched = a_session(latched=True)

    said = Refused(rail="the person stopped this session", quiet=True)
    assert may_prompt(latched) == safety.may_touch(a_world(), latched, AT) == said
    assert may_prompt(latched, by_person=True) == Allowed()


# ── prompts ───────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_typed_into_a_question_not_even_for_a_person():
    blocked = a_session(block=Block(id="b", kind=BlockKind.QUESTION, since=AT))

    said = Refused(rail="a question waits for a person; nothing is typed into it")
    assert may_prompt(blocked) == may_prompt(blocked, by_person=True) == said


@pytest.mark.parametrize(
    ("keys", "stopped_at", "said"),
    [
        (("a", "b"), AT, Allowed()),
        (("a", "b", "c"), None, Allowed()),
        (("a", "b", "c"), ago(minutes=2), Allowed()),
        (
            ("a", "b", "c"),
            ago(minutes=2) + MOMENT,
            Later(
                until=AT + MOMENT,
                rail="another driver goes on with this session: it goes first",
            ),
        ),
    ],
)
def test_a_session_that_another_program_drives_is_left_to_it_for_two_minutes(
    keys: tuple[str, ...], stopped_at: datetime | None, said: safety.Verdict
):
    assert may_prompt(a_session(driven=keys, stopped_at=stopped_at)) == said


VAIN = "3 prompts in a row achieved nothing"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unproductive": 2}, Allowed()),
        ({"unproductive": 3}, Refused(rail=VAIN)),
        ({"unproductive": 3, "stop": a_stop(StopReason.AUTH)}, Refused(rail=VAIN)),
        ({"unproductive": 3, "stop": a_stop(StopReason.QUOTA)}, Allowed()),
        (
            {"unproductive": 3, "stop": a_stop(StopReason.QUOTA), "plan": a_plan("stalled")},
            Refused(rail=VAIN),
        ),
        (
            {"unproductive": 3, "stop": a_stop(StopReason.QUOTA), "plan": a_plan("stopped")},
            Allowed(),
        ),
        # nobody answered: the next one waits, and is not refused
        ({"unproductive": 3, "stop": a_stop(StopReason.NETWORK)}, Refused(rail=VAIN)),
        (
            {
                "unproductive": 3,
                "stop": a_stop(StopReason.NETWORK),
                "prompts": (ago(hours=2), ago(minutes=10) + MOMENT),
            },
            Later(until=AT + MOMENT, rail=VAIN),
        ),
        (
            {
                "unproductive": 3,
                "stop": a_stop(StopReason.NETWORK),
                "prompts": (ago(minutes=10),),
            },
            Allowed(),
        ),
        (
            {
                "unproductive": 3,
                "stop": a_stop(StopReason.NETWORK),
                "plan": a_plan("stalled"),
                "prompts": (ago(minutes=1),),
            },
            Refused(rail=VAIN),
        ),
    ],
)
def test_prompts_in_vain_end_wait_or_go_on_by_what_it_stopped_for(
    changes: dict[str, object], said: safety.Verdict
):
    assert may_prompt(a_session(**changes)) == said


def full(count: int, *, newest: timedelta = timedelta(minutes=1)) -> tuple[datetime, ...]:
    """So many instants, the oldest of them half an hour ago."""
    return (ago(minutes=30), *(AT - newest for _ in range(count - 1)))


def test_the_thirteenth_prompt_of_an_hour_waits_for_room():
    room = AT + timedelta(minutes=30)

    assert may_prompt(a_session(prompts=full(11))) == Allowed()
    assert may_prompt(a_session(prompts=full(12))) == Later(
        until=room, rail="12 prompts an hour for one session", told=Told.SESSION
    )
    assert may_prompt(a_session(prompts=full(12)), by_person=True) == Allowed()


def test_the_sixty_first_prompt_of_all_waits_for_room():
    room = AT + timedelta(minutes=30)

    assert may_prompt(a_session(), prompted=full(59)) == Allowed()
    assert may_prompt(a_session(), prompted=full(60)) == Later(
        until=room, rail="60 prompts an hour in all", told=Told.ALL
    )


def a_floor(**changes: object) -> Floor:
    return replace(Floor(since=ago(minutes=50), until=AT + 3 * HOUR, model="sonnet"), **changes)


@pytest.mark.parametrize(
    ("floor", "model", "prompts", "until"),
    [
        (a_floor(), None, (), None),
        (a_floor(), None, (ago(minutes=51),), None),
        (a_floor(), None, (ago(minutes=50),), AT + timedelta(minutes=10)),
        (a_floor(), None, (ago(minutes=20),), AT + timedelta(minutes=40)),
        (a_floor(until=AT + timedelta(minutes=5)), None, (ago(minutes=20),), AT + HOUR / 12),
        (a_floor(until=AT), None, (ago(minutes=20),), None),
        (a_floor(until=AT + MOMENT), None, (ago(minutes=20),), AT + MOMENT),
        (a_floor(), "anthropic/opus", (ago(minutes=20),), None),
        (a_floor(), "anthropic/sonnet", (ago(minutes=20),), AT + timedelta(minutes=40)),
        (a_floor(model=""), "anthropic/opus", (ago(minutes=20),), AT + timedelta(minutes=40)),
    ],
)
def test_before_its_time_a_provider_is_probed_once_an_hour(
    floor: Floor, model: str | None, prompts: tuple[datetime, ...], until: datetime | None
):
    rail = "the provider asked to wait; it is probed once an hour"

    said = may_prompt(a_session(floor=floor, model=model, prompts=prompts))

    assert said == (Allowed() if until is None else Later(until=until, rail=rail))


def test_the_twenty_first_new_session_of_an_hour_waits_for_room():
    def said(count: int, *, by_person: bool = False) -> safety.Verdict:
        return safety.may_begin(a_world(begun=full(count)), a_session(), AT, by_person=by_person)

    later = Later(
        until=AT + timedelta(minutes=30), rail="20 new sessions an hour in all", told=Told.ALL
    )
    assert said(19) == said(20, by_person=True) == Allowed()
    assert said(20) == safety.may_begin(a_world(begun=full(20)), a_session(), AT) == later


def test_where_no_prompt_may_be_sent_no_session_is_begun():
    latched = a_session(latched=True)

    assert safety.may_begin(a_world(begun=full(20)), latched, AT) == safety.HER_STOP

    assert safety.may_begin(a_world(), latched, AT) == safety.HER_STOP
    assert safety.may_begin(a_world(), latched, AT, by_person=True) == Allowed()


# ── servers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (None, Refused(rail="its agent is not known")),
        (an_agent(), Allowed()),
        (
            an_agent(way=Way.ATTACHED),
            Refused(rail="a server that is attached is never stopped by us"),
        ),
        (an_agent(supported=False), Refused(rail="opencode 1.18.33 was not tested")),
    ],
)
def test_only_a_server_of_our_own_is_stopped(agent: Agent | None, said: safety.Verdict):
    assert safety.may_stop(agent) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, Allowed()),
        (
            {"way": Way.OBSERVED},
            Refused(rail="a program of the person's own is never restarted by us"),
        ),
        ({"supported": False}, Refused(rail="opencode 1.18.33 was not tested")),
        (
            {"stopped": True},
            Refused(rail="a rule stopped this server; no rule starts it again"),
        ),
        ({"tripped": True}, Allowed()),
        ({"tripped": False, "restarts": (AT,)}, Allowed()),
        ({"tripped": True, "restarts": (AT, ago(minutes=30))}, Allowed()),
        (
            {"tripped": True, "restarts": (ago(hours=3), ago(minutes=30) + MOMENT)},
            Later(until=AT + MOMENT, rail="5 restarts within 10 minutes: breaker open"),
        ),
    ],
)
def test_only_a_server_of_our_own_is_restarted_and_not_too_often(
    changes: dict[str, object], said: safety.Verdict
):
    assert safety.may_restart(a_world(), an_agent(**changes), AT) == said


def test_a_person_starts_a_server_that_a_rule_stopped():
    assert safety.may_restart(a_world(), an_agent(stopped=True), AT, by_person=True) == Allowed()


def test_the_thirty_first_restart_of_an_hour_waits_for_room():
    assert safety.may_restart(a_world(restarted=full(29)), an_agent(), AT) == Allowed()
    assert safety.may_restart(a_world(restarted=full(30)), an_agent(), AT) == Later(
        until=AT + timedelta(minutes=30), rail="30 restarts an hour in all", told=Told.ALL
    )


@pytest.mark.parametrize(
    ("minutes", "trips"),
    [
        ((), False),
        ((0, 1, 2, 3), False),
        ((0, 1, 2, 3, 10), True),
        ((0, 1, 2, 3, 10.01), False),
        ((0, 8, 9, 10, 11, 12), True),
        ((0, 0, 0, 0, 0, 60), False),
    ],
)
def test_five_restarts_within_ten_minutes_open_the_breaker(minutes: tuple[float, ...], trips: bool):
    assert safety.trips(tuple(AT + timedelta(minutes=it) for it in minutes)) is trips


# ── rooms ─────────────────────────────────────────────────────────────────────────────────────


def test_an_hour_ends_to_the_microsecond():
    assert safety.room_at([AT - HOUR], 1, AT) is None
    assert safety.room_at([AT - HOUR + MOMENT], 1, AT) == AT + MOMENT
    assert safety.room_at([AT, ago(minutes=5), ago(minutes=9)], 2, AT) == ago(minutes=5) + HOUR


def test_what_is_full_for_all_is_told_with_the_time_of_its_room():
    room = AT + timedelta(minutes=30)
    used = {"notifications": full(120), "hooks": full(120), "backups beside": full(120)}
    world = a_world(prompted=full(60), begun=full(20), restarted=full(30), used=used)

    assert safety.caps_reached(world, AT) == tuple(
        Later(until=room, rail=f"{most} {what} an hour in all")
        for most, what in (
            (60, "prompts"),
            (20, "new sessions"),
            (30, "restarts"),
            (120, "notices"),
            (120, "hooks"),
            (120, "backups beside"),
        )
    )
    assert safety.caps_reached(a_world(), AT) == ()


def test_the_rails_that_touch_a_session_are_told_once_each():
    nothing = a_session(unproductive=2, prompts=full(11))
    in_vain = a_session(unproductive=3)
    everything = a_session(rails=("x", VAIN), latched=True, unproductive=3, prompts=full(12))

    assert safety.touched(nothing, AT) == ()
    assert safety.touched(in_vain, AT) == (VAIN,)
    assert safety.touched(everything, AT) == (
        "x",
        VAIN,
        "the person stopped this session",
        "12 prompts an hour for one session",
    )


# ── void orders ───────────────────────────────────────────────────────────────────────────────

ORDER = {"id": "s-1.0", "decision": 1}
RESUME = effects.Resume(**ORDER, session=SES, agent=AGENT, stop="k", words=True, text="go on")
ASIDE = effects.Snapshot(**ORDER, session=SES, agent=AGENT, aside=True)
NOTICE = effects.Notify(**ORDER, session=SES, severity=Severity.INFO, title="t", message="m")
RESTART = effects.Restart(**ORDER, agent=AGENT)
HELD = SafeHold(since=AT, what="w", where="x", version="1")
CALLED_OFF = "it was called off before it was carried out"


@pytest.mark.parametrize(
    ("effect", "session", "said"),
    [
        (RESUME, a_session(plan=a_plan(effect="s-1.0")), ""),
        (RESUME, a_session(plan=a_plan(effect="s-2.0")), CALLED_OFF),
        (RESUME, a_session(), CALLED_OFF),
        (RESUME, None, CALLED_OFF),
        (
            RESUME,
            a_session(plan=a_plan(effect="s-1.0"), status=Status.PAUSED),
            "the operator holds the session",
        ),
        (ASIDE, a_session(), ""),
        (replace(ASIDE, aside=False), a_session(), CALLED_OFF),
        (ASIDE, None, CALLED_OFF),
        (RESTART, None, ""),
        (NOTICE, None, ""),
    ],
)
def test_an_order_is_void_when_its_plan_is_gone(
    effect: effects.Effect, session: Session | None, said: str
):
    world = a_world(sessions={} if session is None else {SES: session})

    assert safety.why_void(world, effect) == said


def test_while_we_hold_ourselves_nothing_is_carried_out_but_telling():
    world = a_world(safe_hold=HELD, sessions={SES: a_session(plan=a_plan(effect="s-1.0"))})

    for effect in (RESUME, ASIDE, RESTART):
        assert safety.why_void(world, effect) == "palingenesis holds itself"
    assert safety.why_void(world, NOTICE) == ""
