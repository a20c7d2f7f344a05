"""What the analysis takes for impossible never happens in a real night."""

from datetime import timedelta
from typing import Any

import pytest

from palingenesis.core.facts import FACTS
from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.policy.analysis.chart import Survey, survey
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import StopReason
from palingenesis.simulation.performance import perform
from palingenesis.simulation.playing import play
from palingenesis.simulation.scenario import Happens, Scenario
from tests.policy.texts import ROOT, SHIPPED, policy
from tests.simulation.nights import scenario_of

SCENARIOS = sorted((ROOT / "examples/scenarios").glob("*.yaml"))
ALWAYS: dict[str, Any] = {
    "work.state": "absent",
    "session.children": 0,
    "session.title": "",
    "session.directory": "",
    "session.idle": timedelta(0),
    "progress.age": timedelta(0),
    "operator.paused": False,
    "episode.attempts": 0,
}


def curious() -> Policy:
    """A policy that asks about every fact and counts in two windows, for its axes."""
    asked = [f"known({fact.name})" for fact in FACTS.values() if not fact.only_text]
    asked += [
        "work.state == 'valid'",
        "episode.attempts > 0",
        "episode.first_reason == 'crash'",
        *(f"count(crash, {window}) > {n}" for window in ("10m", "1h") for n in range(6)),
    ]
    rules = [{"id": f"r{n}", "line": 1, "when": [text], "do": []} for n, text in enumerate(asked)]
    return build({"version": 1, "name": "all", "rules": rules, "default": {"do": []}})


@pytest.fixture(scope="module")
def everything() -> Survey:
    return survey([curious()], (), Budget(10_000_000))


def facts_of(night: Any) -> list[dict[str, Any]]:
    return [
        dict(decision.facts)
        for happening in night.past
        for decision in happening.turn.decisions
        if decision.kind in {"decided", "shadowed"} and "event" in decision.facts
    ]


def check(facts: dict[str, Any], found: Survey) -> None:
    point = found.space.point({"count(crash, 10m)": 0, "count(crash, 1h)": 0, **facts})
    assert not any(not point & ~box for box in found.impossible), facts


def watched() -> Policy:
    """The default policy with a rule for every other event, so that facts are taken then, too."""
    text = SHIPPED.read_text(encoding="utf-8").replace(
        "rules:\n",
        "rules:\n  - {id: seen, event: [started, progress, blocked, stalled], continue: true,\n"
        "     when: 'count(crash, 10m) >= 0 and count(crash, 1h) >= 0',\n"
        "     do: [log: {message: seen}]}\n",
        1,
    )
    return policy(text)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_no_night_of_the_examples_has_impossible_facts(path: Any, everything: Survey) -> None:
    scenario = scenario_of(path.read_text(encoding="utf-8"))

    found = facts_of(perform(watched(), scenario, tail=timedelta(hours=2)))

    assert found
    for facts in found:
        check(facts, everything)


@pytest.mark.parametrize("reason", StopReason)
def test_no_stop_has_impossible_facts(reason: str, everything: Survey) -> None:
    story = (
        Happens(repeat=6, every=timedelta(minutes=3), kind="stopped", options={"reason": reason}),
    )
    given: dict[str, Any] = {"work.state": "valid", "work.done": False}

    night = play(watched(), Scenario(seed="x", given=given, story=story), tail=timedelta(hours=2))

    assert {facts["event"] for facts in facts_of(night)} >= {"stopped"}
    for facts in facts_of(night):
        check(facts, everything)


def test_a_stall_knows_nothing_of_the_stop_before_it() -> None:
    story = (
        Happens(kind="stopped", options={"reason": "network"}),
        Happens(after=timedelta(minutes=5), kind="silent", options={}),
    )

    night = play(watched(), Scenario(seed="x", story=story), tail=timedelta(hours=1))

    stalled = [facts for facts in facts_of(night) if facts["event"] == "stalled"]
    assert stalled
    assert all("stop.reason" not in facts for facts in stalled)


def test_the_impossible_is_recognised(everything: Survey) -> None:
    with pytest.raises(AssertionError):
        check({**ALWAYS, "event": "progress", "stop.reason": "crash"}, everything)
    check({**ALWAYS, "event": "progress"}, everything)
