"""Counting what nights were worth: a fold over what was written down, one turn after the other.

Theory of operation. The world carries its savings (`World.savings`), counted turn by turn, so they
are as durable as everything else it remembers: a snapshot holds them, and entries that the journal
removes to stay within its bounds are counted already. The same fold over a stretch of entries gives
the figures of that stretch. It reads nothing but events, decisions and effects, because that is all
that an entry has, and it changes nothing for a tick without a decision, because that is not
written down.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.savings import Savings, Trouble
from palingenesis.core.values import Result, SessionId
from palingenesis.core.world import Decision

Written = tuple[Event, Sequence[Decision], Sequence[Effect]]
"""One turn, as the journal has it."""

_Prompt = effects.Resume | effects.Retry | effects.NewSession
_Key = TypeVar("_Key", SessionId, str)
_Value = TypeVar("_Value")

_BACKUPS: Final = 50
_REMEMBERED: Final = 200
_SESSIONS: Final = 500


def savings(written: Iterable[Written], so_far: Savings | None = None) -> Savings:
    """The savings of a whole stretch of the journal, oldest turn first, on top of `so_far`."""
    so_far = so_far or Savings()
    for event, decisions, ordered in written:
        so_far = counted(so_far, event, decisions, ordered)
    return so_far


def counted(
    so_far: Savings, event: Event, decisions: Iterable[Decision], ordered: Iterable[Effect]
) -> Savings:
    """The savings with one more turn."""
    so_far = _happened(so_far, event)
    for decision in decisions:
        so_far = _decided(so_far, decision)
    for effect in ordered:
        so_far = _ordered(so_far, effect)
    return _went_on(so_far, event)


def before_each(
    so_far: Savings, event: Event, decisions: Iterable[Decision]
) -> Iterator[tuple[Decision, Savings]]:
    """Each decision of a turn with what was counted right before it: the event has changed that."""
    so_far = _happened(so_far, event)
    for decision in decisions:
        yield decision, so_far
        so_far = _decided(so_far, decision)


# ── what happened ─────────────────────────────────────────────────────────────────────────────


def _happened(so_far: Savings, event: Event) -> Savings:
    if so_far.since is None and not isinstance(event, events.Ticked):
        so_far = replace(so_far, since=event.at)
    match event:
        case events.SessionAlive() | events.SessionProgressed():
            return _seen_working(so_far, event)
        case events.SessionStopped():
            return _without(so_far, event.session)
        case events.SessionGone():
            gone = _without(so_far, event.session)
            return replace(gone, troubled=_less(gone.troubled, event.session))
        case events.PersonPrompted():
            return _stepped_in(_without(so_far, event.session), event.session, event)
        case events.SessionBlocked():
            return _asked(_without(so_far, event.session), event)
        case events.CommandGiven():
            return _commanded(so_far, event)
        case events.EffectEnded():
            return _ended(so_far, event)
        case events.PolicyAdopted():
            return replace(so_far, policies=so_far.policies + 1)
        case events.PolicyRefused():
            return replace(so_far, policies_refused=so_far.policies_refused + 1)
        case _:
            return _of_time(so_far, event)


def _of_time(so_far: Savings, event: Event) -> Savings:
    """What counts elapsed time goes with a clock that is set, and not with what nobody saw."""
    if isinstance(event, events.ClockStepped):
        by = event.by
        since, last = so_far.since, so_far.intervened_at
        troubled = {
            session: replace(trouble, since=trouble.since + by)
            for session, trouble in so_far.troubled.items()
        }
        winning = {session: at + by for session, at in so_far.winning.items()}
        return replace(
            so_far,
            since=since + by if since is not None and since != event.at else since,
            intervened_at=last + by if last is not None else None,
            troubled=troubled,
            winning=winning,
        )
    if isinstance(event, events.MachineSlept) and so_far.winning:
        slept = {session: at + event.span for session, at in so_far.winning.items()}
        return replace(so_far, winning=slept)
    if isinstance(event, events.DaemonStarted) and so_far.winning:
        seen = {session: max(at, event.at) for session, at in so_far.winning.items()}
        return replace(so_far, winning=seen)
    return so_far


def _seen_working(
    so_far: Savings, event: events.SessionAlive | events.SessionProgressed
) -> Savings:
    before = so_far.winning.get(event.session)
    if before is None or event.at <= before:
        return so_far
    winning = {**so_far.winning, event.session: event.at}
    return replace(so_far, won=so_far.won + (event.at - before), winning=winning)


def _went_on(so_far: Savings, event: Event) -> Savings:
    """A stop after which the session went on by itself is over: it is no save, and none can come.

    So it is when its assistant's own retry came good, and when a person had to answer it.
    """
    if not isinstance(event, events.SessionProgressed | events.SessionBlocked):
        return so_far
    if event.session not in so_far.troubled or _is_prompted(so_far, event.session):
        return so_far
    return replace(so_far, troubled=_less(so_far.troubled, event.session))


def _is_prompted(so_far: Savings, session: SessionId) -> bool:
    """Whether a prompt of ours is under way there, whose outcome will tell."""
    return any(
        isinstance(effect, _Prompt) and effect.session == session
        for effect in so_far.under_way.values()
    )


def _without(so_far: Savings, session: SessionId) -> Savings:
    """What follows is no work after a save any more."""
    if session not in so_far.winning:
        return so_far
    return replace(so_far, winning=_less(so_far.winning, session))


def _asked(so_far: Savings, event: events.SessionBlocked) -> Savings:
    session, block = event.session, event.block
    if so_far.asked.get(session) == block.id:
        return so_far
    kind = block.kind.value
    so_far = replace(
        so_far,
        blocks={**so_far.blocks, kind: so_far.blocks.get(kind, 0) + 1},
        asked=_newest(so_far.asked, session, block.id, _REMEMBERED),
    )
    return _needed(so_far, session, event)


def _commanded(so_far: Savings, event: events.CommandGiven) -> Savings:
    match event.command:
        case commands.Greeted():
            return replace(so_far, greeted=True)
        case (
            commands.Abort(session=session)
            | commands.Skip(session=session)
            | commands.Renew(session=session)
            | commands.Detach(session=session)
        ):
            return _stepped_in(_without(so_far, session), session, event)
        case commands.Release(session=session) if session is not None:
            return _stepped_in(so_far, session, event)
        case _:
            return so_far


def _stepped_in(so_far: Savings, session: SessionId, event: Event) -> Savings:
    """She goes on herself: if its stop was being answered, that is no save any more."""
    if session not in so_far.troubled:
        return so_far
    so_far = replace(
        so_far,
        taken_over=so_far.taken_over + 1,
        troubled=_less(so_far.troubled, session),
    )
    return _needed(so_far, session, event)


def _needed(so_far: Savings, session: SessionId, when: Event | Decision) -> Savings:
    """A person was needed in this session."""
    so_far = _met(so_far, session)
    if not so_far.met[session]:
        met = {**so_far.met, session: True}
        so_far = replace(so_far, interrupted=so_far.interrupted + 1, met=met)
    at = max(when.at, so_far.intervened_at or when.at)
    return replace(so_far, interventions=so_far.interventions + 1, intervened_at=at)


def _met(so_far: Savings, session: SessionId) -> Savings:
    if session in so_far.met:
        return so_far
    met = _newest(so_far.met, session, False, _SESSIONS)  # noqa: FBT003 - a value, no switch
    return replace(so_far, sessions=so_far.sessions + 1, met=met)


# ── what was decided ──────────────────────────────────────────────────────────────────────────


def _decided(so_far: Savings, decision: Decision) -> Savings:
    session = decision.session
    if decision.kind == "refused":
        return replace(so_far, refusals=so_far.refusals + 1)
    if session is None:
        return so_far
    if decision.kind == "verified" and session in so_far.troubled:
        return _saved(so_far, session, decision)
    if decision.kind == "answered" and decision.event == "operator":
        return _needed(so_far, session, decision)
    if decision.kind != "decided":
        return so_far
    reason = str(decision.facts.get("stop.reason", "unknown"))
    if decision.event == "stopped":
        stops = {**so_far.stops, reason: so_far.stops.get(reason, 0) + 1}
        so_far = replace(_met(_without(so_far, session), session), stops=stops)
    elif session not in so_far.troubled:
        return so_far
    match decision.plan[-1] if decision.plan else None:
        case plans.Attention():
            so_far = replace(so_far, troubled=_less(so_far.troubled, session))
            handed_over = replace(so_far, handed_over=so_far.handed_over + 1)
            return _needed(handed_over, session, decision)
        case plans.StandDown() | plans.Finish():
            return replace(so_far, troubled=_less(so_far.troubled, session))
        case _ if session not in so_far.troubled:
            trouble = Trouble(since=decision.at, reason=reason)
            troubled = _newest(so_far.troubled, session, trouble, _SESSIONS)
            return replace(so_far, troubled=troubled)
        case _:
            return so_far


def _saved(so_far: Savings, session: SessionId, decision: Decision) -> Savings:
    trouble = so_far.troubled[session]
    saves_by = {
        **so_far.saves_by,
        trouble.reason: so_far.saves_by.get(trouble.reason, 0) + 1,
    }
    return replace(
        so_far,
        saves_by=saves_by,
        waited=so_far.waited + max(decision.at - trouble.since, timedelta(0)),
        troubled=_less(so_far.troubled, session),
        winning=_newest(so_far.winning, session, decision.at, _SESSIONS),
    )


# ── what was ordered ──────────────────────────────────────────────────────────────────────────


def _ordered(so_far: Savings, effect: Effect) -> Savings:
    if isinstance(effect, effects.Restart):
        return replace(so_far, restarts=so_far.restarts + 1)
    if isinstance(effect, effects.Notify):
        return replace(so_far, notices=so_far.notices + 1)
    if not isinstance(effect, _Prompt | effects.Snapshot):
        return so_far
    under_way = _newest(so_far.under_way, effect.id, effect, _REMEMBERED)
    return replace(so_far, under_way=under_way)


def _ended(so_far: Savings, event: events.EffectEnded) -> Savings:
    if event.result is Result.UNKNOWN:
        so_far = replace(so_far, unknown=so_far.unknown + 1)
    effect = so_far.under_way.get(event.effect)
    if effect is None:
        return so_far
    so_far = replace(so_far, under_way=_less(so_far.under_way, event.effect))
    if isinstance(effect, effects.Snapshot):
        path = event.data.get("path", "")
        backups = (*so_far.backups, path)[-_BACKUPS:] if path else so_far.backups
        return replace(so_far, backups=backups)
    if event.result in {Result.FAILED, Result.SUPERSEDED}:
        return so_far
    if isinstance(effect, effects.Resume) and not effect.words:
        return replace(so_far, reruns=so_far.reruns + 1)
    so_far = replace(so_far, prompts=so_far.prompts + 1)
    heir = event.data.get("session", "")
    if isinstance(effect, effects.NewSession) and heir:
        return _inherited(so_far, effect.session, SessionId(heir))
    return so_far


def _inherited(so_far: Savings, session: SessionId, heir: SessionId) -> Savings:
    """The one that continues another is the same, as far as is counted."""
    if session in so_far.met and heir not in so_far.met:
        met = _newest(so_far.met, heir, so_far.met[session], _SESSIONS)
        so_far = replace(so_far, met=met)
    if session in so_far.troubled:
        troubled = {**_less(so_far.troubled, session), heir: so_far.troubled[session]}
        so_far = replace(so_far, troubled=troubled)
    return so_far


def _less(kept: Mapping[_Key, _Value], key: _Key) -> Mapping[_Key, _Value]:
    return {one: value for one, value in kept.items() if one != key}


def _newest(
    kept: Mapping[_Key, _Value], key: _Key, value: _Value, most: int
) -> Mapping[_Key, _Value]:
    """With one more, as the newest; the oldest give way."""
    known = {**_less(kept, key), key: value}
    return known if len(known) <= most else dict(list(known.items())[-most:])
