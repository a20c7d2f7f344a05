"""Kinds: may these two values be compared at all? Units are mandatory."""

from collections.abc import Callable
from datetime import timedelta
from math import ceil, floor
from typing import Final

from palingenesis.core.facts import Kind, did_you_mean, show_duration
from palingenesis.core.policy.lexing import Mistake
from palingenesis.core.policy.terms import (
    Comparison,
    Default,
    FactOf,
    Literal,
    Operator,
    Term,
    kind_of,
)

Note = Callable[[Mistake], None]

CALLED: Final = {
    Kind.ENUM: "a word of a fixed set",
    Kind.BOOL: "true or false",
    Kind.INT: "a whole number",
    Kind.TEXT: "a text",
    Kind.DURATION: "a duration",
    Kind.RATIO: "a ratio",
    Kind.MONEY: "an amount of money",
}
_ORDERED: Final = frozenset({Kind.INT, Kind.DURATION, Kind.RATIO, Kind.MONEY})


def check_bool(term: Term, text: str, note: Note) -> None:
    """A condition, or a part beside `and`, `or`, `not`, is true or false."""
    kind = kind_of(term)
    if kind is Kind.BOOL:
        return
    shown = _shown(term, text)
    message = f"{shown} is {CALLED[kind]}, not a condition"
    advice = f"compare it, as in {shown} {_EXAMPLES[kind]}" if isinstance(term, FactOf) else ""
    note(Mistake(code="E005", message=message, help=advice, start=term.start, end=term.end))


_EXAMPLES: Final = {
    Kind.ENUM: "== '…'",
    Kind.BOOL: "== true",
    Kind.INT: "> 3",
    Kind.TEXT: "== '…'",
    Kind.DURATION: "> 10m",
    Kind.RATIO: "> 80%",
    Kind.MONEY: "> $20",
}


def check_comparison(sign: Operator, left: Term, right: Term, text: str, note: Note) -> None:
    """Both sides have one kind, and the operator suits it."""
    if isinstance(left, Literal) and not isinstance(right, Literal):
        left, right = right, left
    if not _agree(left, right, text, note):
        return
    kind = kind_of(left)
    equality = sign in {Operator.EQ, Operator.NE}
    if not equality and kind not in _ORDERED:
        message = f"{_shown(left, text)} is {CALLED[kind]}; '{sign}' cannot order it"
        place = min(left.start, right.start), max(left.end, right.end)
        advice = "use '==', '!=' or 'in'"
        note(Mistake(code="E007", message=message, help=advice, start=place[0], end=place[1]))


def check_option(value: Term, option: Literal, text: str, note: Note) -> None:
    """One value in the list after `in`."""
    _agree(value, option, text, note)


def _agree(left: Term, right: Term, text: str, note: Note) -> bool:
    """Whether two sides have one kind; notes the mistake if they do not."""
    one, other = kind_of(left), kind_of(right)
    if isinstance(right, Literal):
        problem = _literal_problem(left, right, text)
        if problem is not None:
            code, message, advice = problem
            note(Mistake(code=code, message=message, help=advice, start=right.start, end=right.end))
        return problem is None
    if one is other or {one, other} == {Kind.ENUM, Kind.TEXT}:
        return True
    message = f"{_is(left, text)}; {_is(right, text)}"
    start, end = min(left.start, right.start), max(left.end, right.end)
    note(Mistake(code="E006", message=message, start=start, end=end))
    return False


def _literal_problem(left: Term, right: Literal, text: str) -> tuple[str, str, str] | None:
    """Code, message and help, if a written value does not suit the other side."""
    kind = kind_of(left)
    written = text[right.start : right.end]
    values = _values(left)
    if kind is Kind.ENUM and right.kind is Kind.TEXT and values:
        if right.value in values:
            return None
        word = str(right.value)
        advice = did_you_mean(word, values) or f"one of: {', '.join(values)}"
        return "E010", f"'{word[:40]}' is not a value of {_shown(left, text)}", advice
    if right.kind is kind is Kind.INT and isinstance(right.value, float):
        return "E006", f"{_is(left, text)}; {written} is none", f"write {_whole(right.value)}"
    if right.kind is kind or {right.kind, kind} == {Kind.ENUM, Kind.TEXT}:
        return None
    if right.kind is Kind.INT and kind in _UNITS:
        shown = written if written.lstrip("-").isdecimal() else str(right.value)
        message = f"{_is(left, text)}; '{shown}' has no unit"
        return "E016", message, f"did you mean {_UNITS[kind].format(shown)}?"
    advice = ""
    if kind is Kind.BOOL and isinstance(left, Comparison):
        advice = "put brackets around the parts"
    return "E006", f"{_is(left, text)}; {written} is {CALLED[right.kind]}", advice


def _whole(value: float) -> str:
    """The whole numbers on both sides of a number, or itself."""
    return f"{value:.0f}" if value.is_integer() else f"{floor(value)} or {ceil(value)}"


_UNITS: Final = {Kind.RATIO: "{0}%", Kind.DURATION: "{0}s or {0}m", Kind.MONEY: "${0}"}


def _values(term: Term) -> tuple[str, ...]:
    if isinstance(term, Default):
        return term.fact.values
    return term.values if isinstance(term, FactOf) else ()


def _is(term: Term, text: str) -> str:
    return f"{_shown(term, text)} is {CALLED[kind_of(term)]}"


def _shown(term: Term, text: str) -> str:
    """A term as it was written, shortened."""
    written = text[term.start : term.end]
    return written if len(written) <= _SHORT else written[: _SHORT - 1] + "…"


_SHORT: Final = 60


def show_literal(kind: Kind, value: object) -> str:
    """Write a value as an expression would (texts excepted)."""
    if isinstance(value, timedelta):
        return show_duration(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind is Kind.RATIO and isinstance(value, float):
        return f"{round(value * 100, 6):g}%"
    if kind is Kind.MONEY and isinstance(value, float):
        return f"${value:.6f}".rstrip("0").rstrip(".")
    return str(value)
