"""The record codec: dataclasses to plain data and back, driven by their type hints.

Theory of operation. Each type hint is compiled once into a pair of functions, `encode` and
`decode`; a dataclass is the list of its fields' pairs. Both directions check what they are given:
a value that could not be read back is refused when it is written, not a year later.

A union is told apart by what its plain form looks like: by `is` for dataclasses, by the JSON type
for the rest. Where that would be ambiguous (a duration beside a number, an instant beside a text)
the value is wrapped: `{"duration_s": 90.0}`, `{"instant": "…Z"}`. Numbers that JSON does not have
are wrapped too: `{"number": "inf"}`.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints, overload

from palingenesis.core.effects import Effect
from palingenesis.core.errors import EntryRefusedError, JournalError
from palingenesis.core.events import Event
from palingenesis.core.record.containers import literal_of, mapping_of, sequence_of, set_of
from palingenesis.core.record.hints import Shape, read_hint
from palingenesis.core.record.misfit import Codec, MisfitError, found
from palingenesis.core.record.scalars import ANYTHING, SCALARS, enum_of
from palingenesis.core.record.unions import union_of

RECORD_VERSION = 1
"""Raised when the plain form of an existing class changes its meaning; adding a field with a
default, a class or an enum member does not change it."""

T = TypeVar("T")


def to_plain(value: object, kind: Any = None) -> Any:
    """The plain form of a frozen dataclass, or of any value of the given type hint.

    Args:
        value: what to record.
        kind: its type hint; needed for what is not itself a dataclass.

    Raises:
        EntryRefusedError: the value does not fit its type hint, so it could not be read back.
    """
    hint: Any = type(value) if kind is None else kind
    try:
        return codec_of(hint).encode(value)
    except MisfitError as misfit:
        raise EntryRefusedError(f"cannot record {_name(hint)}: {misfit.told()}") from misfit


@overload
def from_plain(kind: type[T], data: object, *, version: int = RECORD_VERSION) -> T: ...
@overload
def from_plain(kind: Any, data: object, *, version: int = RECORD_VERSION) -> Any: ...
def from_plain(kind: Any, data: object, *, version: int = RECORD_VERSION) -> Any:
    """The value whose plain form is `data`; `kind` is a class, a union or any other type hint.

    Keys that the class does not know are ignored, keys with a default may be missing.

    Args:
        kind: what to read.
        data: plain data, as `to_plain` made it.
        version: the record version it was written with.

    Raises:
        JournalError: the data does not fit, with the place; or its version is not known.
    """
    if not 1 <= version <= RECORD_VERSION:
        raise JournalError(
            f"record version {version} is not known to this palingenesis ({RECORD_VERSION})",
            "use the palingenesis that wrote it, or a newer one",
        )
    try:
        return codec_of(kind).decode(data)
    except MisfitError as misfit:
        raise JournalError(f"cannot read {_name(kind)}: {misfit.told()}") from misfit


def event_from_plain(data: object, *, version: int = RECORD_VERSION) -> Event:
    """The event whose plain form is `data`; raises JournalError as `from_plain` does."""
    return cast("Event", from_plain(Event, data, version=version))


def effect_from_plain(data: object, *, version: int = RECORD_VERSION) -> Effect:
    """The effect whose plain form is `data`; raises JournalError as `from_plain` does."""
    return cast("Effect", from_plain(Effect, data, version=version))


@cache
def codec_of(hint: Any) -> Codec:
    """Compile a type hint. A hint that cannot be recorded is a mistake in the core: TypeError."""
    read = read_hint(hint)
    match read.shape:
        case Shape.ANYTHING:
            return ANYTHING
        case Shape.SCALAR:
            return SCALARS[read.kind]
        case Shape.ENUM:
            return enum_of(read.kind)
        case Shape.LITERAL:
            return literal_of(read.parts)
        case Shape.UNION:
            return union_of(read.parts, codec_of)
        case Shape.SEQUENCE:
            return sequence_of(read.kind, read.parts, codec_of)
        case Shape.SET:
            return set_of(read.parts[0], codec_of)
        case Shape.MAPPING:
            return mapping_of(read.parts[0], read.parts[1], codec_of)
        case Shape.RECORD:
            return _record_of(read.kind)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    codec: Codec
    required: bool


def _fields_of(kind: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Field(
            each.name,
            codec_of(hints[each.name]),
            each.default is MISSING and each.default_factory is MISSING,
        )
        for each in fields(kind)
        if each.init
    )


def _record_of(kind: type) -> Codec:
    """A dataclass; its fields are compiled when first needed, for a class may hold itself."""
    return Codec(_record_encoder(kind), _record_decoder(kind))


def _record_encoder(kind: type) -> Callable[[Any], Any]:
    name = kind.__name__
    plan: list[tuple[str, Callable[[Any], Any]]] = []

    def encode(value: Any) -> Any:
        if type(value) is not kind:
            raise MisfitError(f"expected {name}, got {found(value)}")
        if not plan:
            plan.extend((each.name, each.codec.encode) for each in _fields_of(kind))
        plain = {"is": name}
        key = ""
        try:
            for key, encode_field in plan:
                plain[key] = encode_field(getattr(value, key))
        except MisfitError as misfit:
            raise misfit.below(key) from None
        return plain

    return encode


def _record_decoder(kind: type) -> Callable[[Any], Any]:
    name = kind.__name__
    plan: list[tuple[str, Callable[[Any], Any], bool]] = []

    def decode(data: Any) -> Any:
        if not isinstance(data, dict):
            raise MisfitError(f"expected an object ({name}), got {found(data)}")
        if data.get("is", name) != name:
            raise MisfitError(f"expected {name}, got {data['is']!r}")
        if not plan:
            plan.extend((it.name, it.codec.decode, it.required) for it in _fields_of(kind))
        values = {}
        missing: list[str] = []
        key = ""
        try:
            for key, decode_field, required in plan:
                if key in data:
                    values[key] = decode_field(data[key])
                elif required:
                    missing.append(key)
        except MisfitError as misfit:
            raise misfit.below(key) from None
        if missing:
            raise MisfitError(f"missing ({name} needs it)", (missing[0],))
        return kind(**values)

    return decode


def _name(hint: Any) -> str:
    if hint == Event:
        return "an event"
    if hint == Effect:
        return "an effect"
    if is_dataclass(hint) and isinstance(hint, type):
        return hint.__name__
    return str(hint)
