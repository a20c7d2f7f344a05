"""The schema of what stands under `do:`, made from the table of actions."""

from collections.abc import Callable, Mapping
from typing import Final

from palingenesis.core.policy.schema_words import Schema, object_of, ref, text_of
from palingenesis.core.policy.steps import ACTIONS, NEEDS_ONE, Action, Form, Option


def steps() -> Schema:
    """A list of steps, each written long or short."""
    short = [name for name in ACTIONS if is_short(name)]
    docs = [ACTIONS[name].doc for name in short]
    action = text_of("action", "An action without options.", enum=short, enumDescriptions=docs)
    return {
        "title": "steps",
        "description": "Actions in order; at most one of stand-down, finish, attention, and last.",
        "type": "array",
        "minItems": 1,
        "maxItems": 20,
        "items": {"anyOf": [ref("step"), action]},
    }


def is_short(name: str) -> bool:
    """Whether an action may stand without options: `- resume`."""
    return name not in NEEDS_ONE and not any(one.required for one in ACTIONS[name].options.values())


def step() -> Schema:
    """One step with its options."""
    return {
        "title": "step",
        **object_of({name: _action(action) for name, action in ACTIONS.items()}),
        "minProperties": 1,
        "maxProperties": 1,
    }


def _action(action: Action) -> Schema:
    required = tuple(name for name, option in action.options.items() if option.required)
    options = {name: _option(option) for name, option in action.options.items()}
    return {"description": action.doc, **object_of(options, required=required)}


def _option(option: Option) -> Schema:
    shape = _FORMS[option.form](option)
    return {"description": option.doc, **shape}


_SHORT_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 500}
_FORMS: Final[Mapping[Form, Callable[[Option], Schema]]] = {
    Form.DURATION: lambda _: ref("duration"),
    Form.TEXT: lambda _: dict(_SHORT_TEXT),
    Form.MESSAGE: lambda _: ref("message"),
    Form.CHOICE: lambda option: {"type": "string", "enum": list(option.values)},
    Form.TEXTS: lambda _: {
        "type": "array",
        "minItems": 1,
        "maxItems": 50,
        "items": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    Form.BACKOFF: lambda _: ref("backoff"),
    Form.SPAN: lambda _: {"anyOf": [ref("duration"), ref("backoffBox")]},
    Form.CONDITION: lambda _: ref("expression"),
    Form.CALENDAR: lambda _: ref("calendar-name"),
    Form.QUIET: lambda option: {
        "anyOf": [{"type": "string", "enum": list(option.values)}, ref("quietBox")]
    },
}
