"""Fitting: whether a document has the shape of a schema at all. Says yes or no, and no more.

Most documents do, and then nobody needs jsonschema, whose import takes longer than everything else
that is done to a policy. It knows the keywords that our own schema uses; about any other one it
says no, so that jsonschema has the last word.
"""

import re
from collections.abc import Callable, Mapping, Sized
from functools import cache
from typing import Any, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import parse_duration

Schema = Mapping[str, Any]


def fits(plain: Any, schema: Schema, root: Schema) -> bool:
    """Whether plain data fits a schema; `root` is the whole one, where references lead."""
    return all(
        keyword in _TELLS_NOTHING or (keyword in _CHECKS and _CHECKS[keyword](plain, schema, root))
        for keyword in schema
    )


_TELLS_NOTHING: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "markdownDescription", "examples"}
    | {"enumDescriptions", "patternErrorMessage", "then"}
)


def _type(plain: Any, schema: Schema, _root: Schema) -> bool:
    wanted = schema["type"]
    return any(_is(plain, one) for one in ([wanted] if isinstance(wanted, str) else wanted))


def _is(plain: Any, kind: str) -> bool:
    if kind in {"integer", "number"}:
        whole = isinstance(plain, int) or (isinstance(plain, float) and plain.is_integer())
        number = isinstance(plain, float) if kind == "number" else False
        return not isinstance(plain, bool) and (whole or number)
    known: Mapping[str, type] = {"string": str, "boolean": bool, "array": list, "object": dict}
    return kind in known and isinstance(plain, known[kind])


def _ref(plain: Any, schema: Schema, root: Schema) -> bool:
    name = str(schema["$ref"]).removeprefix("#/$defs/")
    wanted = root["$defs"].get(name)
    return wanted is not None and fits(plain, wanted, root)


def _enum(plain: Any, schema: Schema, _root: Schema) -> bool:
    return isinstance(plain, str) and plain in schema["enum"]


def _const(plain: Any, schema: Schema, _root: Schema) -> bool:
    return _is(plain, "number") and bool(plain == schema["const"])


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _pattern(plain: Any, schema: Schema, _root: Schema) -> bool:
    return not isinstance(plain, str) or _compiled(schema["pattern"]).search(plain) is not None


def _format(plain: Any, schema: Schema, _root: Schema) -> bool:
    assert schema["format"] == "span", "there is no other"
    if not isinstance(plain, str):
        return True
    try:
        parse_duration(plain)
    except InvalidConfigError:
        return False
    return True


def _properties(plain: Any, schema: Schema, root: Schema) -> bool:
    known = schema["properties"]
    return not isinstance(plain, dict) or all(
        fits(value, known[key], root) for key, value in plain.items() if key in known
    )


def _additional(plain: Any, schema: Schema, root: Schema) -> bool:
    wanted, known = schema["additionalProperties"], schema.get("properties", {})
    if not isinstance(plain, dict):
        return True
    others = [value for key, value in plain.items() if key not in known]
    if wanted is False:
        return not others
    return all(fits(value, wanted, root) for value in others)


def _names(plain: Any, schema: Schema, root: Schema) -> bool:
    wanted = schema["propertyNames"]
    return not isinstance(plain, dict) or all(fits(key, wanted, root) for key in plain)


def _required(plain: Any, schema: Schema, _root: Schema) -> bool:
    return not isinstance(plain, dict) or all(key in plain for key in schema["required"])


def _items(plain: Any, schema: Schema, root: Schema) -> bool:
    wanted = schema["items"]
    return not isinstance(plain, list) or all(fits(item, wanted, root) for item in plain)


def _any_of(plain: Any, schema: Schema, root: Schema) -> bool:
    return any(fits(plain, one, root) for one in schema["anyOf"])


def _not(plain: Any, schema: Schema, root: Schema) -> bool:
    return not fits(plain, schema["not"], root)


def _if(plain: Any, schema: Schema, root: Schema) -> bool:
    return not fits(plain, schema["if"], root) or fits(plain, schema.get("then", {}), root)


def _least(keyword: str, kind: type[Sized]) -> Callable[[Any, Schema, Schema], bool]:
    return lambda plain, schema, _: not isinstance(plain, kind) or len(plain) >= schema[keyword]


def _most(keyword: str, kind: type[Sized]) -> Callable[[Any, Schema, Schema], bool]:
    return lambda plain, schema, _: not isinstance(plain, kind) or len(plain) <= schema[keyword]


def _minimum(plain: Any, schema: Schema, _root: Schema) -> bool:
    return not _is(plain, "number") or plain >= schema["minimum"]


def _maximum(plain: Any, schema: Schema, _root: Schema) -> bool:
    return not _is(plain, "number") or plain <= schema["maximum"]


_CHECKS: Final[Mapping[str, Callable[[Any, Schema, Schema], bool]]] = {
    "type": _type,
    "$ref": _ref,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "required": _required,
    "items": _items,
    "anyOf": _any_of,
    "not": _not,
    "if": _if,
    "minItems": _least("minItems", list),
    "maxItems": _most("maxItems", list),
    "minLength": _least("minLength", str),
    "maxLength": _most("maxLength", str),
    "minProperties": _least("minProperties", dict),
    "maxProperties": _most("maxProperties", dict),
    "minimum": _minimum,
    "maximum": _maximum,
}
