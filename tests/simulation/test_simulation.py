"""Rehearsals: the same kernel, a modelled assistant, a virtual clock."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import Status, StopReason
from palingenesis.simulation.playing import play
from palingenesis.simulation.rehearsal import Rehearsal
from palingenesis.simulation.scenario import Happens, Scenario, read_scenario
from palingenesis.simulation.timeline import told

ROOT = Path(__file__).parents[2]


def shipped_default() -> Policy:
    compiled = compile_text(
        (ROOT / "policies" / "default.yaml").read_bytes(),
        name="default",
        schema=(ROOT / "schemas" / "policy.schema.json").read_text(encoding="utf-8"),
    )
    assert compiled.policy is not None
    return compiled.policy


DEFAULT = shipped_default()


def stops(reason: str, *, repeat: int = 1, every_s: int = 170, **given_facts: object) -> Scenario:
    line = Happens(
        repeat=repeat,
        every=timedelta(seconds=every_s),
        kind="stopped",
        options={"reason": reason},
    )
    return Scenario(given=dict(given_facts), story=(line,))  # type: ignore[arg-type]


def words(night: Rehearsal) -> list[str]:
    return [line.word for line in told(night.past)]


def status(night: Rehearsal) -> Status:
    return night.world.sessions[night.session].status


def test_a_crash_loop_ends_in_attention_and_not_in_an_endless_loop():
    night = play(DEFAULT, stops("crash", repeat=12))

    assert status(night) is Status.ATTENTION
    assert len([line for line in told(night.past) if line.text == "restart"]) <= 12


def test_a_rate_limit_of_a_whole_week_is_never_given_up():
    night = play(DEFAULT, stops("rate_limit", repeat=300, every_s=2000))

    assert status(night) in {Status.WORKING, Status.WAITING}
    assert "end" not in words(night)


@pytest.mark.parametrize("reason", ["auth", "billing", "model_not_found", "refused"])
def test_what_trying_again_cannot_cure_is_told_and_never_prompted(reason):
    night = play(DEFAULT, stops(reason))

    assert words(night) == ["stop", "rule", "end", "tell"]


@pytest.mark.parametrize("reason", ["user_exit", "user_abort"])
def test_the_persons_stop_is_respected_in_silence(reason):
    night = play(DEFAULT, stops(reason))

    assert status(night) is Status.STOOD_DOWN
    assert not [line for line in told(night.past) if line.word in {"do", "tell"}]


def test_a_full_context_is_backed_up_and_continued():
    night = play(DEFAULT, stops("context_exhausted"))

    done = [line.text for line in told(night.past) if line.word == "do"]
    assert done == ["snapshot", "new-session"]
    assert night.session == "ses_rehearsal_2"


@pytest.mark.parametrize("reason", [reason.value for reason in StopReason])
@pytest.mark.parametrize("work", ["valid", "absent", "torn"])
def test_no_stop_leaves_the_default_policy_without_an_answer(reason, work):
    night = play(DEFAULT, stops(reason, **{"work.state": work}))

    assert night.world.sessions[night.session].status is not Status.DECIDING
    assert "rule" in words(night)


def test_the_same_seed_tells_the_same_night_and_another_one_another_jitter():
    scenario = stops("overloaded", repeat=3)
    again = list(told(play(DEFAULT, scenario).past))

    assert list(told(play(DEFAULT, scenario).past)) == again
    other = Scenario(seed="other", story=scenario.story)
    assert list(told(play(DEFAULT, other).past)) != again


def test_every_mistake_in_a_scenario_is_told_at_once_with_its_place():
    text = (
        "version: 1\n"
        "world: {way: managd, given: {work.stat: valid}}\n"
        "story:\n"
        "  - stoped: {reason: crash}\n"
        "  - stopped: {reason: crsh, retry_after: 5 minutes}\n"
        "    repeat: x\n"
    )

    found = read_scenario(text)

    assert found.scenario is None
    assert [(d.code, d.line, d.col, d.help) for d in found.diagnostics] == [
        ("S103", 2, 14, "did you mean 'managed'?"),
        ("S101", 2, 30, "did you mean 'work.state'?"),
        ("S101", 4, 5, "did you mean 'stopped'?"),
        ("S103", 5, 23, "did you mean 'crash'?"),
        ("S103", 5, 42, "did you mean '5m'?"),
        ("S103", 6, 13, ""),
    ]


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_no_text_breaks_the_reader_of_scenarios(text):
    read_scenario(text)
