"""The JSON Schema of test files, for editors: made from the same tables that the reader uses."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from palingenesis.core.facts import FACTS, Fact, Kind
from palingenesis.simulation.testing import keys
from palingenesis.simulation.testing.facts import settable
from palingenesis.simulation.testing.keys import DUE, NONE, Key, Shape

Schema = dict[str, Any]

_SPAN: Final = r"^(\d+(\.\d+)?(w|d|h|m|s|ms))+$"
_ONE_RANGE: Final = rf"{_SPAN[:-1]}(\.\.{_SPAN[1:-1]})?$"
_OF_KIND: Final[Mapping[Kind, Schema]] = {
    Kind.BOOL: {"type": "boolean"},
    Kind.INT: {"type": "integer"},
    Kind.TEXT: {"type": ["string", "number", "boolean"]},
    Kind.DURATION: {"type": "string", "pattern": _SPAN},
    Kind.RATIO: {"type": "string", "pattern": r"^\d+(\.\d+)?%$"},
    Kind.MONEY: {"type": "string", "pattern": r"^\$\d+(\.\d+)?$"},
}


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://palingenesis.dev/schemas/policy-test.schema.json",
        "title": "palingenesis tests of a policy, version 1",
        "description": "What a policy is expected to do: each test plays events to a fresh "
        "session on a virtual clock. Run them with 'palingenesis policy test'.",
        **_mapping(keys.FILE),
        "required": ["version", "tests"],
        "$defs": {
            "test": {
                **_mapping(keys.TEST),
                "required": ["name"],
                "anyOf": [
                    {"required": ["steps"]},
                    {"required": ["each"]},
                    {"required": ["todo"]},
                ],
                "not": {"required": ["steps", "each"]},
            },
            "step": {**_mapping(keys.STEP), "minProperties": 1},
            "row": _mapping(keys.ROW),
            "event": _event(),
            "expect": _mapping(keys.EXPECT),
            "notice": {"anyOf": [{"type": "string"}, _mapping(keys.NOTICE)]},
            "given": _facts(settable(at_start=True)),
            "facts": _facts((*settable(at_start=False), *_QUESTION)),
            "on": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: {"enum": list(keys.WAYS)} for name in keys.EFFECTS},
            },
            "action": {"enum": list(keys.ACTIONS)},
        },
    }


_QUESTION: Final = ("block.kind", "block.age", "block.tool", "block.text")
"""Facts that only a step with `event: {kind: blocked}` may set."""


def _mapping(table: Mapping[str, Key]) -> Schema:
    properties = {
        name: {"description": key.doc, **_of_key(name, key)} for name, key in table.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _of_key(name: str, key: Key) -> Schema:
    if name == "version":
        return {"const": 1}
    if name == "kind":
        return {"enum": list(keys.KINDS)}
    if name == "given":
        return {"$ref": "#/$defs/given"}
    if key.shape is Shape.WORD:
        return _words(key.words)
    return _OF_SHAPE[key.shape]


def _words(words: Iterable[str]) -> Schema:
    """A closed set. An unquoted `yes` is a text in YAML 1.2, and true in older editors."""
    found: list[str | bool] = list(words)
    if "yes" in found:
        found += [True, False]
    return {"enum": found}


_TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
_IDS: Final[Schema] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}
_OF_SHAPE: Final[Mapping[Shape, Schema]] = {
    Shape.TEXT: _TEXT,
    Shape.FLAG: {"type": "boolean"},
    Shape.WHOLE: {"type": "integer", "minimum": 0},
    Shape.SPAN: {"type": "string", "pattern": _SPAN},
    Shape.INSTANT: {"type": "string"},
    Shape.ADVANCE: {"anyOf": [{"const": DUE}, {"type": "string", "pattern": _SPAN}]},
    Shape.RULE: {"type": ["string", "null"]},
    Shape.RULES: {"anyOf": [*_IDS["anyOf"], {"type": "null"}]},
    Shape.ACTION: {"enum": [*keys.ACTIONS, NONE, None]},
    Shape.ACTIONS: {
        "anyOf": [
            {"$ref": "#/$defs/action"},
            {"type": "array", "items": {"$ref": "#/$defs/action"}},
            {"type": "null"},
        ]
    },
    Shape.RANGE: {
        "anyOf": [
            {"const": NONE},
            {"type": "string", "pattern": _ONE_RANGE},
            {"type": "null"},
        ]
    },
    Shape.RANGES: {
        "anyOf": [
            {"type": "array", "items": {"type": "string", "pattern": _ONE_RANGE}},
            {"type": "null"},
        ]
    },
    Shape.NOTICES: {
        "anyOf": [
            {"$ref": "#/$defs/notice"},
            {"type": "array", "items": {"$ref": "#/$defs/notice"}},
            {"type": "null"},
        ]
    },
    Shape.PARTS: {"type": ["string", "number", "boolean", "null"]},
    Shape.FACTS: {"$ref": "#/$defs/facts"},
    Shape.PARAMS: {"type": "object", "additionalProperties": _TEXT},
    Shape.EFFECTS: {"$ref": "#/$defs/on"},
    Shape.EVENT: {"$ref": "#/$defs/event"},
    Shape.EXPECT: {"$ref": "#/$defs/expect"},
    Shape.TESTS: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/test"}},
    Shape.STEPS: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
    Shape.ROWS: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/row"}},
}


def _event() -> Schema:
    """A bare kind, or a mapping in which each kind takes its own options."""
    own = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {
                "propertyNames": {"enum": ["kind", *kind.options]},
                "required": list(kind.needs),
            },
        }
        for name, kind in keys.KINDS.items()
    ]
    bare = [
        {"const": name, "description": kind.doc}
        for name, kind in keys.KINDS.items()
        if not kind.needs
    ]
    return {"anyOf": [*bare, {**_mapping(keys.EVENT), "allOf": own}]}


def _facts(names: Iterable[str]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _fact(FACTS[name]) for name in names},
    }


def _fact(fact: Fact) -> Schema:
    if fact.kind is Kind.ENUM:
        return {"description": fact.doc, "enum": [*fact.values, "unknown"]}
    return {"description": fact.doc, "anyOf": [_OF_KIND[fact.kind], {"const": "unknown"}]}
