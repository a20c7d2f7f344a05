"""Changing a person's file: shown as a difference, written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import click

from palingenesis.core.errors import PalingenesisError


def difference(before: str, after: str, name: str) -> Iterator[str]:
    """The lines of a unified difference, coloured for a terminal."""
    rows = unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (new)", lineterm="")
    for row in rows:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(row[:1])
        yield click.style(row, fg=colour) if colour else row


def rewrite(path: Path, text: str) -> None:
    """Put `text` into a file, or leave it as it was; permissions stay, links are followed.

    Raises:
        PalingenesisError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    room = ""
    try:
        handle, room = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            Path(room).chmod(target.stat().st_mode & 0o7777)
        else:
            Path(room).chmod(0o644)
        Path(room).replace(target)
    except OSError as error:
        if room:
            with contextlib.suppress(OSError):
                Path(room).unlink()
        reason = (error.strerror or str(error)).lower()
        raise PalingenesisError(f"cannot write {path}: {reason}") from error
