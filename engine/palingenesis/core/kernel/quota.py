"""The ledger of limits that sessions share: a fold over what sessions meet.

Theory of operation. A refusal closes a limit; an answer opens it again. While it is closed, nobody
knows whether it is open: the displayed reset is a promise. So one session goes first, the canary.
Its answer (text, a tool; not that a step began, for a refused one begins too) opens the limit, and
a refusal of it re-arms the wait for all, with a back-off. How much later than displayed the answer
came is the drift of this limit; it is added to the resets that are displayed next, and forgotten
when some of them came no later. A pause of less than five minutes is no reset: it teaches nothing,
and nothing is added to it. Who waits in line, and when whose turn is, is in quota_line.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Protocol

from palingenesis.core import effects, events, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft, fraction
from palingenesis.core.kernel.quota_keys import (
    Place,
    concerns,
    heading_of,
    is_short,
    key_of,
    place_of,
    place_of_stop,
    window_of,
)
from palingenesis.core.kernel.waits import named_by, rung, source_of
from palingenesis.core.ledger import Quota
from palingenesis.core.plans import Backoff
from palingenesis.core.safety import PROVIDER_REFUSED, WAIT_MAX
from palingenesis.core.values import (
    AgentId,
    Result,
    SessionId,
    Source,
    Status,
    Stop,
    StopReason,
)
from palingenesis.core.world import Agent, Plan, Session, World

ROWS_MOST: Final = 64
CANARY_FOR: Final = timedelta(minutes=10)
"""A canary that gave neither a sign nor a stop for so long is none any more."""
GAP: Final = timedelta(seconds=5)
"""The least time between two of the line; the dice add up to as much again."""
SHORT_GAP: Final = timedelta(seconds=2)
"""The same for a limit that passes within minutes."""
DRIFT_MAX: Final = timedelta(minutes=30)
"""No more is learnt; a reset that is displayed this far ahead is a new one."""
ON_TIME: Final = 3
"""After so many resets in a row that came in time the drift is forgotten."""

_DISPLAYED: Final = timedelta(minutes=5)
"""A shorter wait is a pause that was asked for: nothing is learnt from it, or added to it."""
_LONG: Final = Backoff(first=timedelta(minutes=1), factor=2.0, longest=timedelta(hours=1))
_SHORT: Final = Backoff(first=timedelta(seconds=5), factor=2.0, longest=timedelta(minutes=10))
_ANSWERED: Final = frozenset({StopReason.COMPLETED, StopReason.OUTPUT_LIMIT, StopReason.REFUSED})
"""Stops that only a model's answer can bring about."""
_SURELY: Final = timedelta(minutes=1)
"""A turn that was completed so long after a refusal was not over when that came."""
_KEPT: Final = timedelta(days=1)
_WITH_MODEL: Final = plans.Resume | plans.Retry | plans.NewSession
PROMPTS: Final = effects.Resume | effects.Retry | effects.NewSession | effects.Compact


def learn(draft: Draft, event: events.Event) -> None:
    """Take in what an event tells of limits, before anything is decided about it."""
    match event:
        case events.SessionStopped():
            _stopped(draft, event)
        case events.SessionAlive() if event.what != "step":
            _answered_by(draft, event.session)
        case events.SessionProgressed() | events.SessionBlocked():
            _answered_by(draft, event.session, completed=True)
        case events.EffectEnded() if event.result is Result.OK:
            effect = draft.open.get(event.effect)
            if isinstance(effect, effects.Compact):
                _answered_by(draft, effect.session, completed=True)
        case _:
            pass


# ── who is asked just now ─────────────────────────────────────────────────────────────────────


class Scene(Protocol):
    """All that is known of agents, sessions and open effects: a world, or one in the making."""

    @property
    def agents(self) -> Mapping[AgentId, Agent]: ...  # noqa: D102
    @property
    def sessions(self) -> Mapping[SessionId, Session]: ...  # noqa: D102
    @property
    def open(self) -> Mapping[str, effects.Effect]: ...  # noqa: D102


def canary_of(
    scene: Scene, quota: Quota, at: datetime, *, but: SessionId | None = None
) -> Session | None:
    """The session whose prompt is under way there, and not answered yet; None: nobody's is."""
    for session in scene.sessions.values():
        until = asked_until(scene, quota, session) if session.id != but else None
        if until is not None and at < until:
            return session
    return None


def asked_until(scene: Scene, quota: Quota, session: Session) -> datetime | None:
    """How long at most the session's prompt is under way there; None: it is not."""
    asked = _asked_at(scene, quota, session)
    plan = session.plan
    if asked is None or not concerns(quota, place_of(session, _model_of(plan))):
        return None
    if session.status is Status.WAITING:
        return plan.deadline if plan is not None else None
    return asked + CANARY_FOR


def _asked_at(scene: Scene, quota: Quota, session: Session) -> datetime | None:
    """When the prompt was sent that is under way: it is so until it is answered or stops."""
    agent, plan = scene.agents.get(session.agent), session.plan
    if agent is None or not agent.up or not session.prompts:
        return None
    newest = session.prompts[-1]
    match session.status:
        case Status.ACTING if plan is not None:
            if not isinstance(scene.open.get(plan.effect or ""), PROMPTS):
                return None
            newest = plan.acted_at or session.since
        case Status.WAITING if plan is not None and plan.index < len(plan.steps):
            left_to_it = isinstance(plan.steps[plan.index], plans.Delegate)
            if not (left_to_it and quota.probe == session.id):
                return None
        case Status.VERIFYING | Status.WORKING | Status.STALLED:
            pass
        case _:
            return None
    answered = session.answered_at
    return newest if answered is None or answered < newest else None


def _model_of(plan: Plan | None) -> str | None:
    """The model that the plan's newest prompt asked for."""
    if plan is None:
        return None
    taken = reversed(plan.steps[: plan.index + 1])
    return next((step.model for step in taken if isinstance(step, _WITH_MODEL)), None)


def floor_of(quota: Quota) -> datetime | None:
    """Before when asking there is thought to be in vain; None: nothing is known."""
    floors = [one for one in (expected_at(quota), quota.again_at) if one is not None]
    return max(floors, default=None)


def expected_at(quota: Quota) -> datetime | None:
    """When the displayed reset is expected: as late as it was before, unless it is a pause."""
    if quota.shown is None or _is_pause(quota, quota.shown):
        return quota.shown
    return quota.shown + quota.drift


def _is_pause(quota: Quota, shown: datetime) -> bool:
    """Whether so short a wait was asked for that it is none that one learns from."""
    return shown - (quota.shown_at or quota.closed_at) < _DISPLAYED


def drift_of(world: World, session: Session) -> timedelta:
    """How much later than displayed the reset is expected for which the session waits."""
    stop = session.stop
    if not world.quota or stop is None or not _is_displayed(session, stop):
        return timedelta(0)
    known = world.quota.get(key_of(place_of_stop(session, stop), window_of(stop)))
    return known.drift if known is not None else timedelta(0)


def _is_displayed(session: Session, stop: Stop) -> bool:
    """Whether the session stopped at a limit whose reset is displayed, and no mere pause."""
    shown, since = stop.retry_at, session.stopped_at
    if stop.reason not in PROVIDER_REFUSED or shown is None or since is None:
        return False
    return shown - since >= _DISPLAYED


def gap_after(draft: Draft, key: str, quota: Quota, ahead: int = 0) -> timedelta:
    """The time between one of the line and the next, or so many places ahead: the seed says it."""
    least = SHORT_GAP if is_short(quota.window) else GAP
    return least + least * fraction(draft.world.seed, f"quota:{key}:{quota.turns + ahead}")


def remember(draft: Draft, key: str, quota: Quota) -> None:
    """Put a limit into the ledger, which stays small."""
    others = {k: v for k, v in draft.world.quota.items() if k != key and _is_kept(v, draft.at)}
    while len(others) >= ROWS_MOST:
        oldest = min(others, key=lambda k: (others[k].closed, others[k].refused_at, k))
        del others[oldest]
    draft.world = replace(draft.world, quota={**others, key: quota})


def _is_kept(quota: Quota, at: datetime) -> bool:
    last = max(
        quota.refused_at, quota.answered_at or quota.refused_at, quota.shown or quota.refused_at
    )
    return at - last <= (WAIT_MAX if quota.closed or quota.drift else _KEPT)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────


def _stopped(draft: Draft, event: events.SessionStopped) -> None:
    session, stop = draft.sessions.get(event.session), event.stop
    if session is None:
        return
    went_to = heading_of(stop)
    if went_to and went_to != session.went_to:
        session = draft.put(replace(session, went_to=went_to))
    if not _is_ours(draft, session) or _is_known(session, stop):
        return
    if stop.reason in _ANSWERED:
        _answered_by(draft, session.id, completed=True)
    if stop.reason not in PROVIDER_REFUSED:
        return
    place, window = place_of_stop(session, stop), window_of(stop)
    key = key_of(place, window)
    before = draft.world.quota.get(key)
    if before is None or not before.closed:
        remember(draft, key, _closed(draft.at, place, window, stop, before))
    else:
        remember(draft, key, _refused_again(draft, before, session, stop))


def _is_ours(draft: Draft, session: Session) -> bool:
    parent = draft.sessions.get(session.parent) if session.parent else None
    return session.supervised or bool(parent and parent.supervised)


def _is_known(session: Session, stop: Stop) -> bool:
    """The same stop, told again, is no news."""
    before = session.stop
    if before is not None and before.key == stop.key:
        return (before.reason, before.retrying) == (stop.reason, stop.retrying)
    return stop.key in session.earlier


def _closed(at: datetime, place: Place, window: str, stop: Stop, before: Quota | None) -> Quota:
    shown = _shown(stop, at)
    return Quota(
        provider=place.provider,
        account=place.account,
        model=place.model,
        agent=place.agent,
        window=window,
        closed_at=at,
        refused_at=at,
        shown=shown,
        shown_at=at,
        dated=_is_dated(stop),
        again_at=None if shown else at + rung(_ladder(window), 0),
        answered_at=before.answered_at if before else None,
        next_at=before.next_at if before else None,
        turns=before.turns if before else 0,
        drift=before.drift if before else timedelta(0),
        on_time=before.on_time if before else 0,
    )


def _refused_again(draft: Draft, before: Quota, session: Session, stop: Stop) -> Quota:
    """One more is refused: it met the same, or it was the canary."""
    at, shown = draft.at, _shown(stop, draft.at)
    quota = replace(before, refused_at=at, refusals=before.refusals + 1)
    asked = _probe_of(draft, before, session)
    if asked is None:
        later = shown is not None and (before.shown is None or shown > before.shown)
        dated = _is_dated(stop)
        return replace(quota, shown=shown, shown_at=at, dated=dated) if later else quota
    quota = replace(quota, probe=session.id, probed_at=asked)
    if shown is not None and shown - at >= DRIFT_MAX:
        dated = _is_dated(stop)
        return replace(
            quota, shown=shown, shown_at=at, dated=dated, again_at=None, probes=0, late=0
        )
    if asked == before.probed_at:  # the assistant itself has tried again
        again_at = max(before.again_at or at, shown or at)
        return replace(quota, again_at=again_at)
    again_at = at + rung(_ladder(before.window), before.probes)
    is_late = before.shown is not None and at >= before.shown
    return replace(
        quota,
        again_at=max(again_at, shown or again_at),
        probes=before.probes + 1,
        late=before.late + is_late,
    )


def _probe_of(draft: Draft, quota: Quota, session: Session) -> datetime | None:
    """When the prompt was sent that is refused now, if it was sent while the limit was closed."""
    if session.status is Status.WAITING or asked_until(draft, quota, session) is None:
        return None
    asked = _asked_at(draft, quota, session)
    return asked if asked is not None and asked >= quota.closed_at else None


def _shown(stop: Stop, at: datetime) -> datetime | None:
    """The reset that is displayed, if it can be meant and lies ahead."""
    named = named_by(stop, at)
    return min(named, at + WAIT_MAX) if named is not None and named > at else None


def _is_dated(stop: Stop) -> bool:
    return source_of(stop) is Source.DATE


def _ladder(window: str) -> Backoff:
    return _SHORT if is_short(window) else _LONG


# ── answers ───────────────────────────────────────────────────────────────────────────────────


def _answered_by(draft: Draft, id_: SessionId, *, completed: bool = False) -> None:
    """The session was answered: every limit that its prompt met is open.

    A turn that was under way before the refusal proves it only by what it completes later.
    """
    session = draft.sessions.get(id_)
    if session is None:
        return
    at = draft.at
    for key, quota in _met(draft.world, session):
        began = _began(draft, session)
        since = began is not None and began > quota.refused_at
        surely = completed and (quota.shown or quota.refused_at + _SURELY) <= at
        if since or surely or _went_on(session, quota, at):
            remember(draft, key, _opened(draft, key, quota))
    if session.answered_at is None:
        draft.put(replace(session, answered_at=at))


def _met(world: World, session: Session) -> Iterator[tuple[str, Quota]]:
    closed = [(key, quota) for key, quota in world.quota.items() if quota.closed]
    place = place_of(session) if closed else None
    for key, quota in closed:
        if place is not None and concerns(quota, place):
            yield key, quota


def _began(scene: Scene, session: Session) -> datetime | None:
    """When the turn that it is at began, as far as we know."""
    plan = session.plan
    under_way = scene.open.get(plan.effect or "") if plan is not None else None
    if session.status is Status.ACTING and isinstance(under_way, effects.Compact):
        return session.since
    if session.status in {Status.ACTING, Status.VERIFYING} and plan is not None:
        return plan.acted_at
    return session.since if session.status is Status.WORKING else None


def _went_on(session: Session, quota: Quota, at: datetime) -> bool:
    """Whether its assistant, which waited by itself, was answered after the newest refusal."""
    stop, stopped_at = session.stop, session.stopped_at
    waited = session.status is Status.WAITING and stop is not None and stop.retrying
    return waited and stopped_at is not None and quota.refused_at <= stopped_at < at


def _opened(draft: Draft, key: str, quota: Quota) -> Quota:
    drift, on_time = _learnt(quota, draft.at)
    return replace(
        quota,
        closed=False,
        refusals=0,
        shown=None,
        again_at=None,
        probes=0,
        late=0,
        probe=None,
        probed_at=None,
        answered_at=draft.at,
        next_at=draft.at + gap_after(draft, key, quota),
        drift=drift,
        on_time=on_time,
    )


def _learnt(quota: Quota, at: datetime) -> tuple[timedelta, int]:
    """The drift from now on, and how many resets in a row came in time."""
    shown = quota.shown
    if shown is None or at < shown or _is_pause(quota, shown):
        return quota.drift, quota.on_time
    if quota.late:
        return min(timedelta(seconds=ceil((at - shown).total_seconds())), DRIFT_MAX), 0
    if not quota.drift or quota.on_time + 1 >= ON_TIME:
        return timedelta(0), 0
    return quota.drift, quota.on_time + 1
