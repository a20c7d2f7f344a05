"""Who gives a command, as the journal keeps it: the person, and from where."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MOST: Final = 80
_COMMAND_MOST: Final = 24


def who(environ: Mapping[str, str]) -> str:
    """`ada (cli, pts/3)`, `ada (cli, pts/3 from 192.0.2.7)`, `ada (cli, run by cron)`."""
    return f"{_person()} (cli, {_place(environ)})"[:_MOST]


def _person() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _place(environ: Mapping[str, str]) -> str:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            terminal = os.ttyname(descriptor).removeprefix("/dev/")
            far = environ.get("SSH_CONNECTION", "").partition(" ")[0]
            return f"{terminal} from {far}" if far else terminal
    return f"run by {_parent()}"


def _parent() -> str:
    """The name of the program that started us."""
    try:
        name = Path(f"/proc/{os.getppid()}/comm").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"pid {os.getppid()}"
    return name.strip()[:_COMMAND_MOST] or f"pid {os.getppid()}"
