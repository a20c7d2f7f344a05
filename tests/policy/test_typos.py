"""One wrong character in a word of a policy is never accepted with another meaning.

A thousand for every shipped policy: `PALINGENESIS_TYPOS=1000 pytest tests/policy/test_typos.py`.
"""

import os
from pathlib import Path
from random import Random

import pytest

from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.renaming import renamed_ids
from tests.policy.texts import HERE, PRESETS, ROOT, SCHEMA, found, policy, rules, with_when
from tests.policy.typos import with_typo, words_of

TYPOS = int(os.environ.get("PALINGENESIS_TYPOS", "60"))
EVERYTHING = ROOT / "tests/policy/everything.yaml"
SHIPPED = sorted([
    EVERYTHING,
    *(path for path in (ROOT / "policies").glob("*.yaml") if ".test" not in path.name),
    *(path for path in PRESETS.glob("*.yaml") if ".test" not in path.name),
    *(path for path in (ROOT / "examples/policies").glob("*.yaml") if ".test" not in path.name),
])  # fmt: skip


def compile_it(text: str, name: str) -> Policy | None:
    return compile_text(text, name=name, schema=SCHEMA, outside=HERE).policy


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_typo_is_refused_or_changes_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    original = policy(text)
    dice = Random(f"{path.name} 7")
    words = words_of(text)

    accepted = []
    for _ in range(TYPOS):
        typed, said = with_typo(text, dice, words)
        made = compile_it(typed, path.name)
        if made is not None and made.digest != original.digest:
            accepted.append(said)

    assert accepted == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_typo_in_the_id_of_a_rule_is_reported_against_the_version_before(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    original = policy(text)
    dice = Random(f"{path.name} 8")
    ids = [rule.id for rule in original.rules if f"- id: {rule.id}\n" in text and not rule.file]

    for name in ids:
        at = dice.randrange(len(name))
        typed = name[:at] + dice.choice("bcdfxz") + name[at:]
        made = compile_it(text.replace(f"- id: {name}\n", f"- id: {typed}\n"), path.name)

        if made is not None:
            assert renamed_ids(original, made) == ((name, typed),)
        else:
            assert "override" in text


def test_a_rule_that_does_the_same_under_another_id_is_renamed_and_any_other_is_new() -> None:
    old = policy(rules("  - {id: first, do: [finish]}\n  - {id: second, do: [resume]}\n"))
    new = policy(rules("  - {id: other, do: [finish]}\n  - {id: secound, do: [attention]}\n"))

    assert renamed_ids(old, new) == (("first", "other"), ("second", "secound"))
    assert renamed_ids(old, old) == ()
    assert renamed_ids(old, policy(rules("  - {id: third, do: [attention]}\n"))) == ()


def test_a_typo_in_a_name_that_overrides_an_inherited_one_is_refused() -> None:
    extending = "version: 1\nextends: [builtin:recommended@1]\n"
    typed = extending + "params: {nugde: {type: text, default: hi}}\n"
    used = typed + "rules: [{id: a, do: [log: {message: '${params.nugde}'}]}]\n"

    assert found(typed) == [
        ("S019", 3, 10, "nothing uses 'nugde', and it overrides nothing", "did you mean 'nudge'?")
    ]
    assert found(used) == []


@pytest.mark.parametrize(
    ("expression", "refused"),
    [
        ("agent.up #and work.done", True),
        ("agent.up # and work.done", False),
        ("agent.up #later", False),
        ("'agent.up' #and work.done", False),
    ],
)
def test_a_condition_that_lost_its_end_to_a_comment_is_refused(
    expression: str, refused: bool
) -> None:
    assert [code for code, *_ in found(with_when(expression))] == (["E021"] if refused else [])
