"""A candidate beside the policy in force: it decides, it is written down, it never acts."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palingenesis.core import events
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.values import SessionId, StopReason
from palingenesis.core.world import Decision, World
from tests.core.life import SES, Life, ended, passed, progressed, stopped, working
from tests.core.policies import CRASH, NIGHT, QUOTA, RATE, policy, rule

EAGER = policy(rule("eager", "stop.reason == 'rate_limit'", "resume"), QUOTA, CRASH)


class Beside(Life):
    """A life with a candidate in its shadow."""

    def shadow(self, candidate: Policy) -> "Beside":
        self.candidate = candidate
        self.take(
            events.ShadowStarted(
                at=self.now,
                name="next",
                digest=candidate.digest,
                resolved=candidate.resolved,
                path="/next.yaml",
            )
        )
        return self

    @property
    def counts(self) -> tuple[int, int, int]:
        shadow = self.world.shadow
        assert shadow is not None
        return shadow.same, shadow.different, shadow.uncertain


def beside(candidate: Policy, made: Policy = NIGHT) -> Beside:
    return Beside(made).shadow(candidate)


def made_by_candidate(life: Life) -> list[Decision]:
    return [decision for decision in life.decisions if decision.kind == "candidate"]


def test_every_decision_is_made_again_and_written_down_under_its_number():
    life = beside(EAGER)

    life >> stopped("rate_limit", retry_after=90)

    real, other = life.decisions
    assert (real.kind, real.rule, other.kind, other.rule) == (
        "decided", "rate", "candidate", "eager",
    )  # fmt: skip
    assert other.id == real.id
    assert other.policy == EAGER.digest
    assert (other.why, other.facts) == ("otherwise", {})
    assert [type(one).__name__ for one in other.plan] == ["Resume"]
    assert life.counts == (0, 1, 0)


def test_a_candidate_never_acts():
    alone, shadowed = Beside(NIGHT), beside(EAGER)

    for life in (alone, shadowed):
        life >> stopped("rate_limit", retry_after=90) >> passed(100) >> stopped("quota")

    assert [to_plain(effect) for effect in shadowed.orders] == [
        to_plain(effect) for effect in alone.orders
    ]
    assert shadowed.session == alone.session


def test_the_same_plan_by_another_rule_is_the_same():
    renamed = policy({**RATE, "id": "throttled"}, QUOTA, CRASH)

    life = beside(renamed) >> stopped("rate_limit")

    assert life.counts == (1, 0, 0)  # type: ignore[attr-defined]


def test_after_the_first_difference_of_an_episode_nobody_knows():
    life = beside(EAGER)
    life >> stopped("rate_limit", retry_after=5) >> passed(20) >> ended("resume") >> progressed
    life >> stopped("quota")
    assert life.counts == (0, 1, 1)

    life >> passed(12 * 3600)
    life >> ended("resume") >> progressed >> working >> passed(3600)
    life >> stopped("quota", key="another")

    assert life.counts == (1, 1, 1)


def test_a_candidate_uses_up_its_own_limits():
    strict = policy({**QUOTA, "limit": {"max": 1, "per": "1h", "then": [{"attention": {}}]}})
    life = beside(strict)

    life >> stopped("quota", retry_after=5) >> passed(20) >> ended("resume") >> progressed
    life >> working >> stopped("quota", retry_after=5, key="another")

    assert [one.limited for one in made_by_candidate(life)] == [False, True]


def test_what_only_the_candidate_counts_is_counted():
    counting = policy(rule("often", "count(quota, 1h) >= 2", "attention"), QUOTA)
    life = beside(counting)

    life >> stopped("quota", retry_after=5) >> passed(20) >> ended("resume") >> progressed
    life >> working >> stopped("quota", retry_after=5, key="another")

    assert [one.rule for one in made_by_candidate(life)] == ["quota", "often"]


def test_a_stopped_shadow_decides_no_more():
    life = beside(EAGER)
    life.take(events.ShadowStopped(at=life.now, why="stopped"))

    life >> stopped("rate_limit")

    assert life.world.shadow is None
    assert made_by_candidate(life) == []


def test_what_a_forgotten_session_had_used_up_is_forgotten_too():
    life = beside(EAGER)
    other = SessionId("ses_2")
    life.work(other)
    life >> stopped("rate_limit", session=other)
    life.take(events.SessionGone(at=life.now, session=other))

    life >> stopped("rate_limit")

    shadow = life.world.shadow
    assert shadow is not None
    assert set(shadow.decided) == set(shadow.parted) == {SES}


def test_another_candidate_begins_from_nothing():
    life = beside(EAGER) >> stopped("rate_limit")

    life.shadow(NIGHT)  # type: ignore[attr-defined]

    assert life.counts == (0, 0, 0)  # type: ignore[attr-defined]
    assert life.world.shadow is not None
    assert life.world.shadow.digest == NIGHT.digest


reasons = st.sampled_from([reason.value for reason in StopReason])


@given(st.lists(st.tuples(reasons, st.integers(0, 7200)), max_size=12), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_policy_itself_as_candidate_never_differs_and_the_shadow_is_a_fold(
    story: list[tuple[str, int]], forget: bool
) -> None:
    life = beside(NIGHT)
    for number, (reason, seconds) in enumerate(story):
        life >> stopped(reason, key=f"m{number}") >> passed(seconds) >> progressed >> working
        if forget:  # what a restart does: the world goes through its record
            life.world = from_plain(World, to_plain(life.world))

    same, different, uncertain = life.counts
    assert (different, uncertain) == (0, 0)
    assert same == len(made_by_candidate(life))
    assert life.now - life.world.shadow.since >= timedelta(0)  # type: ignore[union-attr]
