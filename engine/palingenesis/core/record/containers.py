"""Codecs of what holds other values: sequences, sets, mappings; and of literals."""

from collections.abc import Mapping
from json import dumps
from typing import Any

from palingenesis.core.record.hints import Shape, read_hint
from palingenesis.core.record.misfit import Codec, Compile, MisfitError, found


def literal_of(allowed: tuple[Any, ...]) -> Codec:
    """One of a few values."""

    def check(value: Any) -> Any:
        for each in allowed:
            if type(each) is type(value) and each == value:
                return value
        raise MisfitError(f"expected one of {allowed}, got {found(value)}")

    return Codec(check, check)


def sequence_of(kind: type, parts: tuple[Any, ...], compile_hint: Compile) -> Codec:
    """A list; `parts` is `(X, ...)` for any length, else one hint per place."""
    if len(parts) == 2 and parts[1] is ...:  # noqa: PLR2004 (the form of the type hint)
        return _many_of(kind, compile_hint(parts[0]))
    return _exactly(tuple(compile_hint(part) for part in parts))


def _many_of(kind: type, item: Codec) -> Codec:
    def each(code: Any, values: Any) -> list[Any]:
        done: list[Any] = []
        try:
            for value in values:
                done.append(code(value))  # noqa: PERF401 (its length names the place of a misfit)
        except MisfitError as misfit:
            raise misfit.below(str(len(done))) from None
        return done

    def encode(value: Any) -> Any:
        if not isinstance(value, tuple | list):
            raise MisfitError(f"expected a list, got {found(value)}")
        return each(item.encode, value)

    def decode(data: Any) -> Any:
        if not isinstance(data, list):
            raise MisfitError(f"expected a list, got {found(data)}")
        return kind(each(item.decode, data))

    return Codec(encode, decode)


def _exactly(items: tuple[Codec, ...]) -> Codec:
    def check(values: Any, kinds: Any) -> None:
        if not isinstance(values, kinds) or len(values) != len(items):
            raise MisfitError(f"expected a list of {len(items)}, got {found(values)}")

    def encode(value: Any) -> Any:
        check(value, (tuple, list))
        return [item.encode(each) for item, each in zip(items, value, strict=True)]

    def decode(data: Any) -> Any:
        check(data, list)
        return tuple(item.decode(each) for item, each in zip(items, data, strict=True))

    return Codec(encode, decode)


def set_of(part: Any, compile_hint: Compile) -> Codec:
    """A set, as a sorted list, so that equal sets have equal records."""
    item = compile_hint(part)

    def encode(value: Any) -> Any:
        if not isinstance(value, frozenset | set):
            raise MisfitError(f"expected a set, got {found(value)}")
        plain = [item.encode(each) for each in value]
        return sorted(plain, key=lambda each: dumps(each, sort_keys=True))

    def decode(data: Any) -> Any:
        if not isinstance(data, list):
            raise MisfitError(f"expected a list, got {found(data)}")
        return frozenset(item.decode(each) for each in data)

    return Codec(encode, decode)


def mapping_of(key_hint: Any, part: Any, compile_hint: Compile) -> Codec:
    """An object when the keys are text; otherwise a list of `[key, value]` pairs."""
    keys, item = compile_hint(key_hint), compile_hint(part)
    if not has_text_keys(key_hint):
        return _pairs_of(keys, item)

    def each(key_code: Any, code: Any, values: Any) -> dict[Any, Any]:
        done = {}
        key = None
        try:
            for key, value in values.items():
                done[key_code(key)] = code(value)
        except MisfitError as misfit:
            raise misfit.below(str(key)) from None
        return done

    def encode(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise MisfitError(f"expected a mapping, got {found(value)}")
        return each(keys.encode, item.encode, value)

    def decode(data: Any) -> Any:
        if not isinstance(data, dict):
            raise MisfitError(f"expected an object, got {found(data)}")
        return each(keys.decode, item.decode, data)

    return Codec(encode, decode)


def has_text_keys(hint: Any) -> bool:
    """Whether the keys of a mapping can be the keys of an object as they are."""
    read = read_hint(hint)
    if read.shape is Shape.ENUM:
        return all(isinstance(member.value, str) for member in read.kind)
    return read.kind is str


def _pairs_of(keys: Codec, item: Codec) -> Codec:
    def encode(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise MisfitError(f"expected a mapping, got {found(value)}")
        return [[keys.encode(key), item.encode(each)] for key, each in value.items()]

    def decode(data: Any) -> Any:
        if not isinstance(data, list):
            raise MisfitError(f"expected a list of pairs, got {found(data)}")
        pairs = {}
        for pair in data:
            if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 (a pair has two)
                raise MisfitError(f"expected a pair, got {found(pair)}")
            pairs[keys.decode(pair[0])] = item.decode(pair[1])
        return pairs

    return Codec(encode, decode)
