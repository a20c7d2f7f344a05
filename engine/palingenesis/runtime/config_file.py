"""From config.toml to a `Config`: every key checked, every problem told with its line and column.

`parse_config` is a pure function of the text; `load_config` reads the file. Without a file the
defaults hold. All problems are told together.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import read_bounded, why_not
from palingenesis.runtime.config import (
    Config,
    ConfigProblemsError,
    DaemonConfig,
    HookConfig,
    JournalConfig,
    MetricsConfig,
    MonitoringConfig,
    NotificationsConfig,
    OpenCodeConfig,
    OtelConfig,
)
from palingenesis.runtime.config_keys import (
    ASSISTANTS,
    EMPTY_IS_ABSENT,
    HOOK,
    HOOK_NAME,
    MOVED_SECTIONS,
    NOT_YET,
    SECTIONS,
    Keys,
)
from palingenesis.runtime.config_places import find_places
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.trust import is_readable_by_others, way_out, why_untrusted

CONFIG_BYTES_MAX = 64 * 1024
"""tomllib takes quadratic time for a key of many parts: half a second for so many bytes."""
_WITHOUT = "without it the defaults hold"
_MARK = "\ufeff"


def load_config(paths: Paths) -> Config:
    """The configuration of this user; the defaults when there is no file.

    Raises:
        ConfigProblemsError: it has problems.
        InvalidConfigError: it cannot be read, or other users can write to it.
    """
    path = paths.config_file
    try:
        if reason := why_untrusted(path):
            raise InvalidConfigError(
                f"the configuration is not safe to use: {reason}",
                hint=f"make it yours alone: {way_out(path)}",
            )
        raw = read_bounded(path, CONFIG_BYTES_MAX + 1, silence_s=0.1)
        exposed = is_readable_by_others(path)
    except FileNotFoundError as error:
        if not path.is_symlink():
            return Config()
        raise InvalidConfigError(
            f"cannot read {path}: it is a link to a file that does not exist",
            hint=f"restore that file, or remove the link: {_WITHOUT}",
        ) from error
    except OSError as error:
        raise InvalidConfigError(
            f"cannot read {path}: {why_not(error)}",
            hint=f"make it a file that you can read, or move it away: {_WITHOUT}",
        ) from error
    config = parse_config(raw, path)
    if exposed and isinstance(config.notifications.webhook_url, str):
        text = f"{path}: warning: other users can read your webhook's address: chmod 600 it"
        return replace(config, warnings=(*config.warnings, text))
    return config


def parse_config(text: bytes | str, source: Path) -> Config:
    """The configuration that the text describes; `source` is only named in messages.

    Raises:
        ConfigProblemsError: it is not TOML, or has unknown keys or wrong values.
    """
    if len(text) > CONFIG_BYTES_MAX:
        message = f"{source}: error: larger than {CONFIG_BYTES_MAX // 1024} KiB"
        raise ConfigProblemsError((message,), str(source))
    try:
        decoded = (text if isinstance(text, str) else text.decode("utf-8")).removeprefix(_MARK)
        tree = tomllib.loads(decoded)
    except (ValueError, RecursionError) as error:
        raise ConfigProblemsError((_syntax_problem(error, source),), str(source)) from error
    reading = _Reading(decoded, source)
    values = {section: reading.section(section, tree.get(section)) for section in SECTIONS}
    hooks = reading.hooks(tree.get("hooks", {}))
    reading.refuse_unknown("", tree, [*SECTIONS, "hooks", *MOVED_SECTIONS])
    reading.warn_about(tree)
    if reading.problems:
        raise ConfigProblemsError(tuple(reading.problems), str(source))
    return Config(
        daemon=DaemonConfig(**values["daemon"]),
        opencode=OpenCodeConfig(**values["opencode"]),
        monitoring=MonitoringConfig(**values["monitoring"]),
        notifications=NotificationsConfig(**values["notifications"]),
        journal=JournalConfig(**values["journal"]),
        otel=OtelConfig(**values["otel"]),
        metrics=MetricsConfig(**values["metrics"]),
        hooks=hooks,
        policy=values["policy"].get("path"),
        source=source,
        warnings=tuple(reading.warnings),
    )


class _Reading:
    """Collects problems and warnings while one text is read."""

    def __init__(self, text: str, source: Path) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._source = source
        self._places = find_places(text)

    def hooks(self, table: object) -> dict[str, HookConfig]:
        if not isinstance(table, dict):
            self._problem(("hooks",), "'hooks' must be a table", "write [hooks.NAME]")
            return {}
        found = {}
        for name, one in table.items():
            if not HOOK_NAME.fullmatch(name):
                advice = "small letters, digits, '-' and '_', beginning with a letter"
                self._problem(("hooks", name), f"'{name}' is no name of a hook", advice)
                continue
            values = self.section(f"hooks.{name}", one, HOOK)
            if isinstance(one, dict) and "argv" not in one:
                advice = 'argv = ["/usr/bin/program", "argument"]'
                self._problem(("hooks", name), f"'hooks.{name}' has no 'argv'", advice)
            elif "argv" in values:
                found[name] = HookConfig(**values)
        return found

    def section(self, section: str, table: object, keys: Keys | None = None) -> dict[str, Any]:
        if table is None:
            return {}
        if not isinstance(table, dict):
            place = tuple(section.split("."))
            self._problem(place, f"'{section}' must be a table", f"write [{section}]")
            return {}
        keys = SECTIONS[section] if keys is None else keys
        self.refuse_unknown(section, table, list(keys))
        values: dict[str, Any] = {}
        for key, (target, read) in keys.items():
            if key not in table or (table[key] == "" and section in EMPTY_IS_ABSENT):
                continue
            try:
                value = read(table[key])
            except ValueError as expected:
                self._problem(
                    (*section.split("."), key),
                    f"'{section}.{key}' has a wrong value",
                    f"expected {expected}",
                )
                continue
            if target:
                values[target] = value
        return values

    def refuse_unknown(self, section: str, table: Mapping[str, object], known: list[str]) -> None:
        for key in table:
            if key in known:
                continue
            near = get_close_matches(key, known, n=1, cutoff=0.6)
            name = f"{section}.{key}" if section else key
            kind = "key" if section else "section"
            advice = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(known)}"
            place = (*section.split("."), key) if section else (key,)
            self._problem(place, f"unknown {kind} '{name}'", advice)

    def warn_about(self, tree: Mapping[str, Any]) -> None:
        tables = {key: table for key, table in tree.items() if isinstance(table, dict)}
        notifications = tables.get("notifications", {})
        for key in NOT_YET:
            if notifications.get(key):
                self._warning(
                    ("notifications", key), f"'{key}' is not available yet: use a webhook"
                )
        assistants = tables.get("monitoring", {}).get("assistants")
        for name in assistants if isinstance(assistants, list) else ():
            if isinstance(name, str) and name not in ASSISTANTS:
                text = f"the assistant '{_short(name)}' is not available yet"
                self._warning(("monitoring", "assistants"), text)
        if tables.get("otel", {}).get("enabled") is True:
            self._warning(("otel", "enabled"), "OpenTelemetry is not available yet")
        for key in tables.get("resume", {}):
            text = f"'resume.{_short(key)}' has no effect: the policy decides what is done"
            self._warning(("resume", key), text)
        host = tables.get("opencode", {}).get("serve_hostname", "127.0.0.1")
        if host not in ("127.0.0.1", "::1", "localhost") and isinstance(host, str):
            text = f"OpenCode will be reachable from other machines at {_short(host)}"
            self._warning(("opencode", "serve_hostname"), text)

    def _problem(self, key: tuple[str, ...], text: str, advice: str) -> None:
        self.problems.append(f"{self._place(key)}: error: {_short(text, 200)}\n  help: {advice}")

    def _warning(self, key: tuple[str, ...], text: str) -> None:
        self.warnings.append(f"{self._place(key)}: warning: {text}")

    def _place(self, key: tuple[str, ...]) -> str:
        place = self._places.get(key)
        return f"{self._source}:{place[0]}:{place[1]}" if place else str(self._source)


def _syntax_problem(error: Exception, source: Path) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{source}: error: not UTF-8 (byte {error.start + 1})"
    if isinstance(error, RecursionError):
        return f"{source}: error: nested too deeply"
    if "int_max_str_digits" in str(error):
        return f"{source}: error: a number has too many digits"
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
    if found is None:
        return f"{source}: error: {_short(str(error), 200).lower()}"
    text = found[1][:1].lower() + found[1][1:]
    return f"{source}:{found[2]}:{found[3]}: error: {_short(text, 200)}"


def _short(text: str, most: int = 40) -> str:
    safe = "".join(letter if letter.isprintable() else "?" for letter in text)
    return safe if len(safe) <= most else safe[: most - 1] + "…"
