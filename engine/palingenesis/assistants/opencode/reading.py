"""Why an OpenCode session stopped: from its messages, its status and its latest error to a `Stop`.

Neighbours: signals.py reads the stream, life.py folds it, transcript.py sums messages up,
listings.py reads the lists, ids.py names our own prompts, backup.py writes a conversation down.
"""

from dataclasses import dataclass
from datetime import datetime

from palingenesis.assistants.opencode.messages import Failure
from palingenesis.assistants.opencode.signals import Busy, Idle, Retry
from palingenesis.assistants.opencode.transcript import Transcript
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What is known of the process that works on a session."""

    dead: bool = False
    """The process that worked on it is gone."""
    server_started: datetime | None = None
    """When the server that answers now began; what was unfinished then has no owner any more."""
    exit_code: int | None = None
    signal: str | None = None
    """Name of the signal that ended it, if known."""


ALIVE = Owner()


def stop_of(
    transcript: Transcript,
    *,
    at: datetime,
    status: Busy | Idle | Retry | None = None,
    failure: Failure | None = None,
    owner: Owner = ALIVE,
    zones: Zones | None = None,
) -> Stop | None:
    """The stop of a session, or None while it works, or while its end is not final yet.

    Args:
        transcript: of its newest messages.
        at: now; times of day in a provider's text are read relative to the message they end.
        status: what `GET /session/status` says; None: absent there, which means idle.
        failure: the latest `session.error` of this turn (`Life.failure`).
        owner: the process behind it.
        zones: time-zone data, see `core.stops.times`.
    """
    raise NotImplementedError


def retrying_stop(
    retry: Retry,
    transcript: Transcript | None,
    at: datetime,
    *,
    zones: Zones | None = None,
) -> Stop:
    """The stop of a session whose OpenCode waits by itself until `retry.next`."""
    raise NotImplementedError
