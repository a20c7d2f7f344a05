"""What is different between two configurations, key by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from palingenesis.runtime.config import Config
from palingenesis.runtime.config_keys import HOOK, SECTIONS, Key
from palingenesis.runtime.config_shown import as_toml, shown_value

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key that has another value now."""

    key: str
    """As it is typed: `daemon.log_level`."""
    said: str
    """The key with its new value, for people; what is not for everybody's eyes is hidden."""
    live: bool
    """Whether it takes effect without a restart."""


def differences(before: Config, after: Config) -> tuple[Change, ...]:
    """Every key whose value is another one, in the order of the table; then the hooks."""
    return (*_of_sections(before, after), *_of_hooks(before, after))


def _of_sections(before: Config, after: Config) -> Iterator[Change]:
    for section, keys in SECTIONS.items():
        for name, key in keys.items():
            old, new = _value(before, section, key), _value(after, section, key)
            if old != new:
                yield _change(f"{section}.{name}", key, new)


def _of_hooks(before: Config, after: Config) -> Iterator[Change]:
    for hook in sorted({*before.hooks, *after.hooks}):
        for name, key in HOOK.items():
            old, new = (_of_hook(one.hooks, hook, key) for one in (before, after))
            if old != new:
                yield _change(f"hooks.{hook}.{name}", key, None if new is _ABSENT else new)


def _change(name: str, key: Key, value: object) -> Change:
    told = shown_value(key, value)
    said = f"{name} is not set" if told is None else f"{name} = {as_toml(told)}"
    return Change(key=name, said=said, live=key.live)


def _value(config: Config, section: str, key: Key) -> object:
    part: Any = config if section == "policy" else getattr(config, section)
    return getattr(part, key.field)


def _of_hook(hooks: Mapping[str, Any], hook: str, key: Key) -> object:
    return getattr(hooks[hook], key.field) if hook in hooks else _ABSENT
