"""A journal that is only read: beside the daemon that writes it, or when there is none."""

import sqlite3
from pathlib import Path

from palingenesis.core.errors import JournalError
from palingenesis.journal.faults import told
from palingenesis.journal.layout import check_header, connect_reader
from palingenesis.journal.reading import JournalReader, unreadable


class ReadOnlyJournal(JournalReader):
    """Reads; nothing that it does changes an entry."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path)
        self._connection: sqlite3.Connection | None = connection

    @classmethod
    def open(cls, path: Path) -> "ReadOnlyJournal":
        """Open the journal at `path` for reading.

        Raises:
            JournalError: there is none, it is not one, it is newer, damaged, or not readable.
        """
        with told(path, "read"):
            if not path.exists():
                raise unreadable(path)
            check_header(path)
            return cls(path, _connected(path))

    @classmethod
    def beside(cls, path: Path) -> "ReadOnlyJournal":
        """Open the journal that this very process writes.

        Its header is not looked at: to close a file drops the locks that the same process holds on
        it by another descriptor, those of our own writer (fcntl(2)).

        Raises:
            JournalError: it cannot be read.
        """
        with told(path, "read"):
            return cls(path, connect_reader(path))

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ready(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"the journal {self.path} has been closed")
        return self._connection


def _connected(path: Path) -> sqlite3.Connection:
    """SQLite keeps an index beside a file in WAL mode, even for readers.

    Where it cannot be made, nobody can be writing either, unless there is a log.
    """
    try:
        return connect_reader(path)
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists():
            raise
        return connect_reader(path, alone=True)
