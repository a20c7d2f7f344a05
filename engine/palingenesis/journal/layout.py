"""The file: its tables, its marks, and how a connection to it is opened.

`entries` is the journal. `about`, `intents` and `outcomes` are indexes that can be rebuilt from
it; `policies` holds each policy's text once; `snapshots` are short cuts for recovery; `gaps` are
stretches of entries that are not there any more. An entry goes only after its removal was noted
there.

Formats: in 1, `gaps` knew of damage only and nothing was ever removed. 2 is what is written.
"""

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from palingenesis.core.errors import DamagedJournalError, ForeignJournalError

APPLICATION_ID = 0x50414C4E
"""`PALN`: marks the file as ours, for us and for file(1)."""

FORMAT_VERSION = 2
"""Raised when the tables or the record version change; a newer file is refused, untouched."""

BUSY_TIMEOUT_S = 2.0

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_PAGE_BYTES = 4096
_FORMAT_MAX = 1_000
"""No format will have a number as high as this; a damaged one may."""
_ALWAYS = {18: b"\2\2\0@  ", 44: b"\0\0\0\4", 56: b"\0\0\0\1"}
"""Written and read with a log, no room reserved in a page; the newest schema; UTF-8."""
_OURS = b"CREATE TABLE entries (\n    seq INTEGER PRIMARY KEY"
"""What the first page of a journal holds, and no other program's."""

_TABLES = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    event TEXT NOT NULL,
    decisions TEXT NOT NULL,
    effects TEXT NOT NULL,
    previous TEXT NOT NULL,
    checksum TEXT NOT NULL
);
CREATE TABLE about (
    session TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (session, seq)
) WITHOUT ROWID;
CREATE TABLE intents (
    effect TEXT PRIMARY KEY, seq INTEGER NOT NULL, session TEXT, checksum TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE outcomes (
    effect TEXT PRIMARY KEY, seq INTEGER NOT NULL, checksum TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    resolved TEXT NOT NULL
);
CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, world TEXT NOT NULL, checksum TEXT NOT NULL
);
CREATE TABLE gaps (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL,
    previous TEXT NOT NULL,
    anchor TEXT NOT NULL,
    seal TEXT NOT NULL
);
CREATE TRIGGER entries_do_not_change BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries
WHEN OLD.seq < (SELECT max(seq) FROM entries) AND NOT EXISTS (
    SELECT 1 FROM gaps WHERE why = 'removed' AND OLD.seq BETWEEN first AND last
)
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
"""

_CREATE = (
    f"PRAGMA auto_vacuum = INCREMENTAL; BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID};"
    f" PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
)


def create(path: Path) -> None:
    """Make an empty journal at `path`, where nothing may be; readable by its owner only.

    Raises:
        OSError, sqlite3.Error: it could not be made.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(_CREATE)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()


def with_companions(path: Path) -> tuple[Path, Path]:
    """The log and its index, which SQLite keeps beside a file."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def put_in_place(path: Path, target: Path) -> None:
    """Rename durably: the file first, then the name."""
    sync(path)
    path.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Flush a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_header(path: Path) -> int:
    """Refuse what is not a journal of ours, or a newer one, before SQLite touches the file.

    Returns its format.

    Raises:
        ForeignJournalError: it is refused; nothing was changed.
        DamagedJournalError: it is no database, or its first page is not as we make it.
        OSError: it cannot be read.
    """
    if not path.is_file() or path.is_symlink():
        raise ForeignJournalError(f"{path} is not a regular file", "move it away and start again")
    with path.open("rb") as file:
        page = file.read(_PAGE_BYTES)
    if len(page) < _HEADER_BYTES:
        raise _damaged(path, "it is cut short" if page else "it is empty")
    if not page.startswith(_MAGIC):
        raise _damaged(path, "it is not a database")
    application = int.from_bytes(page[68:72], "big")
    version = int.from_bytes(page[60:64], "big")
    is_marked = application == APPLICATION_ID and 1 <= version <= _FORMAT_MAX
    is_as_always = all(page.startswith(it, place) for place, it in _ALWAYS.items())
    if _OURS in page and not (is_marked and is_as_always):
        raise _damaged(path, "its first page is damaged")
    check_marks(path, application, version=version)
    return version


def _damaged(path: Path, why: str) -> DamagedJournalError:
    return DamagedJournalError(
        f"the journal {path} is damaged: {why}",
        "start the daemon: it sets the damaged file aside and keeps the rest",
    )


def check_marks(path: Path, application: int, *, version: int) -> None:
    """Refuse another application's database, and a journal newer than this program."""
    if application != APPLICATION_ID:
        raise ForeignJournalError(
            f"{path} is not a journal: it is another program's database",
            "move it away (or restore it from a backup); a new journal is begun then",
        )
    if not 1 <= version <= FORMAT_VERSION:
        raise ForeignJournalError(
            f"the journal {path} has format {version}, this palingenesis writes {FORMAT_VERSION}",
            "use the version of palingenesis that wrote it, or another state directory",
        )


def is_as_made(connection: sqlite3.Connection) -> bool:
    """Whether the tables are defined as `create` defines them; damage can change even that.

    Of an older format nothing is asked: it is only read, row by row.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return version < FORMAT_VERSION or _definitions(connection) == _made()


@cache
def _made() -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(_CREATE)
        return _definitions(connection)


def _definitions(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    return [tuple(map(str, row)) for row in connection.execute(query)]


def connect_writer(path: Path) -> sqlite3.Connection:
    """The connection that appends: a commit is on the disk when it returns."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _as_text
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "journal_size_limit = 4194304",
            "cell_size_check = ON",
            "trusted_schema = OFF",
            "cache_size = -1024",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        marks = (connection.execute(f"PRAGMA {it}").fetchone()[0] for it in _MARKS)
        check_marks(path, next(marks), version=next(marks))
    except BaseException:
        connection.close()
        raise
    return connection


_MARKS = ("application_id", "user_version")


def _as_text(data: bytes) -> str:
    """Bytes that are damaged become text that fails its checksum, not an error."""
    return data.decode("utf-8", "replace")


def connect_reader(path: Path, *, alone: bool = False, tries: bool = True) -> sqlite3.Connection:
    """A connection that cannot write, and that was tried unless told otherwise.

    `alone`: nobody else has the file open and nothing can be created beside it (a directory that
    we may not write), so SQLite is told that the file does not change.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _as_text
    try:
        marks = [connection.execute(f"PRAGMA {it}").fetchone()[0] for it in _MARKS]
        check_marks(path, marks[0], version=marks[1])
        connection.execute("PRAGMA query_only = ON").fetchone()
        if tries:
            connection.execute("SELECT max(seq) FROM entries").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
