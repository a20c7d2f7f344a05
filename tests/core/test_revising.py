"""A new policy while something is pending: policy by policy, the table of the reload page."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from palingenesis.core import commands, events, plans
from palingenesis.core.policy.calendars import UTC_ZONE, Calendar
from palingenesis.core.policy.model import Cap, Policy
from palingenesis.core.step import next_deadline
from palingenesis.core.values import Status
from palingenesis.core.world import Decision
from tests.core.life import SES, Life, asked, ended, passed, progressed, stopped, text_of, told_to
from tests.core.policies import CRASH, RATE, policy, rule, shadow, with_rule

TEN = {"wait": {"for": "10m"}}
ASK = {"ask": {"question": "Go on?", "timeout": "30m", "default": "no"}}


def adopts(life: Life, made: Policy) -> None:
    life.policy = made
    life.take(
        events.PolicyAdopted(
            at=life.now, name=made.name, digest=made.digest, resolved=made.resolved
        )
    )


def last(life: Life, kind: str) -> Decision:
    return [decision for decision in life.decisions if decision.kind == kind][-1]


def waiting(*steps: object, **options: object) -> Policy:
    return policy(rule("limit", "stop.reason == 'quota'", *steps, **options))


def a_wait(made: Policy) -> Life:
    """Four minutes into a wait."""
    return Life(made) >> stopped("quota") >> passed(240)


def test_a_retry_that_we_took_over_is_not_left_to_the_assistant_by_another_policy():
    steps = ("interrupt", {"wait": {"until": "retry_after"}}, "resume")
    life = Life(policy(rule("long", "stop.retrying", *steps)))
    life >> stopped("rate_limit", retry_after=3600, retrying=True) << "interrupt"
    life >> stopped("user_abort", key="aborted") >> ended("interrupt") << Status.WAITING

    adopts(life, policy(rule("own", "stop.retrying", {"delegate": {}}), RATE))

    life << timedelta(hours=1)
    life >> passed(3600) << "resume"


def test_a_wait_after_a_retry_that_we_took_over_survives_an_unrelated_change():
    steps = ("interrupt", {"wait": {"until": "retry_after"}}, "resume")
    long = rule("long", "stop.retrying", *steps)
    life = Life(policy(long))
    life >> stopped("rate_limit", retry_after=3600, retrying=True) << "interrupt"
    life >> stopped("user_abort", key="aborted") >> ended("interrupt") << Status.WAITING
    decided = len(life.decisions)

    adopts(life, policy(long, CRASH))

    assert len(life.decisions) == decided


def test_an_unrelated_rule_changes_nothing():
    life = a_wait(waiting(TEN, "resume"))
    decided = len(life.decisions)

    adopts(life, policy(rule("limit", "stop.reason == 'quota'", TEN, "resume"), CRASH))

    life << timedelta(minutes=6)
    assert len(life.decisions) == decided


def test_an_edited_wait_counts_from_its_beginning_and_its_later_steps_are_the_new_ones():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, waiting({"wait": {"for": "15m"}}, "retry"))

    life << timedelta(minutes=11)
    life >> passed(660) << "retry"
    assert last(life, "revised").rule == "limit"


def test_a_shorter_maximum_shortens_the_wait_and_never_begins_it_anew():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, waiting({"wait": {"for": "10m", "max": "5m"}}, "resume"))

    life << timedelta(minutes=1)


def test_a_wait_that_would_be_over_by_now_ends_at_once():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, waiting({"wait": {"for": "2m"}}, "resume"))

    assert next_deadline(life.world, life.policy) < life.now
    life >> passed(0) << "resume"


def test_a_removed_rule_leaves_the_stop_to_the_rules_that_are_there():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, policy(rule("patient", "stop.reason == 'quota'", {"wait": {"for": "30m"}})))

    life << timedelta(minutes=26)
    assert last(life, "revised").rule == "patient"


def test_another_rule_that_comes_first_now_decides():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, policy(rule("stop", "stop.reason == 'quota'", "attention"),
                        rule("limit", "stop.reason == 'quota'", TEN, "resume")))  # fmt: skip

    life << Status.ATTENTION


def test_a_rule_that_is_in_shadow_now_does_not_decide_any_more():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, with_rule(waiting(TEN, "resume"), "limit", **shadow_mode()))

    life << Status.ATTENTION
    assert last(life, "revised").rule == "default"


def shadow_mode() -> dict[str, object]:
    return {"mode": shadow(waiting()).mode}


def test_a_policy_in_shadow_now_cancels_what_is_pending():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, shadow(waiting(TEN, "resume")))

    life << Status.STOOD_DOWN
    assert last(life, "cancelled").rule == "limit"


def test_a_limit_that_is_lower_than_what_was_used_hands_over_to_a_person():
    life = Life(waiting({"wait": {"for": "1m"}}, "resume"))
    for _ in range(3):
        life >> stopped("quota") >> passed(61)
        life.take(events.SessionWorking(at=life.now, session=life.session.id, agent="opencode"))  # type: ignore[arg-type]
    life >> stopped("quota")

    adopts(life, waiting({"wait": {"for": "1m"}}, "resume", limit={"max": 3, "per": "1h"}))

    life << Status.ATTENTION


def test_a_rule_that_counts_what_nobody_counted_before_is_answered_from_memory():
    counting = policy(
        rule("often", "count(quota, 3h) >= 2", "attention"),
        rule("limit", "stop.reason == 'quota'", TEN, "resume"),
    )
    once = a_wait(waiting(TEN, "resume"))
    twice = a_wait(waiting(TEN, "resume")) >> passed(360)
    twice.take(events.SessionWorking(at=twice.now, session=twice.session.id, agent="opencode"))  # type: ignore[arg-type]
    twice >> stopped("quota")

    adopts(once, counting)
    adopts(twice, counting)

    once << Status.WAITING
    twice << Status.ATTENTION


def test_a_question_that_is_asked_the_same_way_stays_the_same_question():
    life = Life(waiting(ASK, "resume")) >> stopped("quota") << "notify" >> passed(60)
    assert life.session.plan is not None
    question, deadline = life.session.plan.question, life.session.plan.deadline

    adopts(life, waiting(ASK, "retry"))

    life.claim_nothing_more()
    life << Status.ASKING
    assert (life.session.plan.question, life.session.plan.deadline) == (question, deadline)
    life >> told_to(commands.Answer(question=question, yes=True)) << "retry"


def test_a_question_whose_rule_is_gone_is_closed():
    life = Life(waiting(ASK, "resume")) >> stopped("quota") << "notify"
    assert life.session.plan is not None
    question = life.session.plan.question

    adopts(life, waiting(TEN, "resume"))

    life << timedelta(minutes=10)
    assert life.world.questions[question] == "not asked any more: the policy changed"


def test_a_plan_that_is_paused_is_revised_and_goes_on_after_the_pause():
    life = a_wait(waiting(TEN, "resume")) >> told_to(commands.Hold())

    adopts(life, waiting({"wait": {"for": "20m"}}, "retry"))

    life << Status.PAUSED
    life >> told_to(commands.Release()) << timedelta(minutes=16)


def test_what_was_ordered_before_a_pause_is_not_taken_back_by_a_new_policy():
    life = Life(waiting("resume", "resume")) >> stopped("quota") << "resume"
    life >> told_to(commands.Hold())
    assert life.session.plan is not None
    effect = life.session.plan.effect

    adopts(life, waiting(TEN, "resume"))

    assert life.session.plan is not None
    assert life.session.plan.effect == effect


def test_a_rule_that_has_to_stay_true_longer_now_counts_from_its_beginning():
    life = Life(waiting("resume", **{"for": "5m"})) >> stopped("quota") << Status.HOLDING
    life >> passed(120)

    adopts(life, waiting("resume", **{"for": "8m"}))

    assert next_deadline(life.world, life.policy) == life.now + timedelta(minutes=6)
    life >> passed(300)
    life.claim_nothing_more()
    life >> passed(60) << "resume"


def test_a_held_stop_whose_rule_is_gone_is_decided_anew():
    life = Life(waiting("resume", **{"for": "5m"})) >> stopped("quota")

    adopts(life, policy(RATE, rule("late", "stop.reason == 'quota'", TEN, "resume")))

    life << timedelta(minutes=10)
    assert last(life, "cancelled").rule == "limit"


def test_a_reminder_that_is_gone_reminds_nobody():
    telling = rule("remind", "", {"notify": {"message": "asks"}}, event=["blocked"],
                   **{"for": "5m"})  # fmt: skip
    life = Life(policy(telling)) >> asked()
    life.orders.clear()

    adopts(life, policy(RATE))

    life << Status.BLOCKED
    life >> passed(600)
    life.claim_nothing_more()


# ── the clock of a wait ───────────────────────────────────────────────────────────────────────


def test_a_wait_keeps_its_clock_when_another_step_is_put_before_it():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, waiting({"notify": {"message": "waiting"}}, TEN, "resume"))

    life << "notify" << timedelta(minutes=6)
    life >> passed(360) << "resume"
    life.claim_nothing_more()


def test_a_second_wait_of_that_plan_has_a_clock_of_its_own():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, waiting({"notify": {"message": "waiting"}}, TEN, TEN, "resume"))

    life << "notify" << timedelta(minutes=6) >> passed(360) << timedelta(minutes=10)


def test_a_wait_keeps_its_clock_when_another_rule_wins_with_the_same_steps():
    before = policy(rule("long", "stop.reason == 'quota'", TEN, TEN, "resume"))
    life = Life(before) >> stopped("quota") >> passed(600) >> passed(240) << timedelta(minutes=6)

    adopts(life, policy(rule("longer", "stop.reason == 'quota'", TEN, TEN, "resume")))

    life << timedelta(minutes=6)
    assert life.session.plan is not None
    assert life.session.plan.rule == "longer"
    life >> passed(360) << "resume"


def test_a_wait_of_another_rule_counts_what_was_waited_already():
    life = a_wait(waiting("interrupt", TEN, "resume"))  # the interrupt is still to come
    life << "interrupt" >> ended("interrupt") >> passed(120) << timedelta(minutes=8)

    adopts(life, policy(rule("other", "", {"wait": {"for": "20m"}}, "resume")))

    life << timedelta(minutes=18)


# ── a question in a pause ─────────────────────────────────────────────────────────────────────


def test_a_question_that_is_pending_in_a_pause_is_settled_when_the_policy_goes_to_shadow():
    life = Life(waiting(ASK, "resume")) >> stopped("quota") << "notify"
    question = life.session.plan.question  # type: ignore[union-attr]
    life >> told_to(commands.Hold())

    adopts(life, shadow(waiting(ASK, "resume")))

    said = "not asked any more: the policy is in mode shadow now"
    assert life.world.questions == {question: said}
    life >> told_to(commands.Release()) << Status.STOOD_DOWN
    life.claim_nothing_more()


def test_a_plan_that_has_taken_all_its_steps_before_a_pause_is_not_revised():
    life = Life(waiting("resume")) >> stopped("quota") << "resume"
    life >> ended("resume") << Status.VERIFYING
    life >> told_to(commands.Hold(session=life.session.id)) >> stopped("quota", key="again")
    decided = len(life.decisions)

    adopts(life, waiting("resume", "snapshot"))

    assert len(life.decisions) == decided
    life << Status.PAUSED
    life >> told_to(commands.Release(session=life.session.id)) << "resume"
    assert last(life, "decided").plan == life.policy.rules[0].steps


# ── what is looked at, and what is left ───────────────────────────────────────────────────────


def test_a_revision_is_written_down_for_its_session():
    life = a_wait(waiting(TEN, "resume"))

    adopts(life, waiting({"wait": {"for": "20m"}}, "resume"))

    assert last(life, "revised").session == SES


def test_rules_that_observe_see_nothing_new_when_a_policy_goes_to_shadow():
    note = rule("note", "", {"log": {"message": "seen"}}, **{"continue": True})
    made = policy(note, rule("limit", "stop.reason == 'quota'", TEN, "resume"))
    life = Life(made) >> stopped("quota") << "log"
    seen = len([one for one in life.decisions if one.rule == "note"])

    adopts(life, shadow(made))

    assert len([one for one in life.decisions if one.rule == "note"]) == seen


def test_a_retry_that_is_left_to_the_assistant_may_be_left_to_it_by_another_rule():
    own = ("stop.retrying", {"delegate": {}}, "resume")
    life = Life(policy(rule("own", *own)))
    life >> stopped("rate_limit", retry_after=3600, retrying=True) << Status.WAITING

    adopts(life, policy(rule("other", *own)))

    life << timedelta(seconds=3660)
    assert last(life, "revised").rule == "other"


def test_the_steps_of_another_rule_begin_with_the_first_though_one_of_them_is_of_the_same_kind():
    life = a_wait(waiting({"log": {"message": "on"}}, TEN, "resume")) << "log"

    first = {"log": {"message": "another"}}
    adopts(life, policy(rule("other", "", first, {"wait": {"for": "20m"}}, "resume")))

    life << "log" << timedelta(minutes=16)
    life.claim_nothing_more()


def test_a_rule_that_has_fewer_steps_now_begins_with_its_first():
    life = a_wait(waiting({"log": {"message": "on"}}, TEN, "resume")) << "log"

    adopts(life, waiting("resume"))

    life << "resume" << Status.ACTING


def test_what_is_revised_in_a_pause_is_decided_anew_if_it_stops_once_more():
    life = a_wait(waiting(TEN, "resume")) >> told_to(commands.Hold())
    adopts(life, waiting({"wait": {"for": "30m"}}, "resume"))

    life >> stopped("quota", key="newer") >> told_to(commands.Release())

    assert last(life, "cancelled").why == "it stopped once more in the pause"
    life << timedelta(minutes=30)


def test_a_condition_is_looked_at_no_more_once_it_is_left_to_the_assistant():
    seen = {"wait": {"for-condition": "operator.seen > 5m", "max": "1h", "else": "1h"}}
    life = Life(policy(rule("seen", "", seen, "resume")))
    life >> told_to(commands.Hold()) >> told_to(commands.Release())
    life >> stopped("rate_limit", retry_after=3600, retrying=True) << Status.WAITING

    adopts(life, policy(rule("own", "stop.retrying", {"delegate": {}}, "resume")))

    assert next_deadline(life.world, life.policy) == life.now + timedelta(seconds=3660)


def test_every_rule_with_a_clock_is_looked_at_and_not_only_the_first():
    def made(*events: str) -> Policy:
        return policy(
            *(
                rule(event, "", {"notify": {"message": event}}, event=[event], **{"for": "5m"})
                for event in events
            )
        )

    life = Life(made("progress", "blocked")) >> progressed >> asked() << "notify"
    assert [hold.rule for hold in life.session.holds] == ["progress", "blocked"]

    adopts(life, made("progress"))

    assert [hold.rule for hold in life.session.holds] == ["progress"]
    cancelled = last(life, "cancelled")
    assert (cancelled.rule, cancelled.why) == (
        "blocked",
        "the policy changed while it had to stay true",
    )


# ── calendars ─────────────────────────────────────────────────────────────────────────────────

EVENING = datetime(2026, 2, 5, 21, 0, tzinfo=UTC)
QUIET = Calendar(
    name="quiet", days=frozenset(range(7)), start=time(22, 30), end=time(7), zone=UTC_ZONE
)
TILL_MORNING = {"wait": {"until": "calendar_end", "calendar": "quiet", "else": "5m"}}


def nightly(end: int = 7) -> Policy:
    made = waiting({"run": {"hook": "backup"}}, TILL_MORNING, "resume")
    return replace(made, calendars={"quiet": replace(QUIET, end=time(end))}, digest=f"until {end}")


def test_a_wait_for_the_end_of_a_window_goes_by_the_new_calendar_from_where_it_began():
    life = Life(nightly(), now=EVENING) >> stopped("quota") << "run" >> passed(2 * 3600)
    life >> ended("run") << timedelta(hours=8)

    adopts(life, nightly(end=6))

    life << timedelta(hours=7)


def test_one_that_did_not_begin_before_a_pause_begins_after_it():
    life = Life(nightly(), now=EVENING) >> stopped("quota") << "run" >> passed(2 * 3600)
    life >> told_to(commands.Hold()) >> ended("run")
    adopts(life, nightly(end=6))

    life >> passed(12 * 3600) >> told_to(commands.Release()) << timedelta(minutes=5)


def test_the_steps_of_a_limit_go_on_under_a_policy_in_which_it_stands():
    then = (plans.Wait(span=timedelta(hours=1)), plans.Resume())
    cap = Cap(what="prompts", most=1, per=timedelta(days=1), then=then)
    on = rule("on", "stop.reason == 'network'", "resume", event=["stopped"])
    life = Life(replace(policy(on), caps=(cap,)))
    life.world = replace(life.world, used={"prompts": (life.now,)})
    life >> stopped("network") << timedelta(hours=1) >> passed(600)
    decided = len(life.decisions)

    adopts(life, replace(policy(on, CRASH), caps=(cap,)))

    life << timedelta(minutes=50)
    assert len(life.decisions) == decided


def test_a_question_that_a_new_policy_puts_otherwise_is_asked_anew_after_a_pause():
    life = Life(waiting(ASK, "resume")) >> stopped("quota") << "notify" << Status.ASKING
    life >> told_to(commands.Hold())

    adopts(life, waiting({"ask": ASK["ask"] | {"question": "Really?"}}, "resume"))

    assert list(life.world.questions.values()) == ["not asked any more: the policy changed"]
    life.claim_nothing_more()
    life >> told_to(commands.Release()) << Status.ASKING
    assert text_of(life.orders[0]).startswith("Really?")
