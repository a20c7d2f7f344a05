"""Which facts a test may set, and how to bring about those that the kernel works out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from palingenesis.core.facts import FACTS

BEGINS_WITH: Final = (
    *("agent.kind", "agent.way", "agent.version", "agent.supported"),
    *("session.title", "session.directory", "progress.age"),
)
"""Facts that only `given:` may set: what kind of session and agent the test begins with."""

_ASKED: Final = "write it in the event: {kind: blocked, block: question, text: …}"
_STOPPED: Final = "write it in the event: {kind: stopped, reason: …}"
_FOLLOWS: Final = "it follows from the events of the test"
_TIME: Final = "let time pass: advance: 10m"

_WORKED_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "event": "say what happens: event: {kind: …}",
        "stop": _STOPPED,
        "block": _ASKED,
        "episode": _FOLLOWS,
        "action": "let an action fail: on: {resume: fails}",
        "rule": _FOLLOWS,
        "budget": "let the session cost more: set: {session.cost: $5}",
        "session.age": _TIME,
        "session.idle": _TIME,
        "progress.repeats": _FOLLOWS,
        "progress.age": _TIME,
        "operator": "let the person act: event: {kind: prompted}",
        "agent.up": "let the server die or come up: event: {kind: died}, or {kind: up}",
        "agent.name": "the agent of a test is named 'opencode'",
        "agent.restarts": _FOLLOWS,
        "agent.retrying": _STOPPED,
    }
)
"""By fact, or by the first part of its name."""


def settable(*, at_start: bool) -> tuple[str, ...]:
    """Names of the facts that may be set."""
    return tuple(name for name in FACTS if not how(name, at_start=at_start))


def how(name: str, *, at_start: bool) -> str:
    """How to bring a fact about that cannot be set; "" when it can be."""
    if name in BEGINS_WITH:
        if at_start:
            return ""
        return _WORKED_OUT.get(name, "write it under 'given:'")
    return _WORKED_OUT.get(name) or _WORKED_OUT.get(name.partition(".")[0], "")
