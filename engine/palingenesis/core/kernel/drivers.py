"""Somebody else drives this session: a person, a plugin, another supervisor. It goes first.

Who sent a message cannot be seen on the wire: a plugin that resumes a session looks like a person
who types. Either makes every plan of ours void. What can be seen is the clock: nobody types within
seconds of stop after stop. After a few of them in a row another program drives the session, and two
drivers prompt twice; so from then on it goes first (core.safety), and people are told so, once.
"""

from datetime import timedelta
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.safety import DRIVEN_AFTER, YIELD
from palingenesis.core.values import Severity, Stop
from palingenesis.core.world import Session

QUICK: Final = timedelta(seconds=5)
"""So soon after a stop, or after a prompt of ours, no person goes on stop after stop."""
_AGAIN: Final = timedelta(days=1)
"""People are told of the same session no more often."""


def somebody_went_on(draft: Draft, session: Session) -> Session:
    """Somebody else than we goes on with the session; was it quick about it?"""
    stop, stopped_at = session.stop, session.stopped_at
    if stop is None or stopped_at is None or stop.retrying or stop.key in session.driven:
        return session
    ours = [at for at in session.prompts[-1:] if at >= stopped_at]
    if draft.at - max([stopped_at, *ours]) > QUICK:
        return session
    driven = (*session.driven, stop.key)[-DRIVEN_AFTER:]
    session = draft.put(replace(session, driven=driven))
    told_at = session.driver_told_at
    if len(driven) < DRIVEN_AFTER or (told_at is not None and draft.at - told_at < _AGAIN):
        return session
    draft.tell(
        session,
        Severity.WARNING,
        session.title or session.id,
        f"Somebody else goes on with this session within seconds of its stops, {DRIVEN_AFTER} "
        "times in a row: another program seems to drive it. It goes first from now on; "
        f"palingenesis acts {show_duration(YIELD)} later, if nobody has.",
        "another driver goes on with this session",
    )
    return draft.put(replace(session, driver_told_at=draft.at))


def still_driven(session: Session, before: Stop | None) -> tuple[str, ...]:
    """What a new stop leaves of the row: nothing, if nobody was quick about the one before."""
    if before is None or session.driven[-1:] != (before.key,):
        return ()
    return session.driven
