"""The JSON Schema of records, derived from the same type hints that the codec follows."""

from dataclasses import MISSING, fields
from datetime import datetime, timedelta
from typing import Any, get_type_hints

from palingenesis.core.record.containers import has_text_keys
from palingenesis.core.record.hints import Hint, Shape, read_hint

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"type": "number", "description": "seconds"},
}
_NOT_A_JSON_NUMBER = {
    "type": "object",
    "properties": {"number": {"enum": ["nan", "inf", "-inf"]}},
    "required": ["number"],
}


def json_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type hint's plain form.

    Args:
        kind: the type hint.
        definitions: receives one entry per class, for the document's `$defs`.

    Raises:
        TypeError: the hint cannot be recorded, or two classes share a name.
    """
    hint = read_hint(kind)
    match hint.shape:
        case Shape.ANYTHING:
            return {}
        case Shape.SCALAR:
            return _scalar(hint.kind)
        case Shape.ENUM:
            return {"enum": [member.value for member in hint.kind]}
        case Shape.LITERAL:
            return {"enum": list(hint.parts)}
        case Shape.UNION:
            return _union(hint, definitions)
        case Shape.SEQUENCE:
            return _sequence(hint, definitions)
        case Shape.SET:
            items = json_schema(hint.parts[0], definitions)
            return {"type": "array", "items": items, "uniqueItems": True}
        case Shape.MAPPING:
            return _mapping(hint, definitions)
        case Shape.RECORD:
            return _record(hint.kind, definitions)


def _scalar(kind: Any) -> dict[str, Any]:
    if kind is float:
        return {"anyOf": [{"type": "number"}, _NOT_A_JSON_NUMBER]}
    return dict(_SCALARS[kind])


def _union(hint: Hint, definitions: dict[str, Any]) -> dict[str, Any]:
    kinds = {read_hint(part).kind for part in hint.parts}
    members = []
    for part in hint.parts:
        kind = read_hint(part).kind
        member = json_schema(part, definitions)
        if kind is timedelta and kinds & {int, float}:
            member = _wrapped("duration_s", member)
        elif kind is datetime and str in kinds:
            member = _wrapped("instant", member)
        members.append(member)
    return {"anyOf": members}


def _wrapped(key: str, inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: inner}, "required": [key]}


def _sequence(hint: Hint, definitions: dict[str, Any]) -> dict[str, Any]:
    if len(hint.parts) == 2 and hint.parts[1] is ...:  # noqa: PLR2004 (the form of the hint)
        return {"type": "array", "items": json_schema(hint.parts[0], definitions)}
    items = [json_schema(part, definitions) for part in hint.parts]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _mapping(hint: Hint, definitions: dict[str, Any]) -> dict[str, Any]:
    key, value = (json_schema(part, definitions) for part in hint.parts)
    if has_text_keys(hint.parts[0]):
        return {"type": "object", "propertyNames": key, "additionalProperties": value}
    pair = {"type": "array", "prefixItems": [key, value], "minItems": 2, "maxItems": 2}
    return {"type": "array", "items": pair}


def _record(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    key = _key_of(kind, definitions)
    if key not in definitions:
        known: dict[str, Any] = {"x-class": f"{kind.__module__}.{kind.__name__}"}
        definitions[key] = known
        hints = get_type_hints(kind)
        known["title"] = kind.__name__
        known["description"] = (kind.__doc__ or "").partition("\n")[0]
        known["type"] = "object"
        known["properties"] = {"is": {"const": kind.__name__}}
        known["required"] = ["is"]
        for each in (one for one in fields(kind) if one.init):
            known["properties"][each.name] = json_schema(hints[each.name], definitions)
            if each.default is MISSING and each.default_factory is MISSING:
                known["required"].append(each.name)
    return {"$ref": f"#/$defs/{key}"}


def _key_of(kind: type, definitions: dict[str, Any]) -> str:
    """Where a class is defined: under its name; the second of that name with its module before."""
    name = kind.__name__
    first = definitions.get(name)
    if first is None or first["x-class"] == f"{kind.__module__}.{name}":
        return name
    return f"{kind.__module__.rpartition('.')[2]}.{name}"
