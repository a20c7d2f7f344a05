"""The journal's one writer.

Theory of operation. An append is one transaction in WAL mode with `synchronous = FULL`: when it
returns, the entry is on the disk. When it fails, the connection is given up: after a failed flush
the system may believe that lost pages are safe, so nothing is tried again on it. The next append
opens the file anew and first removes what the failed one may have left: an entry that nobody was
told about must not be found later as if it had been acted upon.
"""

import sqlite3
from contextlib import closing, suppress
from dataclasses import is_dataclass
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import NoReturn

from palingenesis.core.errors import DamagedJournalError, EntryRefusedError, JournalError
from palingenesis.core.record import RECORD_VERSION, to_plain
from palingenesis.journal.checking import find_problems, latest_snapshot_seq
from palingenesis.journal.faults import is_damage, journal_error, told
from palingenesis.journal.gaps import read_gaps
from palingenesis.journal.layout import (
    FORMAT_VERSION,
    check_header,
    connect_reader,
    connect_writer,
    create,
    put_in_place,
    with_companions,
)
from palingenesis.journal.log_file import read_log
from palingenesis.journal.readable import is_cut_short
from palingenesis.journal.reading import JournalReader
from palingenesis.journal.retention import (
    Retention,
    Sweep,
    give_back,
    remove_some,
    used_bytes,
)
from palingenesis.journal.rows import BEGINNING, checksum_of, draft, seal
from palingenesis.journal.salvage import Damage, Migration, finish, migrate, salvage
from palingenesis.journal.writing import insert_indexes, insert_policy, insert_row, transaction
from palingenesis.runtime.ports import Entry

SNAPSHOTS_KEPT = 3

_NO_LIMIT = 2**62
"""Above every number of an entry."""


class SqliteJournal(JournalReader):
    """The journal of a running daemon. One thread at a time; hold the state directory's lock.

    `damage` tells what was found damaged and set aside since it was opened, and `migration` that a
    former version's file was brought forward; whoever opens the journal makes both known to people.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.damage: list[Damage] = []
        self.migration: Migration | None = None
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._suspicious = True
        self._last_seq = 0
        self._last_checksum = BEGINNING
        self._acknowledged: int | None = None
        self.bytes_since_snapshot = 0
        """How much was appended after the newest snapshot, about: what a start would fold."""

    @classmethod
    def open(cls, path: Path) -> "SqliteJournal":
        """Open the journal at `path`, or begin one (0600, its directory 0700).

        A damaged journal is set aside and rebuilt from its intact entries; see `damage`.

        Raises:
            JournalError: it is another program's, newer, unreadable, not writable.
        """
        journal = cls(path)
        journal._ready()
        return journal

    def append(self, entry: Entry) -> int:
        """Write one turn of the loop in one transaction; returns its number.

        Raises:
            JournalError: nothing was written, so nothing may be done. The next append tries anew.
            EntryRefusedError: nothing was written, and this entry never will be.
        """
        new = draft(entry)
        connection = self._ready()
        row = seal(new, seq=self._last_seq + 1, previous=self._last_checksum)
        try:
            with transaction(connection):
                insert_row(connection, row)
                if new.policy is not None:
                    insert_policy(connection, new.policy)
                insert_indexes(connection, row.seq, new.event, new.decisions, new.effects)
        except sqlite3.IntegrityError as error:
            ids = ", ".join(effect.id for effect in entry.effects)
            raise EntryRefusedError(
                f"an effect of this entry has been written before ({ids})",
                "this is a mistake in palingenesis; please report it",
            ) from error
        except sqlite3.Error as error:
            self._give_up("write to", error)
        self._last_seq, self._last_checksum = row.seq, row.checksum
        self._acknowledged = row.seq
        self.bytes_since_snapshot += sum(map(len, new.texts))
        return row.seq

    def remember(self, world: object, seq: int) -> None:
        """Keep the world, or its plain form, after entry `seq`, so that recovery starts there.

        Raises:
            JournalError: it was not kept; the journal is none the worse for it.
        """
        hint = type(world) if is_dataclass(world) else object
        text = dumps(to_plain(world, hint), separators=(",", ":"), allow_nan=False)
        connection = self._ready()
        values = (seq, RECORD_VERSION, text, checksum_of(f"{seq}:{text}"))
        try:
            with transaction(connection):
                connection.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", values)
                connection.execute(
                    "DELETE FROM snapshots WHERE seq NOT IN"
                    " (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?)",
                    (SNAPSHOTS_KEPT,),
                )
        except sqlite3.Error as error:
            self._give_up("write to", error)
        self.bytes_since_snapshot = 0

    def told(self) -> tuple[str, ...]:
        """What people should know about how it was opened, a line each."""
        migrated = () if self.migration is None else (self.migration.told(),)
        return (*migrated, *(damage.told() for damage in self.damage))

    def set_aside(self) -> tuple[str, ...]:
        """Names of the damaged files that are kept beside it."""
        with told(self.path, "look beside"):
            found = self.path.parent.glob(f"{self.path.stem}.damaged-*")
            return tuple(sorted(it.name for it in found if it.name.rpartition("-")[2].isdigit()))

    def used_bytes(self) -> int:
        """How much of the file is in use."""
        with told(self.path, "read"):
            return used_bytes(self._ready())

    def remove_some(self, sweep: Sweep, at: datetime) -> Sweep | None:
        """Take one short step of a sweep; what is left of it, None when it is over.

        Raises:
            JournalError: this step was not taken; nothing is lost.
        """
        connection = self._ready()
        try:
            with transaction(connection):
                return remove_some(connection, sweep, at)
        except sqlite3.Error as error:
            self._give_up("write to", error)

    def give_back(self, retention: Retention) -> bool:
        """Make a file larger than its bound smaller by a step; whether there was anything to gain.

        Raises:
            JournalError: this step was not taken; nothing is lost.
        """
        connection = self._ready()
        try:
            return give_back(connection, retention)
        except sqlite3.Error as error:
            self._give_up("write to", error)

    def close(self) -> None:
        """Let go of the file; appending afterwards is an error."""
        self._closed = True
        self._disconnect()

    def _ready(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        if self._closed:
            raise JournalError(f"the journal {self.path} has been closed")
        with told(self.path, "open"):
            self._prepare()
            connection = connect_writer(self.path)
            try:
                self._take_up(connection)
            except BaseException as error:
                connection.close()
                self._suspicious = self._suspicious or is_damage(error)
                raise
        self._suspicious = False
        self._connection = connection
        return connection

    def _prepare(self) -> None:
        """See that there is a sound file at `path`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        finish(self.path)
        try:
            version = self._version()
        except DamagedJournalError as error:
            self._mend((error.message.rpartition(": ")[2],))
            return
        if version < FORMAT_VERSION:
            self.migration, damage = migrate(self.path, version)
            self.damage += [damage] if damage is not None else []
        if self._suspicious and (problems := self._problems_at_start()):
            self._mend(problems)

    def _version(self) -> int:
        """The format of the file at `path`; where nothing is, one is begun."""
        log, _ = with_companions(self.path)
        if not self.path.exists() and not self.path.is_symlink():
            if log.exists() and log.stat().st_size:
                raise DamagedJournalError(f"the journal {self.path}: only its log is there")
            log.unlink(missing_ok=True)
            fresh = self.path.with_name(self.path.name + ".new")
            fresh.unlink(missing_ok=True)
            create(fresh)
            put_in_place(fresh, self.path)
        return check_header(self.path)

    def _mend(self, problems: tuple[str, ...]) -> None:
        """Set the damaged file aside, and use what can be read of it."""
        self.damage.append(salvage(self.path, problems))
        problems = self._problems_at_start()
        if problems:
            raise JournalError(
                f"the journal {self.path} was damaged and could not be repaired ({problems[0]})",
                "move it away (or restore it from a backup); a new journal is begun then",
            )

    def _problems_at_start(self) -> tuple[str, ...]:
        log = read_log(with_companions(self.path)[0])
        if log is not None and log.is_damaged_within:
            return ("its log is damaged in the middle",)
        if is_cut_short(self.path, log):
            return ("it is cut short",)
        try:
            with closing(connect_reader(self.path)) as connection:
                start = latest_snapshot_seq(connection) or 0
                return tuple(find_problems(connection, start))
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if is_damage(error):
                return (str(error).splitlines()[0],)
            raise

    def _take_up(self, connection: sqlite3.Connection) -> None:
        """Go on after the last entry; first forget what no caller was told about."""
        # Also when there is nothing to forget: a file that cannot be written is refused now.
        known = _NO_LIMIT if self._acknowledged is None else self._acknowledged
        with transaction(connection):
            for table in ("entries", "about", "intents", "outcomes"):
                connection.execute(f"DELETE FROM {table} WHERE seq > ?", (known,))  # noqa: S608
        query = "SELECT seq, checksum FROM entries ORDER BY seq DESC LIMIT 1"
        seq, checksum = connection.execute(query).fetchone() or (0, BEGINNING)
        # After damage the end may be missing; a number is used once.
        last_gap = max((gap.last for gap in read_gaps(connection)), default=0)
        self._last_seq, self._last_checksum = max(seq, last_gap), checksum
        self._acknowledged = self._last_seq

    def _give_up(self, deed: str, error: sqlite3.Error) -> NoReturn:
        self._suspicious = self._suspicious or is_damage(error)
        self._disconnect()
        raise journal_error(self.path, deed, error) from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
