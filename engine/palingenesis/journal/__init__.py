"""The append-only memory: what happened, what was decided, what was done and what came of it.

`SqliteJournal` is the one writer; `ReadOnlyJournal` reads beside it, or when nobody writes.
"""

from palingenesis.journal.lock import lock
from palingenesis.journal.readonly import ReadOnlyJournal
from palingenesis.journal.rows import entry_to_plain
from palingenesis.journal.salvage import Damage
from palingenesis.journal.store import SqliteJournal

__all__ = ["Damage", "ReadOnlyJournal", "SqliteJournal", "entry_to_plain", "lock"]
