"""Counting what the world's tally holds: one turn after the other, in the kernel's own step.

It changes nothing for a tick without a decision, because that is not written down.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect, Restart
from palingenesis.core.events import Event
from palingenesis.core.tally import BOUNDS_S, OTHER, RULES_MAX, Spans, Tally
from palingenesis.core.values import SessionId, Status
from palingenesis.core.world import Decision, World


def tallied(
    before: World, event: Event, decisions: Iterable[Decision], ordered: Iterable[Effect]
) -> Tally:
    """The tally after a turn that began in the world `before`."""
    so_far = _happened(before, event)
    for decision in decisions:
        so_far = _decided(so_far, decision, before)
    for effect in ordered:
        waited = _waited(before, effect, event.at)
        if waited is not None:
            so_far = replace(so_far, waits=_with(so_far.waits, waited))
    return so_far


def _happened(before: World, event: Event) -> Tally:
    so_far = before.tally
    match event:
        case events.EffectEnded(effect=effect, result=result):
            known = before.open.get(effect)
            if known is None:
                return so_far
            key = f"{word(known)}:{result.value}"
            return replace(so_far, effects=_more(so_far.effects, key))
        case events.CommandGiven(command=command):
            return replace(so_far, commands=_more(so_far.commands, word(command)))
        case events.AgentDown(agent=agent, cause=cause):
            gone = before.agents.get(agent)
            is_news = gone is None or gone.goes_with(cause)
            return replace(so_far, downs=_more(so_far.downs, cause.value)) if is_news else so_far
        case events.DaemonStarted():
            return replace(so_far, starts=so_far.starts + 1)
        case events.SensorBroke():
            return replace(so_far, sensor_breaks=so_far.sensor_breaks + 1)
        case events.InvariantBroken():
            return replace(so_far, safe_holds=so_far.safe_holds + 1)
        case events.MachineSlept(span=span):
            return replace(so_far, slept=so_far.slept + span)
        case _:
            return so_far


def _decided(so_far: Tally, decision: Decision, before: World) -> Tally:
    if decision.kind == "candidate":
        return so_far
    so_far = replace(so_far, decisions=_more(so_far.decisions, decision.kind))
    if decision.kind == "decided":
        is_known = decision.rule in so_far.rules or len(so_far.rules) < RULES_MAX
        rules = _more(so_far.rules, decision.rule if is_known else OTHER)
        return replace(so_far, rules=rules)
    if decision.kind == "verified" and decision.session is not None:
        trouble = before.savings.troubled.get(decision.session)
        if trouble is not None:
            recoveries = _with(so_far.recoveries, decision.at - trouble.since)
            return replace(so_far, recoveries=recoveries)
    return so_far


def _waited(before: World, effect: Effect, at: datetime) -> timedelta | None:
    """How long the plan waited that goes on with this effect; None: it did not, or is another's."""
    name: SessionId | None = getattr(effect, "session", None)
    if name is not None:
        mine = [before.sessions[name]] if name in before.sessions else []
    else:
        mine = list(before.sessions.values()) if isinstance(effect, Restart) else []
    for session in mine:
        plan = session.plan
        if (
            session.status is Status.WAITING
            and plan is not None
            and plan.wait_from is not None
            and plan.decision == effect.decision
        ):
            return at - plan.wait_from
    return None


def _with(spans: Spans, span: timedelta) -> Spans:
    span = max(span, timedelta(0))
    place = bisect_left(BOUNDS_S, span.total_seconds())
    counts = tuple(count + (number == place) for number, count in enumerate(spans.counts))
    return Spans(counts=counts, total=spans.total + span)


def _more(counts: Mapping[str, int], key: str) -> Mapping[str, int]:
    return {**counts, key: counts.get(key, 0) + 1}


def word(one: object) -> str:
    """The name of a class as people write it: `new-session`."""
    name = type(one).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
