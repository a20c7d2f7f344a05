"""The JSON Schema of what the control door answers, from the types that describe it in code."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from palingenesis.runtime import candidate, door, inspection

DOOR = (
    door.Status,
    door.SessionStatus,
    door.EventRow,
    door.Explanation,
    door.Answer,
    door.Entrance,
    door.PolicyText,
    candidate.Preview,
    candidate.Shadow,
    inspection.Inspection,
)
_SCALARS: Mapping[object, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
    object: "",
}


def door_definitions() -> dict[str, Any]:
    """The door's own types by their names, and those that they are made of."""
    found: dict[str, Any] = {}
    for kind in DOOR:
        _schema(kind, found)
    return dict(sorted(found.items()))


def _schema(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]} if _SCALARS[kind] else {}
    if is_typeddict(kind):
        if kind.__name__ not in found:
            found[kind.__name__] = {}
            found[kind.__name__] = _object(kind, found)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(inside)}
    if origin is NotRequired:
        return _schema(inside[0], found)
    if origin in (Union, UnionType):
        parts = [_schema(one, found) for one in inside]
        if all(part.keys() == {"type"} for part in parts):
            return {"type": [part["type"] for part in parts]}
        return {"anyOf": parts}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(inside[1], found)}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return {"type": "array", "items": _schema(inside[0], found)}
    raise TypeError(kind)


def _object(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    told = (kind.__doc__ or "").strip().splitlines()
    return {
        **({"description": told[0]} if told else {}),
        "type": "object",
        "properties": {name: _schema(one, found) for name, one in hints.items()},
        "required": sorted(kind.__required_keys__),
    }
