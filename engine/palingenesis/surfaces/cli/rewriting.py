"""Changing a person's file: shown as a difference, written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

import click

from palingenesis.core.errors import PalingenesisError

_NOWHERE: Final = "/dev/null"


def difference(before: str | None, after: str | None, name: str) -> Iterator[str]:
    """The lines of a unified difference, coloured for a terminal; None: there is no such file."""
    old = name if before is not None else _NOWHERE
    new = _NOWHERE if after is None else f"{name} (new)" if before is not None else name
    lines = (before or "").splitlines(), (after or "").splitlines()
    rows = unified_diff(*lines, old, new, lineterm="")
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
