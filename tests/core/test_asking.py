"""Asking a person: her yes or no, her silence, and everything that makes a question void."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from palingenesis.core import commands, effects, events
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import next_deadline
from palingenesis.core.tally import Tally
from palingenesis.core.values import SessionId, Severity, Status
from palingenesis.core.world import World
from tests.core.life import (
    SES,
    START,
    Act,
    Life,
    asked,
    passed,
    person_prompts,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import policy, rule, shadow

OTHER = SessionId("ses_other")


def but_for_the_tally(world: World) -> World:
    """That somebody answered is counted, also where it changes nothing."""
    return replace(world, tally=Tally())


def asking(*behind: Any, **options: Any) -> Policy:
    question = {"question": "Try ${stop.reason} again?", "timeout": "30m", **options}
    return policy(
        rule("gate", "stop.reason == 'refused'", {"ask": question}, *(behind or ({"retry": {}},)))
    )


def answers(yes: bool, question: str = "q1") -> Act:
    return told_to(commands.Answer(question=question, yes=yes))


def test_a_person_is_asked_and_told_how_to_answer():
    life = Life(asking())

    life >> stopped("refused")

    life << "notify" << Status.ASKING
    life.claim_nothing_more()
    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert notice.severity is Severity.WARNING
    assert notice.message == (
        "Try refused again?\n"
        "Answer with: palingenesis answer q1 yes|no (without an answer within 30m: no)"
    )
    assert life.session.outlook == "Try refused again?"
    assert next_deadline(life.world, life.policy) == START + timedelta(minutes=30)


def test_the_steps_behind_a_question_are_taken_on_yes():
    life = Life(asking())
    life >> stopped("refused")
    life << "notify"

    life >> answers(yes=True)

    life << "retry"
    life.claim_nothing_more()
    assert [(d.kind, d.why) for d in life.decisions[1:]] == [("answered", "yes to q1 by anna")]
    assert life.world.questions == {"q1": "yes to q1 by anna"}


def test_a_no_means_that_a_person_has_to_look():
    life = Life(asking())
    life >> stopped("refused")
    life << "notify"

    life >> answers(yes=False)

    life.claim_nothing_more()
    life << Status.ATTENTION
    assert life.session.outlook == "no to q1 by anna: Try refused again?"


def test_silence_is_the_default():
    no, yes = Life(asking()), Life(asking(default="yes"))
    for life in (no, yes):
        life >> stopped("refused")
        life << "notify"
        life >> passed(1799)
        life << Status.ASKING
        life >> passed(1)

    no.claim_nothing_more()
    no << Status.ATTENTION
    assert no.session.outlook == "nobody answered q1 in time: no: Try refused again?"
    yes << "retry"


def test_an_answer_that_comes_late_changes_nothing():
    life = Life(asking())
    life >> stopped("refused") >> passed(1800)
    before = life.world

    life >> answers(yes=True)

    assert but_for_the_tally(life.world) == but_for_the_tally(before)
    assert life.world.questions == {"q1": "nobody answered q1 in time: no"}


def test_an_answer_that_is_given_twice_counts_once():
    life = Life(asking())
    life >> stopped("refused") >> answers(yes=True)
    before = life.world

    life >> answers(yes=True) >> answers(yes=False)

    assert but_for_the_tally(life.world) == but_for_the_tally(before)


def test_an_answer_to_nobody_changes_nothing():
    life = Life(asking())
    life >> stopped("refused")
    before = life.world

    life >> answers(yes=True, question="q99") >> answers(yes=True, question="")

    assert but_for_the_tally(life.world) == but_for_the_tally(before)


def test_a_wait_behind_a_question_begins_with_the_answer():
    life = Life(asking({"wait": {"for": "10m"}}, {"retry": {}}))
    life >> stopped("refused") >> passed(1500)

    life >> answers(yes=True)

    life << timedelta(minutes=10)


def test_two_questions_in_one_plan_have_two_names():
    second = {"ask": {"question": "Really?", "timeout": "1h"}}
    life = Life(asking(second, {"retry": {}}))
    life >> stopped("refused") >> answers(yes=True)
    life << "notify" << "notify" << Status.ASKING
    assert text_of(life.last["notify"]).startswith("Really?\nAnswer with: palingenesis answer q1b")

    life >> answers(yes=True, question="q1b")

    life << "retry"


def test_questions_of_two_sessions_do_not_disturb_each_other():
    life = Life(asking())
    life.work(OTHER)
    life >> stopped("refused") >> stopped("refused", session=OTHER)

    life >> answers(yes=False, question="q2")

    life << Status.ASKING
    assert life.world.sessions[OTHER].status is Status.ATTENTION


def test_a_person_who_prompts_has_answered_in_her_own_way():
    life = Life(asking())
    life >> stopped("refused")
    life << "notify"

    life >> person_prompts

    life << Status.WORKING
    life.claim_nothing_more()
    assert life.world.questions == {"q1": "not asked any more: the person prompts; ours is void"}
    assert next_deadline(life.world, life.policy) is not None  # only that of a stall
    life >> answers(yes=True)
    life.claim_nothing_more()


def test_a_session_that_goes_on_by_itself_is_asked_about_no_more():
    life = Life(asking())
    life >> stopped("refused") >> working

    life << Status.WORKING
    assert list(life.world.questions) == ["q1"]


def test_a_question_of_the_agent_itself_comes_first():
    life = Life(asking())
    life >> stopped("refused") >> asked()

    life << Status.BLOCKED
    assert life.world.questions == {"q1": "not asked any more: a permission waits for a person"}


def test_the_same_stop_again_does_not_ask_again():
    life = Life(asking())
    life >> stopped("refused", key="a")
    life << "notify"

    life >> passed(60) >> stopped("refused", key="b")

    life.claim_nothing_more()
    life << Status.ASKING
    life >> answers(yes=True)
    retry = life.last["retry"]
    assert isinstance(retry, effects.Retry)
    assert retry.stop == "b"


def test_another_stop_makes_the_question_void():
    life = Life(asking())
    life >> stopped("refused")
    life << "notify"

    life >> stopped("auth")

    life << Status.ATTENTION
    assert life.world.questions == {"q1": "not asked any more: default decides anew"}


def test_a_pending_question_outlives_us():
    life = Life(asking())
    life >> stopped("refused")

    life.world = from_plain(World, to_plain(life.world))
    life << "notify"
    life >> answers(yes=True)

    life << "retry"


def test_a_pause_keeps_the_question_and_an_answer_meanwhile_counts_at_its_end():
    for yes, then in ((True, "retry"), (False, Status.ATTENTION)):
        life = Life(asking())
        life >> stopped("refused") >> told_to(commands.Hold())
        life << "notify" << Status.PAUSED
        life >> answers(yes=yes)
        life.claim_nothing_more()
        life << Status.PAUSED

        life >> told_to(commands.Release())

        life << then
        life.claim_nothing_more()


def test_a_question_that_was_paused_is_the_same_question_afterwards():
    life = Life(asking())
    life >> stopped("refused") >> told_to(commands.Hold(session=SES)) >> passed(60)
    life << "notify"

    life >> told_to(commands.Release(session=SES))

    life << Status.ASKING
    life.claim_nothing_more()
    life >> passed(1740)
    life << Status.ATTENTION


def test_a_question_whose_time_ran_out_in_a_pause_has_its_default_at_the_end_of_it():
    life = Life(asking(default="yes"))
    life >> stopped("refused") >> told_to(commands.Hold(session=SES)) >> passed(7200)
    life << "notify"
    life.claim_nothing_more()

    life >> told_to(commands.Release(session=SES))

    life << "retry"


def adopts(life: Life, policy: Policy) -> None:
    life.policy = policy
    life.take(
        events.PolicyAdopted(
            at=life.now, name=policy.name, digest=policy.digest, resolved=policy.resolved
        )
    )


def test_a_new_policy_with_the_same_question_does_not_ask_again_and_goes_on_as_it_says():
    life = Life(asking())
    life >> stopped("refused")
    life << "notify"

    adopts(life, asking({"resume": {}}))

    life.claim_nothing_more()
    life >> answers(yes=True)
    life << "resume"


def test_a_new_policy_without_the_question_makes_it_void():
    life = Life(asking())
    life >> stopped("refused")
    life << "notify"

    adopts(life, policy(rule("gate", "", {"finish": {}})))

    life << Status.COMPLETED
    assert life.world.questions == {"q1": "not asked any more: the policy changed"}


def test_a_policy_in_shadow_asks_nobody():
    life = Life(shadow(asking()))

    life >> stopped("refused")

    life.claim_nothing_more()
    assert life.session.outlook == "shadow: gate would have done ask, then retry"


def test_the_newest_fifty_questions_are_remembered():
    life = Life(replace(asking(), verify_within=timedelta(days=1)))
    for number in range(60):
        life >> stopped("refused", key=str(number)) >> person_prompts

    assert len(life.world.questions) == 50


def test_a_question_is_void_when_another_one_comes_in_a_pause():
    life = Life(asking())
    life >> stopped("refused") >> told_to(commands.Hold(session=None)) >> asked()
    assert life.world.questions == {"q1": "not asked any more: a permission waits for a person"}

    life >> told_to(commands.Release(session=None))
    before = life.world
    life >> answers(yes=True)

    life << Status.BLOCKED
    assert but_for_the_tally(life.world) == but_for_the_tally(before)


def test_a_question_is_void_when_the_session_goes_on_in_a_pause():
    for yes in (True, False):
        life = Life(asking())
        life >> stopped("refused") >> told_to(commands.Hold(session=None)) >> working
        life.orders.clear()

        life >> answers(yes=yes) >> told_to(commands.Release(session=None))

        life.claim_nothing_more()
        life << Status.WORKING
        assert life.world.questions == {"q1": "not asked any more: it went on while it was paused"}
