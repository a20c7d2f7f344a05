"""Reading one config.toml: keys, sections and hooks, and what there is to say about them."""

from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from palingenesis.runtime.config import HookConfig, Name, Origin
from palingenesis.runtime.config_environment import strange_variables, typed, variable_of
from palingenesis.runtime.config_keys import (
    ASSISTANTS,
    ASSISTANTS_TO_COME,
    EMPTY_IS_ABSENT,
    HOOK,
    HOOK_NAME,
    NO_ASSISTANT,
    RENAMED,
    SECTIONS,
    Key,
    Keys,
)
from palingenesis.runtime.config_places import find_places

_AT_HOME: Final = ("127.0.0.1", "::1", "localhost")


class Reading:
    """Collects values, problems and warnings while one text is read."""

    def __init__(self, text: str, source: Path, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.variables: list[str] = []
        """Those that some of the problems are about."""
        self.warnings: list[str] = []
        self.origins: dict[Name, Origin] = {}
        self._source = source
        self._environ = environ
        self._places = find_places(text)

    def renamed(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """The same with the names of today; of a key that has both, today's counts."""
        out = {name: dict(it) if isinstance(it, dict) else it for name, it in tree.items()}
        for (section, name), (to, new) in RENAMED.items():
            table = out.get(section)
            if not isinstance(table, dict) or name not in table:
                continue
            value, target = table.pop(name), out.setdefault(to, {})
            if new not in target:
                target[new] = value
                self._places[to, new] = self._places.get((section, name), (0, 0))
            text = f"'{section}.{name}' is called '{to}.{new}' now: palingenesis config migrate"
            self._warning((section, name), text)
        return out

    def hooks(self, table: object) -> dict[str, HookConfig]:
        """Every `[hooks.NAME]`."""
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
        """The values of a section by the fields that they fill."""
        if table is None:
            table = {}
        if not isinstance(table, dict):
            place = tuple(section.split("."))
            self._problem(place, f"'{section}' must be a table", f"write [{section}]")
            return {}
        keys = SECTIONS[section] if keys is None else keys
        self.refuse_unknown(section, table, list(keys))
        values: dict[str, Any] = {}
        for name, key in keys.items():
            if name in table and not (table[name] == "" and section in EMPTY_IS_ABSENT):
                self._take(section, name, key, table[name], values)
            if keys is not HOOK and self._environ.get(variable_of(section, name)):
                self._take_variable(section, name, key, values)
        return values

    def _take(
        self, section: str, name: str, key: Key, value: object, values: dict[str, Any]
    ) -> None:
        path = (*section.split("."), name)
        try:
            values[key.field] = key.kind.read(value)
        except ValueError as expected:
            problem = f"'{section}.{name}' has a wrong value"
            self._problem(path, problem, f"expected {expected}")
        else:
            line, column = self._places.get(path) or self._places.get(path[:-1]) or (0, 0)
            self.origins[section, name] = Origin(file=str(self._source), line=line, column=column)

    def _take_variable(self, section: str, name: str, key: Key, values: dict[str, Any]) -> None:
        variable = variable_of(section, name)
        try:
            values[key.field] = key.kind.read(typed(key.kind, self._environ[variable]))
        except ValueError as expected:
            self.variables.append(variable)
            self.problems.append(
                f"{variable}: error: it has a wrong value\n  help: expected {expected}"
            )
        else:
            self.origins[section, name] = Origin(variable=variable)

    def refuse_unknown(self, section: str, table: Mapping[str, object], known: list[str]) -> None:
        """Every key that nobody knows is a problem, with what was probably meant."""
        for key in table:
            if key in known:
                continue
            near = get_close_matches(key, known, n=1, cutoff=0.6)
            name = f"{section}.{key}" if section else key
            kind = "key" if section else "section"
            advice = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(known)}"
            place = (*section.split("."), key) if section else (key,)
            self._problem(place, f"unknown {kind} '{name}'", advice)

    def warn_about(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """What is allowed and should be known."""
        self._judge_assistants(values["monitoring"].get("assistants", ()))
        host = values["opencode"].get("serve_hostname", _AT_HOME[0])
        if host not in _AT_HOME:
            text = f"OpenCode will be reachable from other machines at {short(host)}"
            self._warning(("opencode", "serve_hostname"), text)
        delay = values["opencode"].get("restart_delay", timedelta(0))
        if delay and values["opencode"].get("auto_restart") is False:
            text = "'opencode.restart_delay_ms' has no effect: auto_restart is false"
            self._warning(("opencode", "restart_delay_ms"), text)
        if values["resume"].get("backup_before_new") is False:
            text = "a session is backed up before every new one whatever this says: that is a rail"
            self._warning(("resume", "backup_before_new"), text)
        for variable, near in strange_variables(self._environ):
            advice = f"did you mean {near}?" if near else "it has no effect"
            self.warnings.append(f"{variable}: warning: no key has this variable; {advice}")

    def _judge_assistants(self, names: tuple[str, ...]) -> None:
        key = ("monitoring", "assistants")
        known = (*ASSISTANTS, *ASSISTANTS_TO_COME, NO_ASSISTANT)
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                advice = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(known)}"
                self._problem(key, f"there is no assistant '{name}'", advice)
            elif name in ASSISTANTS_TO_COME:
                self._warning(key, f"the assistant '{name}' is known, and not available yet")
        if NO_ASSISTANT in names and len(names) > 1:
            self._problem(key, f"'{NO_ASSISTANT}' stands alone", f'write ["{NO_ASSISTANT}"]')
        elif NO_ASSISTANT in names:
            self._warning(key, "no assistant is supervised: palingenesis monitors add opencode")
        elif names and not set(names) & set(ASSISTANTS):
            self._warning(key, "none of them is available: whatever is found is supervised")

    def _problem(self, key: tuple[str, ...], text: str, advice: str) -> None:
        self.problems.append(f"{self._place(key)}: error: {short(text, 200)}\n  help: {advice}")

    def _warning(self, key: tuple[str, ...], text: str) -> None:
        self.warnings.append(f"{self._place(key)}: warning: {text}")

    def _place(self, key: tuple[str, ...]) -> str:
        place = self._places.get(key) or self._places.get(key[:-1])
        return f"{self._source}:{place[0]}:{place[1]}" if place else str(self._source)


def short(text: str, most: int = 40) -> str:
    """A text for a message: printable, on one line, and not long."""
    safe = "".join(letter if letter.isprintable() else "?" for letter in text)
    return safe if len(safe) <= most else safe[: most - 1] + "…"
