"""`policy facts` and `policy actions` tell the language's own words."""

import json

import pytest

from palingenesis.core.facts import FACTS
from palingenesis.core.policy.functions import FUNCTIONS
from palingenesis.core.policy.steps import ACTIONS
from tests.cli.test_commands import Say, say

__all__ = ["say"]


def test_all_facts_are_listed_with_kind_and_meaning(say: Say):
    said = say("policy", "facts")

    assert said.code == 0
    for fact in FACTS.values():
        (line,) = [line for line in said.out.splitlines() if line.split()[:1] == [fact.name]]
        assert fact.doc in line
    for function in FUNCTIONS.values():
        assert function in said.out


def test_one_fact_is_told_with_its_values_and_an_example(say: Say):
    assert say("policy", "facts", "block.kind").out == (
        "block.kind: enum, may be unknown, from: assistant\n"
        "What the session waits for a person to answer.\n"
        "one of: permission, question\n"
        "\n"
        "    when: block.kind in ('permission', 'question')\n"
    )


def test_a_group_of_facts_is_listed_alone(say: Say):
    rows = [line.split()[0] for line in say("policy", "facts", "work").out.splitlines()]

    assert rows == [name for name in FACTS if name.startswith("work.")]


def test_a_function_is_told_with_an_example(say: Say):
    assert say("policy", "facts", "count()").out == "count()\n\n    when: count(crash, 15m) >= 3\n"


@pytest.mark.parametrize(
    ("args", "code", "hint"),
    [
        (("facts", "stop.resaon"), 2, "hint: did you mean 'stop.reason'?"),
        (("facts", "signal"), 2, "hint: there is stop.signal"),
        (("facts", "--agent", "opencod"), 2, "hint: there is opencode"),
        (("actions", "resum"), 2, "hint: there is resume"),
        (("actions", "wiat"), 2, "hint: did you mean 'wait'?"),
        (("actions", "teleport"), 2, "hint: palingenesis policy actions"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(
    say: Say, args: tuple[str, ...], code: int, hint: str
):
    said = say("policy", *args)

    assert said.code == code
    assert said.err.splitlines()[1] == hint


def test_only_what_an_assistant_tells_can_be_asked_for(say: Say):
    every = json.loads(say("policy", "facts", "--json").out)["facts"]
    told = json.loads(say("policy", "facts", "--agent", "opencode", "--json").out)["facts"]

    assert [one["name"] for one in every] == list(FACTS)
    assert told == [one for one in every if "opencode" in one["assistants"]]
    assert "stop.reason" in {one["name"] for one in told}


def test_all_actions_are_listed(say: Say):
    lines = say("policy", "actions").out.splitlines()

    assert [line.split()[0] for line in lines if line.startswith(" ")] == list(ACTIONS)


def test_one_action_is_told_with_its_options_and_an_example(say: Say):
    said = say("policy", "actions", "attention").out

    assert said.startswith("attention: end, ends a plan\nA person has to look;")
    assert "reopen-after  Try once more after this time." in said
    assert said.endswith('\n\n    - attention: {reason: "crash loop", reopen-after: 1h}\n')


def test_scripts_get_an_action_as_json(say: Say):
    document = json.loads(say("policy", "actions", "notify", "--json").out)
    (one,) = document["actions"]
    options = {option["name"]: option for option in one["options"]}

    assert document["schema_version"] == 1
    assert options["message"]["required"] is True
    assert options["severity"]["values"] == ["info", "warning", "critical"]
    assert one["example"].startswith("- notify: ")
