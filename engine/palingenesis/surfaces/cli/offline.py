"""Reading the journal while the daemon is down: the one exception to asking through the door."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice

from palingenesis.core.errors import NotRunningError
from palingenesis.core.events import SessionSeen
from palingenesis.journal import ReadOnlyJournal, entry_to_plain
from palingenesis.runtime.considering import Recomputing
from palingenesis.runtime.door import EventRow, Explanation
from palingenesis.runtime.event_rows import Ordered, event_row
from palingenesis.runtime.kinds import classes_of
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.views import decoded, explanations
from palingenesis.surfaces.cli.choosing import Called, UnclearSessionError, choose_session
from palingenesis.surfaces.cli.journal_reading import BEGINNING, say_removed

_LOOKED_BACK = 20_000
"""How many entries are searched for a decision and its outcomes."""


def read_events(
    paths: Paths,
    *,
    since: str | None,
    session: str | None,
    kinds: Sequence[str] = (),
    limit: int,
) -> list[EventRow]:
    """The newest entries, oldest first, as the daemon would tell them; says what was removed.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
        UnclearSessionError: no session fits, or more than one.
    """
    instant = datetime.fromisoformat(since) if since else None
    with _journal(paths) as journal:
        newest = journal.entries(
            since=instant,
            session=meant_session(journal, session) if session is not None else None,
            kinds=classes_of(kinds),
            limit=limit,
            newest_first=True,
        )
        found = list(newest)
        if len(found) < limit:
            say_removed(journal, instant or BEGINNING)
        ordered = Ordered(look_up=journal.ordered)
        return [event_row(decoded(one), entry_to_plain(one), ordered) for one in reversed(found)]


def all_events(
    paths: Paths, *, since: str | None, session: str | None, kinds: Sequence[str]
) -> Iterator[EventRow]:
    """Every entry that fits, oldest first, one at a time; also beside a running daemon.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
        UnclearSessionError: no session fits, or more than one.
    """
    instant = datetime.fromisoformat(since) if since else None
    with _journal(paths) as journal:
        say_removed(journal, instant or BEGINNING)
        whole = meant_session(journal, session) if session is not None else None
        ordered = Ordered(look_up=journal.ordered)
        for one in journal.entries(since=instant, session=whole, kinds=classes_of(kinds)):
            yield event_row(decoded(one), entry_to_plain(one), ordered)


def _known_sessions(journal: ReadOnlyJournal) -> list[Called]:
    """Each once, as it was called last."""
    newest = islice(journal.entries(kinds=["SessionSeen"], newest_first=True), _LOOKED_BACK)
    seen = [one.event for one in newest if isinstance(one.event, SessionSeen)]
    titles = {str(one.session): one.title for one in reversed(seen)}
    return [Called(id=session, title=title) for session, title in titles.items()]


def meant_session(journal: ReadOnlyJournal, asked: str) -> str:
    """The session that is meant, as a daemon would understand it.

    Raises:
        UnclearSessionError: none fits, or more than one.
    """
    try:
        return choose_session(_known_sessions(journal), asked)["id"]
    except UnclearSessionError:
        # Of one that was seen long ago the journal may know no more than what was done since.
        if any(islice(journal.entries(session=asked, newest_first=True), 1)):
            return asked
        raise


def read_explanations(
    paths: Paths, *, session: str | None, decision: int | None, limit: int
) -> list[Explanation]:
    """The newest decisions, oldest first, as the daemon would explain them.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
        PalingenesisError: there is no such decision, or no such session.
    """
    with _journal(paths) as journal:
        whole = meant_session(journal, session) if session is not None else None
        newest = islice(journal.entries(session=whole, newest_first=True), _LOOKED_BACK)
        removed = journal.removed()
        return explanations(
            [*newest][::-1],
            Recomputing(journal.policy),
            session=whole,
            decision=decision,
            limit=limit,
            removed_at=removed.at if removed is not None else None,
        )


@contextmanager
def _journal(paths: Paths) -> Iterator[ReadOnlyJournal]:
    if not paths.journal.exists() and not paths.journal.is_symlink():
        raise NotRunningError(
            "the daemon is not running and has not left a journal yet",
            hint="palingenesis daemon start",
        )
    with ReadOnlyJournal.open(paths.journal) as journal:
        yield journal
