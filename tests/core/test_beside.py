"""What happens beside the decision: rules that only observe, watches, and a candidate."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands
from palingenesis.core.kernel.beside import anchor_of, would_have
from palingenesis.core.policy.model import Mode, Policy
from palingenesis.core.values import Block, BlockKind, SessionId, Status, Stop, StopReason
from palingenesis.core.world import Decision, Session
from tests.core.life import (
    AGENT,
    SES,
    START,
    Life,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import NIGHT, QUOTA, RATE, policy, rule, with_rule
from tests.core.test_candidates import beside

TELL = {"notify": {"message": "${rule.id} saw ${stop.reason} (${rule.tries})"}}
OBSERVING = {"notify": {"message": "seen"}}


def observing(*do: object, **options: object) -> Policy:
    """A rule that only observes, before one that decides."""
    return with_rule(policy(rule("watch", "", *do, **options), RATE), "watch", observes=True)


def of_kind(life: Life, kind: str) -> list[Decision]:
    return [one for one in life.decisions if one.kind == kind]


# ── rules that only observe ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("whose", [None, SES])
def test_a_rule_that_observes_starts_no_program_and_no_backup_in_a_pause(whose: SessionId | None):
    watched = with_rule(
        policy(
            rule(
                "watch", "", TELL, {"run": {"hook": "count"}}, {"snapshot": {}}, event=["progress"]
            ),
            RATE,
        ),
        "watch",
        observes=True,
    )
    free, paused = Life(watched), Life(watched) >> told_to(commands.Hold(session=whose))

    for life in (free, paused):
        life >> progressed

    free << "notify" << "run" << "snapshot"
    assert "run" not in paused.names()
    assert "snapshot" not in paused.names()


def test_a_pause_of_everything_holds_back_what_a_session_that_is_not_paused_itself_would_start():
    life = Life(observing({"run": {"hook": "count"}}, event=["progress"]))
    life.world = replace(life.world, paused=True)

    life >> progressed

    assert "run" not in life.names()


def test_a_rule_that_observes_is_in_its_first_try_and_names_itself():
    life = Life(observing(TELL)) >> stopped("rate_limit", retry_after=90)

    assert text_of(life.last["notify"]) == "watch saw rate_limit (1)"


def test_what_a_rule_that_observes_does_beyond_its_limit_is_written_down_as_that():
    limited = observing(TELL, limit={"max": 1, "per": "1h", "then": [OBSERVING]})
    life = Life(limited)

    for number in range(2):
        life >> stopped("rate_limit", retry_after=1, key=f"k{number}") >> passed(1)
        life >> ended("resume") >> progressed

    assert [one.limited for one in of_kind(life, "observed")] == [False, True]


def test_a_plan_without_steps_would_have_done_nothing():
    assert would_have("idle", ()) == "shadow: idle would have done nothing"


# ── watches ───────────────────────────────────────────────────────────────────────────────────


def watching(*rules: tuple[str, str, str]) -> Policy:
    """Rules that observe, each with the event that it is about and how long it has to be so."""
    made = [
        rule(name, "", {"notify": {"message": name}}, event=[event]) | {"for": span}
        for name, event, span in rules
    ]
    found = policy(*made, RATE)
    for name, _, _ in rules:
        found = with_rule(found, name, observes=True)
    return found


def watches(life: Life) -> list[tuple[str, str]]:
    return [(one.rule, one.event) for one in life.session.watches]


def test_the_same_stop_told_again_goes_on_being_watched_from_its_beginning():
    life = Life(watching(("late", "stopped", "10m")))
    life >> stopped("rate_limit", retry_after=3_600, key="a") >> passed(300)

    life >> stopped("overloaded", retry_after=3_600, key="a") >> passed(300)

    life << "notify"


def test_another_stop_is_watched_anew_and_the_one_before_it_no_more():
    life = Life(watching(("late", "stopped", "10m")))
    life >> stopped("rate_limit", retry_after=3_600, key="a") >> passed(300)

    life >> stopped("rate_limit", retry_after=3_600, key="b")

    (watch,) = life.session.watches
    assert (watch.anchor, watch.deadline) == ("b", life.now + timedelta(minutes=10))


def test_every_rule_watches_for_itself():
    life = Life(watching(("soon", "stopped", "5m"), ("late", "stopped", "10m")))

    life >> stopped("rate_limit", retry_after=3_600, key="a")
    life >> stopped("rate_limit", retry_after=3_600, key="b")

    assert watches(life) == [("soon", "stopped"), ("late", "stopped")]
    life >> passed(300) << "notify" >> passed(300) << "notify"
    assert [text_of(life.last["notify"])] == ["late"]


def test_every_event_of_a_rule_is_watched_for_itself():
    both = rule("both", "", OBSERVING, event=["stopped", "progress"]) | {"for": "10m"}
    life = Life(with_rule(policy(both, RATE), "both", observes=True))

    life >> progressed >> stopped("rate_limit", retry_after=3_600, key="a")
    life >> stopped("rate_limit", retry_after=3_600, key="b")

    assert sorted(watches(life)) == [("both", "progress"), ("both", "stopped")]


def test_an_event_is_about_its_stop_its_question_or_its_silence():
    nothing = Session(id=SES, agent=AGENT, since=START)
    full = replace(
        nothing,
        stop=Stop(key="k", reason=StopReason.QUOTA),
        block=Block(id="per_1", kind=BlockKind.PERMISSION, since=START),
        alive_at=START,
    )

    names = ("stopped", "action_failed", "blocked", "stalled", "progress")

    assert [anchor_of(nothing, name) for name in names] == [""] * 5
    assert [anchor_of(full, name) for name in names] == ["k", "k", "per_1", START.isoformat(), ""]


# ── a candidate ───────────────────────────────────────────────────────────────────────────────


def again(life: Life, reason: str, key: str, *, after: float = 20) -> None:
    life >> working >> stopped(reason, retry_after=5, key=key) >> passed(after)
    life >> ended("resume") >> progressed


def test_a_candidate_s_limit_counts_its_own_rule_and_only_within_its_span():
    two = {"limit": {"max": 2, "per": "1h", "then": [{"attention": {}}]}}
    life = beside(policy({**QUOTA, **two}, RATE))

    again(life, "quota", "a", after=1_800)
    again(life, "rate_limit", "b", after=30)
    again(life, "quota", "c", after=1_770)
    again(life, "quota", "d")  # the first was an hour ago, to the second
    again(life, "quota", "e")

    made = [one for one in of_kind(life, "candidate") if one.rule == "quota"]
    assert [one.limited for one in made] == [False, False, False, True]


def test_the_person_s_own_stop_is_hers_for_a_candidate_too():
    life = beside(policy(QUOTA, default=[{"resume": {}}]))

    life >> stopped("user_abort")

    assert life.session.latched
    assert life.counts[1:] == (0, 0)


def test_a_candidate_whose_rule_is_about_her_stop_decides_as_that_rule_says():
    hers = "stop.reason == 'user_abort'"
    told = rule("hers", hers, {"notify": {"message": "yours"}}, "attention")
    both = policy(QUOTA, told)
    life = beside(both, made=policy(QUOTA, rule("other", hers, "finish")))

    life >> stopped("user_abort")

    (real,) = of_kind(life, "decided")
    (made,) = of_kind(life, "candidate")
    assert real.rule == "other"
    assert (made.rule, [type(one).__name__ for one in made.plan]) == (
        "hers",
        ["Notify", "Attention"],
    )


def test_where_nobody_stopped_it_a_candidate_s_default_is_its_own():
    life = beside(policy(QUOTA, default=[{"resume": {}}]))

    life >> stopped("network")

    (made,) = of_kind(life, "candidate")
    assert (made.rule, [type(one).__name__ for one in made.plan]) == ("default", ["Resume"])


def test_a_candidate_s_tries_are_those_of_its_rule_since_the_last_progress():
    life = beside(NIGHT)
    for number in range(3):
        life >> working >> stopped("rate_limit", retry_after=5, key=f"r{number}") >> passed(20)
        life >> ended("resume", "failed") >> passed(60)
    tries = [one.tries for one in of_kind(life, "candidate")]
    real = [one.tries for one in of_kind(life, "decided")]

    assert tries == real
    assert max(tries) > 0

    life >> working >> progressed >> passed(3_600)
    life >> working >> stopped("rate_limit", retry_after=5, key="after")
    assert of_kind(life, "candidate")[-1].tries == of_kind(life, "decided")[-1].tries == 0


def test_what_a_candidate_says_is_told_from_what_was_decided():
    life = beside(NIGHT) >> stopped("rate_limit", retry_after=90)

    (real,), (made,) = of_kind(life, "decided"), of_kind(life, "candidate")

    assert real.seed != ""
    assert (made.seed, made.facts, made.policy) == ("", {}, NIGHT.digest)


def test_a_candidate_says_nothing_to_what_a_person_asks_for():
    life = beside(NIGHT) >> stopped("rate_limit", retry_after=90)
    before = len(of_kind(life, "candidate"))

    life >> told_to(commands.Skip(session=SES)) >> person_prompts

    assert len(of_kind(life, "candidate")) == before


def test_nothing_is_decided_beside_a_policy_in_shadow():
    life = beside(NIGHT, made=replace(NIGHT, mode=Mode.SHADOW)) >> stopped("rate_limit")

    assert of_kind(life, "candidate") == []
    life << Status.STOOD_DOWN
