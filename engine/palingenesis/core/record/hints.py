"""Reading a type hint: which of a few shapes it has, and what its parts are."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, is_dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

SCALAR_TYPES = (bool, int, float, str, NoneType, datetime, timedelta)


class Shape(StrEnum):
    """What a hint looks like to the codec; a closed set."""

    ANYTHING = auto()
    SCALAR = auto()
    ENUM = auto()
    LITERAL = auto()
    UNION = auto()
    SEQUENCE = auto()
    SET = auto()
    MAPPING = auto()
    RECORD = auto()


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint, read. `kind` is the class to check for or to make, `parts` what is inside."""

    shape: Shape
    kind: Any
    parts: tuple[Any, ...] = ()


def read_hint(hint: Any) -> Hint:
    """Say which shape a hint has.

    Raises:
        TypeError: values of that type cannot be recorded (a mistake in the core).
    """
    while isinstance(hint, NewType) or get_origin(hint) is Annotated:
        hint = hint.__supertype__ if isinstance(hint, NewType) else get_args(hint)[0]
    if hint is None:
        hint = NoneType
    if hint is Any or hint is object:
        return Hint(Shape.ANYTHING, Any)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is None:
        return _read_class(hint)
    if origin in (Union, UnionType):
        return Hint(Shape.UNION, hint, parts)
    if origin is Literal:
        return Hint(Shape.LITERAL, hint, parts)
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return Hint(Shape.SEQUENCE, list if origin is list else tuple, _items(origin, parts))
    if isinstance(origin, type) and issubclass(origin, AbstractSet):
        return Hint(Shape.SET, frozenset, parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Hint(Shape.MAPPING, dict, parts)
    raise TypeError(f"{hint} cannot be recorded")


def _read_class(hint: Any) -> Hint:
    if hint in SCALAR_TYPES:
        return Hint(Shape.SCALAR, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Hint(Shape.ENUM, hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return Hint(Shape.RECORD, hint)
    raise TypeError(f"{hint} cannot be recorded")


def _items(origin: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """`(X, ...)` for any length of X; `(X, Y)` for exactly those two."""
    return parts if origin is tuple else (parts[0], ...)
