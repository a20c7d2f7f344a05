"""What a report is made of: a stretch of the journal, and the world as it is now."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from palingenesis.core.errors import PalingenesisError
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.journal_reading import open_journal

if TYPE_CHECKING:
    from palingenesis.core.savings import Savings
    from palingenesis.core.values import SessionId
    from palingenesis.runtime.door import SessionStatus
    from palingenesis.runtime.morning import Morning

_EVENING: Final = 18
_NIGHT: Final = timedelta(hours=6)
"""A night that began later than this is not over: the one before is meant."""
_WEEK: Final = timedelta(days=7)
_NEEDS: Final = ("attention", "blocked", "asking", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything that a report says, however it says it."""

    morning: "Morning"
    total: "Savings"
    """Since counting began."""
    waiting: "tuple[SessionStatus, ...]"
    """Sessions that need her, the ones that wait longest first."""
    sessions: "tuple[SessionStatus, ...]"
    """All that are supervised now."""
    titles: "dict[SessionId, str]"
    all_paused: bool
    """Nothing is done for anybody, until the pause ends as a whole."""
    runs: bool
    """Whether the daemon runs now."""
    policy: str
    complete_since: datetime | None
    """What happened before was removed from the journal, at least in part; None: nothing was."""
    damaged: int
    """Entries of the stretch that cannot be read."""
    host: str
    user: str


def night_before(now: datetime) -> datetime:
    """The newest evening at six, local time, that is some hours ago."""
    here = (now - _NIGHT).astimezone()
    evening = here.replace(hour=_EVENING, minute=0, second=0, microsecond=0)
    return evening if evening <= here else evening - timedelta(days=1)


def week_before(now: datetime) -> datetime:
    """Seven days ago, at the beginning of that local day."""
    return (now - _WEEK).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def read_report(desk: Desk, since: datetime, now: datetime) -> Told:
    """Read the journal; a daemon that writes to it is not held up.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
    """
    from palingenesis.runtime.morning import LOOK_BACK, Reading
    from palingenesis.runtime.recovery import recover
    from palingenesis.runtime.views import supervised
    from palingenesis.runtime.worth import written

    with open_journal(desk.paths) as journal:
        reading = Reading(since)
        reading.take_all(written(journal.entries(since=_earlier(since, LOOK_BACK))))
        damaged = len(journal.skipped)
        world = recover(journal).world
        removed = journal.removed()
    until = max(now, reading.last)
    reading.lanes.corrected(world.sessions, until)
    rows = supervised(world, now)
    return Told(
        morning=reading.done(until),
        total=world.savings,
        waiting=tuple(row for row in rows if row["status"] in _NEEDS),
        sessions=tuple(rows),
        titles={id_: session.title for id_, session in world.sessions.items()},
        all_paused=world.paused,
        runs=_runs(desk),
        policy=world.policy_name,
        complete_since=removed.until if removed is not None and removed.until > since else None,
        damaged=damaged,
        host=os.uname().nodename,
        user=_user(),
    )


def _earlier(at: datetime, span: timedelta) -> datetime:
    try:
        return at - span
    except OverflowError:
        return at


def _runs(desk: Desk) -> bool:
    try:
        return desk.client(timeout_s=2.0).status()["running"]
    except PalingenesisError:
        return False


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
