"""Codecs of single values: text, numbers, truth, instants, durations, enums, and plain data."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite
from types import NoneType
from typing import Any

from palingenesis.core.record.misfit import Codec, MisfitError, found


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise MisfitError(f"expected text, got {found(value)}")


def _truth(value: Any) -> Any:
    if value is True or value is False:
        return value
    raise MisfitError(f"expected true or false, got {found(value)}")


def _whole(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise MisfitError(f"expected a whole number, got {found(value)}")


def _nothing(value: Any) -> Any:
    if value is None:
        return None
    raise MisfitError(f"expected null, got {found(value)}")


def _encode_number(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else {"number": str(value)}
    return _whole(value)


def _decode_number(data: Any) -> Any:
    if isinstance(data, dict) and data.get("number") in ("nan", "inf", "-inf"):
        return float(data["number"])
    if isinstance(data, int | float) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError:
            raise MisfitError("the number is too large") from None
    raise MisfitError(f"expected a number, got {found(data)}")


def _encode_instant(value: Any) -> Any:
    if not isinstance(value, datetime):
        raise MisfitError(f"expected an instant, got {found(value)}")
    if value.tzinfo is not UTC:
        if value.utcoffset() is None:
            raise MisfitError(f"expected an instant with a time zone, got {found(value)}")
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise MisfitError("the instant is out of range") from None
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _decode_instant(data: Any) -> Any:
    if not isinstance(data, str):
        raise MisfitError(f"expected an instant, got {found(data)}")
    try:
        at = datetime.fromisoformat(data)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MisfitError(f"expected an instant as in RFC 3339, got {found(data)}")


def _encode_span(value: Any) -> Any:
    """Seconds; exact to the microsecond up to 285 years."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise MisfitError(f"expected a duration, got {found(value)}")


def _decode_span(data: Any) -> Any:
    if isinstance(data, int | float) and not isinstance(data, bool):
        try:
            return timedelta(seconds=data)
        except (OverflowError, ValueError):
            raise MisfitError("the duration is out of range") from None
    raise MisfitError(f"expected a duration in seconds, got {found(data)}")


def _encode_anything(value: Any) -> Any:
    """Plain data passes; what JSON cannot hold does not."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _encode_number(value)
    if isinstance(value, Mapping):
        return {_text(key): _encode_inside(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encode_inside(str(place), each) for place, each in enumerate(value)]
    raise MisfitError(f"expected plain data, got {found(value)}")


def _encode_inside(key: str, value: Any) -> Any:
    try:
        return _encode_anything(value)
    except MisfitError as misfit:
        raise misfit.below(key) from None


def _as_is(data: Any) -> Any:
    return data


ANYTHING = Codec(_encode_anything, _as_is)

SCALARS: dict[type, Codec] = {
    str: Codec(_text, _text),
    bool: Codec(_truth, _truth),
    int: Codec(_whole, _whole),
    float: Codec(_encode_number, _decode_number),
    NoneType: Codec(_nothing, _nothing),
    datetime: Codec(_encode_instant, _decode_instant),
    timedelta: Codec(_encode_span, _decode_span),
}


def enum_of(kind: type[Enum]) -> Codec:
    """An enum by its value."""
    members = {member.value: member for member in kind}
    values = {member: member.value for member in kind}

    def encode(value: Any) -> Any:
        if type(value) is not kind:
            raise MisfitError(f"expected a {kind.__name__}, got {found(value)}")
        return values[value]

    def decode(data: Any) -> Any:
        if isinstance(data, str | int) and data in members:
            return members[data]
        known = ", ".join(str(each) for each in members)
        raise MisfitError(f"{found(data)} is not a {kind.__name__} ({known})")

    return Codec(encode, decode)
