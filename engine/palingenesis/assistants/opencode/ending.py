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
from palingenesis.assistants.opencode.transcript import Transcript, read_transcript
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
    began: datetime | None = None,
    zones: Zones | None = None,
) -> Ending:
    """Whose doing the end of a program was, as far as it can be told.

    A kill and a mistake have a signal, or another exit code than 0: a TUI that comes to its
    orderly end was closed by her, whatever it could still write down of its turns.

    Args:
        storage: the database that it kept its sessions in.
        at_work: its sessions that worked when it was seen last.
        at: what time it is.
        ended: how its process ended, where the system tells.
        farewell: whether it said farewell; None: that is not known.
        ends_itself: `opencode run`.
        began: when it was started; None: that is not known. A turn from before is not its own.
        zones: time-zone data, see `core.stops.times`.
    """
    if farewell and not ends_itself:
        return Ending(cause=DownCause.ENDED, detail="it was closed")
    if ended.is_by_hand:  # a second Ctrl+C ends it before it can say farewell or mark its turn
        return Ending(cause=DownCause.ENDED, detail=str(ended))
    if ends_itself or ended.code != 0:
        try:
            unfinished = await asyncio.to_thread(left_unfinished, storage, at_work, began)
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


def left_unfinished(
    storage: Storage, sessions: Collection[SessionId], began: datetime | None = None
) -> SessionId | None:
    """The first of these sessions whose last turn was left without any mark; None: there is none.

    Raises:
        AssistantError: the database cannot be read.
    """
    for session in sessions:
        transcript = _newest(storage, session)
        if _is_unmarked(transcript) and not _is_older(transcript, began):
            return session
    return None


def last_stops(
    storage: Storage, sessions: Collection[SessionId], at: datetime, zones: Zones | None = None
) -> Mapping[SessionId, Stop]:
    """How the last turns of these sessions have ended, of those that have.

    Raises:
        AssistantError: the database cannot be read.
    """
    found: dict[SessionId, Stop] = {}
    for session in sessions:
        transcript = _newest(storage, session)
        stop = None if _is_unmarked(transcript) else stop_of(transcript, at=at, zones=zones)
        if stop is not None:
            found[session] = stop
    return found


def _newest(storage: Storage, session: SessionId) -> Transcript:
    return read_transcript(storage.messages(session, NEWEST))


def _is_unmarked(transcript: Transcript) -> bool:
    answer = transcript.answer
    return answer is None or answer.completed is None


def _is_older(transcript: Transcript, began: datetime | None) -> bool:
    """Whether the last turn was begun before then."""
    turn = transcript.answer or transcript.user
    if turn is None or turn.created is None or began is None:
        return False
    return turn.created < began
