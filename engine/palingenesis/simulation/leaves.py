"""The single values of a scenario file: spans, ranges, amounts, moments, counts, windows.

Every parser takes the text as it stands and raises InvalidConfigError with the way out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import parse_duration
from palingenesis.core.policy.calendars import DAYS, Zone
from palingenesis.simulation.dice import Range
from palingenesis.simulation.grammar import Leaf

_TEXT: Final[Mapping[str, Any]] = {"type": ["string", "number", "boolean"]}
_SPAN: Final = r"[-+]?(\d+(\.\d+)?(ms|w|d|h|m|s))+"


def _pattern(pattern: str, *examples: str) -> dict[str, Any]:
    return {"type": ["string", "number"], "pattern": f"^({pattern})$", "examples": [*examples]}


# ── text and numbers ──────────────────────────────────────────────────────────────────────────


def _text(text: str) -> str:
    return text[:2_000]


def _flag(text: str) -> bool:
    if text in {"true", "false"}:
        return text == "true"
    raise InvalidConfigError(f"'{text[:40]}' is neither true nor false")


def whole(least: int = 0, most: int = 1_000_000) -> Leaf:
    """A whole number from `least` to `most`."""

    def parsed(text: str) -> int:
        if re.fullmatch(r"\d{1,7}", text, re.ASCII) and least <= int(text) <= most:
            return int(text)
        raise InvalidConfigError(f"'{text[:40]}' is not a whole number from {least} to {most}")

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Leaf(name="a whole number", parse=parsed, schema=schema)


def _rate(text: str) -> float:
    if re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text, re.ASCII):
        return float(text)
    raise InvalidConfigError(f"'{text[:40]}' is not a number", "how often in an hour, as in 0.5")


def _share(text: str) -> float:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?)%", text, re.ASCII)
    if found and float(found[1]) <= 100:  # noqa: PLR2004 - per cent
        return float(found[1]) / 100
    raise InvalidConfigError(f"'{text[:40]}' is not a share", "write it as 80%")


def _money(text: str) -> float:
    if re.fullmatch(r"\$\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        return float(text[1:])
    raise InvalidConfigError(f"'{text[:40]}' is not an amount of money", "write it as $3")


_SIZES: Final = {"": 1, "k": 1_000, "M": 1_000_000}


def _amount(text: str) -> float:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([kM]?)", text, re.ASCII)
    if found:
        return float(found[1]) * _SIZES[found[2]]
    raise InvalidConfigError(f"'{text[:40]}' is not an amount", "write it as 20000, 20k or 2M")


def _id(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", text):
        return text
    advice = "letters, digits, '-' and '_', at most 40"
    raise InvalidConfigError(f"'{text[:40]}' is not a name", advice)


TEXT: Final = Leaf(name="a text", parse=_text, schema=_TEXT)
FLAG: Final = Leaf(name="true or false", parse=_flag, schema={"type": "boolean"})
ID: Final = Leaf(name="a name", parse=_id, schema=_pattern("[A-Za-z0-9][A-Za-z0-9_-]{0,39}", "a"))
RATE: Final = Leaf(
    name="a number", parse=_rate, schema={"type": "number", "minimum": 0, "maximum": 9999}
)
SHARE: Final = Leaf(name="a share", parse=_share, schema=_pattern(r"\d{1,3}(\.\d{1,4})?%", "10%"))
MONEY: Final = Leaf(name="money", parse=_money, schema=_pattern(r"\$\d{1,9}(\.\d{1,6})?", "$3"))
AMOUNT: Final = Leaf(
    name="an amount", parse=_amount, schema=_pattern(r"\d{1,9}(\.\d{1,3})?[kM]?", "200k", "2M")
)


# ── spans and ranges ──────────────────────────────────────────────────────────────────────────


def _signed(text: str) -> timedelta:
    span = parse_duration(text.lstrip("+-") if text[:1] in {"+", "-"} else text)
    return -span if text.startswith("-") else span


def _range(text: str, parse: Any) -> Range:
    low, dots, high = text.partition("..")
    first = parse(low)
    last = parse(high) if dots else first
    if last < first:
        raise InvalidConfigError(f"'{text[:40]}' ends before it begins", "the smaller one first")
    return Range(first, last)


def _spans(text: str) -> Range:
    return _range(text, lambda one: parse_duration(one).total_seconds())


def _amounts(text: str) -> Range:
    return _range(text, _amount)


SPAN: Final = Leaf(name="a duration", parse=parse_duration, schema=_pattern(_SPAN, "90s", "1h30m"))
SIGNED_SPAN: Final = Leaf(name="a duration", parse=_signed, schema=_pattern(_SPAN, "-10m", "1h"))
SPANS: Final = Leaf(
    name="a duration or a range of them",
    parse=_spans,
    schema=_pattern(rf"{_SPAN}(\.\.{_SPAN})?", "5m", "2m..6m"),
)
AMOUNTS: Final = Leaf(
    name="an amount or a range of them",
    parse=_amounts,
    schema=_pattern(r"\d[\d.]*[kM]?(\.\.\d[\d.]*[kM]?)?", "40k", "20k..60k"),
)


# ── counts that are expected ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Count:
    """How often something may be: from `least` to `most`; None: without an end."""

    least: float
    most: float | None

    def holds(self, number: float) -> bool:
        """Whether a number lies within."""
        return self.least <= number and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"at least {self.least:g}"
        if self.least == self.most:
            return f"{self.least:g}"
        return f"{self.least:g} to {self.most:g}" if self.least else f"at most {self.most:g}"


def _count(text: str) -> Count:
    found = re.fullmatch(r"\$?(\d{1,9}(?:\.\d+)?[kM]?)?(\.\.)?(\d{1,9}(?:\.\d+)?[kM]?)?", text)
    if not text or text == ".." or not found or (found[3] and not found[2]):
        advice = "write 3, 1..4, 2.. or ..5"
        raise InvalidConfigError(f"'{text[:40]}' is not a count", advice)
    low = _amount(found[1]) if found[1] else 0.0
    high = _amount(found[3]) if found[3] else None
    return Count(low, low if not found[2] else high)


COUNT: Final = Leaf(
    name="a count",
    parse=_count,
    schema=_pattern(r"\$?[\d.]+[kM]?|\$?[\d.]*[kM]?\.\.[\d.]*[kM]?", "3", "1..4", "..5"),
)


# ── moments ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the night: a span after its start, a time of day, or an instant."""

    when: timedelta | time | datetime

    def instant(self, start: datetime, zone: Zone, *, after: datetime | None = None) -> datetime:
        """When that is. A time of day is the first at or after the start (or `after`)."""
        when = self.when
        if isinstance(when, timedelta):
            return start + when
        if isinstance(when, datetime):
            return when
        begin = after or start
        today = zone.local(begin).date()
        for ahead in range(3):
            found = zone.first_at_or_after(datetime.combine(today + timedelta(days=ahead), when))
            if found >= begin:
                return found
        return begin


_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


def _time(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found:
        return time(int(found[1]), int(found[2]), int(found[3] or 0))
    raise InvalidConfigError(f"'{text[:40]}' is not a time of day", "write it as 23:30")


def _moment(text: str) -> Moment:
    if _CLOCK.fullmatch(text):
        return Moment(_time(text))
    if re.match(r"\d{4}-", text):
        return Moment(instant(text))
    try:
        return Moment(parse_duration(text))
    except InvalidConfigError:
        advice = "a time of day (02:30), a span after the start (90m), or an instant with its zone"
        raise InvalidConfigError(f"'{text[:40]}' is not a moment", advice) from None


def instant(text: str) -> datetime:
    """An instant with its zone, in UTC.

    Raises:
        InvalidConfigError: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        advice = "write it with its zone, as in 2026-02-05T02:00:00Z"
        raise InvalidConfigError(f"'{text[:40]}' is not an instant", advice)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidConfigError(f"'{text[:40]}' is out of reach") from None


def _window(text: str) -> tuple[time, time]:
    start, dots, end = text.partition("..")
    if not dots:
        raise InvalidConfigError(f"'{text[:40]}' is not a window", "write it as 23:00..07:00")
    return _time(start), _time(end)


def _days(text: str) -> frozenset[int]:
    words = [word.strip() for word in text.split(",")]
    unknown = [word for word in words if word not in DAYS]
    if unknown:
        advice = f"one or several of {', '.join(DAYS)}, with commas"
        raise InvalidConfigError(f"'{unknown[0][:40]}' is not a day", advice)
    return frozenset(DAYS.index(word) for word in words)


_CLOCK_SCHEMA: Final = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
INSTANT: Final = Leaf(
    name="an instant", parse=instant, schema=_pattern(r"\d{4}-.*", "2026-02-05T22:30:00+01:00")
)
MOMENT: Final = Leaf(
    name="a moment",
    parse=_moment,
    schema=_pattern(rf"{_CLOCK_SCHEMA}|\d{{4}}-.*|{_SPAN}", "02:30", "90m"),
)
TIME: Final = Leaf(name="a time of day", parse=_time, schema=_pattern(_CLOCK_SCHEMA, "09:00"))
WINDOW: Final = Leaf(
    name="a window of the day",
    parse=_window,
    schema=_pattern(rf"{_CLOCK_SCHEMA}\.\.{_CLOCK_SCHEMA}", "23:00..07:00"),
)
WEEKDAYS: Final = Leaf(
    name="days of the week",
    parse=_days,
    schema=_pattern("(mon|tue|wed|thu|fri|sat|sun|,| )+", "mon"),
)
