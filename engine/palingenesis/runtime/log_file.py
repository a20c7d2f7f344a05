"""The log's files: one that grows, and up to three that were rotated away before it.

`daemon.log` is the newest, `daemon.log.1` the one before it, and so on. Together they take no more
than four times `LOG_BYTES_MAX`, however long the daemon runs.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

LOG_BYTES_MAX: Final = 5 * 1024 * 1024
KEPT: Final = 3
"""How many rotated files are kept."""


def open_log(path: Path) -> int:
    """A descriptor that appends to the log; a new one is the owner's alone.

    Raises:
        OSError: it cannot be written, or is a link.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def rotate(path: Path) -> None:
    """Move every file one further; the oldest one goes.

    Raises:
        OSError: the folder cannot be written to.
    """
    for number in range(KEPT, 0, -1):
        newer = path if number == 1 else _rotated(path, number - 1)
        with suppress(FileNotFoundError):
            newer.replace(_rotated(path, number))


def log_files(path: Path) -> Iterator[Path]:
    """The files that are there, oldest first."""
    for file in (*(_rotated(path, number) for number in range(KEPT, 0, -1)), path):
        if file.is_file():
            yield file


def _rotated(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
