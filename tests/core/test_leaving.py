"""How a step is left, what people are told of a rail then, and once only."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import effects, events
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import end_plan, passed, postpone
from palingenesis.core.kernel.telling import say
from palingenesis.core.kernel.touching import (
    TOLD_AGAIN,
    forget_touched,
    hand_on_touched,
    say_touched,
)
from palingenesis.core.ledger import Quota
from palingenesis.core.plans import Resume, Wait
from palingenesis.core.policy.calendars import DAYS
from palingenesis.core.safety import Later, Told
from palingenesis.core.values import SessionId, Source, Status, Stop, StopReason
from palingenesis.core.world import Plan, Session, World
from tests.core.life import AGENT, SES, START, Life, stopped, text_of
from tests.core.policies import NIGHT, policy, rule

MINUTE = timedelta(minutes=1)
SHOWN = START + timedelta(hours=5)
FULL = Plan(
    decision=1,
    rule="quota",
    event="stopped",
    steps=(Wait(span=MINUTE), Resume()),
    index=0,
    started_at=START,
    seed="s",
    tries=0,
    stop="k",
    facts={},
    wait_from=START,
    deadline=START + MINUTE,
    source=Source.DATE,
    dated=START + timedelta(days=30),
    boot="one",
    because="the server said so",
    awaits="host.network",
    look_at=START + MINUTE,
    question="q1",
    line="a/b quota",
    effect="e",
    vain=2,
)


def a_draft(**changes: object) -> tuple[Draft, Session]:
    known: dict[str, object] = {"id": SES, "agent": AGENT, "since": START, "title": "night"}
    session = Session(**known | changes)  # type: ignore[arg-type]
    return Draft(World(sessions={SES: session}, boot_id="two"), NIGHT, START), session


# ── for the next step, for later, for good ────────────────────────────────────────────────────


def test_the_next_step_begins_with_nothing_of_what_the_last_one_waited_for():
    after = passed(FULL)

    assert after == replace(
        FULL,
        index=1,
        effect=None,
        vain=0,
        wait_from=None,
        deadline=None,
        because="",
        line="",
        awaits="",
        look_at=None,
        question="",
    )


def test_what_a_rail_asks_to_wait_for_is_no_date_and_is_of_this_boot():
    draft, session = a_draft(status=Status.DECIDING)
    until = START + 2 * MINUTE

    after = postpone(draft, session, FULL, Later(until=until, rail="the rail", line="a/b rate"))

    plan = after.plan
    assert plan is not None
    assert (plan.deadline, plan.because, plan.line) == (until, "the rail", "a/b rate")
    assert (plan.source, plan.dated, plan.boot) == (Source.RAIL, None, "two")
    assert (after.status, after.rails) == (Status.WAITING, ("the rail",))
    assert draft.effects == []


@pytest.mark.parametrize(("told", "title"), [(Told.SESSION, "night"), (Told.ALL, "all sessions")])
def test_a_rail_that_puts_off_says_until_when_where_people_have_to_know(told: Told, title: str):
    draft, session = a_draft(status=Status.DECIDING)

    postpone(draft, session, FULL, Later(until=SHOWN, rail="the rail", told=told))

    (notice,) = draft.effects
    assert isinstance(notice, effects.Notify)
    assert notice.title == title
    assert notice.message == (
        "Rule quota was stopped by a rail: the rail (not before 2026-02-05 07:00 UTC)."
    )


def test_a_plan_that_is_over_leaves_no_clock_of_its_own():
    draft, session = a_draft(
        status=Status.DECIDING,
        plan=FULL,
        verify_until=START + MINUTE,
        reopen_at=START + MINUTE,
        half_open=True,
    )

    after = end_plan(draft, session, "need_attention", "look")

    assert (after.status, after.outlook) == (Status.ATTENTION, "look")
    assert (after.plan, after.verify_until, after.reopen_at) == (None, None, None)
    assert not after.half_open


# ── a rail is told of once ────────────────────────────────────────────────────────────────────


def told(draft: Draft) -> int:
    found = len(draft.effects)
    draft.effects.clear()
    return found


def test_a_rail_is_told_of_again_after_a_day_to_the_second():
    draft, session = a_draft()

    say_touched(draft, session, "r", "the rail")
    assert told(draft) == 1
    draft.at = START + TOLD_AGAIN - MINUTE / 60
    say_touched(draft, session, "r", "the rail")
    assert told(draft) == 0
    draft.at = START + TOLD_AGAIN
    say_touched(draft, session, "r", "the rail")

    assert (told(draft), TOLD_AGAIN) == (1, timedelta(days=1))


def test_every_rail_and_every_session_is_told_of_for_itself():
    draft, session = a_draft()
    other = replace(session, id=SessionId("ses_2"))

    for one, rail in ((session, "a"), (session, "b"), (other, "a"), (None, "a"), (None, "a")):
        say_touched(draft, one, "r", rail)

    assert told(draft) == 4


def test_what_is_told_of_all_sessions_is_of_no_session():
    draft, session = a_draft()
    say_touched(draft, None, "r", "the rail")

    forget_touched(draft, session.id)
    hand_on_touched(draft, session.id, SessionId("ses_2"))
    say_touched(draft, None, "r", "the rail")

    assert told(draft) == 1
    assert next(iter(draft.world.told)).startswith("(rail)::")


def test_the_five_hundred_rails_that_were_told_of_last_are_remembered():
    draft, session = a_draft()
    for number in range(501):
        say_touched(draft, session, "r", f"rail {number}")
    told(draft)

    assert len(draft.world.told) == 500
    say_touched(draft, session, "r", "rail 1")
    assert told(draft) == 0
    say_touched(draft, session, "r", "rail 0")
    assert told(draft) == 1


def test_who_has_been_there_is_told_of_her_session_anew_and_of_no_other():
    draft, session = a_draft()
    other = replace(session, id=SessionId("ses_2"))
    for one in (session, other):
        say_touched(draft, one, "r", "the rail")
    told(draft)

    forget_touched(draft, session.id)
    for one in (session, other):
        say_touched(draft, one, "r", "the rail")

    assert told(draft) == 1


# ── messages ──────────────────────────────────────────────────────────────────────────────────


def test_a_message_names_its_rule_its_session_and_the_try():
    names = "${rule.id} ${session.id} ${rule.tries} ${stop.reason}"
    life = Life(policy(rule("tell", "", {"notify": {"message": names}}, {"resume": {}})))

    life >> stopped("network")

    assert text_of(life.orders[0]) == f"tell {SES} 1 network"


def test_a_message_says_when_it_goes_on_by_the_calendar_of_its_policy():
    dark = {"days": list(DAYS), "from": "00:00", "to": "06:30", "zone": "UTC"}
    told = policy(
        rule(
            "tell",
            "",
            {"notify": {"message": "on at ${resume_at}"}},
            {"wait": {"until": "calendar_end", "calendar": "dark", "else": "1m"}},
            {"resume": {}},
        ),
        calendars={"dark": dark},
        zones={},
    )
    life = Life(told) >> stopped("network")

    assert text_of(life.orders[0]) == "on at 2026-02-05 06:30:00 UTC"


def test_a_message_says_when_it_goes_on_as_late_as_the_reset_came_before():
    stop = Stop(key="k", reason=StopReason.QUOTA, provider="a", model="b", retry_at=SHOWN)
    draft, session = a_draft(stop=stop, stopped_at=START)
    known = Quota(
        provider="a",
        model="b",
        window="quota",
        closed_at=START,
        refused_at=START,
        drift=7 * MINUTE,
    )
    draft.world = replace(draft.world, quota={"a/b quota": known})
    plan = replace(FULL, steps=(Wait(until="retry_after"), Resume()))

    assert say(draft, session, plan, "${resume_at}") == "2026-02-05 07:07:00 UTC"


def test_a_wait_says_in_which_boot_it_was_worked_out():
    life = Life(NIGHT)
    life.take(
        events.DaemonStarted(
            at=life.now, version="test", seed="5eed5eed5eed", boot_id="one", booted_at=START
        )
    )

    life >> stopped("rate_limit", retry_after=90)

    assert life.session.plan is not None
    assert life.session.plan.boot == "one"
