"""The savings as surfaces show them, and how they are counted up from the journal alone."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from palingenesis.core.counting import Written, savings
from palingenesis.core.errors import JournalError
from palingenesis.core.record import from_plain
from palingenesis.core.savings import Savings
from palingenesis.core.world import Decision
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.savings_status import SavingsStatus


def savings_status(found: Savings, at: datetime) -> SavingsStatus:
    """The figures as plain data."""
    return {
        "since": _instant(found.since),
        "stops": dict(sorted(found.stops.items())),
        "saves": found.saves,
        "saves_by": dict(sorted(found.saves_by.items())),
        "handed_over": found.handed_over,
        "taken_over": found.taken_over,
        "success_rate": found.success_rate,
        "waited_s": round(found.waited.total_seconds(), 3),
        "saved_s": round(found.won.total_seconds(), 3),
        "sessions": found.sessions,
        "interrupted": found.interrupted,
        "uninterrupted": found.uninterrupted,
        "blocks": dict(sorted(found.blocks.items())),
        "interventions": found.interventions,
        "intervened": _instant(found.intervened_at),
        "days_without": found.days_without(at),
        "prompts": found.prompts,
        "reruns": found.reruns,
        "restarts": found.restarts,
        "notices": found.notices,
        "refusals": found.refusals,
        "unknown": found.unknown,
        "policies": found.policies,
        "policies_refused": found.policies_refused,
        "greeted": found.greeted,
    }


class Kept(Protocol):
    """What counting reads of the journal."""

    def latest_snapshot(self) -> tuple[int, Any] | None:
        """Number of the entry it follows, and the plain world."""
        ...

    def entries(self, after: int = 0) -> Iterable[Recorded]:
        """Everything written after that entry, oldest first."""
        ...


def count_up(journal: Kept) -> Savings:
    """The savings as the daemon would tell them, without a daemon.

    Begins with what the newest snapshot holds, so what the journal removed since stays counted.

    Raises:
        JournalError: the journal cannot be read.
    """
    seq, so_far = 0, Savings()
    snapshot = journal.latest_snapshot()
    if snapshot is not None:
        with suppress(JournalError, KeyError, TypeError):
            so_far = from_plain(Savings, snapshot[1]["savings"])
            seq = snapshot[0]
    return savings(written(journal.entries(seq)), so_far)


def written(entries: Iterable[Recorded]) -> Iterator[Written]:
    """Entries as counting takes them; decisions of an unknown version are left out."""
    for entry in entries:
        decisions = []
        for plain in entry.decisions:
            with suppress(JournalError):
                decisions.append(from_plain(Decision, dict(plain)))
        yield entry.event, decisions, entry.effects


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None
