"""The configuration told again: every value in the words of TOML, and where it is from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from palingenesis.runtime.config import Config, HookConfig, Origin
from palingenesis.runtime.config_keys import HOOK, SECTIONS, Key, plainly
from palingenesis.runtime.secret import Secret

HIDDEN = "(hidden)"
"""What is shown of a value that is not for everybody's eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One key with its value. `value` None: nothing is set, and nothing is the default."""

    section: str
    name: str
    key: Key
    value: object
    origin: Origin | None
    """None: it is the default."""

    @property
    def is_hidden(self) -> bool:
        """Whether the value is an address that itself is a secret."""
        return self.value == HIDDEN


def shown(config: Config) -> Iterator[Shown]:
    """Every key of the configuration, in the order of the table; then its hooks."""
    for section, keys in SECTIONS.items():
        for name, key in keys.items():
            yield Shown(
                section=section,
                name=name,
                key=key,
                value=shown_value(key, _value(config, section, key)),
                origin=config.origins.get((section, name)),
            )
    for hook, one in config.hooks.items():
        for name, key in HOOK.items():
            yield Shown(
                section=f"hooks.{hook}",
                name=name,
                key=key,
                value=_written(key, getattr(one, key.field)),
                origin=config.origins.get((f"hooks.{hook}", name)),
            )


def shown_value(key: Key, value: object) -> object:
    """A value in the words of TOML; hidden if it is an address that itself is a secret."""
    hidden = key.private and value is not None and not isinstance(value, Secret)
    return HIDDEN if hidden else _written(key, value)


def default_of(section: str, name: str) -> object:
    """What holds without a file, in the words of TOML; None: nothing."""
    if section == "hooks":
        found = {one.name: one.default for one in fields(HookConfig)}
        default = found[HOOK[name].field]
        return None if default is MISSING else plainly(default)
    key = SECTIONS[section][name]
    return _written(key, _value(Config(), section, key))


def _value(config: Config, section: str, key: Key) -> object:
    part: Any = config if section == "policy" else getattr(config, section)
    return getattr(part, key.field)


def _written(key: Key, value: object) -> object:
    return None if value is None else key.kind.write(value)


def as_toml(value: object) -> str:
    """A plain value as it stands behind the `=`."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Mapping():
            return "{ " + ", ".join(f"{key} = {as_toml(it)}" for key, it in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(as_toml(it) for it in value) + "]"
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
