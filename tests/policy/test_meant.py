"""Steps that are written as they are said: what the help tells to write can be used."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.policy.meant import meant_step
from palingenesis.core.policy.steps import ACTIONS
from tests.policy.texts import compiled, found, with_do

SAID = (
    "", "5m", "for 5m", "for: 90s", "10 seconds", "5", "null", "until reset", "until retry_after",
    "retry_after", "yes", "true", "please go on", "It's \"over\": $5 {spent}", "anthropic/claude",
    "message: hi", "to a/b", "hook tidy", "Next-step.md", "[a]", "now, then", "${stop.reason}",
)  # fmt: skip
"""What may stand behind an action's name."""
ODD = "ab5m yes:{}[]()'#&*!%@,-$ü\n" + '\\"'


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("said", SAID)
def test_a_step_that_is_told_to_be_meant_can_be_used(action: str, said: str):
    meant = meant_step(f"{action} {said}")

    assert not meant or usable(meant), meant


@given(st.sampled_from(sorted(ACTIONS)), st.text(ODD, max_size=12))
def test_whatever_is_said_no_help_is_told_that_is_refused_in_turn(action: str, said: str):
    meant = meant_step(f"{action} {said}")

    assert not meant or usable(meant), meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("wait 5m", "wait: {for: 5m}"),
        ("wait for 5 minutes", "wait: {for: 5m}"),
        ("wait(5m)", "wait: {for: 5m}"),
        ("wait until reset", "wait: {until: reset, else: 1h}"),
        ("wait calendar_end", "wait: {until: calendar_end}"),
        ("resume", "resume"),
        ("resume please", 'resume: {message: "please"}'),
        ("switch-model to anthropic/claude", "switch-model: {to: anthropic/claude}"),
        ("attention: look at it", 'attention: {reason: "look at it"}'),
        ("restart 30s", "restart: {grace: 30s}"),
        ("wait", ""),
        ("wait a while", ""),
        ("notify", ""),
        ("sleep 5m", ""),
        ("finish it", ""),
        ("notify " + "x" * 200, ""),
    ],
)
def test_what_is_meant_is_told_only_where_it_is_clear(said: str, meant: str):
    assert meant_step(said) == meant


def test_the_whole_list_that_help_tells_can_be_used():
    ((*_, help_),) = found(with_do("wait 5m, notify it is over, resume"))

    told = re.fullmatch(r"write 'do: (.*)'", help_)

    assert told is not None
    assert compiled(with_do(told[1])).policy is not None


def usable(step: str) -> bool:
    """Whether a policy with this step is accepted; a calendar's end wants a calendar."""
    wrong = {code for code, *_ in found(with_do(f"[{step}]")) if code[0] in "YSE"}
    return not wrong or ("calendar_end" in step and wrong <= {"S016"})
