"""The schema's words: single values of a policy file, and how shapes are written."""

from collections.abc import Mapping
from typing import Any, Final

from palingenesis.core.facts import EVENTS, FACTS
from palingenesis.core.policy.functions import FUNCTIONS
from palingenesis.core.policy.kinds import CALLED
from palingenesis.core.policy.model import Mode
from palingenesis.core.policy.steps import ACTIONS

Schema = dict[str, Any]


def object_of(properties: Mapping[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    """A mapping with these keys and no other ones."""
    found: Schema = {"type": "object", "additionalProperties": False}
    if required:
        found["required"] = list(required)
    return found | {"properties": dict(properties)}


def ref(name: str, description: str = "") -> Schema:
    """A reference to a definition, with what it means here."""
    target = {"$ref": f"#/$defs/{name}"}
    return {"description": description} | target if description else target


def table_of(name: str, description: str, most: int, names: str = "name") -> Schema:
    """A mapping from names to one kind of thing."""
    return {
        "description": description,
        "type": "object",
        "maxProperties": most,
        "propertyNames": ref(names),
        "additionalProperties": ref(name),
    }


def one_or_several(one: Schema, description: str, most: int) -> Schema:
    """One of something, or a list of them."""
    several = {"type": "array", "minItems": 1, "maxItems": most, "items": one}
    return {"description": description, "anyOf": [one, several]}


def words() -> dict[str, Schema]:
    """Definitions of single values."""
    return {
        "name": text_of(
            "name",
            "Small letters, digits and _, beginning with a letter.",
            pattern="^[a-z][a-z0-9_]{0,63}$",
        ),
        "id": text_of(
            "id",
            "The rule's name: small letters, digits and -.",
            pattern="^[a-z][a-z0-9-]{0,63}$",
        ),
        "calendar-name": text_of(
            "calendar-name",
            "Small letters, digits, - and _, beginning with a letter.",
            pattern="^[a-z][a-z0-9_-]{0,63}$",
        ),
        "duration": text_of(
            "duration",
            "A number with a unit, such as 90s or 1h30m; units are w d h m s ms.",
            pattern="^(\\d+(\\.\\d+)?(w|d|h|ms|m|s))+$",
            maxLength=60,
            format="span",
        ),
        "zone": text_of(
            "zone", "A time zone by its IANA name, such as Europe/Berlin or UTC.", maxLength=100
        ),
        "clock": text_of(
            "clock",
            'A time of day in quotes, such as "22:30".',
            pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
        ),
        "expression": _expression(),
        "message": text_of(
            "message", "A text; ${fact} is replaced by the fact's value.", maxLength=4000
        ),
        "event": text_of("event", "What just happened.", enum=list(EVENTS)),
        "mode": _mode(),
        "source": text_of(
            "source",
            "A shipped preset (builtin:NAME@VERSION) or a file beside this one (./team.yaml).",
            pattern="^(builtin:[a-z][a-z0-9-]{0,63}@[1-9][0-9]{0,3}|[^:]+\\.ya?ml)$",
            maxLength=500,
        ),
        "action": text_of(
            "action", "An action, or act: every step that touches an agent.",
            enum=["act", *ACTIONS],
        ),
    }  # fmt: skip


def _mode() -> Schema:
    return {
        **text_of("mode", "Whether it acts.", enum=[mode.value for mode in Mode]),
        "enumDescriptions": list(_MODES.values()),
    }


_MODES: Final = {
    Mode.ENFORCE: "Decide and act.",
    Mode.SHADOW: "Decide and record, never act.",
    Mode.OFF: "As if it were not there.",
}


def text_of(title: str, description: str, **rest: object) -> Schema:
    """A text; where it has a pattern, an editor tells the description instead of the pattern."""
    told = {"patternErrorMessage": description} if "pattern" in rest else {}
    return {"title": title, "description": description, "type": "string", **rest, **told}


def _expression() -> Schema:
    facts = [fact for fact in FACTS.values() if not fact.only_text]
    rows = [f"- `{fact.name}`: {CALLED[fact.kind]}. {fact.doc}{_listed(fact.values)}"
            for fact in facts]  # fmt: skip
    calls = [f"`{example}`" for example in FUNCTIONS.values()]
    return {
        "title": "expression",
        "description": "A condition, such as stop.reason == 'crash' and episode.attempts < 3. "
        "`palingenesis policy facts` lists what may be asked; "
        "units are mandatory: 15m, 80%, $20.",
        "markdownDescription": "A condition: facts compared with `==` `!=` `<` `<=` `>` `>=` or "
        "`in (…)`, joined by `and`, `or`, `not`. Units are mandatory: `15m`, `80%`, `$20`.\n\n"
        f"Functions: {', '.join(calls)}\n\nFacts:\n\n" + "\n".join(rows),
        "type": ["string", "boolean"],
        "examples": [
            "stop.reason in ('rate_limit', 'overloaded')",
            "default(session.context_used, 0%) > 80%",
            "count(crash, 15m) >= 3",
        ],
    }


def _listed(values: tuple[str, ...]) -> str:
    if not values:
        return ""
    shown = ", ".join(f"`{value}`" for value in values)
    return f" One of {shown}."
