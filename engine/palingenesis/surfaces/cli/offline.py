"""Reading the journal while the daemon is down: the one exception to asking through the door."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice

from palingenesis.core.errors import JournalError, NotRunningError, PalingenesisError
from palingenesis.core.events import SessionSeen
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain
from palingenesis.core.world import Decision
from palingenesis.journal import ReadOnlyJournal, entry_to_plain
from palingenesis.runtime.considering import considered
from palingenesis.runtime.door import Considered, EventRow, Explanation
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.views import Written, event_row, explanations

_LOOKED_BACK = 20_000
"""How many entries are searched for a decision and its outcomes."""


def read_events(
    paths: Paths, *, since: str | None, session: str | None, limit: int
) -> list[EventRow]:
    """The newest entries, oldest first, as the daemon would tell them.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
    """
    instant = datetime.fromisoformat(since) if since else None
    with _journal(paths) as journal:
        newest = journal.entries(since=instant, session=session, limit=limit, newest_first=True)
        found = list(newest)
    return [event_row(_written(one), entry_to_plain(one)) for one in reversed(found)]


def read_explanations(
    paths: Paths, *, session: str | None, decision: int | None, limit: int
) -> list[Explanation]:
    """The newest decisions, oldest first, as the daemon would explain them.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
        PalingenesisError: there is no such decision.
    """
    with _journal(paths) as journal:
        newest = islice(journal.entries(newest_first=True), _LOOKED_BACK)
        written = [_written(one) for one in newest][::-1]
        seen = (one.event for one in written if isinstance(one.event, SessionSeen))
        titles = {str(event.session): event.title for event in seen}
        whole = _whole_id(session, [*titles]) if session else None
        wanted = [_only(one, decision, whole) for one in written]
        found = list(explanations(wanted, titles, _Recomputing(journal)))
    if decision is not None and not found:
        raise PalingenesisError(
            f"no decision {decision} in the journal", hint="palingenesis events"
        )
    if decision is None:
        found = [one for one in found if one["kind"] != "told"] or found
    return found[-limit:]


@contextmanager
def _journal(paths: Paths) -> Iterator[ReadOnlyJournal]:
    if not paths.journal.exists():
        raise NotRunningError(
            "the daemon is not running and has not left a journal yet",
            hint="palingenesis daemon start",
        )
    with ReadOnlyJournal.open(paths.journal) as journal:
        yield journal


def _written(recorded: Recorded) -> Written:
    return Written(
        seq=recorded.seq,
        event=recorded.event,
        decisions=[from_plain(Decision, plain) for plain in recorded.decisions],
        effects=recorded.effects,
    )


def _only(entry: Written, decision: int | None, session: str | None) -> Written:
    """The entry with the decisions that were asked for, so that no others are recomputed."""
    wanted = [
        one
        for one in entry.decisions
        if decision in (None, one.id) and session in (None, one.session)
    ]
    return replace(entry, decisions=wanted)


def _whole_id(asked: str, known: Sequence[str]) -> str:
    found = [one for one in known if one.startswith(asked)]
    if asked in found or not found:
        return asked
    if len(found) > 1:
        raise JournalError(f"'{asked[:60]}' could be any of {len(found)} sessions")
    return found[0]


class _Recomputing:
    """Tells what became of every rule, with the policies that the journal kept."""

    def __init__(self, journal: ReadOnlyJournal) -> None:
        self._journal = journal
        self._known: dict[str, Policy | None] = {}

    def __call__(self, decision: Decision) -> Sequence[Considered]:
        digest = decision.policy
        if digest not in self._known:
            kept = self._journal.policy(digest)
            self._known[digest] = build(kept[1]) if kept is not None else None
        policy = self._known[digest]
        return considered(policy, decision) if policy is not None else ()
