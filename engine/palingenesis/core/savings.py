"""What a night was worth: stops, saves, time waited, prompts; a fold over what was written down.

A *save* is a stop that became verified work again without a person. A stop is *handed over* when
the policy gave it to a person. A stop that asked for nothing (finished work, a person's own stop)
is neither, and so does not touch the success rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from palingenesis.core import effects, events, plans
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.values import Result, SessionId
from palingenesis.core.world import Decision

Written = tuple[Event, Sequence[Decision], Sequence[Effect]]
"""One turn, as the journal has it."""

_Prompt = effects.Resume | effects.Retry | effects.NewSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """The count so far. `troubled` and `under_way` are its memory, not its result."""

    stops: Mapping[str, int] = field(default_factory=dict)
    """Stops that were decided about, by reason."""
    saves: int = 0
    handed_over: int = 0
    waited: timedelta = timedelta(0)
    """From a stop until verified work, over all saves."""
    prompts: int = 0
    """Prompts that were sent, or may have been."""
    reruns: int = 0
    """Unanswered turns that were run again without a word; these are no prompts."""
    restarts: int = 0
    notices: int = 0
    backups: tuple[str, ...] = ()
    """Paths of the conversations that were backed up."""
    troubled: Mapping[SessionId, datetime] = field(default_factory=dict)
    """Sessions whose stop is being answered, and since when."""
    under_way: Mapping[str, Effect] = field(default_factory=dict)

    @property
    def stopped(self) -> int:
        """How many stops there were."""
        return sum(self.stops.values())

    @property
    def success_rate(self) -> float | None:
        """Saves among the stops that were answered to their end, 0 to 1; None without any."""
        answered = self.saves + self.handed_over
        return self.saves / answered if answered else None


def savings(written: Iterable[Written]) -> Savings:
    """The savings of a whole stretch of the journal, oldest turn first."""
    so_far = Savings()
    for event, decisions, ordered in written:
        so_far = counted(so_far, event, decisions, ordered)
    return so_far


def counted(
    so_far: Savings, event: Event, decisions: Iterable[Decision], ordered: Iterable[Effect]
) -> Savings:
    """The savings with one more turn."""
    if isinstance(event, events.EffectEnded):
        so_far = _ended(so_far, event)
    elif isinstance(event, events.ClockStepped):
        troubled = {session: at + event.by for session, at in so_far.troubled.items()}
        so_far = replace(so_far, troubled=troubled)
    for decision in decisions:
        so_far = _decided(so_far, decision)
    for effect in ordered:
        so_far = _ordered(so_far, effect)
    return so_far


def _decided(so_far: Savings, decision: Decision) -> Savings:
    session = decision.session
    if session is None:
        return so_far
    troubled = dict(so_far.troubled)
    if decision.kind == "verified" and session in troubled:
        waited = max(decision.at - troubled.pop(session), timedelta(0))
        return replace(
            so_far, saves=so_far.saves + 1, waited=so_far.waited + waited, troubled=troubled
        )
    if decision.kind != "decided":
        return so_far
    if decision.event == "stopped":
        reason = str(decision.facts.get("stop.reason", "unknown"))
        stops = {**so_far.stops, reason: so_far.stops.get(reason, 0) + 1}
        so_far = replace(so_far, stops=stops)
    elif session not in troubled:
        return so_far
    match decision.plan[-1] if decision.plan else None:
        case plans.Attention():
            troubled.pop(session, None)
            return replace(so_far, handed_over=so_far.handed_over + 1, troubled=troubled)
        case plans.StandDown() | plans.Finish():
            troubled.pop(session, None)
        case _:
            troubled.setdefault(session, decision.at)
    return replace(so_far, troubled=troubled)


def _ordered(so_far: Savings, effect: Effect) -> Savings:
    if isinstance(effect, effects.Restart):
        return replace(so_far, restarts=so_far.restarts + 1)
    if isinstance(effect, effects.Notify):
        return replace(so_far, notices=so_far.notices + 1)
    if not isinstance(effect, _Prompt | effects.Snapshot):
        return so_far
    under_way = {**so_far.under_way, effect.id: effect}
    return _set_to_work(replace(so_far, under_way=under_way), effect, 1)


def _set_to_work(so_far: Savings, effect: Effect, count: int) -> Savings:
    if isinstance(effect, effects.Resume) and not effect.words:
        return replace(so_far, reruns=so_far.reruns + count)
    if isinstance(effect, _Prompt):
        return replace(so_far, prompts=so_far.prompts + count)
    return so_far


def _ended(so_far: Savings, event: events.EffectEnded) -> Savings:
    under_way = dict(so_far.under_way)
    effect = under_way.pop(event.effect, None)
    if effect is None:
        return so_far
    so_far = replace(so_far, under_way=under_way)
    if isinstance(effect, effects.Snapshot):
        path = event.data.get("path", "")
        return replace(so_far, backups=(*so_far.backups, path)) if path else so_far
    if event.result in {Result.FAILED, Result.SUPERSEDED}:
        return _set_to_work(so_far, effect, -1)
    heir = event.data.get("session", "")
    if isinstance(effect, effects.NewSession) and heir and effect.session in so_far.troubled:
        troubled = dict(so_far.troubled)
        troubled[SessionId(heir)] = troubled.pop(effect.session)
        return replace(so_far, troubled=troubled)
    return so_far
