"""What a provider's answer says in its structured fields, whatever shape it gives them.

Total: whatever cannot be read is not there.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from palingenesis.core.stops.durations import number, span
from palingenesis.core.stops.instants import rfc3339

_BODY_LIMIT = 20_000
_DEPTH = 6
_FIELDS = 200
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml|center|h1)", re.ASCII | re.IGNORECASE)
_CODES = frozenset({"type", "code", "error_code", "status", "reason", "name", "quotaId", "__type"})
_ABSOLUTE = frozenset(
    {"resets_at", "reset_at", "resetsAt", "resetAt", "x-ratelimit-reset", "reset_time"}
)
_RELATIVE = frozenset(
    {"retry_after", "retryAfter", "retry_after_seconds", "resets_in_seconds", "retryDelay"}
)
_EPOCH_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTime:
    """A time in a body: seconds from the answer, or (absolute) since 1970."""

    value: float
    absolute: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The words of a body that machines are meant to read, and its message."""

    codes: frozenset[str] = frozenset()
    """Its types, codes, names and quota ids, in lower case."""
    message: str = ""
    status: int | None = None
    times: tuple[NamedTime, ...] = ()
    html: bool = False


NOTHING = Body()


def read_body(text: str) -> Body:
    """The first JSON object in a body, if it has one."""
    if _HTML.match(text):
        return Body(html=True)
    start = text.find("{", 0, _BODY_LIMIT)
    if start < 0:
        return NOTHING
    try:
        value, _ = json.JSONDecoder().raw_decode(text[:_BODY_LIMIT], start)
    except (ValueError, RecursionError):
        return NOTHING
    fields = list(_fields(value, 0))[:_FIELDS]
    messages = [item for key, item in fields if key == "message" and isinstance(item, str)]
    return Body(
        codes=frozenset(
            str(item).lower()[:80]
            for key, item in fields
            if key in _CODES and isinstance(item, str | int) and not isinstance(item, bool)
        ),
        message=messages[0] if messages else "",
        status=_status(fields),
        times=tuple(named for key, item in fields if (named := _time(key, item)) is not None),
    )


def _fields(value: object, depth: int) -> Iterator[tuple[str, object]]:
    if depth > _DEPTH:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping | list):
                yield from _fields(item, depth + 1)
            else:
                yield str(key), item
    elif isinstance(value, list):
        for item in value[:_FIELDS]:
            yield from _fields(item, depth + 1)


def _status(fields: list[tuple[str, object]]) -> int | None:
    for key, item in fields:
        if key in {"code", "status", "statusCode"} and isinstance(item, int | str):
            count = number(str(item))
            if count is not None and 400 <= count < 600:  # noqa: PLR2004
                return int(count)
    return None


def _time(key: str, item: object) -> NamedTime | None:
    name = key if key in _ABSOLUTE | _RELATIVE else key.lower()
    if name not in _ABSOLUTE | _RELATIVE or isinstance(item, bool):
        return None
    count = number(str(item)) if isinstance(item, int | float | str) else None
    if count is None and isinstance(item, str):
        wait, instant = span(item), rfc3339(item)
        if instant is not None:
            return NamedTime(value=instant.timestamp(), absolute=True)
        count = None if wait is None else wait.total_seconds()
    if count is None:
        return None
    return NamedTime(value=count, absolute=name in _ABSOLUTE and count >= _EPOCH_S)
