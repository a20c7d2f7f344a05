"""Notices of a policy: quiet hours, no repetitions, and that nothing is lost or sent twice."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from palingenesis.core import effects, events
from palingenesis.core.policy.calendars import UTC_ZONE as UTC_TABLE
from palingenesis.core.policy.calendars import Calendar
from palingenesis.core.policy.model import Cap, Overlay, Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import next_deadline, step
from palingenesis.core.values import Status
from palingenesis.core.world import World
from palingenesis.runtime.views import warnings
from tests.core.life import AGENT, SES, Life, passed, person_prompts, progressed, stopped, text_of
from tests.core.policies import policy, rule

QUIET = Calendar(
    name="quiet", days=frozenset(range(7)), start=time(22, 30), end=time(7), zone=UTC_TABLE
)
MORNING = datetime(2026, 2, 5, 7, 0, tzinfo=UTC)
TILL_MORNING = 5 * 3600


def telling(**options: object) -> Policy:
    """One rule that tells every stop; it is two in the morning."""
    told = policy(rule("tell", "", {"notify": {"message": "${stop.reason}", **options}}))
    return replace(told, calendars={"quiet": QUIET})


def hushed(life: Life) -> list[str]:
    return [decision.why for decision in life.decisions if decision.kind == "hushed"]


def test_a_notice_is_held_in_quiet_hours_and_delivered_once_when_they_end():
    life = Life(telling(quiet="hold"))

    life >> stopped("network")
    life.claim_nothing_more()
    assert hushed(life) == ["held until 2026-02-05T07:00:00Z: it is quiet"]
    assert next_deadline(life.world, life.policy) == MORNING

    life >> passed(TILL_MORNING - 1)
    life.claim_nothing_more()
    life >> passed(1)
    life << "notify"
    assert text_of(life.last["notify"]) == "network"
    life >> passed(86_400)
    life.claim_nothing_more()


def test_a_held_notice_has_the_key_it_would_have_had_at_once():
    held, sent = Life(telling(quiet="hold")), Life(telling())

    held >> stopped("network") >> passed(TILL_MORNING)
    sent >> stopped("network")

    assert held.last["notify"] == sent.last["notify"]


def test_a_held_notice_outlives_us_and_is_delivered_although_the_morning_has_gone_by():
    life = Life(telling(quiet="hold"))
    life >> stopped("network")

    life.world = from_plain(World, to_plain(life.world))
    life.now = MORNING + timedelta(hours=3)
    life.take(events.DaemonStarted(at=life.now, version="test", seed="5eed5eed5eed"))
    life >> passed(0)

    life << "notify"
    life.claim_nothing_more()


def test_outside_quiet_hours_a_notice_is_sent_at_once():
    life = Life(telling(quiet="hold"), now=MORNING)

    life >> stopped("network")

    life << "notify"
    assert life.world.held == ()


def test_a_notice_that_is_to_be_dropped_in_quiet_hours_is_never_sent():
    life = Life(telling(quiet="drop"))

    life >> stopped("network") >> passed(86_400)

    life.claim_nothing_more()
    assert hushed(life) == ["left out: it is quiet"]


def test_a_critical_notice_is_sent_in_quiet_hours():
    life = Life(telling(quiet="hold", severity="critical"))

    life >> stopped("auth")

    life << "notify"
    assert life.world.held == ()


def test_a_notice_of_a_calendar_that_the_policy_does_not_know_is_sent():
    life = Life(replace(telling(quiet="hold"), calendars={}))

    life >> stopped("network")

    life << "notify"


def test_a_new_policy_with_a_shorter_night_delivers_earlier():
    life = Life(telling(quiet="hold"))
    life >> stopped("network")
    early = replace(QUIET, end=time(5))

    life.policy = replace(life.policy, calendars={"quiet": early})
    life.take(events.PolicyAdopted(at=life.now, name="early", digest="early", resolved={}))
    assert next_deadline(life.world, life.policy) == MORNING.replace(hour=5)

    life.policy = replace(life.policy, calendars={})
    life.take(events.PolicyAdopted(at=life.now, name="none", digest="none", resolved={}))
    life << "notify"


def test_held_notices_are_delivered_as_a_limit_has_room_for_them():
    limited = replace(
        telling(quiet="hold"), caps=(Cap(what="notifications", most=1, per=timedelta(hours=1)),)
    )
    life = Life(limited)
    life >> stopped("network") >> person_prompts >> stopped("crash")
    assert len(life.world.held) == 2

    life >> passed(TILL_MORNING)
    life << "notify"
    life.claim_nothing_more()
    assert next_deadline(life.world, life.policy) == MORNING + timedelta(hours=1)

    life >> passed(3600)
    life << "notify"
    assert life.world.held == ()


def test_the_same_is_told_once_in_the_time_that_dedupe_says():
    life = Life(telling(dedupe="10m"))
    life >> stopped("network") >> person_prompts
    life << "notify"

    life >> passed(599) >> stopped("network") >> person_prompts
    life.claim_nothing_more()
    assert hushed(life) == ["not repeated: it was told at 2026-02-05T02:00:00Z"]

    life >> passed(1) >> stopped("network")
    life << "notify"


def test_something_else_is_told_although_the_same_rule_has_just_told_something():
    life = Life(telling(dedupe="10m"))

    life >> stopped("network") >> person_prompts >> stopped("crash")

    life << "notify" << "notify"


def test_a_notice_that_is_held_is_not_held_twice():
    life = Life(telling(quiet="hold", dedupe="10m"))

    life >> stopped("network") >> person_prompts >> stopped("network")

    assert len(life.world.held) == 1


def test_a_night_that_tells_too_much_is_not_kept_whole():
    talking = policy(
        rule("tell", "", {"notify": {"message": "on", "quiet": "hold"}}, event=["progress"])
    )
    life = Life(replace(talking, calendars={"quiet": QUIET}))

    for _ in range(202):
        life >> progressed

    assert len(life.world.held) == 200
    assert hushed(life)[-1] == "left out: 200 notices are held already"


def test_a_session_that_is_gone_has_its_notices_delivered_all_the_same():
    life = Life(telling(quiet="hold"))
    life >> stopped("network")

    life.take(events.SessionGone(at=life.now, session=life.session.id))
    life >> passed(TILL_MORNING)

    life << "notify"


def test_an_older_journal_knows_no_held_notices_and_is_read_all_the_same():
    plain = to_plain(Life(telling()).world)
    for name in ("held", "used", "told", "questions"):
        del plain[name]

    world = from_plain(World, plain)

    turn = step(world, events.Ticked(at=MORNING), telling())
    assert turn.effects == ()
    assert [one.status for one in turn.world.sessions.values()] == [Status.WORKING]


def test_a_held_notice_is_a_notice_for_every_channel_it_names():
    life = Life(telling(quiet="hold", channels=["phone"], title="night"))

    life >> stopped("network") >> passed(TILL_MORNING)

    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert (notice.channels, notice.title) == (("phone",), "night")


def test_status_says_how_many_notices_are_held_and_until_when():
    life = Life(telling(quiet="hold"))
    life >> stopped("network") >> person_prompts >> stopped("crash")

    assert warnings(life.world) == ["2 notices held, the next until 2026-02-05T07:00:00Z"]


def test_what_is_not_to_be_repeated_is_held_once_in_a_whole_night():
    life = Life(telling(quiet="hold", dedupe="10m"))
    for _ in range(6):
        life >> stopped("network") >> passed(30) >> person_prompts >> passed(630)

    life >> passed(TILL_MORNING)

    life << "notify"
    life.claim_nothing_more()
    assert hushed(life)[1:] == ["not repeated: it is held already"] * 5


def test_what_was_held_is_not_repeated_right_after_it_was_delivered():
    life = Life(telling(quiet="hold", dedupe="10m"))
    life >> passed(TILL_MORNING - 360) >> stopped("network") >> person_prompts >> passed(360)
    life << "notify"

    life >> passed(300) >> stopped("network") >> person_prompts
    life.claim_nothing_more()

    life >> passed(300) >> stopped("network")
    life << "notify"


# ── what a notice says of itself ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "title", "told"),
    [("see ${stop.reason}", "night", "see network"), ("", "night", "night"), ("", "", SES)],
)
def test_a_notice_has_the_title_that_is_given_or_the_sessions_or_its_name(
    given: str, title: str, told: str
):
    life = Life(telling(**({"title": given} if given else {})))
    life.world = replace(life.world, sessions={SES: replace(life.session, title=title)})

    life >> stopped("network")

    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert (notice.title, notice.session) == (told, SES)


def test_what_is_only_logged_names_the_decision_and_the_session():
    life = Life(policy(rule("log", "", {"log": {"message": "${stop.reason}"}})))

    life >> stopped("network")

    line = life.last["log"]
    assert isinstance(line, effects.Log)
    decided = next(one for one in life.decisions if one.kind == "decided")
    assert (line.decision, line.session, line.message) == (decided.id, SES, "network")


def test_what_is_not_told_is_written_down_for_its_session_and_its_rule():
    life = Life(telling(quiet="drop")) >> stopped("network")

    decision = next(one for one in life.decisions if one.kind == "hushed")
    assert (decision.session, decision.rule, decision.event) == (SES, "tell", "stopped")


def test_what_a_new_policy_repeats_is_told_again():
    life = Life(telling(dedupe="10m")) >> stopped("network") >> person_prompts << "notify"
    life.policy = telling()

    life >> passed(1) >> stopped("network") << "notify"

    assert hushed(life) == []


def test_a_limit_that_is_reached_keeps_nothing_from_being_held():
    limited = replace(
        telling(quiet="hold"), caps=(Cap(what="notifications", most=1, per=timedelta(hours=1)),)
    )
    life = Life(limited)
    life.world = replace(life.world, used={"notifications": (life.now,)})

    life >> stopped("network")

    assert hushed(life) == ["held until 2026-02-05T07:00:00Z: it is quiet"]


def test_the_quiet_hours_of_a_project_are_those_of_its_sessions():
    awake = replace(telling(quiet="hold"), calendars={})
    asleep = Overlay(directory="/home/ada/app", policy=telling(quiet="hold"))
    life = Life(replace(awake, overlays=(asleep,)))
    inside = replace(life.session, directory="/home/ada/app")
    life.world = replace(life.world, sessions={SES: inside})

    life >> stopped("network")

    life.claim_nothing_more()
    assert hushed(life) == ["held until 2026-02-05T07:00:00Z: it is quiet"]


def test_a_notice_of_a_session_that_has_moved_meanwhile_is_held_by_the_quiet_hours_where_it_is():
    late = replace(QUIET, end=time(9))
    there = Overlay(directory="/there", policy=replace(telling(), calendars={"quiet": late}))
    life = Life(replace(telling(quiet="hold"), overlays=(there,))) >> stopped("network")
    life.take(events.SessionSeen(at=life.now, session=SES, agent=AGENT, directory="/there"))

    life >> passed((MORNING - life.now).total_seconds())

    life.claim_nothing_more()
    assert next_deadline(life.world, life.policy) == MORNING.replace(hour=9)
    life >> passed(2 * 3600) << "notify"


def test_the_quiet_hours_end_by_the_wall_clock_however_it_is_set():
    life = Life(telling(quiet="hold")) >> stopped("network")

    life.take(events.ClockStepped(at=life.now, by=timedelta(hours=-1)))

    assert next_deadline(life.world, life.policy) == MORNING


def test_the_five_hundred_notices_that_were_told_last_are_not_repeated():
    life = Life(telling(dedupe="10m"))
    told = {f"tell:ses_0:{number}": life.now for number in range(500)}
    life.world = replace(life.world, told=told)

    life >> stopped("network") << "notify"

    assert len(life.world.told) == 500
    assert "tell:ses_0:0" not in life.world.told
    assert "tell:ses_0:1" in life.world.told
