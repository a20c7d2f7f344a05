"""Finding the program `opencode`, and what it must be told in its environment."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from palingenesis.assistants.opencode.untrusted import table
from palingenesis.core.errors import AssistantError

VARIABLE = "PALINGENESIS_OPENCODE"
_ASK_S_MAX = 20.0
_INSTALL_HINT = "install it (npm install -g opencode-ai), or set [opencode] executable"
_USUAL = ("~/.opencode/bin/opencode", "~/.local/bin/opencode", "~/.bun/bin/opencode")
_NOT_INHERITED = (
    "OPENCODE",
    "AGENT",
    "OPENCODE_PID",
    "OPENCODE_CLIENT",
    "OPENCODE_SERVER_USERNAME",
)


def find_executable(configured: str | None, environ: Mapping[str, str]) -> Path:
    """The program: as configured, as the environment says, from PATH, from the usual places.

    Raises:
        AssistantError: there is none, or what was named cannot be run.
    """
    for given, where in ((configured, "[opencode] executable"), (environ.get(VARIABLE), VARIABLE)):
        if not given:
            continue
        named = os.path.expanduser(given)  # noqa: PTH111  Path's form raises for an unknown user
        found = shutil.which(named, path=environ.get("PATH"))
        if found is None and Path(named).is_file():
            raise AssistantError(
                f"{where} names a file that is not executable: {given}", f"chmod +x {given}"
            )
        if found is None:
            raise AssistantError(f"{where} names no program: {given}", _INSTALL_HINT)
        return Path(found)
    found = shutil.which("opencode", path=environ.get("PATH"))
    if found is not None:
        return Path(found)
    home = environ.get("HOME", "")
    for usual in _USUAL:
        path = Path(home + usual.removeprefix("~"))
        if home and os.access(path, os.X_OK):
            return path
    raise AssistantError("the program 'opencode' is not on PATH", _INSTALL_HINT)


def ask_version(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """What it answers to `--version`; "" when it answers nothing usable. Blocks about 0.6 s.

    Raises:
        AssistantError: it cannot be run at all.
    """
    try:
        done = subprocess.run(
            [*command, "--version"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_S_MAX,
            check=False,
        )
    except OSError as error:
        raise AssistantError(
            f"cannot run {command[0]}: {(error.strerror or str(error)).lower()}", _INSTALL_HINT
        ) from error
    except subprocess.TimeoutExpired:
        return ""
    words = done.stdout.decode(errors="replace").split()
    return words[-1] if done.returncode == 0 and words else ""


def program_stamp(path: str) -> str:
    """Changes when the program changes."""
    try:
        about = Path(path).stat()
    except OSError:
        return ""
    return f"{path} {about.st_size} {about.st_mtime_ns}"


def data_directory(environ: Mapping[str, str]) -> Path:
    """Where this OpenCode keeps its sessions."""
    below = environ.get("XDG_DATA_HOME") or environ.get("HOME", "") + "/.local/share"
    return Path(below) / "opencode"


def database(environ: Mapping[str, str]) -> Path:
    """The file that holds its sessions."""
    named = environ.get("OPENCODE_DB", "")
    place = data_directory(environ)
    return place / named if named and named != ":memory:" else place / "opencode.db"


MANAGED_VARIABLE = "PALINGENESIS_MANAGED"
"""Tells our plugin that it runs in what we started ourselves, which needs none."""


def server_environment(
    environ: Mapping[str, str], *, password: str, settings: Mapping[str, object]
) -> dict[str, str]:
    """The variables for `serve`: the person's own, our password, and our settings laid over hers.

    Raises:
        AssistantError: OPENCODE_CONFIG_CONTENT is set already, and is not JSON.
    """
    out = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    out["OPENCODE_SERVER_PASSWORD"] = password
    out[MANAGED_VARIABLE] = "1"
    if settings:
        given = environ.get("OPENCODE_CONFIG_CONTENT", "")
        try:
            content = json.loads(given) if given.strip() else {}
        except ValueError as error:
            raise AssistantError(
                "OPENCODE_CONFIG_CONTENT in the environment is not JSON", "correct or unset it"
            ) from error
        out["OPENCODE_CONFIG_CONTENT"] = json.dumps(_laid_over(table(content), settings))
    return out


def is_port_free(hostname: str, port: int) -> bool:
    """Whether we could listen there."""
    family = socket.AF_INET6 if ":" in hostname else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((hostname, port))
        except (OSError, UnicodeError):
            return False
    return True


def free_port(hostname: str) -> int:
    """A port that nobody holds at this moment.

    Raises:
        AssistantError: nobody can listen at this address.
    """
    family = socket.AF_INET6 if ":" in hostname else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((hostname, 0))
            return int(probe.getsockname()[1])
    except (OSError, UnicodeError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise AssistantError(
            f"cannot listen at {hostname}: {why}",
            "set [opencode] serve_hostname to an address of this machine, such as 127.0.0.1",
        ) from error


def origin_of(hostname: str, port: int) -> str:
    """How a server that listens there is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(hostname, hostname)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        out[key] = _laid_over(table(under), table(value)) if both else value
    return out
