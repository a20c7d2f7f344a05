"""The policies of projects: found, held against what is trusted, and compiled upon the own one."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palingenesis.core.policy.outside import PROJECT_FILE, Loaded
from palingenesis.core.world import World
from palingenesis.runtime.bounded_file import read_bounded, why_not
from palingenesis.runtime.outside import outside_of
from palingenesis.runtime.project_trust import pin_of
from palingenesis.runtime.trust import owners_only, why_untrusted

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled

_BYTES_MAX = 256 * 1024 + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What every policy of a project is compiled upon and with."""

    own: Loaded
    """The person's policy, which has no errors; its name is its file."""
    schema: str
    presets: Path
    environ: Mapping[str, str]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A project's policy: compiled, or why it is not used. `pin` is what to trust."""

    file: Path
    directory: str
    compiled: "Compiled | None" = None
    trouble: str = ""
    trusted: bool = False
    pin: str = ""
    files: tuple[Path, ...] = ()

    def overlay(self) -> dict[str, Any] | None:
        """Its place in the resolved form of the own policy; None: it cannot be used."""
        if self.compiled is None or self.compiled.policy is None:
            return None
        return {
            "directory": self.directory,
            "file": str(self.file),
            "trusted": self.trusted,
            "policy": self.compiled.policy.resolved,
        }


PROJECTS_MAX = 32
"""More directories than this have no say; those of the sessions seen last do."""


def projects_of(world: World) -> tuple[str, ...]:
    """The directories that supervised sessions work in, in a fixed order."""
    ours = (session for session in world.sessions.values() if session.supervised)
    latest = sorted(ours, key=lambda session: session.since, reverse=True)
    found = dict.fromkeys(it.directory for it in latest if it.directory.startswith("/"))
    return tuple(sorted(list(found)[:PROJECTS_MAX]))


def file_in(directory: str) -> Path:
    """Where a project keeps its policy."""
    return Path(directory) / PROJECT_FILE


def find_project(directory: str, base: Base, pins: Mapping[str, str]) -> Found | None:
    """The policy of the project in a directory; None: it has none."""
    file = file_in(directory)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return Found(file=file, directory=directory, trouble="it is no regular file")
        trouble = _why_elsewhere(file, directory, pins) or _why_distrusted(file)
        text = b"" if trouble else read_bounded(file, _BYTES_MAX, silence_s=0)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Found(file=file, directory=directory, trouble=f"cannot read it: {why_not(error)}")
    if trouble:
        return Found(file=file, directory=directory, trouble=trouble)
    pinned = pins.get(os.path.realpath(file))
    if pinned is not None:
        trusted = compile_as(directory, text, base, trusted=True)
        if trusted.pin == pinned:
            return trusted
    return compile_as(directory, text, base, trusted=False)


def _why_elsewhere(file: Path, directory: str, pins: Mapping[str, str]) -> str:
    """Why a file is not read although it is there: whoever may write in a project may link it."""
    real, beneath = os.path.realpath(file), os.path.realpath(directory).rstrip("/") + "/"
    if real in pins or real.startswith(beneath):
        return ""
    return f"it leads out of the project, to {real} (palingenesis policy trust {directory})"


def _why_distrusted(file: Path) -> str:
    why = why_untrusted(file)
    return f"{why}: {owners_only(file)}" if why else ""


def compile_as(directory: str, text: bytes, base: Base, *, trusted: bool) -> Found:
    """Compile what is in a project's file, as one that is trusted or as one that is not."""
    from palingenesis.core.policy.project import Project, compile_project

    file = file_in(directory)
    around = outside_of(file, presets=base.presets, environ=base.environ, distrust=why_untrusted)
    project = Project(directory=directory, text=text, trusted=trusted)
    compiled = compile_project(
        project, base.own, schema=base.schema, params=base.params, outside=around.outside
    )
    return Found(
        file=file,
        directory=directory,
        compiled=compiled,
        trusted=trusted,
        pin=pin_of(text, around.contents),
        files=tuple(around.asked),
    )
