"""When trying makes sense again: every hint in an answer, and the one that counts.

Theory of operation: a server may name the instant in a header, in its body and in its text, and
the three may differ. The most explicit one counts: a `retry-after` header (milliseconds before
seconds), a rejected window of the account, the body, an exhausted limit among the headers, and
last the text. A server whose clock is wrong is believed about spans, not about dates: dates are
moved by the difference between its `Date` header and ours.
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

_SKEW = timedelta(seconds=2)
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


def retry_after(headers: Mapping[str, str], at: datetime) -> datetime | None:
    """The instant that `retry-after-ms` or `retry-after` names; None for every nonsense.

    Args:
        headers: names in lower case.
        at: when the answer came.
    """
    milliseconds = number(_header(headers, "retry-after-ms") or "")
    if milliseconds is not None:
        return _after(at, milliseconds / 1000)
    value = _header(headers, "retry-after")
    if value is None:
        return None
    count = number(value)
    if count is not None:
        return _shifted(of_epoch(count), headers, at) if count >= _EPOCH_S else _after(at, count)
    wait = span(value)
    if wait is not None:
        return later(at, wait)
    return _shifted(http_date(value, at) or rfc3339(value), headers, at)


def best_hint(
    text: str, headers: Mapping[str, str], body: Body, at: datetime, zones: Zones | None
) -> Hint | None:
    """The hint that counts, see above; None when the server names no instant."""
    for source, found in _named(headers, body, at):
        if found is not None:
            return _checked(found, source, at)
    clock = _from_text(text[:_TEXT_LIMIT], at, zones)
    return None if clock is None else _checked(clock[0], "text", at, zone_assumed=clock[1])


def is_implausible(retry_at: datetime, scope: str, at: datetime) -> bool:
    """Whether a wait is too long for its limit: a day for tokens per minute."""
    return retry_at - at > _PLAUSIBLE.get(scope, _PLAUSIBLE_ANYHOW)


def is_long(retry_at: datetime, at: datetime) -> bool:
    """Whether a wait is that of a quota, more than an hour, and no longer that of a rate."""
    return retry_at - at > _LONG


def _named(
    headers: Mapping[str, str], body: Body, at: datetime
) -> Iterator[tuple[str, datetime | None]]:
    direct = retry_after(headers, at)
    window = _rejected_window(headers, at)
    if direct is not None and window is not None:
        yield "header", max(direct, window)
    yield "retry-after-ms" if "retry-after-ms" in headers else "retry-after", direct
    yield "header", window
    yield "body", _from_body(body.times, at)
    yield "header", _exhausted(headers, at)


def _rejected_window(headers: Mapping[str, str], at: datetime) -> datetime | None:
    """The window of a subscription that is used up (`anthropic-ratelimit-unified-*`)."""
    if _header(headers, "anthropic-ratelimit-unified-status") != "rejected":
        return None
    named = epoch(_header(headers, "anthropic-ratelimit-unified-reset") or "")
    return _shifted(named, headers, at)


def _exhausted(headers: Mapping[str, str], at: datetime) -> datetime | None:
    """The latest reset of those limits of which nothing remains; the only one, if none tells."""
    binding: list[datetime] = []
    others: list[datetime] = []
    for name in sorted(headers)[:_HEADER_LIMIT]:
        found = _RESET_HEADER.fullmatch(name)
        if found is None or "unified" in name:
            continue
        instant = _reset(_header(headers, name) or "", headers, at)
        if instant is not None:
            remaining = number(_header(headers, name.replace("reset", "remaining")) or "")
            (binding if remaining == 0 else others).append(instant)
    if binding:
        return max(binding)
    return others[0] if len(others) == 1 else None


def _reset(value: str, headers: Mapping[str, str], at: datetime) -> datetime | None:
    count = number(value)
    if count is not None:
        return _shifted(of_epoch(count), headers, at) if count >= _EPOCH_S else _after(at, count)
    wait = span(value)
    return later(at, wait) if wait is not None else _shifted(rfc3339(value), headers, at)


def _from_body(times: tuple[NamedTime, ...], at: datetime) -> datetime | None:
    found = [
        one
        for named in times
        if (one := of_epoch(named.value) if named.absolute else _after(at, named.value)) is not None
    ]
    return max(found, default=None)


def _from_text(text: str, at: datetime, zones: Zones | None) -> tuple[datetime, bool] | None:
    marked = _TEXT_EPOCH.search(text)
    named = epoch(marked[1]) if marked else None
    if named is not None:
        return named, False
    for lead in _TEXT_SPAN.finditer(text):
        wait = leading_span(text[lead.end() : lead.end() + 80])
        instant = later(at, wait) if wait is not None else None
        if instant is not None:
            return instant, False
    clock = clock_text(text, at, zones)
    if clock is not None:
        return clock.at, clock.zone_assumed
    instant = find_rfc3339(text)
    return (instant, False) if instant is not None else None


def _checked(instant: datetime, source: str, at: datetime, *, zone_assumed: bool = False) -> Hint:
    if timedelta(0) < at - instant <= _JUST_PASSED:
        instant = at
    ahead = instant if instant >= at else None
    return Hint(at=ahead, source=source, zone_assumed=zone_assumed)


def _shifted(instant: datetime | None, headers: Mapping[str, str], at: datetime) -> datetime | None:
    """The server's instant on our clock."""
    if instant is None:
        return None
    theirs = http_date(_header(headers, "date") or "", at)
    if theirs is None or abs(at - theirs) < _SKEW:
        return instant
    return later(instant, at - theirs)


def _after(at: datetime, count: float) -> datetime | None:
    wait = seconds(count)
    return None if wait is None else later(at, wait)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name)
    return value if isinstance(value, str) and len(value) <= 200 else None  # noqa: PLR2004
