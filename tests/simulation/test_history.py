"""Recorded decisions made again: the same policy says the same, another one what it would."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palingenesis.core.events import Event, SessionStopped
from palingenesis.core.policy.index import indexed
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import to_plain
from palingenesis.core.values import FactValue, Stop, StopReason
from palingenesis.core.world import Decision
from palingenesis.runtime.pasts import pasts
from palingenesis.runtime.ports import Recorded
from palingenesis.simulation.history import Past, Retelling, compare
from palingenesis.simulation.rehearsal import AGENT, Answers, Rehearsal
from tests.core.policies import CRASH, NIGHT, QUOTA, RATE, policy, rule
from tests.policy.texts import SHIPPED
from tests.policy.texts import policy as written

START = datetime(2026, 2, 6, 17, 0, tzinfo=UTC)
DEFAULT = written(SHIPPED.read_text(encoding="utf-8"))


def past(number: int, reason: str, *, minutes: float = 0, session: str = "s1", episode: float = 0,
         **facts: FactValue) -> Past:  # fmt: skip
    """A recorded stop; `episode`: minutes since its trouble began."""
    known = {name.replace("__", "."): value for name, value in facts.items()}
    return Past(
        decision=number,
        at=START + timedelta(minutes=minutes),
        session=session,
        event="stopped",
        rule="then",
        facts={
            "event": "stopped",
            "stop.reason": reason,
            "episode.age": timedelta(minutes=episode),
            "progress.age": timedelta(hours=3),
            **known,
        },
    )


def recorded(made: Policy, reasons: list[tuple[str, int]], answers: Answers) -> list[Recorded]:
    """A night as the journal keeps it."""
    night = Rehearsal(policy=made, start=START, answers=answers)
    for number, (reason, minutes) in enumerate(reasons):
        stop = Stop(key=f"m{number}", reason=StopReason(reason), words=True)
        event: Event = SessionStopped(at=night.now, session=night.session, agent=AGENT, stop=stop)
        night.happen(event)
        night.advance(timedelta(minutes=minutes))
    return [
        Recorded(
            seq=seq,
            event=happening.event,
            decisions=tuple(to_plain(decision) for decision in happening.turn.decisions),
        )
        for seq, happening in enumerate(night.past, start=1)
    ]


stops = st.lists(
    st.tuples(st.sampled_from([reason.value for reason in StopReason]), st.integers(0, 90)),
    min_size=1,
    max_size=25,
)
answers = st.sampled_from([Answers(), Answers(no_effect=frozenset({"resume"}))])


@given(stops, answers, st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_policy_that_decided_says_the_same_again_with_limits_and_tries(
    reasons: list[tuple[str, int]], how: Answers, by_index: bool
) -> None:
    entries = recorded(DEFAULT, reasons, how)
    made = [
        (one["rule"], one["limited"])
        for entry in entries
        for one in entry.decisions
        if one["kind"] == "decided" and one["facts"]
    ]
    retelling = Retelling(indexed(DEFAULT) if by_index else DEFAULT)

    again = []
    for one in pasts(entries):
        retelling.count(one)
        if not one.kept:
            verdict = retelling.rule_on(one)
            again.append((verdict.rule, verdict.limited))

    assert again == made


@given(stops, answers)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_policy_does_not_differ_from_itself(reasons: list[tuple[str, int]], how: Answers) -> None:
    found = compare(pasts(recorded(NIGHT, reasons, how)), NIGHT, indexed(NIGHT))

    assert (found.different, found.renamed) == (0, 0)


def test_differences_are_grouped_and_summed_up() -> None:
    before = policy(RATE, CRASH)
    slower = {"wait": {"until": "retry_after", "else": {"backoff": {"first": "1m", "max": "10m"}}}}
    after = policy(rule("rate", "stop.reason == 'rate_limit'", slower, "resume"), CRASH,
                   rule("roll", "stop.reason == 'timeout'", "snapshot", "new-session"))  # fmt: skip
    history = [
        past(1, "rate_limit"),
        past(2, "crash", minutes=1, session="s2"),
        past(3, "timeout", minutes=2, session="s3"),
        past(4, "timeout", minutes=3, session="s4"),
    ]

    found = compare(history, before, after)

    assert (found.decisions, found.stops, found.different) == (4, 4, 3)
    told = [
        (group.reason, group.before, group.after, len(group.differences)) for group in found.groups
    ]
    assert told == [("timeout", "default", "roll", 2), ("rate_limit", "rate", "rate", 1)]
    assert found.groups[1].first.before.words == "wait 15s → resume"
    assert found.groups[1].first.after.words == "wait 1m → resume"
    assert found.net.waiting == timedelta(seconds=45)
    assert found.net.steps["new sessions"] == 2
    assert found.net.steps["handed to a person"] == -2


def test_what_follows_the_first_difference_of_an_episode_is_uncertain() -> None:
    before, after = policy(RATE), policy(rule("rate", "stop.reason == 'rate_limit'", "resume"))
    history = [
        past(1, "rate_limit"),
        past(2, "rate_limit", minutes=5, episode=5),
        past(3, "rate_limit", minutes=6, session="s2"),
        past(4, "rate_limit", minutes=60),
    ]

    (group,) = compare(history, before, after).groups

    assert [one.uncertain for one in group.differences] == [False, True, False, False]


def test_another_rule_with_the_same_plan_is_no_difference() -> None:
    renamed = policy(replace_id(RATE, "throttled"))

    found = compare([past(1, "rate_limit")], policy(RATE), renamed)

    assert (found.different, found.renamed) == (0, 1)


def replace_id(one: dict[str, object], name: str) -> dict[str, object]:
    return {**one, "id": name}


def test_a_count_that_was_not_recorded_is_counted_from_the_history() -> None:
    often = policy(rule("often", "count(crash, 1h) >= 3", "attention"), CRASH)
    history = [past(number, "crash", minutes=number * 10) for number in range(4)]

    found = compare(history, policy(CRASH), often)

    assert [one.past.decision for one in found.groups[0].differences] == [2, 3]


QUIET = """
version: 1
time-zone: UTC
calendars: {quiet: {days: [fri], from: "16:00", to: "%s"}}
rules:
  - {id: later, when: within('quiet'), do: [{wait: {until: calendar_end, calendar: quiet}}, resume]}
  - {id: online, when: stop.reason == 'network',
     do: [{wait: {for-condition: host.network, max: 2h, else: 5m}}, resume]}
default: {do: [attention]}
"""


def test_a_calendar_is_the_policys_own_whatever_was_recorded_of_its_namesake() -> None:
    history = [past(1, "quota", **{"within(quiet)": True})]

    found = compare(history, written(QUIET % "18:00"), written(QUIET % "16:30"))

    (group,) = found.groups
    assert (group.first.before.words, group.first.before.waits) == (
        "wait 1h → resume",
        timedelta(hours=1),
    )
    assert group.first.after.rule == "default"


def test_a_wait_for_a_condition_is_told_by_what_was_known_then() -> None:
    telling = Retelling(written(QUIET % "16:30"))

    words = [
        telling.rule_on(past(number, "network", minutes=number, host__network=up)).words
        for number, up in enumerate([True, False])
    ]

    assert words == ["wait 5m → resume", "wait for host.network, at most 2h → resume"]


def test_a_stop_that_a_wait_covered_counts_but_is_not_decided_again() -> None:
    often = policy(rule("often", "count(crash, 1h) >= 2", "attention"), CRASH)
    covered = replace(past(1, "crash"), kept=True)

    found = compare([covered, past(2, "crash", minutes=1)], policy(CRASH), often)

    assert (found.decisions, found.different) == (1, 1)


def test_a_limit_is_used_up_by_the_decisions_of_its_own_policy() -> None:
    strict = policy({**QUOTA, "limit": {"max": 1, "per": "1h", "then": [{"attention": {}}]}})
    history = [past(number, "quota", minutes=number) for number in range(3)]

    found = compare(history, policy(QUOTA), strict)

    assert [one.past.decision for one in found.groups[0].differences] == [1, 2]
    assert found.groups[0].first.after.limited


def test_only_decisions_that_a_rule_made_are_history() -> None:
    told = Decision(id=1, at=START, kind="told", event="", rule="kernel", why="")
    event = SessionStopped(at=START, session="s1", agent=AGENT,  # type: ignore[arg-type]
                           stop=Stop(key="m", reason=StopReason.CRASH))  # fmt: skip

    assert list(pasts([Recorded(seq=1, event=event, decisions=(to_plain(told),))])) == []
