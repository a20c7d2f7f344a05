"""Shadow, off, and rules that only observe: what is written down, and what is not done."""

from dataclasses import replace

from palingenesis.core import commands, effects, events
from palingenesis.core.policy.model import Mode, Policy
from palingenesis.core.step import next_deadline
from palingenesis.core.values import Result, Status
from palingenesis.core.world import Decision
from tests.core.life import (
    SES,
    Life,
    alive,
    answered,
    asked,
    died,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    text_of,
    told_to,
)
from tests.core.policies import CRASH, NIGHT, RATE, policy, rule, shadow, with_rule

TELL = {"notify": {"message": "seen ${stop.reason}"}}
WATCHED = with_rule(
    policy(rule("watch", "", TELL, {"snapshot": {}}, {"run": {"hook": "count"}}), RATE),
    "watch",
    observes=True,
)


def adopts(life: Life, policy: Policy) -> None:
    life.policy = policy
    life.take(
        events.PolicyAdopted(
            at=life.now, name=policy.name, digest=policy.digest, resolved=policy.resolved
        )
    )


def of_kind(life: Life, kind: str) -> list[Decision]:
    return [decision for decision in life.decisions if decision.kind == kind]


# ── a policy in shadow ────────────────────────────────────────────────────────────────────────


def test_a_policy_in_shadow_writes_down_what_it_would_have_done_and_leaves_the_session_alone():
    life = Life(shadow(NIGHT))

    life >> stopped("rate_limit", retry_after=90)

    life.claim_nothing_more()
    life << Status.STOOD_DOWN
    (decision,) = life.decisions
    assert (decision.kind, decision.rule) == ("shadowed", "rate")
    assert [type(step).__name__ for step in decision.plan] == ["Wait", "Resume"]
    assert decision.facts["stop.reason"] == "rate_limit"
    assert life.session.outlook == "shadow: rate would have done wait, then resume"


def test_a_policy_in_shadow_does_not_start_a_dead_server_again():
    life = Life(shadow(NIGHT))

    life >> died()

    life.claim_nothing_more()
    life << Status.STOOD_DOWN


def test_nor_one_where_nobody_works():
    life = Life(shadow(policy(CRASH)))
    life.take(events.SessionGone(at=life.now, session=SES))

    life >> died() >> passed(3600)

    life.claim_nothing_more()
    assert life.world.restarted == ()


def test_a_question_of_the_agent_reaches_the_person_also_in_shadow():
    life = Life(shadow(policy(rule("remind", "", TELL, event=["blocked"]))))

    life >> asked()

    life << "notify"
    life.claim_nothing_more()
    life << Status.BLOCKED
    assert [d.rule for d in of_kind(life, "shadowed")] == ["remind"]


def test_a_hold_of_a_policy_in_shadow_runs_out_before_anything_is_written_down():
    life = Life(shadow(policy(rule("patient", "", {"resume": {}}) | {"for": "1m"})))

    life >> stopped("network")
    life << Status.HOLDING
    assert life.decisions == []

    life >> passed(60)
    life << Status.STOOD_DOWN
    assert [d.rule for d in of_kind(life, "shadowed")] == ["patient"]


def test_a_command_of_the_operator_is_carried_out_also_in_shadow():
    life = Life(shadow(NIGHT))

    life >> told_to(commands.Renew(session=SES))

    life << "interrupt"


def test_a_wait_that_is_pending_when_the_policy_goes_into_shadow_is_over():
    life = Life(NIGHT)
    life >> stopped("rate_limit", retry_after=90)
    life << Status.WAITING

    adopts(life, shadow(NIGHT))

    life << Status.STOOD_DOWN
    assert [d.kind for d in life.decisions] == ["decided", "cancelled", "shadowed"]
    life >> passed(3600)
    life.claim_nothing_more()


def test_nothing_follows_an_effect_that_was_under_way_when_the_policy_went_into_shadow():
    life = Life(policy(rule("both", "", {"snapshot": {}}, {"resume": {}})))
    life >> stopped("network")
    life << "snapshot"
    adopts(life, shadow(life.policy))

    life >> ended("snapshot", path="p")

    life.claim_nothing_more()
    life << Status.STOOD_DOWN


def test_a_policy_that_is_off_decides_nothing():
    life = Life(replace(NIGHT, mode=Mode.OFF))

    life >> progressed >> stopped("rate_limit", retry_after=90)

    life.claim_nothing_more()
    life << Status.STOOD_DOWN
    assert life.decisions == []
    assert life.session.outlook == "the policy is off: nothing is decided"


def test_a_policy_that_is_switched_off_ends_what_is_pending():
    held = policy(rule("patient", "", {"resume": {}}) | {"for": "1m"})
    life = Life(held)
    life >> stopped("network")
    life << Status.HOLDING

    adopts(life, replace(held, mode=Mode.OFF))

    life << Status.STOOD_DOWN
    assert next_deadline(life.world, life.policy) is None


# ── a rule in shadow ──────────────────────────────────────────────────────────────────────────


def test_a_rule_in_shadow_is_written_down_and_the_next_rule_decides():
    tried = policy(rule("bold", "", {"new-session": {}}), RATE)
    life = Life(with_rule(tried, "bold", mode=Mode.SHADOW))

    life >> stopped("rate_limit", retry_after=90)

    life << Status.WAITING
    life.claim_nothing_more()
    assert [(d.kind, d.rule) for d in life.decisions] == [("shadowed", "bold"), ("decided", "rate")]


def test_a_rule_in_shadow_is_written_down_once_its_for_is_over_whatever_became_of_the_session():
    tried = policy(rule("late", "", {"new-session": {}}) | {"for": "1m"}, RATE)
    life = Life(with_rule(tried, "late", mode=Mode.SHADOW))
    life >> stopped("rate_limit", retry_after=900)
    assert of_kind(life, "shadowed") == []

    life >> passed(60)

    assert [d.rule for d in of_kind(life, "shadowed")] == ["late"]
    life << Status.WAITING


def test_a_rule_in_shadow_whose_matter_is_gone_when_its_for_is_over_is_not_written_down():
    tried = policy(rule("remind", "", TELL, event=["blocked"]) | {"for": "1m"})
    life = Life(with_rule(tried, "remind", mode=Mode.SHADOW))
    life >> asked() >> answered >> passed(60)

    assert of_kind(life, "shadowed") == []


def test_the_limit_of_a_rule_in_shadow_counts_as_if_it_decided():
    limit = {"max": 1, "per": "1h", "then": [{"stand-down": {}}]}
    tried = policy(rule("bold", "", {"retry": {}}, limit=limit), RATE)
    life = Life(with_rule(tried, "bold", mode=Mode.SHADOW))

    life >> stopped("rate_limit", retry_after=9, key="a")
    life >> stopped("rate_limit", retry_after=9, key="b")

    assert [d.limited for d in of_kind(life, "shadowed")] == [False, True]


# ── a rule that observes ──────────────────────────────────────────────────────────────────────


def test_a_rule_that_observes_takes_its_steps_and_exactly_one_other_decides():
    life = Life(WATCHED)

    life >> stopped("rate_limit", retry_after=90)

    life << "notify" << "snapshot" << "run"
    life.claim_nothing_more()
    life << Status.WAITING
    assert [(d.kind, d.rule) for d in life.decisions] == [
        ("observed", "watch"),
        ("decided", "rate"),
    ]
    assert text_of(life.last["notify"]) == "seen rate_limit"
    run = life.last["run"]
    assert isinstance(run, effects.Run)
    assert (run.hook, run.rule) == ("count", "watch")


def test_nothing_waits_for_a_rule_that_observes_and_its_failures_end_no_plan():
    life = Life(WATCHED)
    life >> stopped("rate_limit", retry_after=90)
    before = life.session

    life >> ended("run", Result.FAILED) >> ended("snapshot", Result.FAILED)

    assert life.session == before


def test_a_rule_that_observes_does_no_more_than_observe_whatever_it_says():
    acting = policy(rule("sly", "", {"resume": {}}, {"attention": {}}), RATE)
    life = Life(with_rule(acting, "sly", observes=True))

    life >> stopped("rate_limit", retry_after=90)

    life.claim_nothing_more()
    life << Status.WAITING


def test_a_reminder_that_observes_comes_once_although_the_question_is_told_again():
    reminding = policy(rule("remind", "", TELL, event=["blocked"]) | {"for": "5m"})
    life = Life(with_rule(reminding, "remind", observes=True))
    life >> asked()
    life << "notify"

    life >> asked() >> passed(300)

    life << "notify"
    life.claim_nothing_more()
    life << Status.BLOCKED
    life >> passed(3600)
    life.claim_nothing_more()


def test_a_rule_that_observes_is_only_written_down_while_the_policy_is_in_shadow():
    life = Life(shadow(WATCHED))

    life >> stopped("rate_limit", retry_after=90)

    life.claim_nothing_more()
    assert [(d.kind, d.rule) for d in life.decisions] == [
        ("shadowed", "watch"),
        ("shadowed", "rate"),
    ]


def test_a_rule_that_observes_sees_a_stop_once_although_its_hold_is_decided_anew():
    held = policy(
        rule("watch", "", TELL),
        rule("held", "not known(session.cost)", {"retry": {}}) | {"for": "1m"},
        RATE,
    )
    life = Life(with_rule(held, "watch", observes=True))
    life >> stopped("rate_limit", retry_after=900)
    life << "notify" << Status.HOLDING

    life.take(events.FactsObserved(at=life.now, session=SES, facts={"session.cost": 1.0}))
    life >> passed(60)

    life.claim_nothing_more()
    life << Status.WAITING


WAITS_TO_TELL = with_rule(
    policy(rule("watch", "", TELL) | {"for": "10m"}, RATE), "watch", observes=True
)


def test_a_rule_that_observes_after_a_while_says_nothing_of_a_stop_that_is_over():
    resumed, prompted = Life(WAITS_TO_TELL), Life(WAITS_TO_TELL)

    resumed >> stopped("rate_limit", retry_after=30) >> passed(30) >> ended("resume") >> alive
    prompted >> stopped("rate_limit", retry_after=30) >> person_prompts
    resumed >> passed(600)
    prompted >> passed(600)

    resumed << "resume" << Status.WORKING
    resumed.claim_nothing_more()
    prompted.claim_nothing_more()


def test_a_rule_that_observes_after_a_while_tells_a_stop_that_is_still_waited_out():
    life = Life(WAITS_TO_TELL)

    life >> stopped("rate_limit", retry_after=3600) >> passed(600)

    life << "notify" << Status.WAITING


def test_a_rule_that_observes_sees_a_stop_once_although_its_hold_was_paused():
    held = policy(rule("watch", "", TELL), rule("held", "", {"retry": {}}) | {"for": "10m"})
    life = Life(with_rule(held, "watch", observes=True))
    life >> stopped("network")
    life << "notify" << Status.HOLDING

    life >> told_to(commands.Hold(session=None)) >> told_to(commands.Release(session=None))

    life.claim_nothing_more()
    life << Status.HOLDING


REOPENED = with_rule(
    policy(
        rule("watch", "", TELL),
        rule("rest", "", {"attention": {"reason": "look", "reopen-after": "1h"}}),
    ),
    "watch",
    observes=True,
)


def test_a_rule_that_observes_sees_a_stop_once_although_it_is_reopened():
    life = Life(REOPENED)
    life >> stopped("network")
    life << "notify" << Status.ATTENTION

    life >> passed(3600) >> passed(3600) >> told_to(commands.Release(session=SES))

    life.claim_nothing_more()
    life << Status.ATTENTION


def test_a_rule_that_observes_sees_a_stop_that_came_while_nothing_was_decided():
    life = Life(REOPENED)
    life >> stopped("network")
    life << "notify" << Status.ATTENTION

    life >> passed(60) >> stopped("timeout") >> passed(3600)

    life << "notify" << Status.ATTENTION
    assert text_of(life.last["notify"]) == "seen timeout"
