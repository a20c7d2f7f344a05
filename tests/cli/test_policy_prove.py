"""`policy prove` and `policy diff`: what people and programs get, and the exit codes."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, say
from tests.policy.texts import SHIPPED, with_when

__all__ = ["say"]

CARELESS = """\
version: 1
never:
  - {do: resume, when: stop.reason == 'network'}
rules:
  - id: again
    when: stop.reason == 'network'
    do: [wait: {for: 1m}, resume]
default: {do: [attention]}
"""


@pytest.fixture
def careless(tmp_path: Path) -> str:
    (tmp_path / "careless.yaml").write_text(CARELESS)
    return str(tmp_path / "careless.yaml")


def test_the_default_policy_is_proved(say: Say):
    said = say("policy", "prove")

    assert said.code == 0
    assert said.out.splitlines()[-1] == "default: proved, all 7"


def test_an_example_comes_with_its_facts_and_what_the_kernel_does(say: Say, careless: str):
    said = say("policy", "prove", careless)

    assert said.code == 1
    assert "✘ line 3: never resume when stop.reason == 'network'" in said.out
    assert "when event = stopped, stop.reason = network" in said.out
    assert "+1m      do       again  resume" in said.out
    assert f"{careless}: 6 of 8 proved" in said.out


def test_programs_get_the_verdicts_the_facts_and_the_timeline(say: Say, careless: str):
    plain = json.loads(say("policy", "prove", careless, "--json").out)

    never = next(one for one in plain["claims"] if one["id"] == "never-1")
    assert plain["proved"] is False
    assert never["verdict"] == "refuted"
    assert never["cases"][0]["facts"]["stop.reason"] == "network"
    assert never["cases"][0]["tried"] is True
    assert "resume silently" in [line["text"] for line in never["cases"][0]["timeline"]]


def test_without_any_time_nothing_is_proved(say: Say):
    said = say("policy", "prove", "--budget", "0s")

    assert said.code == 1
    assert "it takes more work than was allowed" in said.out


def test_a_policy_that_cannot_be_used_is_exit_code_5(say: Say, tmp_path: Path):
    (tmp_path / "bad.yaml").write_text(with_when("stop.resaon == 'x'"))

    assert say("policy", "prove", str(tmp_path / "bad.yaml")).code == 5
    assert say("policy", "diff", "default", str(tmp_path / "bad.yaml")).code == 5


@pytest.fixture
def later(tmp_path: Path) -> str:
    text = SHIPPED.read_text(encoding="utf-8")
    changed = text.replace("first: 2s, factor: 3, max: 2m", "first: 4s, factor: 3, max: 2m")
    assert changed != text
    (tmp_path / "later.yaml").write_text(changed)
    return str(tmp_path / "later.yaml")


def test_a_difference_tells_for_which_facts_and_what_each_side_does(say: Say, later: str):
    said = say("policy", "diff", "default", later)

    assert said.code == 1
    assert f"default → {later}: 1 difference" in said.out
    assert "stop.reason == 'crash'" in said.out
    assert "crash: wait 2s (+0..1s) → restart → resume" in said.out
    assert "crash: wait 4s (+0..1s) → restart → resume" in said.out
    assert "as in: event = stopped, stop.reason = crash" in said.out


def test_the_same_policy_is_exit_code_0(say: Say):
    said = say("policy", "diff", "default", "default")

    assert said.code == 0
    assert said.out == "default and default do the same for all facts\n"


def test_a_difference_for_programs(say: Say, later: str):
    plain = json.loads(say("policy", "diff", "default", later, "--json").out)

    (one,) = plain["differences"]
    assert plain["same"] is False
    assert one["before"]["rule"] == one["after"]["rule"] == "crash"
    assert one["example"]["facts"]["stop.reason"] == "crash"


def test_what_the_time_was_not_enough_for_is_said(say: Say, later: str):
    said = say("policy", "diff", "default", later, "--budget", "0s")

    assert said.code == 1
    assert "and perhaps more" in said.out
