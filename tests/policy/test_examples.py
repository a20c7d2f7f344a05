"""The examples of facts, functions and actions compile, and the pages have them."""

import re

import pytest

from palingenesis.core.facts import ASSISTANTS, FACTS
from palingenesis.core.policy.codes.code import Frame, whole
from palingenesis.core.policy.examples import STEPS, of_fact, of_function, tells
from palingenesis.core.policy.functions import FUNCTIONS
from palingenesis.core.policy.steps import ACTIONS
from tests.policy.texts import ROOT, compiled


def told_about(text: str) -> list[str]:
    calendars = "calendars: {quiet: {from: '22:30', to: '07:00'}}\n"
    return [one.message for one in compiled(calendars + whole(Frame.RULE, text)).diagnostics]


@pytest.mark.parametrize("name", FACTS)
def test_the_example_of_a_fact_compiles_and_is_about_it(name: str) -> None:
    example = of_fact(FACTS[name])

    assert name in example
    assert told_about(example if example.startswith("when") else f"do:\n  - {example}\n") == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_compiles_and_calls_it(name: str) -> None:
    example = of_function(name)

    assert f"{name}(" in example
    assert told_about(f"{example}\n") == []


@pytest.mark.parametrize("name", ACTIONS)
def test_the_example_of_an_action_compiles_and_stands_on_its_page(name: str) -> None:
    page = (ROOT / "docs/reference/actions.md").read_text(encoding="utf-8")
    before = "  - snapshot\n" if name == "new-session" else ""

    assert told_about(f"do:\n{before}  - {STEPS[name]}\n") == []
    assert f"\n`- {STEPS[name]}`\n" in page


def test_there_is_no_example_of_an_action_that_does_not_exist() -> None:
    assert set(STEPS) == set(ACTIONS)


def test_a_fact_that_an_assistant_tells_is_made_somewhere_and_any_other_is_not() -> None:
    engine = ROOT / "engine/palingenesis"
    made = "".join(
        path.read_text(encoding="utf-8")
        for path in engine.rglob("*.py")
        if path != engine / "core/facts.py" and "policy" not in path.parts
    )
    found = {name for name in FACTS if re.search(rf'"{re.escape(name)}"', made)}

    assert {name for name in FACTS if any(tells(one, name) for one in ASSISTANTS)} == found, (
        "say in core/policy/examples.py which facts no session of an assistant ever has"
    )
