"""Which assistants there are on this machine: programs, processes, and where they keep their state.

Only looks; nothing is started and nothing is asked. An assistant that we cannot supervise yet is
found all the same, so that nobody believes that it is looked after.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.assistants.opencode.executable import data_directory, find_executable
from palingenesis.core.errors import PalingenesisError
from palingenesis.processes.finding import of_this_user
from palingenesis.runtime.config import Config
from palingenesis.runtime.config_keys import ASSISTANTS, ASSISTANTS_TO_COME, NO_ASSISTANT

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "opencode": ("opencode", "opencode.exe", ".opencode"),
    "claude-code": ("claude",),
    "codex": ("codex",),
}
"""The programs of each assistant; the first one is what a person types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """One assistant, and what there is of it."""

    name: str
    is_available: bool
    """Whether we can supervise it."""
    is_supervised: bool
    """Whether the configuration says so, and it can be."""
    program: str | None
    processes: tuple[int, ...]
    state: str | None
    """The directory in which it keeps its sessions, if there is one."""

    @property
    def is_found(self) -> bool:
        """Whether there is anything of it."""
        return bool(self.program or self.processes or self.state)


def detect(config: Config, environ: Mapping[str, str]) -> tuple[Detected, ...]:
    """Every assistant that we know of, in a fixed order."""
    return tuple(
        Detected(
            name=name,
            is_available=name in ASSISTANTS,
            is_supervised=name in ASSISTANTS and is_meant(name, config.monitoring.assistants),
            program=_program(name, config, environ),
            processes=tuple(sorted(one.identity.pid for one in of_this_user(_NAMES[name]))),
            state=_state(name, environ),
        )
        for name in (*ASSISTANTS, *ASSISTANTS_TO_COME)
    )


def is_meant(name: str, assistants: tuple[str, ...]) -> bool:
    """Whether `[monitoring] assistants` means this one; where none that it names can be, all."""
    if NO_ASSISTANT in assistants:
        return False
    meant = set(assistants) & set(ASSISTANTS)
    return not meant or name in meant


def _program(name: str, config: Config, environ: Mapping[str, str]) -> str | None:
    if name == "opencode":
        with suppress(PalingenesisError):
            return str(find_executable(config.opencode.executable, environ))
        return None
    return shutil.which(_NAMES[name][0], path=environ.get("PATH", os.defpath))


def _state(name: str, environ: Mapping[str, str]) -> str | None:
    home = environ.get("HOME", "")
    places = {
        "opencode": data_directory(environ),
        "claude-code": Path(environ.get("CLAUDE_CONFIG_DIR") or f"{home}/.claude"),
        "codex": Path(environ.get("CODEX_HOME") or f"{home}/.codex"),
    }
    place = places[name]
    return str(place) if place.is_absolute() and place.is_dir() else None
