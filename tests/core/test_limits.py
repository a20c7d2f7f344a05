"""A policy's `limits:`: over all sessions and rules, in a sliding window, and never exceeded."""

from dataclasses import replace
from datetime import timedelta

from palingenesis.core import commands, effects, events
from palingenesis.core.plans import Attention, Finish, Notify, Resume, Step, Wait
from palingenesis.core.policy.model import Cap, Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.values import SessionId, Severity, Status
from palingenesis.core.world import World
from tests.core.life import (
    SES,
    Life,
    alive,
    died,
    ended,
    known,
    passed,
    person_prompts,
    progressed,
    stopped,
    text_of,
    told_to,
)
from tests.core.policies import CRASH, NIGHT, policy, rule

HOUR = timedelta(hours=1)
OTHER = SessionId("ses_other")
TELL = {"notify": {"message": "again"}}
GO = policy(rule("go", "", {"resume": {}}, event=["stopped", "action_failed"]))


def capped(of: Policy, what: str, most: int, *then: Step) -> Policy:
    return replace(of, caps=(Cap(what=what, most=most, per=HOUR, then=then),))


def goes_round(life: Life, key: str) -> None:
    """One stop, one resume that works."""
    life >> stopped("network", key=key)
    life << "resume"
    life >> ended("resume") >> progressed >> passed(60)


def test_a_limit_that_is_reached_means_that_a_person_has_to_look():
    life = Life(capped(GO, "prompts", 2))
    goes_round(life, "a")
    goes_round(life, "b")

    life >> stopped("network", key="c")

    life << "notify" << Status.ATTENTION
    life.claim_nothing_more()
    assert life.session.rails == ("limit of prompts: 2 within 1h",)
    assert life.session.outlook == "limit of prompts: 2 within 1h"
    refused = next(one for one in life.decisions if one.kind == "refused")
    assert (refused.rule, refused.why, refused.limited) == (
        "go",
        "limit of prompts: 2 within 1h",
        True,
    )
    assert text_of(life.last["notify"]) == (
        "Rule go was stopped by a rail: the policy's limit of prompts: 2 within 1h."
    )


def test_a_limit_is_counted_over_all_sessions():
    life = Life(capped(GO, "actions", 1))
    life.work(OTHER)
    life >> stopped("network", session=OTHER)
    life << "resume"

    life >> stopped("network")

    life << "notify" << Status.ATTENTION


def test_a_limit_has_room_again_when_its_window_has_slid():
    life = Life(capped(GO, "prompts", 1))
    goes_round(life, "a")

    life >> passed(3600) >> stopped("network", key="b")

    life << "resume"
    life.claim_nothing_more()


def test_the_steps_of_then_take_the_place_of_the_plan():
    then = (Notify(message="enough for now"), Wait(span=HOUR), Resume())
    life = Life(capped(GO, "prompts", 1, *then))
    goes_round(life, "a")

    life >> stopped("network", key="b")

    life << "notify" << HOUR
    assert text_of(life.last["notify"]) == "enough for now"
    life >> passed(3600)
    life << "resume"


def test_a_then_that_a_limit_stops_as_well_ends_with_a_person():
    life = Life(capped(GO, "prompts", 1, Resume()))
    goes_round(life, "a")

    life >> stopped("network", key="b")

    life << "notify" << Status.ATTENTION
    life.claim_nothing_more()


def test_a_restart_is_counted_whether_a_rule_names_it_or_a_step_needs_it():
    crashing = policy(CRASH, rule("go", "", {"resume": {}}))
    life = Life(capped(crashing, "restarts", 1))
    life >> died() >> passed(2)
    life << "restart"
    life >> ended("restart")
    life << "resume"
    life >> ended("resume") >> progressed >> died() >> passed(10)

    life << "notify" << Status.ATTENTION
    life.claim_nothing_more()
    assert life.session.rails == ("limit of restarts: 1 within 1h",)


def test_a_new_session_is_counted_and_the_snapshot_before_it_is_not():
    life = Life(capped(NIGHT, "actions", 1))

    life >> stopped("context_exhausted")
    life << "snapshot"
    life >> ended("snapshot", path="p")

    life << "new-session"
    assert {what: len(when) for what, when in life.world.used.items()} == {
        "actions": 1,
        "prompts": 1,
        "new-sessions": 1,
    }


def test_what_the_operator_asks_for_is_neither_counted_nor_held_back():
    life = Life(capped(GO, "prompts", 1))
    goes_round(life, "a")

    life >> told_to(commands.Renew(session=SES))
    life << "interrupt"
    life >> ended("interrupt")
    life << "snapshot"
    life >> ended("snapshot", path="p")
    life << "new-session"
    assert len(life.world.used["prompts"]) == 1


def test_a_notice_too_many_is_left_out_and_the_plan_goes_on():
    telling = policy(rule("go", "", TELL, {"resume": {}}))
    life = Life(capped(telling, "notifications", 1))
    life >> stopped("network", key="a")
    life << "notify" << "resume"
    life >> ended("resume") >> progressed

    life >> stopped("network", key="b")

    life << "resume"
    assert [one.why for one in life.decisions if one.kind == "hushed"] == [
        "left out: limit of notifications: 1 within 1h"
    ]


def test_a_notice_too_many_does_what_the_limit_says_where_it_says_something():
    telling = policy(rule("go", "", TELL, {"resume": {}}))
    life = Life(capped(telling, "notifications", 1, Attention(reason="too much talk")))
    life >> stopped("network", key="a")
    life << "notify" << "resume"
    life >> ended("resume") >> progressed

    life >> stopped("network", key="b")

    life.claim_nothing_more()
    life << Status.ATTENTION
    assert life.session.outlook == "too much talk"


def test_a_limit_of_notices_says_once_in_its_time_that_it_is_reached():
    telling = policy(rule("go", "", TELL, {"retry": {}}))
    life = Life(capped(telling, "notifications", 1, Notify(message="too many"), Finish()))
    life.work(OTHER)
    third = SessionId("ses_third")
    life.work(third)

    life >> stopped("network", key="a") << "notify" << "retry"
    life >> stopped("network", key="b", session=OTHER) << "notify"
    assert text_of(life.last["notify"]) == "too many"
    life >> stopped("network", key="c", session=third)

    life.claim_nothing_more()
    assert life.world.sessions[third].status is Status.COMPLETED


def test_a_critical_notice_is_sent_whatever_the_limit_says():
    loud = {"notify": {"message": "look", "severity": "critical"}}
    life = Life(capped(policy(rule("go", "", loud, {"retry": {}})), "notifications", 1))
    life >> stopped("network", key="a")
    life << "notify" << "retry"
    life >> person_prompts >> stopped("network", key="b")

    life << "notify" << "retry"
    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert notice.severity is Severity.CRITICAL


def test_what_was_used_up_outlives_us():
    life = Life(capped(GO, "prompts", 2))
    goes_round(life, "a")
    goes_round(life, "b")

    life.world = from_plain(World, to_plain(life.world))
    life >> known(session__cost=1.0) >> stopped("network", key="c")

    life << "notify" << Status.ATTENTION


def test_a_limit_that_a_new_policy_brings_finds_what_was_done_before_it():
    life = Life(GO)
    goes_round(life, "a")

    life.policy = capped(GO, "prompts", 1)
    life >> stopped("network", key="b")

    life << "notify" << Status.ATTENTION


def test_no_more_than_a_thousand_of_a_kind_are_remembered():
    life = Life(policy(rule("go", "", TELL, event=["progress"])))
    for _ in range(1005):
        life >> progressed >> passed(31)

    assert len(life.world.used["notifications"]) == 1000


def test_the_steps_of_then_are_a_plan_of_their_own_whatever_was_done_before_them():
    """A prompt that was sent before proves nothing about them, and their wait begins with them."""
    twice = policy(rule("silent", "", {"resume": {}}, {"resume": {}}, event=["stalled"]))
    tenth = Wait(span=timedelta(minutes=10))
    life = Life(capped(twice, "prompts", 1, tenth, Resume()))

    life >> passed(600) << "resume" >> ended("resume") << timedelta(minutes=10)
    life >> alive << Status.WORKING

    assert life.decisions[-1].why == "it is alive after all"
    life.claim_nothing_more()


def test_where_they_end_without_going_on_a_person_has_to_look():
    twice = policy(rule("twice", "", {"resume": {}}, {"resume": {}}, event=["stopped"]))
    life = Life(capped(twice, "prompts", 1, Notify(message="enough")))

    life >> stopped("network") << "resume" >> ended("resume") << "notify" << Status.ATTENTION

    assert life.session.outlook == "rule twice ended without going on"


def test_a_wait_of_theirs_after_a_rail_and_a_pause_begins_when_they_do():
    life = Life(capped(GO, "prompts", 1, Wait(span=timedelta(minutes=10)), Finish()))
    full = tuple(life.now for _ in range(12))
    life.world = replace(life.world, sessions={SES: replace(life.session, prompts=full)})
    life >> stopped("network") << "notify" << HOUR >> told_to(commands.Hold()) >> passed(3700)
    life.world = replace(life.world, used={"prompts": (life.now,)})

    life >> told_to(commands.Release()) << timedelta(minutes=10)

    assert life.session.outlook == "a fixed time"


def test_what_a_limit_refuses_is_written_down_for_the_event_that_the_plan_answers():
    life = Life(capped(GO, "prompts", 1))
    life.world = replace(life.world, used={"prompts": (life.now,)})

    life >> stopped("network")

    refused = next(one for one in life.decisions if one.kind == "refused")
    assert (refused.event, refused.limited, refused.session) == ("stopped", True, SES)


def test_so_does_one_of_a_plan_that_was_revised_before_its_limit_was_reached():
    tenth = (Wait(span=timedelta(minutes=10)), Finish())
    life = Life(capped(GO, "prompts", 1, *tenth))
    full = tuple(life.now for _ in range(12))
    life.world = replace(life.world, sessions={SES: replace(life.session, prompts=full)})
    life >> stopped("network") << "notify" << HOUR >> passed(60)
    longer = policy(rule("go", "", {"resume": {}}, "finish", event=["stopped", "action_failed"]))
    life.policy = capped(longer, "prompts", 1, *tenth)
    life.take(events.PolicyAdopted(at=life.now, name="new", digest="d2", resolved={}))
    life.world = replace(life.world, used={"prompts": (life.now + HOUR,)})

    life >> passed(3600) << timedelta(minutes=10)
