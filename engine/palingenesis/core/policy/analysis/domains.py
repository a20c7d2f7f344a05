"""Domains: which values a fact can have at all, beyond what its kind says.

Written down from `kernel.snapshot`, the place where facts are made. What stands here is used as
true, so a fact is only listed where that code leaves no doubt.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from palingenesis.core.facts import Kind
from palingenesis.core.values import FactValue

_ZERO: Final[Mapping[Kind, FactValue]] = {
    Kind.INT: 0,
    Kind.DURATION: timedelta(0),
    Kind.RATIO: 0.0,
    Kind.MONEY: 0.0,
}

_ENDS: Final[Mapping[str, tuple[FactValue | None, FactValue | None]]] = {
    "stop.confidence": (0.0, 1.0),
    "stop.http_status": (100, 599),
    "stop.exit_code": (-255, 255),  # a signal may be told as its negative number
}


def ends(name: str, kind: Kind) -> tuple[FactValue | None, FactValue | None]:
    """The least and the greatest value of a number or duration; None: there is none."""
    return _ENDS.get(name, (_ZERO.get(kind), None))


ALWAYS_KNOWN: Final = frozenset(
    {
        "event",
        "work.state",
        "session.children",
        "session.title",
        "session.directory",
        "session.idle",
        "progress.age",
        "operator.paused",
        "episode.attempts",
    }
)
"""Facts without an unknown point, besides counts and calendars: the kernel always tells them."""

USUAL: Final[Mapping[str, FactValue]] = {
    "event": "stopped",
    "stop.retrying": False,
    "work.state": "absent",
    "operator.paused": False,
    "agent.kind": "opencode",
    "agent.way": "managed",
    "agent.up": True,
    "agent.supported": True,
    "agent.retrying": False,
    "host.network": True,
    "stop.confidence": 1.0,
}
"""What an example has where nothing else is asked of it, so that it looks like a real night."""
