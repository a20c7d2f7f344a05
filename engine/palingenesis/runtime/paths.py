"""Where palingenesis keeps its things: state, configuration, the control socket, cache.

Every folder follows the platform's conventions and can be moved by an environment variable.
Everything is the user's own: folders are 0700, and nothing is ever put below /tmp by default.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from palingenesis.core.errors import InvalidConfigError, PalingenesisError

STATE_VARIABLE = "PALINGENESIS_STATE_DIR"
CONFIG_VARIABLE = "PALINGENESIS_CONFIG_DIR"
RUNTIME_VARIABLE = "PALINGENESIS_RUNTIME_DIR"
CACHE_VARIABLE = "PALINGENESIS_CACHE_DIR"
POLICY_VARIABLE = "PALINGENESIS_POLICY"

_XDG = {
    "state": ("XDG_STATE_HOME", ".local/state"),
    "config": ("XDG_CONFIG_HOME", ".config"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
}

SOCKET_PATH_BYTES_MAX = 103
"""Linux allows 107 bytes and macOS 103; one limit for both keeps set-ups portable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The folders and files of one daemon. One daemon per state folder."""

    state: Path
    config: Path
    runtime: Path
    cache: Path

    @property
    def journal(self) -> Path:
        """The append-only memory."""
        return self.state / "journal.db"

    @property
    def log(self) -> Path:
        """What a daemon in the background prints."""
        return self.state / "daemon.log"

    @property
    def backups(self) -> Path:
        """Session backups, beside the journal."""
        return self.state / "backups"

    @property
    def config_file(self) -> Path:
        """The configuration; it need not exist."""
        return self.config / "config.toml"

    @property
    def policy_file(self) -> Path:
        """The person's own policy; it need not exist."""
        return self.config / "policy.yaml"

    @property
    def trusted_policies(self) -> Path:
        """Which policies of projects are trusted."""
        return self.config / "trusted-policies.json"

    @property
    def socket(self) -> Path:
        """The control door."""
        return self.runtime / "control.sock"

    def prepare(self) -> None:
        """Make the folders that a daemon needs, 0700.

        Raises:
            PalingenesisError: a folder cannot be made, is not ours, or cannot be written to.
            InvalidConfigError: the socket's path is longer than the system allows.
        """
        check_socket_path(self.socket)
        for folder, variable in (
            (self.state, STATE_VARIABLE),
            (self.backups, STATE_VARIABLE),
            (self.runtime, RUNTIME_VARIABLE),
        ):
            _make_private(folder, variable)


def find_paths(environ: Mapping[str, str]) -> Paths:
    """The folders for this user, from the environment and the platform's conventions.

    A moved state folder takes the control socket with it, so that a second set-up (a test, a demo)
    never talks to the first one's daemon by accident.
    """
    moved_state = _moved(environ, STATE_VARIABLE)
    state = moved_state or _usual(environ, "state")
    return Paths(
        state=state,
        config=_moved(environ, CONFIG_VARIABLE) or _usual(environ, "config"),
        runtime=_moved(environ, RUNTIME_VARIABLE)
        or (None if moved_state else _session_runtime(environ))
        or state / "run",
        cache=_moved(environ, CACHE_VARIABLE) or _usual(environ, "cache"),
    )


def _usual(environ: Mapping[str, str], kind: str) -> Path:
    """Where the platform's conventions put a folder: `state`, `config` or `cache`.

    The XDG ones in three lines of our own: platformdirs, which knows the others too, brings along
    what takes a tenth of the time in which `status` is to have answered.
    """
    if sys.platform == "darwin":
        import platformdirs

        dirs = platformdirs.PlatformDirs("palingenesis", appauthor=False)
        return Path(getattr(dirs, f"user_{kind}_dir"))
    variable, below = _XDG[kind]
    named = environ.get(variable, "").strip()
    if os.path.isabs(named):  # noqa: PTH117  the base directory specification ignores others
        return Path(named) / "palingenesis"
    home = environ.get("HOME", "") or "~"
    return Path(home).expanduser() / below / "palingenesis"


def expanded(text: str, origin: str) -> Path:
    """The path that a text names, `~` included; `origin` says who named it.

    Raises:
        InvalidConfigError: it begins with the home of nobody.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidConfigError(
            f"{origin} names a home that does not exist: {text}", hint="write the whole path"
        ) from error


def check_socket_path(path: Path) -> None:
    """Refuse a path that no Unix socket can have.

    Raises:
        InvalidConfigError: it is too long.
    """
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_BYTES_MAX:
        raise InvalidConfigError(
            f"the control socket's path has {length} bytes, at most {SOCKET_PATH_BYTES_MAX} "
            f"are possible: {path}",
            hint=f"set {RUNTIME_VARIABLE} to a shorter folder of your own",
        )


def _moved(environ: Mapping[str, str], variable: str) -> Path | None:
    value = environ.get(variable, "")
    return expanded(value, variable).absolute() if value else None


def _session_runtime(environ: Mapping[str, str]) -> Path | None:
    """The login session's runtime folder, if there is one and it is ours."""
    for candidate in (environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}"):
        if not candidate.startswith("/"):
            continue
        try:
            status = Path(candidate).stat()
        except OSError:
            continue
        if status.st_uid == os.getuid() and not status.st_mode & 0o022:
            return Path(candidate) / "palingenesis"
    return None


def _make_private(folder: Path, variable: str) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        status = folder.stat()
        if status.st_uid != os.getuid():
            raise PalingenesisError(
                f"{folder} belongs to another user",
                hint=f"set {variable} to a folder of your own",
            )
        if status.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise PalingenesisError(
            f"cannot use the folder {folder}: {(error.strerror or str(error)).lower()}",
            hint=f"make it writable, or set {variable} to another folder",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PalingenesisError(
            f"cannot write to the folder {folder}",
            hint=f"make it writable, or set {variable} to another folder",
        )
