"""systemd's user manager: orders to it, and what it says of our unit."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from palingenesis.core.errors import DeadlineError, PalingenesisError

_ANSWER_S_MAX = 120.0
_LINGERING = Path("/var/lib/systemd/linger")
SHOWN = (
    "LoadState",
    "UnitFileState",
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "NRestarts",
    "ExecMainCode",
    "ExecMainStatus",
    "StatusText",
    "NeedDaemonReload",
)


def is_here(environ: Mapping[str, str]) -> bool:
    """Whether this machine has systemd's commands."""
    return shutil.which("systemctl", path=environ.get("PATH")) is not None


class Systemd:
    """Gives orders to the user manager of whoever calls."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        runtime = Path(f"/run/user/{os.getuid()}")
        if not self._environ.get("XDG_RUNTIME_DIR") and runtime.is_dir():
            self._environ["XDG_RUNTIME_DIR"] = str(runtime)  # as after `su`: it is there

    def order(self, *words: str) -> None:
        """Have something done.

        Raises:
            PalingenesisError: it was refused, or the manager does not answer.
        """
        done = self._asked(words)
        if done.returncode:
            raise _trouble(words, done.stderr or done.stdout)

    def shown(self, unit: str) -> dict[str, str]:
        """The properties of a unit.

        Raises:
            PalingenesisError: the manager does not answer.
        """
        words = ("show", unit, "--property=" + ",".join(SHOWN))
        done = self._asked(words)
        if done.returncode:
            raise _trouble(words, done.stderr or done.stdout)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def variables(self) -> frozenset[str]:
        """The names of the variables that it gives to its services; none when it does not say."""
        done = self._asked(("show-environment",))
        lines = done.stdout.splitlines() if done.returncode == 0 else []
        return frozenset(line.partition("=")[0] for line in lines)

    def _asked(self, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        command = ["systemctl", "--user", "--no-pager", *words]
        try:
            return subprocess.run(
                command,
                env={**self._environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_ANSWER_S_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineError(
                f"`{' '.join(command)}` did not end within {_ANSWER_S_MAX:g} s",
                hint="palingenesis service status",
            ) from error
        except OSError as error:
            raise PalingenesisError(f"cannot run systemctl: {error}") from error


def keeps(pid: int, unit: str) -> bool:
    """Whether systemd runs that process as this unit."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.endswith(f"/{unit}") for line in groups.splitlines())


def lingers() -> bool | None:
    """Whether the person's services run while she is logged out; None: it cannot be told."""
    try:
        return (_LINGERING / getpass.getuser()).exists()
    except (OSError, KeyError):
        return None


def _trouble(words: Sequence[str], said: str) -> PalingenesisError:
    lines = [line for line in said.strip().splitlines() if line]
    first = lines[0] if lines else "no reason given"
    if "connect to bus" in said or "bus" in first.lower():
        return PalingenesisError(
            f"systemd's user manager does not answer: {first}",
            hint="log in as yourself (su and sudo start no manager), or `loginctl enable-linger`;"
            f" then `export XDG_RUNTIME_DIR=/run/user/{os.getuid()}`",
        )
    return PalingenesisError(
        f"`systemctl --user {' '.join(words)}` was refused: {first}",
        hint="journalctl --user -u palingenesis -n 20",
    )
