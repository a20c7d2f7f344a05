"""Asking the program `opencode` itself: which settings, permissions and models it goes by.

It answers without a server and without network. Its plugins are not loaded (`--pure`), but for the
models, which plugins may add to; ours rests then. An answer that does not come, or that is none, is
an empty one: whoever asks says that it is not known.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from palingenesis.assistants.opencode.executable import (
    MANAGED_VARIABLE,
    ask_version,
    data_directory,
)
from palingenesis.assistants.opencode.untrusted import items, table, text

_WITHIN_S: Final = 20.0
_BYTES_MAX: Final = 4 * 1024 * 1024
_QUIET: Final = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    MANAGED_VARIABLE: "1",
}
_USUAL: Final = frozenset({"doom_loop", "external_directory", "read"})
"""What OpenCode asks about unless it is told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A permission that a person has to give, each time or for some cases."""

    permission: str
    """`bash`, `edit`, `external_directory`, …"""
    pattern: str
    usual: bool
    """Whether OpenCode asks this of itself, without any setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is in force in one project."""

    directory: Path
    known: bool
    """False: OpenCode did not say."""
    model: str = ""
    """`provider/model`, where one is configured."""
    gates: Sequence[Gate] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Everything that was asked at once."""

    version: str
    projects: Sequence[Settings] = ()
    providers: frozenset[str] = field(default_factory=frozenset)
    """Those of which OpenCode can use a model now; empty: it did not say."""
    accounts: frozenset[str] = field(default_factory=frozenset)
    """Those with stored credentials."""

    @classmethod
    def make(cls, command: str, environ: Mapping[str, str], projects: Sequence[Path]) -> "Inquiry":
        """Ask; it takes a few seconds.

        Raises:
            AssistantError: it cannot be run at all.
        """
        quiet = {**environ, **_QUIET}
        version = ask_version([command], quiet)
        with ThreadPoolExecutor(max_workers=2) as asking:
            models = asking.submit(_answer, [command, "models"], quiet, projects[0])
            settings = [asking.submit(_settings, command, quiet, one) for one in projects]
            names = {line.partition("/")[0] for line in models.result().split() if "/" in line}
            return cls(
                version=version,
                projects=[one.result() for one in settings],
                providers=frozenset(names),
                accounts=_accounts(environ),
            )


def gates_of(rules: object) -> tuple[Gate, ...]:
    """The permissions that a person has to give. Of several rules for one thing the last holds."""
    decided: dict[tuple[str, str], str] = {}
    for rule in items(rules):
        key = (text(rule, "permission"), text(rule, "pattern"))
        if key[1] == "*":  # it undoes whatever was said of single cases before
            decided = {one: what for one, what in decided.items() if one[0] != key[0]}
        if key[0] == "*" and key[1] == "*":
            decided = {}
        decided[key] = text(rule, "action")
    return tuple(
        Gate(permission=permission, pattern=pattern, usual=permission in _USUAL)
        for (permission, pattern), action in decided.items()
        if action == "ask" and permission
    )


def _settings(command: str, environ: Mapping[str, str], directory: Path) -> Settings:
    config = _document([command, "debug", "--pure", "config"], environ, directory)
    if not config:
        return Settings(directory=directory, known=False)
    agent = text(config, "default_agent") or "build"
    told = _document([command, "debug", "--pure", "agent", agent], environ, directory)
    return Settings(
        directory=directory,
        known=bool(told),
        model=text(config, "model"),
        gates=gates_of(told.get("permission")),
    )


def _accounts(environ: Mapping[str, str]) -> frozenset[str]:
    """Whose credentials are stored. The credentials themselves are not looked at."""
    try:
        with (data_directory(environ) / "auth.json").open("rb") as file:
            return frozenset(table(json.loads(file.read(_BYTES_MAX))))
    except (OSError, ValueError, RecursionError):
        return frozenset()


def _document(
    command: Sequence[str], environ: Mapping[str, str], directory: Path
) -> Mapping[str, object]:
    try:
        return table(json.loads(_answer(command, environ, directory)))
    except (ValueError, RecursionError):
        return {}


def _answer(command: Sequence[str], environ: Mapping[str, str], directory: Path) -> str:
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:_BYTES_MAX].decode(errors="replace") if done.returncode == 0 else ""
