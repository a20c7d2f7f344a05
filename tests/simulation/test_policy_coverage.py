"""Coverage: which parts of a policy were seen at work. It never says more than was seen."""

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue
from palingenesis.simulation.testing.coverage import Coverage, Observation, coverage_of, percent
from palingenesis.simulation.testing.reading import read_tests
from palingenesis.simulation.testing.running import observations, run
from tests.simulation.test_policy_tests import a_policy

TWO = """
version: 1
define:
  dear: session.cost > $5
rules:
  - id: first
    when: stop.reason == 'quota' and (dear or work.done)
    do: [snapshot, attention]
    limit: {max: 1, per: 1h, then: [notify: {message: "again"}, attention]}
  - id: second
    when: not (stop.reason == 'auth') and dear
    do: [stand-down]
default: {do: [snapshot, attention]}
"""


def asked(policy: Policy, *, reached: int = 0, used: int = 0, **facts: FactValue) -> Observation:
    known = {"event": "stopped", **{k.replace("__", "."): v for k, v in facts.items()}}
    ruling = decide(policy, known, lambda *_: used)
    return Observation(
        facts=known,
        rule=ruling.rule,
        limited=ruling.limited,
        reached=frozenset(range(reached)),
    )


def missing(covered: Coverage) -> dict[str, tuple[str, ...]]:
    return {one.rule: one.missing for one in covered.rules if one.missing}


def test_what_was_never_asked_was_never_seen():
    covered = coverage_of(a_policy(TWO), [])

    assert (covered.seen, covered.pieces) == (0, 21)
    assert missing(covered)["second"] == (
        "never fired",
        "never saw stop.reason == 'auth' true",
        "never saw stop.reason == 'auth' false",
        "never saw session.cost > $5 (in dear) true",
        "never saw session.cost > $5 (in dear) false",
        "step 'stand-down' was never begun",
    )


def test_a_comparison_is_seen_where_the_evaluation_comes_to_it():
    policy = a_policy(TWO)

    covered = coverage_of(policy, [asked(policy, stop__reason="auth", session__cost=9.0)])

    assert missing(covered)["first"][1:7] == (
        "never saw stop.reason == 'quota' true",
        "never saw session.cost > $5 (in dear) true",
        "never saw session.cost > $5 (in dear) false",
        "never saw work.done true",
        "never saw work.done false",
        "step 1 'snapshot' was never begun",
    )


def test_a_rule_below_the_one_that_decides_was_not_tried():
    policy = a_policy(TWO)

    covered = coverage_of(
        policy, [asked(policy, reached=2, stop__reason="quota", session__cost=9.0)]
    )

    assert len(missing(covered)["second"]) == 6
    assert "never saw work.done true" in missing(covered)["first"]


def test_an_unknown_comparison_is_neither_true_nor_false():
    policy = a_policy(TWO)

    covered = coverage_of(policy, [asked(policy, stop__reason="quota")])

    assert {"never saw work.done true", "never saw work.done false"} < set(
        missing(covered)["first"]
    )


def test_everything_seen_is_a_hundred_percent():
    policy = a_policy(TWO)
    seen = [
        asked(policy, reached=2, stop__reason="quota", session__cost=9.0, work__done=True),
        asked(policy, reached=2, used=1, stop__reason="quota", session__cost=1.0, work__done=True),
        asked(policy, reached=2, stop__reason="quota", session__cost=1.0, work__done=False),
        asked(policy, reached=1, stop__reason="crash", session__cost=9.0),
        asked(policy, reached=1, stop__reason="auth", session__cost=9.0),
    ]

    covered = coverage_of(policy, seen)

    assert missing(covered) == {}
    assert percent(covered.seen, covered.pieces) == 100


CAPPED = """
version: 1
limits:
  prompts: {max: 2, per: 1h, then: [notify: {message: "enough"}, attention: {reason: "enough"}]}
  notifications: {max: 1, per: 1h}
rules:
  - id: on
    when: stop.reason == 'rate_limit'
    do: [notify: {message: "on"}, resume]
default: {do: [attention]}
"""


def test_limits_of_the_whole_policy_are_to_be_reached_too():
    policy = a_policy(CAPPED)
    found = read_tests("""
version: 1
tests:
  - name: enough is enough
    steps:
      - event: {reason: rate_limit}
        advance: 1m
        expect: {did: [notify, resume], limits: []}
      - event: {reason: rate_limit}
        advance: 1m
        expect: {did: [resume], limits: [notifications]}
      - event: {reason: rate_limit}
        expect: {did: [attention], limits: [notifications, prompts, notifications], why: enough}
""")
    assert found.file is not None, found.diagnostics

    results = run(found.file, policy)
    covered = coverage_of(policy, observations(results))

    assert [failure for case in results[0].cases for failure in case.failures] == []
    assert missing(covered) == {
        "on": ("never saw stop.reason == 'rate_limit' false",),
        "default": ("never fired", "step 'attention' was never begun"),
    }


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_hundred_percent_is_said_only_of_everything(seen, pieces):
    seen = min(seen, pieces)

    share = percent(seen, pieces)

    assert (share == 100) == (seen == pieces)
    assert share * pieces <= seen * 100 + 1e-6


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "stop__reason": st.sampled_from(["quota", "auth", "crash"]),
        "session__cost": st.sampled_from([1.0, 9.0]),
        "work__done": st.booleans(),
    },
)


@given(st.lists(FACTS, max_size=6), FACTS)
def test_one_more_observation_never_covers_less(before, more):
    policy = a_policy(TWO)
    seen = [asked(policy, reached=1, **facts) for facts in before]

    fewer = coverage_of(policy, seen)
    all_of_it = coverage_of(policy, [*seen, asked(policy, reached=1, **more)])

    assert all_of_it.pieces == fewer.pieces
    assert all(
        piece.seen <= later.seen
        for one, other in zip(fewer.rules, all_of_it.rules, strict=True)
        for piece, later in zip(one.pieces, other.pieces, strict=True)
    )
