"""What a look at one directory finds: who works there, and what waits for a person.

A look takes a moment, and what a signal tells meanwhile is newer. That is judged by the session at
the top of a family: into its life its subagents are folded.
"""

from collections.abc import Callable, Collection, Mapping

from palingenesis.assistants.opencode.book import Book
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.life import Activity
from palingenesis.assistants.opencode.signals import Answered, Busy, Idle, Retry
from palingenesis.assistants.opencode.watched import Errand, Watched
from palingenesis.core.values import SessionId


async def look_into(
    book: Book, client: OpenCode, directory: str, *, supervised: Callable[[], Collection[SessionId]]
) -> list[Errand]:
    """Take in what is found there, but for what was overtaken; returns what should be asked now.

    Args:
        book: what is known of the sessions.
        client: whom to ask.
        directory: where to look.
        supervised: the sessions that are known to have been at work before anybody listened.
    """
    before = _counts(book)
    statuses = await client.statuses(directory)
    asked = await client.asked(directory)

    now = _counts(book)
    spoke, moved, was_asked = (
        {key for key, counts in now.items() if counts[of] != before.get(key, (0, 0, 0))[of]}
        for of in range(3)
    )
    errands: list[Errand] = []
    for one in asked:
        if book.root(one.session) not in moved | was_asked:
            errands += book.take(one)
    for session, status in statuses.items():
        if book.root(session) not in moved:
            errands += _found(book, status, supervised)
    for watched in tuple(book.watched.values()):
        key = watched.info.id
        if watched.info.directory != directory:
            continue
        if key not in spoke | statuses.keys():
            errands += book.poll_idle(watched)
        if key not in moved:
            errands += _rested(book, watched, statuses)
        if key not in moved | was_asked:
            errands += _settled(book, watched, {one.id for one in asked})
    return errands


def _counts(book: Book) -> dict[str, tuple[int, int, int]]:
    return {key: (w.signals, w.moves, w.asks) for key, w in book.watched.items()}


def _found(
    book: Book, status: Busy | Retry, supervised: Callable[[], Collection[SessionId]]
) -> list[Errand]:
    errands: list[Errand] = []
    known = book.watched.get(status.session)
    is_new = known is None or known.life.activity is Activity.IDLE
    if isinstance(status, Retry) and is_new and status.session not in supervised():
        # Found waiting for its retry: it is at work, and nobody has told so yet.
        errands += book.take(Busy(session=status.session, directory=status.directory))
    return errands + book.take(status)


def _rested(book: Book, watched: Watched, at_work: Mapping[str, Busy | Retry]) -> list[Errand]:
    """Subagents whose end was not heard."""
    errands: list[Errand] = []
    for child in watched.life.children - at_work.keys():
        if book.place_of(child) in {"", watched.info.directory}:
            errands += book.take(Idle(session=child, directory=watched.info.directory))
    return errands


def _settled(book: Book, watched: Watched, open_now: set[str]) -> list[Errand]:
    """Permissions and questions whose answer was not heard."""
    errands: list[Errand] = []
    for asked in tuple((watched.life.blocks or {}).values()):
        if asked.id not in open_now:
            gone = Answered(session=asked.session, id=asked.id, kind=asked.kind)
            errands += book.take(gone)
    return errands
