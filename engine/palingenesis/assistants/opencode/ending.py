"""What the last turn of a session looks like after its program has ended."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from palingenesis.assistants.opencode.reading import stop_of
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.core.values import SessionId, Stop

NEWEST: Final = 30
"""So many messages tell how the last turn ended."""


def is_unfinished(storage: Storage, session: str) -> bool:
    """Whether its last turn was left without any mark.

    Raises:
        AssistantError: the database cannot be read.
    """
    answer = read_transcript(storage.messages(session, NEWEST)).answer
    return answer is None or answer.completed is None


def left_unfinished(storage: Storage, sessions: Collection[SessionId]) -> SessionId | None:
    """The first of these sessions whose last turn was left without any mark; None: there is none.

    Raises:
        AssistantError: the database cannot be read.
    """
    return next((session for session in sessions if is_unfinished(storage, session)), None)


def last_stops(
    storage: Storage, sessions: Collection[SessionId], at: datetime
) -> Mapping[SessionId, Stop]:
    """How the last turns of these sessions have ended, of those that have.

    Raises:
        AssistantError: the database cannot be read.
    """
    found = {
        session: stop_of(read_transcript(storage.messages(session, NEWEST)), at=at)
        for session in sessions
    }
    return {session: stop for session, stop in found.items() if stop is not None}
