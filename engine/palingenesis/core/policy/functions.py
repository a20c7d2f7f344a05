"""Functions: the six calls that a condition may make, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from palingenesis.core.facts import EVENTS, STOP_REASONS, Kind, did_you_mean
from palingenesis.core.policy.kinds import Note, check_option
from palingenesis.core.policy.lexing import Mistake
from palingenesis.core.policy.patterns import PatternError, compile_pattern
from palingenesis.core.policy.terms import (
    Contains,
    Count,
    Default,
    FactOf,
    Known,
    Literal,
    Matches,
    Term,
    Within,
    kind_of,
)

FUNCTIONS: Final[Mapping[str, str]] = {
    "known": "known(stop.retry_after)",
    "default": "default(stop.retry_after, 0s)",
    "count": "count(crash, 15m)",
    "contains": "contains(stop.message, 'weekly')",
    "matches": "matches(session.title, '^night-[0-9]+')",
    "within": "within('quiet')",
}
"""Every function with an example of its use."""

NAMING: Final = frozenset({"count", "within"})
"""Functions whose first argument is a name and not a value."""

LONGEST_WINDOW: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose arguments have been read; `words` are the arguments of a NAMING call."""

    name: str
    start: int
    end: int
    terms: tuple[Term, ...]
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def read_call(call: Call, calendars: frozenset[str], text: str, note: Note) -> Term | None:
    """The term of a call, or None with the mistake noted; `calendars` are those there are."""
    arguments = 1 if call.name in {"known", "within"} else 2
    if len(call.spans) != arguments:
        _wrong(call, None, "E011", f"{call.name}() takes {arguments} argument(s)", note)
        return None
    if call.name == "within":
        return _within(call, calendars, text, note)
    if call.name == "count":
        return _count(call, note)
    if call.name in {"known", "default"}:
        return _fallback(call, text, note)
    return _text_test(call, note)


def _wrong(
    call: Call, index: int | None, code: str, message: str, note: Note, advice: str | None = None
) -> None:
    start, end = (call.start, call.end) if index is None else call.spans[index]
    shown = f"as in {FUNCTIONS[call.name]}" if advice is None else advice
    note(Mistake(code=code, message=message, help=shown, start=start, end=end))


def _count(call: Call, note: Note) -> Term | None:
    what, window = call.words[0], call.terms[0]
    known = (*EVENTS, *STOP_REASONS)
    if what not in known:
        advice = did_you_mean(what, known) or f"one of: {', '.join(known)}"
        message = f"count() needs an event or stop reason, '{what[:40]}' is neither"
        _wrong(call, 0, "E012", message, note, advice)
        return None
    if not isinstance(window, Literal) or not isinstance(window.value, timedelta):
        _wrong(call, 1, "E011", "the window of count() is a duration", note)
        return None
    if not timedelta(seconds=1) <= window.value <= LONGEST_WINDOW:
        _wrong(call, 1, "E011", "the window of count() is between 1s and 30d", note)
        return None
    return Count(start=call.start, end=call.end, what=what, window=window.value)


def _within(call: Call, calendars: frozenset[str], text: str, note: Note) -> Term | None:
    name = call.words[0]
    start = call.spans[0][0]
    if text[start : start + 1] not in {"'", '"'}:
        advice = f"within('{name}')" if name in calendars else f"as in {FUNCTIONS['within']}"
        _wrong(call, 0, "E011", "within() needs a calendar's name in quotes", note, advice)
        return None
    if name not in calendars:
        advice = did_you_mean(name, calendars) or "declare it under 'calendars:'"
        _wrong(call, 0, "E020", f"unknown calendar '{name[:40]}'", note, advice)
        return None
    return Within(start=call.start, end=call.end, calendar=name)


def _fallback(call: Call, text: str, note: Note) -> Term | None:
    fact = call.terms[0]
    if not isinstance(fact, FactOf):
        _wrong(call, 0, "E011", f"{call.name}() needs a fact", note)
        return None
    if call.name == "known":
        return Known(start=call.start, end=call.end, fact=fact)
    fallback = call.terms[1]
    if not isinstance(fallback, Literal):
        _wrong(call, 1, "E011", "the second argument of default() is a fixed value", note)
        return None
    check_option(fact, fallback, text, note)
    return Default(start=call.start, end=call.end, fact=fact, fallback=fallback.value)


def _text_test(call: Call, note: Note) -> Term | None:
    subject, wanted = call.terms
    texts = {Kind.TEXT, Kind.ENUM}
    if not isinstance(subject, FactOf | Default | Literal) or kind_of(subject) not in texts:
        _wrong(call, 0, "E011", f"{call.name}() looks into a text", note)
        return None
    if not isinstance(wanted, Literal) or not isinstance(wanted.value, str):
        _wrong(call, 1, "E011", f"{call.name}() needs a text in quotes", note)
        return None
    start, end = call.start, call.end
    if call.name == "contains":
        return Contains(start=start, end=end, text=subject, part=wanted.value.lower())
    try:
        pattern = compile_pattern(wanted.value)
    except PatternError as problem:
        _wrong(call, 1, "E013", f"cannot use this pattern: {problem}", note, "")
        return None
    return Matches(start=start, end=end, text=subject, pattern=pattern)
