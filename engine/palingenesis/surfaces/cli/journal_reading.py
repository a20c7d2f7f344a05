"""Reading the journal itself, for commands that look at much of the past; a writer is not harmed.

Law 4 sends surfaces through the daemon's door. Analyses of weeks are the exception: they read the
same file, read-only, whether the daemon runs or not, so that they neither keep it busy nor need it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from palingenesis.core.errors import NotRunningError

if TYPE_CHECKING:
    from palingenesis.core.events import Event
    from palingenesis.core.policy.model import Policy
    from palingenesis.core.world import Decision
    from palingenesis.journal import ReadOnlyJournal
    from palingenesis.runtime.paths import Paths


BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
"""Before everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A past decision, the event it answered, and the policy it was made by."""

    decision: "Decision"
    event: "Event"
    policy: "Policy | None"


@contextmanager
def open_journal(paths: "Paths", *, since: datetime | None = None) -> Iterator["ReadOnlyJournal"]:
    """The journal, for reading; says on stderr when entries from `since` on were removed.

    Raises:
        NotRunningError: there is none yet.
        JournalError: it cannot be read.
    """
    from palingenesis.journal import ReadOnlyJournal

    if not paths.journal.exists() and not paths.journal.is_symlink():
        raise NotRunningError(
            "there is no journal yet: nothing has been decided", hint="palingenesis daemon start"
        )
    with ReadOnlyJournal.open(paths.journal) as journal:
        if since is not None:
            say_removed(journal, since)
        yield journal


def say_removed(journal: "ReadOnlyJournal", since: datetime) -> None:
    """Say on stderr that not all that happened since then is still there, if so."""
    removed = journal.removed()
    if removed is not None and since < removed.until:
        note_removed(removed.until, removed.at)


def note_removed(until: datetime, at: datetime) -> None:
    """Say on stderr what the journal does not hold any more."""
    click.echo(
        f"note: older entries were removed on {at.astimezone():%Y-%m-%d}: what happened before"
        f" {until.astimezone():%Y-%m-%d %H:%M} is there in part at most",
        err=True,
    )


def find_decision(paths: "Paths", number: int) -> Told:
    """A decision by its number.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
        PalingenesisError: there is no such decision.
    """
    from palingenesis.core.policy.build import build
    from palingenesis.core.record import from_plain
    from palingenesis.core.world import Decision
    from palingenesis.runtime.views import no_decision

    with open_journal(paths) as journal:
        for entry in journal.entries(newest_first=True):
            ids = [one["id"] for one in entry.decisions]
            if number in ids:
                decision = from_plain(Decision, dict(entry.decisions[ids.index(number)]))
                kept = journal.policy(decision.policy)
                policy = build(kept[1]) if kept is not None else None
                return Told(decision=decision, event=entry.event, policy=policy)
            if ids and max(ids) < number:
                break
        removed = journal.removed()
    raise no_decision(number, removed.at if removed is not None else None)
