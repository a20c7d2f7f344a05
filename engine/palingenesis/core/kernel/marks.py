"""What the kernel marks on a stop: whose doing it was, and until when its server was known to run.

A server that dies leaves a turn without an end. One that bears the mark of an abort was aborted
before, and where that was no doing of ours, it was the person's: her stop, which nobody has told
yet. But a clean end of a server leaves the same mark, in its last moment. So the abort counts if
the server was known to run after it; one that was killed has had no such moment, and ran to its
end.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.values import HER_STOPS, DownCause, Stop
from palingenesis.core.world import Agent, Session

_ENDED_BY: Final = "ended_by"
_US: Final = "us"
_ALIVE_AT: Final = "alive_at"
_KILLED: Final = "SIGKILL"


def is_ours(stop: Stop | None) -> bool:
    """Whether an abort of ours has made this stop what it is."""
    return stop is not None and stop.evidence.get(_ENDED_BY) == _US


def ended_by_us(stop: Stop) -> Stop:
    """The stop, as one that an abort of ours has made."""
    return replace(stop, evidence={**stop.evidence, _ENDED_BY: _US})


def is_her_stop(stop: Stop | None) -> bool:
    """Whether the person made it at the assistant."""
    return stop is not None and stop.reason in HER_STOPS


def last_alive(
    draft: Draft, session: Session, agent: Agent, end: events.AgentDown
) -> Mapping[str, str | int | float | bool]:
    """The evidence of a stop that the `end` of its agent made; none where an abort may be ours."""
    if not agent.up or session.aborting or is_ours(session.stop):
        return {}
    if end.cause is DownCause.STOPPED:
        return {}
    if end.signal == _KILLED and not _is_being_ended(draft, agent):
        return {_ALIVE_AT: end.at.isoformat()}
    signs = [one.alive_at for one in draft.sessions.values() if one.agent == agent.id]
    return {_ALIVE_AT: max([agent.since, *(at for at in signs if at is not None)]).isoformat()}


def _is_being_ended(draft: Draft, agent: Agent) -> bool:
    """Whether we were about to end it, cleanly at first."""
    ends = (effects.Restart, effects.Stop)
    return any(isinstance(one, ends) and one.agent == agent.id for one in draft.open.values())


def alive_at(stop: Stop | None) -> datetime | None:
    """When the server whose end made this stop was last known to run; None: nobody knows."""
    said = stop.evidence.get(_ALIVE_AT) if stop is not None else None
    return datetime.fromisoformat(said) if isinstance(said, str) else None
