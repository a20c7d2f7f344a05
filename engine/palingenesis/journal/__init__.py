"""The append-only memory: what happened, what was decided, what was done and what came of it.

`SqliteJournal` is the one writer; `ReadOnlyJournal` reads beside it, or when nobody writes.
"""

from palingenesis.journal.ballast import Ballast
from palingenesis.journal.lock import lock
from palingenesis.journal.readonly import ReadOnlyJournal
from palingenesis.journal.retention import Retention, Sweep, plan_sweep
from palingenesis.journal.rows import entry_to_plain
from palingenesis.journal.salvage import Damage, Migration
from palingenesis.journal.store import SqliteJournal

__all__ = [
    "Ballast",
    "Damage",
    "Migration",
    "ReadOnlyJournal",
    "Retention",
    "SqliteJournal",
    "Sweep",
    "entry_to_plain",
    "lock",
    "plan_sweep",
]
