"""Whose doing the end of a program of hers was, and what its last turns came to."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from palingenesis.assistants.opencode.reading import stop_of
from palingenesis.assistants.opencode.running import AtWork, Ending
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.core.errors import AssistantError
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import DownCause, SessionId, Stop
from palingenesis.processes.exits import Exit

UNKNOWN: Final = Exit()
NEWEST: Final = 30
"""So many messages tell how the last turn ended."""


async def how_it_ended(
    storage: Storage,
    at_work: AtWork,
    at: datetime,
    *,
    ended: Exit = UNKNOWN,
    farewell: bool | None = None,
    ends_itself: bool = False,
    zones: Zones | None = None,
) -> Ending:
    """Whose doing the end of a program was, as far as it can be told.

    Args:
        storage: the database that it kept its sessions in.
        at_work: its sessions that worked when it was seen last.
        at: what time it is.
        ended: how its process ended, where the system tells.
        farewell: whether it said farewell; None: that is not known.
        ends_itself: `opencode run`.
        zones: time-zone data, see `core.stops.times`.
    """
    if farewell and not ends_itself:
        return Ending(cause=DownCause.ENDED, detail="it was closed")
    if ended.is_by_hand:  # a second Ctrl+C ends it before it can say farewell or mark its turn
        return Ending(cause=DownCause.ENDED, detail=str(ended))
    try:
        unfinished = await asyncio.to_thread(left_unfinished, storage, at_work)
    except AssistantError:
        unfinished = next(iter(at_work), None)  # cannot be asked: believe what was seen last
    if unfinished is not None:
        return Ending(cause=DownCause.EXITED, detail=f"it ended in the middle of {unfinished}")
    if farewell is False and not ends_itself:
        detail = "it ended without a word, as a kill ends it"
        return Ending(cause=DownCause.EXITED, detail=detail)
    ending = Ending(cause=DownCause.ENDED, detail="it ended")
    if ends_itself:
        ending = Ending(cause=DownCause.DONE, detail="its one prompt is over")
    with contextlib.suppress(AssistantError):  # cannot be asked: then nobody knows
        stops = await asyncio.to_thread(last_stops, storage, at_work, at, zones)
        return replace(ending, stops=stops)
    return ending


def left_unfinished(storage: Storage, sessions: Collection[SessionId]) -> SessionId | None:
    """The first of these sessions whose last turn was left without any mark; None: there is none.

    Raises:
        AssistantError: the database cannot be read.
    """
    return next((session for session in sessions if _is_unfinished(storage, session)), None)


def last_stops(
    storage: Storage, sessions: Collection[SessionId], at: datetime, zones: Zones | None = None
) -> Mapping[SessionId, Stop]:
    """How the last turns of these sessions have ended, of those that have.

    Raises:
        AssistantError: the database cannot be read.
    """
    found = {
        session: stop_of(read_transcript(storage.messages(session, NEWEST)), at=at, zones=zones)
        for session in sessions
    }
    return {session: stop for session, stop in found.items() if stop is not None}


def _is_unfinished(storage: Storage, session: str) -> bool:
    answer = read_transcript(storage.messages(session, NEWEST)).answer
    return answer is None or answer.completed is None
