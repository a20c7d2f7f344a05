"""Expressions that nobody wrote: evaluation never raises, never mutates, and always answers.

A hundred thousand of each: `PALINGENESIS_EXPRESSIONS=100000 pytest
tests/policy/test_generated_expressions.py`.
"""

import os
from datetime import timedelta
from random import Random

import pytest

from palingenesis.core.facts import EVENTS, FACTS, STOP_REASONS, Fact, Kind
from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.expressions import Scope, read_expression
from palingenesis.core.values import FactValue

MANY = int(os.environ.get("PALINGENESIS_EXPRESSIONS", "2000"))
ASKED = [fact for fact in FACTS.values() if not fact.only_text]
COUNTED = (*EVENTS, *STOP_REASONS)
SCOPE = Scope(
    params={"cap": (Kind.MONEY, 20.0), "word": (Kind.TEXT, "it's \\ ü")},
    calendars=frozenset({"quiet", "office"}),
)
VALUES: dict[Kind, tuple[str, ...]] = {
    Kind.BOOL: ("true", "false"),
    Kind.INT: ("0", "3", "-7", "529", "999999999999999"),
    Kind.TEXT: ("''", "'SIGKILL'", '"it\'s"', r"'a\n\\b'", "'ü'", "params.word"),
    Kind.DURATION: ("0s", "90s", "1h30m", "1.5d", "30d"),
    Kind.RATIO: ("0%", "80%", "100%", "12.5%"),
    Kind.MONEY: ("$0", "$20", "$0.01", "params.cap"),
}
PATTERNS = ("'a+'", "'^night-[0-9]+$'", "'(a|b)*c'", "'(?i)WEEKLY'", "'.{0,20}x'")
SOUP = (
    *("stop.reason", "session.cost", "work.done", "nothing", "params.cap", "params.x", "_0", "__a"),
    *("==", "!=", "<", "<=", "in", "not", "and", "or", "is", "if", "else", "lambda", "for", ":="),
    *("(", ")", "[", "]", "{", "}", ",", ".", ":", "+", "-", "*", "**", "/", "%", "@", "~", "^"),
    *("'crash'", '"x"', "'", '"', "5m", "80%", "$20", "0x1f", "1e9", "9" * 40, "true", "None"),
    *("known(", "default(", "count(", "within(", "contains(", "matches(", "f'{x}'", "\\", "#", "ü"),
    *("await", "yield", "import", "print", "__import__", "\n", "\t", "\x0b", "\u2028", ";", "&&"),
)


class Dice(Random):
    """Rolls expressions and facts."""

    def value(self, fact: Fact) -> str:
        if fact.kind is Kind.ENUM:
            return f"'{self.choice(fact.values)}'"
        return self.choice(VALUES[fact.kind])

    def atom(self) -> str:
        fact = self.choice(ASKED)
        name, value = fact.name, self.value(fact)
        if fact.kind in {Kind.BOOL, Kind.ENUM, Kind.TEXT}:
            sign = self.choice(("==", "!="))
        else:
            sign = self.choice(("==", "!=", "<", "<=", ">", ">="))
        fallback = f"default({name}, {self.value(fact)})"
        looked_at = fallback if "params" not in fallback else name
        forms = [f"{name} {sign} {value}", f"known({name})", f"{looked_at} {sign} {value}",
                 f"{value} {sign} {name}", f"{name} in ({value}, {self.value(fact)})",
                 f"{name} not in [{value}]", f"within('{self.choice(('quiet', 'office'))}')",
                 f"count({self.choice(COUNTED)}, {self.choice(('1s', '15m', '30d'))}) >= 3",
                 self.choice(("true", "false"))]  # fmt: skip
        if fact.kind is Kind.BOOL:
            forms += [name, name]
        if fact.kind in {Kind.TEXT, Kind.ENUM}:
            forms += [f"contains({name}, 'week')", f"matches({name}, {self.choice(PATTERNS)})"]
        return self.choice(forms)

    def expression(self, depth: int) -> str:
        if depth == 0 or self.random() < 0.25:
            return self.atom()
        if self.random() < 0.2:
            return f"not ({self.expression(depth - 1)})"
        joint = self.choice((" and ", " or "))
        return joint.join(f"({self.expression(depth - 1)})" for _ in range(self.randint(2, 3)))

    def fact(self, fact: Fact) -> object:
        """A value of its kind, mostly; sometimes of another kind, or nothing like a value."""
        fitting: dict[Kind, object] = {
            Kind.BOOL: self.random() < 0.5,
            Kind.INT: self.randint(-10, 600),
            Kind.TEXT: self.choice(("", "weekly", "night-7", "ü" * 50, "a" * 3000)),
            Kind.ENUM: self.choice(fact.values or ("",)),
            Kind.DURATION: timedelta(seconds=self.randint(-5, 10**7)),
            Kind.RATIO: self.choice((0.0, 0.8, 1, float("inf"), float("nan"))),
            Kind.MONEY: self.choice((0.0, 20.0, -3.5, float("nan"))),
        }
        odd = (None, (), b"x", 10**400, object, "none of them", -0.0, True)
        return self.choice(odd) if self.random() < 0.1 else fitting[fact.kind]

    def facts(self) -> dict[str, FactValue]:
        found = {fact.name: self.fact(fact) for fact in ASKED if self.random() < 0.7}
        for name in ("within(quiet)", "within(office)", *(f"count({it}, 15m)" for it in COUNTED)):
            if self.random() < 0.5:
                found[name] = self.choice((True, False, 0, 7, None, "x"))
        return found  # type: ignore[return-value] - some are wrong on purpose


@pytest.mark.timeout(1800)
def test_an_expression_that_is_well_typed_always_answers_and_changes_nothing() -> None:
    dice = Dice(11)
    seen = {True: 0, False: 0, None: 0}

    for _ in range(MANY):
        text, facts = dice.expression(2), dice.facts()
        before = list(facts.items())
        reading = read_expression(text, SCOPE, longest=10_000)
        assert reading.term is not None, (text, reading.mistakes)

        truth = Evaluator(facts).truth(reading.term)

        assert truth in seen, text
        assert [(name, value is facts[name]) for name, value in before] == [
            (name, True) for name in facts
        ]
        assert Evaluator(facts).truth(reading.term) is truth
        seen[truth] += 1

    assert all(count > MANY / 100 for count in seen.values()), seen


@pytest.mark.timeout(1800)
def test_a_soup_of_words_is_refused_with_a_place_or_answers() -> None:
    dice = Dice(12)
    usable = 0

    for _ in range(MANY):
        text = " ".join(dice.choice(SOUP) for _ in range(dice.randint(1, 12)))
        reading = read_expression(text, SCOPE)

        if reading.term is None:
            assert reading.mistakes, text
            assert all(0 <= one.start < one.end <= len(text) + 1 for one in reading.mistakes), text
        else:
            usable += 1
            assert Evaluator(dice.facts()).truth(reading.term) in {True, False, None}

    assert usable > 0
