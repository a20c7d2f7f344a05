"""The plugin's place on the disk: found, looked at, written whole or not at all, and cleaned up.

OpenCode 1.18 loads every `plugin/*.js` and `plugins/*.js` below its configuration folder, below
`~/.opencode`, below `.opencode` in a project, and below `$OPENCODE_CONFIG_DIR`, which is read in
addition and never instead. So one place is always right: the person's configuration folder.
"""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Final

from palingenesis.assistants.opencode.competitors import configuration_folders
from palingenesis.assistants.opencode.plugin_plan import Deed, Place, Plan
from palingenesis.assistants.opencode.plugin_text import SHIPPED
from palingenesis.core.errors import BusyError, InvalidConfigError, PalingenesisError
from palingenesis.runtime.bounded_file import read_bounded, why_not

_BYTES_MAX: Final = 1024 * 1024
_FOLDERS: Final = ("plugin", "plugins")
_OWNER_ONLY: Final = 0o700
_MODE: Final = 0o644


def path_of(environ: Mapping[str, str]) -> Path:
    """Where the plugin's place is.

    Raises:
        InvalidConfigError: the configuration folder is named by a path that is not whole.
    """
    folder = configuration_folders(environ, ())[0]
    if not folder.is_absolute():
        raise InvalidConfigError(
            f"XDG_CONFIG_HOME is not a whole path: {environ.get('XDG_CONFIG_HOME')}",
            "OpenCode would look for it in whatever directory it is started in: correct it",
        )
    return folder / _FOLDERS[0] / SHIPPED.name


def is_in_place(environ: Mapping[str, str]) -> bool:
    """Whether an OpenCode with this environment loads a file of the plugin's name."""
    try:
        return os.path.isfile(path_of(environ))  # noqa: PTH113  no error for odd paths
    except InvalidConfigError:
        return False


def copies(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Files of the plugin's name in other places that this OpenCode loads for every project."""
    own = path_of(environ)
    places = (
        folder / name / own.name
        for folder in configuration_folders(environ, ())
        for name in _FOLDERS
    )
    known, found = {os.path.realpath(own)}, []
    for place in places:
        real = os.path.realpath(place)
        if real not in known and os.path.isfile(real):  # noqa: PTH113  no error for odd paths
            known.add(real)
            found.append(place)
    return tuple(found)


def look(path: Path) -> Place:
    """What lies in the place.

    Raises:
        PalingenesisError: it cannot be looked at.
    """
    missing = tuple(folder for folder in path.parents if not os.path.lexists(folder))
    # Not `path.is_symlink()`: that raises where the folder may not be looked into.
    leads_to = Path(os.path.realpath(path)) if os.path.islink(path) else None  # noqa: PTH114
    try:
        text = read_bounded(path, _BYTES_MAX, silence_s=0.1).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return Place(path=path, leads_to=leads_to, missing=missing)
    except (IsADirectoryError, UnicodeDecodeError, TimeoutError):
        return Place(path=path, is_odd=True, leads_to=leads_to)
    except OSError as error:
        raise PalingenesisError(
            f"cannot read {path}: {why_not(error)}", "move it away, or make it yours"
        ) from error
    return Place(path=path, text=text, leads_to=leads_to)


def carry_out(plan: Plan) -> None:
    """Do what was planned, if the place is still as it was then.

    Raises:
        BusyError: somebody changed it meanwhile.
        PalingenesisError: it cannot be done; the file is as it was.
    """
    if plan.deed is Deed.NOTHING:
        return
    if look(plan.path).text != (plan.before or None):
        raise BusyError(f"{plan.path} was changed meanwhile, and is left as it is", "try again")
    if plan.deed is Deed.REMOVE:
        _remove(plan)
    else:
        _write(plan)


def _write(plan: Plan) -> None:
    made: list[Path] = []
    room = ""
    try:
        _check_folder(plan)
        for folder in reversed(plan.folders):
            folder.mkdir(mode=_OWNER_ONLY, exist_ok=True)
            made.append(folder)
        handle, room = tempfile.mkstemp(prefix=f".{plan.path.name}.", dir=plan.path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(plan.after)
            file.flush()
            os.fsync(file.fileno())
        Path(room).chmod(_MODE)
        Path(room).replace(plan.path)
    except OSError as error:
        with contextlib.suppress(OSError):
            if room:
                Path(room).unlink()
        _remove_empty(tuple(reversed(made)))
        raise PalingenesisError(
            f"cannot write {plan.path}: {why_not(error)}",
            f"make {_first_there(plan)} writable for you; where another program keeps it, let that"
            " one write what `palingenesis integrate opencode --dry-run` shows",
        ) from error


def _check_folder(plan: Plan) -> None:
    """Refuse a folder of somebody else, as root would find it, and one that is not there.

    Raises:
        PalingenesisError: the folder belongs to another user, or is not there.
    """
    folder = _first_there(plan)
    if folder.is_symlink() and not folder.exists():
        raise PalingenesisError(
            f"{folder} is a link that leads nowhere: {os.path.realpath(folder)}",
            f"make that folder, or remove the link: rm {quote(str(folder))}",
        )
    if folder.stat().st_uid != os.getuid():
        raise PalingenesisError(
            f"{folder} belongs to another user", "give the command as the user who runs OpenCode"
        )


def _first_there(plan: Plan) -> Path:
    return (plan.folders[-1] if plan.folders else plan.path).parent


def _remove(plan: Plan) -> None:
    try:
        plan.path.unlink()
    except OSError as error:
        raise PalingenesisError(
            f"cannot remove {plan.path}: {why_not(error)}",
            f"make {plan.path.parent} writable for you",
        ) from error
    _remove_empty(plan.folders)


def _remove_empty(folders: tuple[Path, ...]) -> None:
    """Take folders away, the innermost first, up to the first one that is not empty."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()
