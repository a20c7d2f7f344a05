"""The schema: the shape of a policy file as JSON Schema, made from the tables that mean it.

It is published as `schemas/policy.schema.json`, for editors (completion, hover, errors while one
types) and for `structure`, which holds every file against it. A test holds the file to this.
"""

import json
from typing import Final

from palingenesis.core.facts import FACTS, Kind
from palingenesis.core.policy.calendars import DAYS
from palingenesis.core.policy.model import CAPS
from palingenesis.core.policy.schema_steps import step, steps
from palingenesis.core.policy.schema_words import (
    Schema,
    object_of,
    one_or_several,
    ref,
    table_of,
    text_of,
    words,
)
from palingenesis.core.policy.steps import ACTIONS

_URL: Final = "https://palingenesis.dev/schemas/policy.schema.json"


def policy_schema() -> Schema:
    """The whole schema, as plain data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _URL,
        "title": "palingenesis policy, version 1",
        "description": "What to do when a coding agent stops, blocks or stalls. "
        "Rules are tried from top to bottom; the first that is true decides.",
        **object_of(_top(), required=("version",)),
        "if": {"not": {"required": ["extends"]}},
        "then": {"title": "policy", "required": ["rules", "default"]},
        "$defs": words() | _parts() | {"rule": _rule(), "steps": steps(), "step": step()},
    }


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


_TIMINGS: Final = {
    "healthy-after": "Progress for this long ends an episode (10m).",
    "verify-within": "How soon after an action there has to be a sign of life (2m).",
    "stall-after": "Working without a sign of life for this long is a stall (10m).",
}


def _top() -> dict[str, Schema]:
    return {
        "version": {"description": "The language's version.", "const": 1},
        "mode": ref("mode", "Whether the whole policy acts (enforce)."),
        "time-zone": ref("zone", "Where days begin and calendars hold (the machine's)."),
        "extends": {
            "description": "Policies that this one builds upon: shipped presets, pinned to a "
            "version, and files beside it. Own rules are tried first.",
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "items": {"anyOf": [ref("source"), ref("extension")]},
        },
        "params": table_of(
            "param",
            "Typed knobs, used as params.NAME in conditions and ${params.NAME} in messages.",
            100,
        ),
        "calendars": table_of(
            "calendar",
            "Weekly windows with a name: within('NAME') in conditions, quiet hours, waits.",
            50,
        ),
        "define": table_of(
            "expression", "Named conditions, used by their name in other conditions.", 200
        ),
        "limits": {
            "description": "What all rules together may do, over all sessions.",
            **object_of({name: ref("cap", doc) for name, doc in CAPS.items()}),
        },
        **{name: ref("duration", doc) for name, doc in _TIMINGS.items()},
        "never": {
            "description": "Statements that `palingenesis policy prove` holds the policy to.",
            "type": "array",
            "maxItems": 100,
            "items": ref("never"),
        },
        "rules": {
            "description": "Tried from top to bottom; the first that is true decides.",
            "type": "array",
            "maxItems": 1000,
            "items": ref("rule"),
        },
        "default": {
            "description": "What happens when a session stopped, or an action failed, "
            "and no rule is true.",
            **object_of({"do": ref("steps")}, required=("do",)),
        },
    }


def _parts() -> dict[str, Schema]:
    """Definitions of small mappings."""
    return {
        "backoff": _backoff(),
        "backoffBox": object_of({"backoff": ref("backoff")}, required=("backoff",)),
        "quietBox": _quiet(),
        "param": _param(),
        "calendar": _calendar(),
        "cap": {"title": "cap", **object_of(_limiting("this"), required=("max", "per"))},
        "limit": {
            "title": "limit",
            "description": "How often the rule may decide; then something else is done.",
            **object_of(_limiting("the rule"), required=("max", "per")),
        },
        "never": _never(),
        "extension": _extension(),
    }


def _backoff() -> Schema:
    return {
        "title": "backoff",
        "description": "Each wait is longer than the one before: "
        "first, first x factor, ... up to max.",
        **object_of(
            {
                "first": ref("duration", "The first wait."),
                "factor": {
                    "description": "By how much the next is longer (2).",
                    "type": "number",
                    "minimum": 1,
                    "maximum": 100,
                },
                "max": ref("duration", "The longest wait."),
            },
            required=("first", "max"),
        ),
    }


def _quiet() -> Schema:
    words = list(ACTIONS["notify"].options["quiet"].values)
    return object_of(
        {
            "calendar": ref("calendar-name", "The calendar that says when it is quiet."),
            "do": text_of("quiet", "Hold it until the window ends, drop or send it.", enum=words),
        },
        required=("calendar", "do"),
    )


def _param() -> Schema:
    kinds = [kind.value for kind in Kind if kind is not Kind.ENUM]
    return {
        "title": "param",
        **object_of(
            {
                "type": text_of("kind", "What the value is.", enum=kinds),
                "default": {
                    "description": "The value, unless it is set from outside.",
                    "type": ["string", "number", "boolean"],
                },
                "doc": text_of("doc", "What the knob is for."),
            },
            required=("type", "default"),
        ),
    }


def _extension() -> Schema:
    return object_of(
        {
            "use": ref("source"),
            "position": text_of(
                "position",
                "Whether its rules are tried before or after the own ones (below).",
                enum=["top", "below"],
            ),
        },
        required=("use",),
    )


def _calendar() -> Schema:
    days = {"type": "string", "enum": list(DAYS)}
    return {
        "title": "calendar",
        "description": "A window on some days of the week.",
        **object_of(
            {
                "days": {
                    "description": "The days on which it begins (every day).",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 7,
                    "items": days,
                },
                "from": ref("clock", 'When it begins, such as "22:30".'),
                "to": ref("clock", "When it ends; on the next day, unless that is later."),
                "time-zone": ref("zone", "Where (the policy's time-zone)."),
            },
            required=("from", "to"),
        ),
    }


def _limiting(what: str) -> dict[str, Schema]:
    return {
        "max": {
            "description": f"{what.capitalize()} may happen this many times ...",
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
        },
        "per": ref("duration", "... within this sliding window."),
        "then": ref("steps", "What is done instead (attention)."),
    }


def _never() -> Schema:
    action = ref("action")
    return {
        "title": "never",
        "description": "What the policy must never do; `policy prove` finds out.",
        **object_of(
            {
                "id": ref("id", "Its name in the proof (never-1, never-2, ...)."),
                "do": one_or_several(action, "The action or actions that are meant.", 20),
                "when": ref("expression", "Never while this is true."),
                "without": text_of(
                    "step", "Never unless this step came before.", enum=list(ACTIONS)
                ),
                "why": text_of("why", "The reason, for people.", maxLength=1000),
            },
            required=("do",),
        ),
    }


def _rule() -> Schema:
    expression = ref("expression")
    return {
        "title": "rule",
        **object_of(
            {
                "id": ref("id"),
                "override": text_of(
                    "override",
                    "For an inherited rule: change some keys of it, replace it, or leave it out.",
                    enum=["merge", "replace", "off"],
                ),
                "why": text_of(
                    "why",
                    "The reason for the rule, for the person who reads the decision.",
                    maxLength=1000,
                ),
                "mode": ref("mode", "Whether this rule acts (enforce)."),
                "continue": {
                    "description": "Observe and go on: the rules after it are tried as well; "
                    "only notify, snapshot, log and run are allowed.",
                    "type": "boolean",
                },
                "match": _match(),
                "event": one_or_several(
                    ref("event"), "The event or events that the rule listens to (stopped).", 8
                ),
                "when": one_or_several(
                    expression,
                    "The condition; a list means: all of them. Without it the rule is always true.",
                    50,
                ),
                "for": ref("duration", "The condition has to stay true for this long."),
                "do": ref("steps"),
                "limit": ref("limit"),
            },
            required=("id",),
        ),
        "if": {"not": {"required": ["override"]}},
        "then": {"title": "rule", "required": ["do"]},
    }


def _match() -> Schema:
    kinds = text_of("assistant", "An assistant.", enum=list(FACTS["agent.kind"].values))
    glob = text_of("glob", "A folder; * is any name, ** any folders, ~ your home.", maxLength=500)
    return {
        "title": "match",
        "description": "The sessions that the rule is for.",
        "minProperties": 1,
        **object_of(
            {
                "agent": one_or_several(kinds, "The assistant, or several.", 10),
                "project": one_or_several(
                    glob, "The folder that the session works in, or several.", 20
                ),
            }
        ),
    }
