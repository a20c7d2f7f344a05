"""What is to be done about the plugin in its place: decided from what lies there, and not done yet.

A file that is not ours, that somebody has changed, or that another program keeps behind a link is
never written over and never taken away: that is an error, with the way out.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shlex import quote

from palingenesis.assistants.opencode.plugin_text import (
    Installed,
    filled_in,
    read_installed,
    version_of,
)
from palingenesis.core.errors import PalingenesisError


class Standing(StrEnum):
    """How what lies in the plugin's place is to what should be there."""

    ABSENT = "absent"
    CURRENT = "current"
    OUTDATED = "outdated"
    """Ours, as we wrote it, and another version, or for another socket."""
    EDITED = "edited"
    """Ours, and changed since."""
    FOREIGN = "foreign"


class Deed(StrEnum):
    """What a plan does to the file."""

    NOTHING = "nothing"
    INSTALL = "install"
    UPDATE = "update"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The plugin's place, as it was found."""

    path: Path
    text: str | None = None
    """What lies there; None: nothing, or nothing that is a text."""
    is_odd: bool = False
    """Whether something lies there that is no text: a folder, a pipe, noise."""
    leads_to: Path | None = None
    """Where the file itself is a link to."""
    missing: tuple[Path, ...] = ()
    """Folders on the way that are not there, the innermost first."""

    @property
    def installed(self) -> Installed | None:
        """What the file says of itself; None: it is not ours, or not there."""
        return read_installed(self.text) if self.text is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One deed, whole."""

    deed: Deed
    path: Path
    before: str = ""
    after: str = ""
    folders: tuple[Path, ...] = ()
    """What is made before an installation, and what is removed after a removal where it is empty;
    the innermost first."""


def standing_of(place: Place, text: str, socket: Path) -> Standing:
    """How what lies in a place is to a shipped text and the daemon's socket."""
    if place.text is None:
        is_there = place.is_odd or place.leads_to is not None
        return Standing.FOREIGN if is_there else Standing.ABSENT
    found = place.installed
    if found is None:
        return Standing.FOREIGN
    if not found.is_intact:
        return Standing.EDITED
    wanted = filled_in(text, socket=socket, folders_made=found.folders_made)
    return Standing.CURRENT if place.text == wanted else Standing.OUTDATED


def plan_installation(place: Place, text: str, socket: Path) -> Plan:
    """What brings a shipped text into its place, or up to date there.

    Raises:
        PalingenesisError: what lies there is not ours to replace.
    """
    standing = standing_of(place, text, socket)
    if standing is Standing.ABSENT:
        after = filled_in(text, socket=socket, folders_made=len(place.missing))
        return Plan(deed=Deed.INSTALL, path=place.path, after=after, folders=place.missing)
    before = place.text or ""
    if standing is Standing.CURRENT:
        return Plan(deed=Deed.NOTHING, path=place.path, before=before, after=before)
    found = _ours(place)
    after = filled_in(text, socket=socket, folders_made=found.folders_made)
    return Plan(deed=Deed.UPDATE, path=place.path, before=before, after=after)


def plan_removal(place: Place) -> Plan:
    """What takes the plugin out of its place, and the folders that were made for it.

    Raises:
        PalingenesisError: what lies there is not ours to remove.
    """
    if place.text is None and not place.is_odd and place.leads_to is None:
        return Plan(deed=Deed.NOTHING, path=place.path)
    found = _ours(place)
    folders = tuple(place.path.parents)[: found.folders_made]
    return Plan(deed=Deed.REMOVE, path=place.path, before=place.text or "", folders=folders)


def differences(found: Installed, text: str, socket: Path) -> tuple[str, ...]:
    """In what one of ours is not as it should be; empty: only in its words."""
    newest = version_of(text)
    told = []
    if found.version != newest:
        age = "older" if found.version < newest else "newer"
        told.append(f"version {found.version}, {age} than {newest}, which this palingenesis has")
    if found.socket != str(socket):
        told.append(f"for the socket {found.socket}, and the daemon's is {socket}")
    return tuple(told)


def _ours(place: Place) -> Installed:
    """What we may replace and remove.

    Raises:
        PalingenesisError: it is not ours, or not as we wrote it.
    """
    path = place.path
    aside = f"move it away: mv {quote(str(path))} {quote(f'{path}.mine')}"
    if place.leads_to is not None:
        raise PalingenesisError(
            f"{path} is a link to {place.leads_to}, which others keep, and is left as it is",
            f"change it there, or remove the link: rm {quote(str(path))}",
        )
    found = place.installed
    if found is None:
        raise PalingenesisError(f"{path} is not ours, and is left as it is", aside)
    if not found.is_intact:
        raise PalingenesisError(f"{path} was changed by hand, and is left as it is", aside)
    return found
