"""Supposing: the facts of a stop that has not happened, as the kernel would see them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from palingenesis.core import events
from palingenesis.core.events import Event
from palingenesis.core.plans import Attention
from palingenesis.core.policy.model import Mode, Policy
from palingenesis.core.values import FactValue, Stop, StopReason
from palingenesis.core.world import Decision
from palingenesis.simulation.rehearsal import AGENT, SESSION, Rehearsal

_OF_THE_STOP: Final = "stop."
_MADE_UP: Final = frozenset({"session.title", "agent.name", "agent.version"})
"""Facts of the rehearsal's own making, which would only mislead."""


def facts_supposed(
    policy: Policy,
    at: datetime,
    *,
    reason: str | None,
    given: Mapping[str, FactValue | None],
) -> dict[str, FactValue]:
    """What would be known about a session that stops for `reason`, with the given facts put in.

    Without a reason nothing is known about a stop. A given None makes a fact unknown.
    """
    word = StopReason(reason) if reason is not None else StopReason.UNKNOWN
    stop = Stop(key="supposed", reason=word)
    event = events.SessionStopped(at=at, session=SESSION, agent=AGENT, stop=stop)
    known = {
        name: value
        for name, value in facts_after(policy, event).items()
        if name not in _MADE_UP and (reason is not None or not name.startswith(_OF_THE_STOP))
    }
    merged = {**known, **given}
    return {name: value for name, value in merged.items() if value is not None}


def facts_after(policy: Policy, event: Event) -> dict[str, FactValue]:
    """The facts that the kernel decides on when this happens to an otherwise healthy session."""
    always = replace(policy, rules=(), default=(Attention(),), mode=Mode.ENFORCE, caps=())
    night = Rehearsal(policy=always, start=event.at)
    if isinstance(event, events.SessionStopped):
        event = replace(event, session=SESSION, agent=AGENT)
    decided = _decided(night.happen(event).decisions)
    return dict(decided.facts) if decided is not None else {}


def _decided(decisions: Iterable[Decision]) -> Decision | None:
    return next((one for one in decisions if one.kind == "decided"), None)
