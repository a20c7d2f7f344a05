"""Codecs of unions: told apart by `is` or by the JSON type, wrapped where that is not enough."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import NoneType
from typing import Any

from palingenesis.core.record.hints import Hint, Shape, read_hint
from palingenesis.core.record.misfit import Codec, Compile, MisfitError, found
from palingenesis.core.record.scalars import ANYTHING

_Code = Callable[[Any], Any]

_HELD_AS: dict[Shape, type] = {Shape.SEQUENCE: tuple, Shape.SET: frozenset, Shape.MAPPING: dict}
_SEEN_AS: dict[Shape, type] = {Shape.SEQUENCE: list, Shape.SET: list, Shape.MAPPING: dict}


@dataclass(frozen=True, slots=True)
class _Members:
    """A union, sorted out: who writes a Python type, who reads a JSON type, a wrapper, a name."""

    by_type: dict[type, _Code] = field(default_factory=dict)
    by_json: dict[type, _Code] = field(default_factory=dict)
    by_wrapper: dict[str, _Code] = field(default_factory=dict)
    by_name: dict[str, _Code] = field(default_factory=dict)

    def claim(self, held: type, seen: type, codec: Codec) -> None:
        """Let `codec` write `held` and read `seen`; two members must not look the same."""
        if seen in self.by_json or held in self.by_type:
            raise TypeError(f"a union cannot tell two members apart that look like {seen.__name__}")
        self.by_type[held] = codec.encode
        self.by_json[seen] = codec.decode

    def wrap(self, held: type, key: str, codec: Codec) -> None:
        """Let `codec` write `held` inside an object with one key."""
        self.by_type[held] = lambda value: {key: codec.encode(value)}
        self.by_wrapper[key] = codec.decode

    def name(self, kind: type, codec: Codec) -> None:
        """Let `codec` write and read a dataclass."""
        if kind.__name__ in self.by_name:
            raise TypeError(f"a union cannot hold two classes named {kind.__name__}")
        self.by_type[kind] = codec.encode
        self.by_name[kind.__name__] = codec.decode


def union_of(parts: tuple[Any, ...], compile_hint: Compile) -> Codec:
    """A union of any of the other shapes."""
    hints = tuple(read_hint(part) for part in parts)
    if any(hint.shape is Shape.ANYTHING for hint in hints):
        return ANYTHING
    members = _Members()
    kinds = {hint.kind for hint in hints}
    for part, hint in zip(parts, hints, strict=True):
        _place(members, hint, compile_hint(part), kinds)
    if float in members.by_type and int not in members.by_type:
        # A whole number is a number, to type checkers and to JSON.
        members.by_type[int] = members.by_type[float]
        members.by_json[int] = members.by_json[float]
    if (members.by_name or members.by_wrapper) and dict in members.by_json:
        raise TypeError("a union cannot hold a mapping beside what is itself kept as an object")
    return Codec(_encoder(members), _decoder(members))


def _place(members: _Members, hint: Hint, codec: Codec, kinds: set[Any]) -> None:
    if hint.shape is Shape.RECORD:
        members.name(hint.kind, codec)
    elif hint.shape is Shape.ENUM:
        members.claim(hint.kind, str, codec)
    elif hint.shape is Shape.LITERAL:
        members.claim(str, str, codec)
    elif hint.shape is not Shape.SCALAR:
        members.claim(_HELD_AS[hint.shape], _SEEN_AS[hint.shape], codec)
    elif hint.kind is datetime and str in kinds:
        members.wrap(datetime, "instant", codec)
    elif hint.kind is datetime:
        members.claim(datetime, str, codec)
    elif hint.kind is timedelta and kinds & {int, float}:
        members.wrap(timedelta, "duration_s", codec)
    elif hint.kind is timedelta:
        members.claim(timedelta, float, codec)
        members.by_json[int] = codec.decode
    else:
        members.claim(hint.kind, hint.kind, codec)
        if hint.kind is float:
            members.by_wrapper["number"] = lambda name: codec.decode({"number": name})


def _encoder(members: _Members) -> _Code:
    by_type = members.by_type
    # Subclasses (a StrEnum for a text, a frozen mapping): asked only when the exact type is not
    # known. A bool is never taken for a number.
    abstract = [
        (Mapping if kind is dict else (tuple, list) if kind is tuple else kind, code)
        for kind, code in by_type.items()
        if kind in (str, int, float, dict, tuple, frozenset, datetime, timedelta)
    ]

    def encode(value: Any) -> Any:
        code = by_type.get(type(value))
        if code is not None:
            return code(value)
        if not isinstance(value, bool):
            for kinds, code in abstract:
                if isinstance(value, kinds):
                    return code(value)
        raise MisfitError(f"expected {_told(by_type)}, got {found(value)}")

    return encode


def _decoder(members: _Members) -> _Code:
    by_json, by_wrapper, by_name = members.by_json, members.by_wrapper, members.by_name
    only = next(iter(by_name.values())) if len(by_name) == 1 else None

    def decode_object(data: Any) -> Any:
        if by_name and "is" in data:
            code = by_name.get(data["is"]) if isinstance(data["is"], str) else None
            if code is None:
                raise MisfitError(f"no {found(data['is'])} is known here")
            return code(data)
        if len(data) == 1:
            key = next(iter(data))
            if key in by_wrapper:
                return by_wrapper[key](data[key])
        code = by_json.get(dict, only)
        if code is None:
            raise MisfitError(f"expected {_told(members.by_type)}, got an object without `is`")
        return code(data)

    def decode(data: Any) -> Any:
        if type(data) is dict:
            return decode_object(data)
        code = by_json.get(type(data))
        if code is None:
            raise MisfitError(f"expected {_told(members.by_type)}, got {found(data)}")
        return code(data)

    return decode


def _told(kinds: Mapping[type, _Code]) -> str:
    return " or ".join("null" if kind is NoneType else kind.__name__ for kind in kinds)
