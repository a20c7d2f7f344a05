"""Pages of a journal's file, written over."""

import sqlite3
from contextlib import closing
from pathlib import Path

PAGE = 4096


def root_of(path: Path, name: str) -> int:
    """The number of the page with which a table or an index begins."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(query, (name,)).fetchone()
    return int(root)


def overwrite(path: Path, name: str, data: bytes) -> None:
    """Begin the page with which a table or an index begins with something else."""
    root = root_of(path, name)
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(data)


def smash(path: Path, table: str) -> None:
    """Make the page with which a table begins one of no kind."""
    overwrite(path, table, b"\xff" * 16)
