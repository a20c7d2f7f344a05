"""What SQLite and the file system complain about, told with the way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from palingenesis.core.errors import JournalError

_PRIMARY = 0xFF
"""The low byte of an extended result code of SQLite is the primary one."""

_TOLD = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "free some space; acting goes on by itself once writing works again",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk reports an error or is full",
        "check the disk and its free space; acting goes on once writing works again",
    ),
    sqlite3.SQLITE_READONLY: (
        "it is read-only",
        "make the file and its directory writable for you",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "make the file and its directory readable and writable for you",
    ),
    sqlite3.SQLITE_PERM: ("permission denied", "make the file readable and writable for you"),
    sqlite3.SQLITE_BUSY: (
        "another program holds it locked",
        "end the program that has the journal open for writing",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged",
        "start the daemon: it sets the damaged file aside and keeps the rest",
    ),
    sqlite3.SQLITE_NOTADB: (
        "it is not a database",
        "move the file away; a new journal is begun then",
    ),
    sqlite3.SQLITE_NOMEM: ("there is no memory left", "free some memory"),
}


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that the file itself is damaged."""
    if isinstance(error, UnicodeDecodeError):
        return True  # SQLite quotes damaged bytes in its message, and Python cannot read that
    if str(error).startswith(("no such table", "no such column")):
        return True  # the definitions of the tables are damaged
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def journal_error(
    path: Path, deed: str, error: sqlite3.Error | OSError | UnicodeDecodeError
) -> JournalError:
    """The error to raise when `deed` (`read`, `write to`, …) failed."""
    if isinstance(error, OSError):
        reason = (error.strerror or type(error).__name__).lower()
        return JournalError(
            f"cannot {deed} the journal {path}: {reason}",
            "make the file and its directory readable and writable for you, with space left",
        )
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if is_damage(error) and code != sqlite3.SQLITE_NOTADB:
        code = sqlite3.SQLITE_CORRUPT
    reason, hint = _TOLD.get(code, (str(error), ""))
    return JournalError(f"cannot {deed} the journal {path}: {reason}", hint)


@contextmanager
def told(path: Path, deed: str) -> Iterator[None]:
    """Let sqlite3.Error and OSError leave as JournalError; the cause is kept."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise journal_error(path, deed, error) from error
