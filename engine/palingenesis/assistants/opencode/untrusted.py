"""Read JSON that may be anything: a wrong shape reads as nothing, and nothing here ever raises."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 253_402_300_799_000  # the end of the year 9999
_LONGEST_NUMBER = 2**63


def dig(value: object, *keys: str) -> object:
    """What lies under those keys; None when any of them is missing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text(value: object, *keys: str) -> str:
    """The text under those keys; "" when there is none."""
    found = dig(value, *keys)
    return found if isinstance(found, str) else ""


def whole(value: object, *keys: str) -> int | None:
    """The whole number under those keys; None when there is none, or an absurd one."""
    found = dig(value, *keys)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if found != found or abs(found) >= _LONGEST_NUMBER:  # noqa: PLR0124 - NaN is not itself
        return None
    return int(found)


def flag(value: object, *keys: str) -> bool:
    """Whether there is a true `true` under those keys."""
    return dig(value, *keys) is True


def table(value: object, *keys: str) -> Mapping[str, object]:
    """The object under those keys; an empty one when there is none."""
    found = dig(value, *keys)
    if not isinstance(found, Mapping):
        return {}
    return {key: item for key, item in found.items() if isinstance(key, str)}


def items(value: object, *keys: str) -> Sequence[object]:
    """The list under those keys; an empty one when there is none."""
    found = dig(value, *keys)
    return found if isinstance(found, list | tuple) else ()


def instant(value: object, *keys: str) -> datetime | None:
    """The instant under those keys, given in milliseconds since 1970, in UTC."""
    milliseconds = whole(value, *keys)
    if milliseconds is None or not 0 < milliseconds <= _LATEST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)
