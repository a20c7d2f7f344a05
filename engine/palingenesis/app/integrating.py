"""Our plugin in the person's own OpenCode: how it is, and what can be done about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.assistants.opencode.command_line import holds_sessions
from palingenesis.assistants.opencode.executable import (
    MANAGED_VARIABLE,
    ask_version,
    find_executable,
)
from palingenesis.assistants.opencode.observed import NAMES
from palingenesis.assistants.opencode.plugin_place import carry_out, copies, look, path_of
from palingenesis.assistants.opencode.plugin_plan import (
    Deed,
    Place,
    Plan,
    Standing,
    differences,
    plan_installation,
    plan_removal,
    standing_of,
)
from palingenesis.assistants.opencode.plugin_text import Installed, shipped, version_of
from palingenesis.assistants.opencode.versions import is_supported, what_is_wrong
from palingenesis.core.errors import AssistantError, PalingenesisError
from palingenesis.processes.finding import Found, of_this_user
from palingenesis.runtime.paths import check_socket_path

__all__ = [
    "Deed",
    "Installed",
    "Integration",
    "Plan",
    "Standing",
    "carry_out",
    "check_assistant",
    "running",
]

_TRY_ANOTHER: Final = "npm install -g opencode-ai@1.18"


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """The plugin's place, beside what should be there."""

    place: Place
    text: str
    """The plugin as it ships."""
    socket: Path
    """Where our daemon listens."""
    copies: tuple[Path, ...]
    """Files of its name that OpenCode loads, too."""

    @classmethod
    def find(cls, environ: Mapping[str, str], socket: Path) -> "Integration":
        """How it is now.

        Raises:
            PalingenesisError: the place cannot be looked at, or our own installation is damaged.
        """
        place = look(path_of(environ))
        return cls(place=place, text=shipped(), socket=socket, copies=copies(environ))

    @property
    def standing(self) -> Standing:
        """Whose the file there is, and whether it is as it should be."""
        return standing_of(self.place, self.text, self.socket)

    @property
    def version(self) -> int:
        """The version that this palingenesis ships."""
        return version_of(self.text)

    @property
    def differences(self) -> tuple[str, ...]:
        """In what one of ours is not as it should be."""
        found = self.place.installed
        return differences(found, self.text, self.socket) if found is not None else ()

    def installation(self) -> Plan:
        """What installs it, or brings it up to date.

        Raises:
            PalingenesisError: what lies there is not ours, or the socket's path is none.
        """
        check_socket_path(self.socket)
        return plan_installation(self.place, self.text, self.socket)

    def removal(self) -> Plan:
        """What takes it away.

        Raises:
            PalingenesisError: what lies there is not ours.
        """
        return plan_removal(self.place)


def check_assistant(
    configured: str | None, environ: Mapping[str, str], *, running_it: bool
) -> None:
    """Make sure that there is an OpenCode that can load the plugin.

    Args:
        configured: what the configuration says where it is.
        environ: the person's variables.
        running_it: ask it for its version, which takes 0.6 s, and in a new home makes its folders.

    Raises:
        AssistantError: there is none, or of a version that we do not act on.
    """
    program = find_executable(configured, environ)
    if not running_it:
        return
    version = ask_version([str(program)], environ)
    if not version:
        raise AssistantError(f"{program} does not say its version", f"{program} --version")
    if not is_supported(version):
        raise AssistantError(what_is_wrong(version), _TRY_ANOTHER)


def running(path: Path, *, besides: Collection[int] = ()) -> list[Found]:
    """The programs of hers that load the plugin from this path when they start."""
    return [
        one
        for one in of_this_user(NAMES)
        if one.identity.pid not in besides
        and MANAGED_VARIABLE not in one.environment  # the plugin rests in it
        and holds_sessions(one.command)
        and _loads(one, path)
    ]


def _loads(one: Found, path: Path) -> bool:
    try:
        return path_of(one.environment) == path
    except PalingenesisError:
        return False
