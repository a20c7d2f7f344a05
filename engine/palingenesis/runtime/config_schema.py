"""The configuration's schema for editors, and the commented file to begin with.

Both are made from the table of keys. The schema ships as schemas/config.schema.json; a test holds
the file to what is made here.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from palingenesis.runtime.config import VERSION
from palingenesis.runtime.config_keys import (
    ASSISTANTS,
    ASSISTANTS_TO_COME,
    HOOK,
    HOOK_NAME,
    NO_ASSISTANT,
    RENAMED,
    SECTIONS,
    Key,
    Keys,
)
from palingenesis.runtime.config_shown import as_toml, default_of


def schema() -> dict[str, Any]:
    """The JSON Schema of config.toml."""
    sections: dict[str, Any] = {name: _section(name, keys) for name, keys in SECTIONS.items()}
    names = [*ASSISTANTS, *ASSISTANTS_TO_COME, NO_ASSISTANT]
    assistants = sections["monitoring"]["properties"]["assistants"]
    assistants["items"] = {"enum": names}
    for (section, name), (to, new) in RENAMED.items():
        today = sections[to]["properties"][new]
        said = f"Called '{to}.{new}' now."
        sections[section]["properties"][name] = {
            **today,
            "description": said,
            "deprecated": True,
        }
    hook = {**_section("hooks", HOOK), "required": ["argv"]}
    sections["hooks"] = {
        "type": "object",
        "description": "Programs that a policy may run by their names.",
        "propertyNames": {"pattern": f"^{HOOK_NAME.pattern}$"},
        "additionalProperties": hook,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "palingenesis: config.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {
                "type": "integer",
                "minimum": 1,
                "maximum": VERSION,
                "description": "Of the configuration's language; need not be there.",
            },
            **sections,
        },
    }


def schema_text() -> str:
    """The schema as it ships."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _section(name: str, keys: Keys) -> dict[str, Any]:
    found = {}
    for key_name, key in keys.items():
        default = default_of(name, key_name)
        found[key_name] = {
            **key.kind.schema,
            "description": _sentence(key),
            **({"default": default} if default is not None else {}),
        }
        if name == "notifications" and "type" in key.kind.schema:
            found[key_name] = _or_empty(found[key_name])
        elif name == "notifications":
            found[key_name]["anyOf"] = [*key.kind.schema["anyOf"], {"const": ""}]
    return {"type": "object", "additionalProperties": False, "properties": found}


def _or_empty(one: Mapping[str, Any]) -> dict[str, Any]:
    """An empty text means, among the notifications, that the key is not there."""
    about = {name: one[name] for name in ("description", "default") if name in one}
    return {
        **about,
        "anyOf": [{k: v for k, v in one.items() if k not in about}, {"const": ""}],
    }


def _sentence(key: Key) -> str:
    text = key.says[:1].upper() + key.says[1:] + "."
    return text if key.live else f"{text} A change takes effect at the next start."


def template(schema_place: str) -> str:
    """A file in which everything is written, and nothing is changed: every line is a comment."""
    return "\n".join(_template(schema_place)) + "\n"


def _template(schema_place: str) -> Iterator[str]:
    yield f"#:schema {schema_place}"
    yield "# palingenesis needs no configuration: a key that is commented out has its default."
    yield "# docs/reference/configuration.md explains every key; to check this file:"
    yield "#   palingenesis config validate"
    yield ""
    yield f"version = {VERSION}"
    for section, keys in SECTIONS.items():
        yield ""
        yield f"[{section}]"
        for name, key in keys.items():
            default = default_of(section, name)
            shown = default if default is not None else key.example
            yield f"# {name} = {as_toml(shown)}  # {key.says}"
    yield ""
    yield "# [hooks.backup]  # what `- run: {hook: backup}` in a policy runs"
    yield '# argv = ["/usr/bin/restic", "backup", "/home/ada/work"]'
    yield f"# timeout = {as_toml(default_of('hooks', 'timeout'))}  # {HOOK['timeout'].says}"
