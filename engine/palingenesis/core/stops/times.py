"""When trying makes sense again: every hint in an answer, and the one that counts.

Theory of operation: a server may name the instant in a header, in its body and in its text, and
the three may differ. The most explicit one counts: a `retry-after` header (milliseconds before
seconds), a rejected window of the account, the body, an exhausted limit among the headers, and
last the text. Everything is read by the server's own clock, as its `Date` header shows it, and then
put on ours: so a clock that is wrong, ours or the server's, moves no date and no span. Without that
header a span is as good, and a date can only be believed; the hint says so (`unchecked`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from palingenesis.core.stops.bodies import Body, NamedTime
from palingenesis.core.stops.clocktexts import Zones, clock_text
from palingenesis.core.stops.durations import leading_span, number, seconds, span
from palingenesis.core.stops.instants import (
    epoch,
    find_rfc3339,
    http_date,
    later,
    of_epoch,
    rfc3339,
)

__all__ = ["Hint", "Zones", "best_hint", "is_implausible", "retry_after"]

_SKEW = timedelta(seconds=1)
"""A `Date` header has whole seconds; a smaller difference says nothing."""
_JUST_PASSED = timedelta(seconds=60)
_EPOCH_S = 1_000_000_000
_TEXT_LIMIT = 2_000
_HEADER_LIMIT = 64
_LONG = timedelta(hours=1)
_PLAUSIBLE = {
    "second": timedelta(hours=1),
    "minute": timedelta(hours=6),
    "hour": timedelta(hours=24),
    "five_hours": timedelta(hours=12),
    "day": timedelta(hours=50),
    "week": timedelta(days=15),
    "month": timedelta(days=63),
}
_PLAUSIBLE_ANYHOW = timedelta(days=63)
_TEXT_SPAN = re.compile(
    r"\b(?:try again|retry|please wait|resets?|reset)(?: again)?(?: in| after| for)? (?=[0-9])",
    re.ASCII | re.IGNORECASE,
)
_TEXT_EPOCH = re.compile(r"\|([0-9]{10,13})\b", re.ASCII)
_RESET_HEADER = re.compile(
    r"(?:anthropic-|x-)?rate-?limit-(?:reset-(?P<after>[a-z-]+)|(?P<before>[a-z-]+)-reset|reset)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """An instant that a server named."""

    at: datetime | None
    """None: what it named has passed already."""
    source: str
    """`retry-after-ms`, `retry-after`, `header`, `body`, `text`."""
    zone_assumed: bool = False
    unchecked: bool = False
    """A date by the server's clock, and no `Date` header that shows how right that clock is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _When:
    """An instant by the server's clock; `dated`: named as such, not as a span from the answer."""

    at: datetime
    dated: bool = False
    zone_assumed: bool = False


def retry_after(headers: Mapping[str, str], at: datetime) -> datetime | None:
    """The instant that `retry-after-ms` or `retry-after` names; None for every nonsense.

    Args:
        headers: names in lower case.
        at: when the answer came.
    """
    offset = _offset(headers, at) or timedelta(0)
    found = _retry_after(headers, at - offset)
    return None if found is None else later(found.at, offset)


def best_hint(
    text: str, headers: Mapping[str, str], body: Body, at: datetime, zones: Zones | None
) -> Hint | None:
    """The hint that counts, see above; None when the server names no instant."""
    offset = _offset(headers, at)
    theirs = later(at, -(offset or timedelta(0))) or at
    for source, found in _named(headers, body, theirs):
        if found is not None:
            return _on_our_clock(found, source, offset, at)
    found = _from_text(text[:_TEXT_LIMIT], theirs, zones)
    return None if found is None else _on_our_clock(found, "text", offset, at)


def is_implausible(retry_at: datetime, scope: str, at: datetime) -> bool:
    """Whether a wait is too long for its limit: a day for tokens per minute."""
    return retry_at - at > _PLAUSIBLE.get(scope, _PLAUSIBLE_ANYHOW)


def is_long(retry_at: datetime, at: datetime) -> bool:
    """Whether a wait is that of a quota, more than an hour, and no longer that of a rate."""
    return retry_at - at > _LONG


def _offset(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """By how much our clock is ahead of the server's; None: it does not tell."""
    theirs = http_date(_header(headers, "date") or "", at)
    if theirs is None:
        return None
    ahead = at - theirs
    return ahead if abs(ahead) > _SKEW else timedelta(0)


def _on_our_clock(found: _When, source: str, offset: timedelta | None, at: datetime) -> Hint | None:
    instant = later(found.at, offset or timedelta(0))
    if instant is None:
        return None
    if timedelta(0) < at - instant <= _JUST_PASSED:
        instant = at
    return Hint(
        at=instant if instant >= at else None,
        source=source,
        zone_assumed=found.zone_assumed,
        unchecked=found.dated and offset is None,
    )


# ── by the server's clock, on which it is `at` ────────────────────────────────────────────────


def _named(
    headers: Mapping[str, str], body: Body, at: datetime
) -> Iterator[tuple[str, _When | None]]:
    direct = _retry_after(headers, at)
    window = _rejected_window(headers)
    if direct is not None and window is not None:
        yield "header", max(direct, window, key=_instant)
    yield "retry-after-ms" if "retry-after-ms" in headers else "retry-after", direct
    yield "header", window
    yield "body", _from_body(body.times, at)
    yield "header", _exhausted(headers, at)


def _retry_after(headers: Mapping[str, str], at: datetime) -> _When | None:
    milliseconds = number(_header(headers, "retry-after-ms") or "")
    if milliseconds is not None:
        return _after(at, milliseconds / 1000)
    value = _header(headers, "retry-after")
    if value is None:
        return None
    return _counted_or_dated(value, at, http_date(value, at) or rfc3339(value))


def _rejected_window(headers: Mapping[str, str]) -> _When | None:
    """The window of a subscription that is used up (`anthropic-ratelimit-unified-*`)."""
    if _header(headers, "anthropic-ratelimit-unified-status") != "rejected":
        return None
    return _dated(epoch(_header(headers, "anthropic-ratelimit-unified-reset") or ""))


def _exhausted(headers: Mapping[str, str], at: datetime) -> _When | None:
    """The latest reset of those limits of which nothing remains; the only one, if none tells."""
    binding: list[_When] = []
    others: list[_When] = []
    for name in sorted(headers)[:_HEADER_LIMIT]:
        found = _RESET_HEADER.fullmatch(name)
        if found is None or "unified" in name:
            continue
        value = _header(headers, name) or ""
        reset = _counted_or_dated(value, at, rfc3339(value))
        if reset is not None:
            remaining = number(_header(headers, name.replace("reset", "remaining")) or "")
            (binding if remaining == 0 else others).append(reset)
    if binding:
        return max(binding, key=_instant)
    return others[0] if len(others) == 1 else None


def _counted_or_dated(value: str, at: datetime, date: datetime | None) -> _When | None:
    """A number of seconds, an epoch, a span; or the date that was read from the same text."""
    count = number(value)
    if count is not None:
        return _dated(of_epoch(count)) if count >= _EPOCH_S else _after(at, count)
    wait = span(value)
    return _spanned(at, wait) if wait is not None else _dated(date)


def _from_body(times: tuple[NamedTime, ...], at: datetime) -> _When | None:
    found = [
        one
        for named in times
        if (one := _dated(of_epoch(named.value)) if named.absolute else _after(at, named.value))
        is not None
    ]
    return max(found, default=None, key=_instant)


def _from_text(text: str, at: datetime, zones: Zones | None) -> _When | None:
    marked = _TEXT_EPOCH.search(text)
    named = _dated(epoch(marked[1])) if marked else None
    if named is not None:
        return named
    for lead in _TEXT_SPAN.finditer(text):
        wait = leading_span(text[lead.end() : lead.end() + 80])
        found = _spanned(at, wait) if wait is not None else None
        if found is not None:
            return found
    clock = clock_text(text, at, zones)
    if clock is not None:
        return _When(at=clock.at, dated=True, zone_assumed=clock.zone_assumed)
    return _dated(find_rfc3339(text))


def _dated(instant: datetime | None) -> _When | None:
    return None if instant is None else _When(at=instant, dated=True)


def _spanned(at: datetime, wait: timedelta) -> _When | None:
    instant = later(at, wait)
    return None if instant is None else _When(at=instant)


def _after(at: datetime, count: float) -> _When | None:
    wait = seconds(count)
    return None if wait is None else _spanned(at, wait)


def _instant(when: _When) -> datetime:
    return when.at


def _header(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name)
    return value if isinstance(value, str) and len(value) <= 200 else None  # noqa: PLR2004
