"""Whether a document fits is told without jsonschema, and jsonschema agrees."""

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from palingenesis.core.policy.fitting import fits
from palingenesis.core.policy.read import read
from palingenesis.core.policy.schema import policy_schema
from palingenesis.core.policy.structure import plain
from tests.policy.test_typos import SHIPPED
from tests.policy.texts import ROOT
from tests.policy.typos import with_typo, words_of

SCHEMA = policy_schema()
JUDGE = Draft202012Validator(SCHEMA)
ODD = (None, True, False, 0, 1, 1.0, 1.5, -3, 10**30, "", "a", "5m", "x" * 5000, [], ["a"], {},
       {"a": 1}, [[]], {"do": []}, {"wait": {}}, {"id": "a"}, "stopped", "1h30m",
       "22:30")  # fmt: skip


def agreed(document: Any) -> bool:
    """What both say, spans apart, which the judge takes for any text of the pattern."""
    fitting = fits(document, SCHEMA, SCHEMA)
    assert fitting is JUDGE.is_valid(document), document
    return fitting


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_ships_fits(path: Path) -> None:
    root, _ = read(path.read_bytes())
    assert root is not None

    assert agreed(plain(root))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_both_say_the_same_of_a_policy_with_a_wrong_character_or_an_odd_value(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    words, dice = words_of(text), Random(path.name)
    said = {True: 0, False: 0}

    for _ in range(25):
        root, _ = read(with_typo(text, dice, words)[0])
        if root is not None:
            said[agreed(plain(root))] += 1
    whole = read(text)[0]
    assert whole is not None
    for _ in range(100):
        document = plain(whole)
        put_in(document, dice.choice(ODD), dice)
        said[agreed(document)] += 1

    assert said[False]


def put_in(document: Any, value: Any, dice: Random) -> None:
    """Put a value in somewhere."""
    while True:
        places = list(document) if isinstance(document, dict) else list(range(len(document)))
        place = dice.choice(places) if places else None
        inner = document[place] if place is not None else None
        if not isinstance(inner, dict | list) or not inner or dice.random() < 0.3:
            break
        document = inner
    if place is None:
        return
    if isinstance(document, dict) and dice.random() < 0.2:
        document[dice.choice(("a", "do", "when", "x y", ""))] = value
    else:
        document[place] = value


def test_a_keyword_that_is_not_known_fits_nothing() -> None:
    assert not fits(1, {"multipleOf": 1}, {})
    assert not fits("a", {"$ref": "#/$defs/nowhere"}, {"$defs": {}})


def test_a_good_policy_is_compiled_without_jsonschema() -> None:
    code = (
        "import sys; from palingenesis.core.policy.compile import compile_text as c; "
        "made = c(open('policies/default.yaml').read(), name='x', "
        "schema=open('schemas/policy.schema.json').read()); "
        "print(made.policy is not None, 'jsonschema' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": str(ROOT / "engine")},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert done.stdout == "True False\n"


@pytest.mark.parametrize(
    "keyword",
    [
        {"type": "integer"}, {"type": "number"}, {"type": "object"}, {"enum": ["a", "b"]},
        {"pattern": "^a"}, {"properties": {"a": {"type": "string"}}},
        {"additionalProperties": False}, {"additionalProperties": {"type": "string"}},
        {"propertyNames": {"pattern": "^d"}}, {"required": ["id"]}, {"items": {"type": "string"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_keyword_alone_says_nothing_of_what_it_is_not_about(keyword: dict[str, Any]) -> None:
    judge = Draft202012Validator(keyword)

    for value in ODD:
        assert fits(value, keyword, keyword) is judge.is_valid(value), value


def test_only_a_text_can_be_a_span_that_is_none() -> None:
    span = {"format": "span"}

    said = [fits(value, span, span) for value in (5, None, [], "90s", "soon")]

    assert said == [True, True, True, True, False]
